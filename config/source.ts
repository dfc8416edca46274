import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml'

/** Where something stands in a file; both count from 1. */
export interface Place {
  line: number
  column: number
}

/** A value of the document together with where it stands, so that everything said about it can say where. */
export type Source =
  | { kind: 'map'; entries: Map<string, { at: Place; value: Source }>; at: Place }
  | { kind: 'list'; items: Source[]; at: Place }
  | { kind: 'scalar'; value: string | number | boolean | null; at: Place }

/** Something wrong in a file. */
export interface ConfigError {
  file: string
  line: number
  column: number
  message: string
}

/** `file:line:column: message`. */
export function printConfigError(error: ConfigError): string {
  return `${error.file}:${error.line}:${error.column}: ${error.message}`
}

/** Where the value at `path` stands, or the innermost part of the path that exists. */
export function placeOf(source: Source, path: readonly (string | number)[]): Place {
  let at = source
  for (const step of path) {
    const next = at.kind === 'map' ? at.entries.get(String(step))?.value : at.kind === 'list' && at.items[Number(step)]
    if (!next) break
    at = next
  }
  return at.at
}

type Report = (at: Place, message: string) => void

/** Nodes that a document may have once its aliases are expanded; a few kilobytes of aliases can stand for billions. */
const MAX_NODES = 200_000

/** Values in values; a config needs six. */
const MAX_DEPTH = 64
const TOO_DEEP = 'values are nested too deep'

/** After so many, what follows is no help. */
const MAX_SYNTAX_ERRORS = 20

/** A document as far as it could be read. Where it is `broken`, what seems wrong in it may only follow from that. */
export interface ReadSource {
  source: Source
  broken: boolean
}

/** Reads YAML 1.2. Whatever is wrong with its syntax is reported; an empty document is an empty map. */
export function readSource(text: string, report: Report): ReadSource {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, version: '1.2', prettyErrors: false, uniqueKeys: true })
  const place = (offset: number): Place => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(1, line), column: Math.max(1, col) }
  }
  let broken = false
  const refuse: Report = (at, message) => {
    broken = true
    report(at, message)
  }
  for (const { code, pos, message } of document.errors.slice(0, MAX_SYNTAX_ERRORS))
    (code === 'DUPLICATE_KEY' ? report : refuse)(place(pos[0]), plainMessage(code, message))
  if (document.contents === null)
    return { source: { kind: 'map', entries: new Map(), at: { line: 1, column: 1 } }, broken }
  return { source: new SourceReader(document, place, broken ? () => {} : refuse).read(document.contents), broken }
}

/** The library's words, but for those that are about itself. */
function plainMessage(code: string, message: string): string {
  if (code === 'MULTIPLE_DOCS') return 'a second document begins here; a config is one'
  if (/stack/i.test(message)) return TOO_DEEP
  return message.split('\n')[0]!
}

class SourceReader {
  private readonly document: Document
  private readonly place: (offset: number) => Place
  private readonly report: Report
  private nodes = 0
  constructor(document: Document, place: (offset: number) => Place, report: Report) {
    this.document = document
    this.place = place
    this.report = report
  }

  read(node: Node | null, fallback: Place = { line: 1, column: 1 }, open: Node[] = []): Source {
    const at = node?.range ? this.place(node.range[0]) : fallback
    if (open.length > MAX_DEPTH) return this.refuse(at, TOO_DEEP)
    if (++this.nodes > MAX_NODES) return this.refuse(at, `more than ${MAX_NODES} values in one file`)
    const inside = node ? [...open, node] : open
    if (isAlias(node)) return this.readAlias(node.resolve(this.document), at, inside)
    if (isMap<Node, Node | null>(node)) return this.readMap(node.items, at, inside)
    if (isSeq<Node | null>(node)) {
      return { kind: 'list', items: node.items.map(item => this.read(item, at, inside)), at }
    }
    return isScalar(node) ? this.readScalar(node.value, at) : { kind: 'scalar', value: null, at }
  }

  private readAlias(target: Node | undefined, at: Place, open: Node[]): Source {
    if (!target) return this.refuse(at, 'an alias to nothing')
    if (open.includes(target)) return this.refuse(at, 'an alias that contains itself')
    return { ...this.read(target, at, open), at }
  }

  private readMap(items: Iterable<{ key: Node; value: Node | null }>, at: Place, open: Node[]): Source {
    const entries = new Map<string, { at: Place; value: Source }>()
    for (const { key, value } of items) {
      const keyAt = key?.range ? this.place(key.range[0]) : at
      if (!isScalar(key)) this.report(keyAt, 'a key must be a word')
      else entries.set(String(key.value), { at: keyAt, value: this.read(value, keyAt, open) })
    }
    return { kind: 'map', entries, at }
  }

  private refuse(at: Place, message: string): Source {
    if (this.nodes <= MAX_NODES + 1) this.report(at, message)
    return { kind: 'scalar', value: null, at }
  }

  private readScalar(value: unknown, at: Place): Source {
    if (value === null || ['string', 'number', 'boolean'].includes(typeof value))
      return { kind: 'scalar', value: value as string | number | boolean | null, at }
    return this.refuse(at, 'expected plain text, a number, true or false')
  }
}
