import { Class, classCode } from './codes.ts'
import { TextError } from './errors.ts'
import { parseNameToken, parseType } from './fields.ts'
import { expandTemplate, MAX_GENERATED, parseRange } from './generate.ts'
import { isSubdomain, type Name, prefixOf, printName } from './name.ts'
import { equalOctets, type ResourceRecord } from './record.ts'
import { decodeEscapes, parseTtl } from './text.ts'
import { type Entry, ScanError, Scanner, scanTokens, type Token, Tokens } from './tokens.ts'
import { isMetaType, parseRdata, printRdata, readRdata, Type, typeCode, typeName } from './types.ts'
import { Writer } from './wire.ts'

export interface ZonefileOptions {
  /** What relative names are completed by until the first $ORIGIN. */
  origin: Name
  /** The name that errors give. */
  file: string
  /** Fetches what $INCLUDE names; without it $INCLUDE is an error. What it throws is reported at the $INCLUDE. */
  include?: (path: string, fromFile: string) => { text: string; file: string }
  /** The TTL of records that give none before the first $TTL. */
  defaultTtl?: number
}

/** Where and why a master file is wrong. */
export class ZonefileError extends Error {
  override name = 'ZonefileError'
  readonly code = 'zonefile'
  readonly file: string
  /** Both count from 1. */
  readonly line: number
  readonly column: number
  readonly reason: string
  constructor(place: Place, reason: string) {
    super(`${place.file}:${place.line}:${place.column}: ${reason}`)
    this.file = place.file
    this.line = place.line
    this.column = place.column
    this.reason = reason
  }
}

export interface Place {
  file: string
  line: number
  column: number
}

/** All records of a master file (RFC 1035 §5), and what is wrong with it, in up to a thousand places. With any error the records are not to be used. */
export function parseZonefile(
  text: string,
  options: ZonefileOptions,
): { records: ResourceRecord[]; errors: ZonefileError[] } {
  const reader = new ZonefileReader(text, options)
  return { records: [...reader], errors: reader.errors }
}

/** Files may include each other this deep. */
const MAX_DEPTH = 16
/** What is wrong beyond so many places is not looked for: each takes many times the octets of its line. */
const MOST_ERRORS = 1000

/** What belongs to one file and comes back when an included one ends (RFC 1035 §5.1). */
interface FileState {
  readonly file: string
  /** The files that are being read, this one last. */
  readonly chain: readonly string[]
  origin: Name
  owner: Name | undefined
}

/** Reads a master file record by record, for files that are too big to hold twice. Iterate once; `errors` grows meanwhile. */
export class ZonefileReader implements Iterable<ResourceRecord> {
  readonly errors: ZonefileError[] = []
  /** Of the record that came last. */
  place: Place
  private readonly text: string
  private readonly options: ZonefileOptions
  /** $TTL (RFC 2308 §4). */
  private defaultTtl: number | undefined
  /** RFC 1035 §5.1: without a TTL the last one stated counts. */
  private lastTtl: number | undefined
  private readonly writer = new Writer({ size: 512 })
  /** Records that $GENERATE has made. */
  private generated = 0

  constructor(text: string, options: ZonefileOptions) {
    this.text = text
    this.options = options
    this.defaultTtl = options.defaultTtl
    this.place = { file: options.file, line: 1, column: 1 }
  }

  /** Adds an error that the caller found in the record that came last. */
  report(reason: string): void {
    this.errors.push(new ZonefileError(this.place, reason))
  }

  [Symbol.iterator](): Generator<ResourceRecord> {
    const { file, origin } = this.options
    return this.readFile(this.text, { file, chain: [file], origin, owner: undefined })
  }

  private *readFile(text: string, state: FileState): Generator<ResourceRecord> {
    const scanner = new Scanner(text)
    for (;;) {
      const entry = this.nextEntry(scanner, state)
      if (!entry) return
      const tokens = new Tokens(entry.tokens)
      try {
        if (isDirective(entry)) yield* this.directive(tokens, state)
        else yield this.record(tokens, entry, state)
      } catch (error) {
        if (!(error instanceof TextError)) throw error
        this.place = placeOf(tokens.current ?? entry.tokens[0]!, state)
        this.report(error.message)
      }
    }
  }

  private nextEntry(scanner: Scanner, state: FileState): Entry | undefined {
    for (;;) {
      if (this.errors.length >= MOST_ERRORS) return undefined
      try {
        return scanner.next()
      } catch (error) {
        if (!(error instanceof ScanError)) throw error
        this.place = placeOf(error, state)
        this.report(error.message)
      }
    }
  }

  private record(tokens: Tokens, entry: Entry, state: FileState): ResourceRecord {
    this.place = placeOf(entry.tokens[0]!, state)
    if (!entry.indented) {
      // Should this one not parse, the lines that inherit it are still checked, with the origin in its stead.
      const before = state.owner
      state.owner = state.origin
      const name = parseNameToken(tokens.word('an owner'), state.origin)
      state.owner = before && equalOctets(before, name) ? before : name
    }
    if (!state.owner) throw new TextError('this line gives no owner, and there is none before it to take over')
    const { type, ttl } = this.head(tokens)
    const rdata = parseRdata(type, tokens, state.origin, this.writer)
    return { owner: state.owner, type, class: Class.IN, ttl: this.ttlFor(ttl, type, rdata), rdata }
  }

  /** [TTL] [class] type, or [class] [TTL] type (RFC 1035 §5.1). */
  private head(tokens: Tokens): { type: number; ttl: number | undefined } {
    let ttl = tokens.wordIf(startsWithDigit)
    const rrclass = tokens.wordIf(isClass)
    ttl ??= rrclass === undefined ? undefined : tokens.wordIf(startsWithDigit)
    const seconds = ttl === undefined ? undefined : parseTtl(ttl)
    if (rrclass !== undefined && rrclass !== 'IN' && classCode(rrclass) !== Class.IN)
      throw new TextError(`class ${rrclass}, where only IN is served`)
    const type = parseType(tokens.word('a type'), { parse: typeCode, print: typeName })
    if (isMetaType(type)) throw new TextError(`${typeName(type)} records can't be in a zone`)
    return { type, ttl: seconds }
  }

  private ttlFor(stated: number | undefined, type: number, rdata: Uint8Array): number {
    if (stated !== undefined) this.lastTtl = stated
    // With neither, the SOA's MINIMUM serves, as it did before RFC 2308.
    else if (type === Type.SOA && this.defaultTtl === undefined)
      this.lastTtl ??= Math.min(readRdata('SOA', rdata).minimum, 0x7fffffff)
    const ttl = stated ?? this.defaultTtl ?? this.lastTtl
    if (ttl === undefined)
      throw new TextError('this record has no TTL, and there is neither a $TTL nor a TTL before it')
    return ttl
  }

  private *directive(tokens: Tokens, state: FileState): Generator<ResourceRecord> {
    const directive = tokens.word('a directive').toUpperCase()
    if (directive === '$ORIGIN') state.origin = parseNameToken(tokens.word('a domain name'), state.origin)
    else if (directive === '$TTL') this.defaultTtl = parseTtl(tokens.word('a TTL'))
    else if (directive === '$INCLUDE') yield* this.include(tokens, state)
    else if (directive === '$GENERATE') yield* this.generate(tokens, state)
    else
      throw new TextError(
        `"${directive}" is not $ORIGIN, $TTL, $INCLUDE or $GENERATE; a name that begins so is written \\$`,
      )
    if (tokens.more) throw new TextError(`"${tokens.next('').text}" is more than ${directive} takes`)
  }

  /** RFC 1035 §5.1: the included file may have an origin of its own, and never changes ours or our owner. */
  private *include(tokens: Tokens, state: FileState): Generator<ResourceRecord> {
    const path = new TextDecoder().decode(decodeEscapes(tokens.next('a file name').text))
    const origin = tokens.more ? parseNameToken(tokens.word('an origin'), state.origin) : state.origin
    if (!this.options.include) throw new TextError('$INCLUDE is not possible here')
    if (state.chain.length >= MAX_DEPTH) throw new TextError(`files include each other more than ${MAX_DEPTH} deep`)
    const { text, file } = this.fetch(path, state.file)
    if (state.chain.includes(file)) throw new TextError(`"${path}" includes itself`)
    yield* this.readFile(text, { file, chain: [...state.chain, file], origin, owner: state.owner })
  }

  private fetch(path: string, from: string): { text: string; file: string } {
    try {
      return this.options.include!(path, from)
    } catch (error) {
      throw new TextError(`"${path}" can't be included: ${error instanceof Error ? error.message : error}`)
    }
  }

  /** $GENERATE range owner [TTL] [class] type RDATA; RDATA of several words may be one quoted token, as BIND wants it. */
  private *generate(tokens: Tokens, state: FileState): Generator<ResourceRecord> {
    this.place = placeOf(tokens.current!, state)
    const { start, stop, step } = parseRange(tokens.word('a range'))
    this.generated += Math.floor((stop - start) / step) + 1
    if (this.generated > MAX_GENERATED)
      throw new TextError(`this makes more than ${MAX_GENERATED} records by $GENERATE`)
    const owner = tokens.word('an owner')
    const { type, ttl } = this.head(tokens)
    const template = rdataTemplate(tokens)
    for (let number = start; number <= stop && this.errors.length < MOST_ERRORS; number += step) {
      const name = parseNameToken(expandTemplate(owner, number), state.origin)
      const rdata = parseRdata(type, scanTokens(expandTemplate(template, number)), state.origin, this.writer)
      yield { owner: name, type, class: Class.IN, ttl: this.ttlFor(ttl, type, rdata), rdata }
    }
  }
}

function placeOf(at: { line: number; column: number }, state: FileState): Place {
  return { file: state.file, line: at.line, column: at.column }
}

function isDirective({ tokens, indented }: Entry): boolean {
  return !indented && !tokens[0]!.quoted && tokens[0]!.text.startsWith('$')
}

function startsWithDigit(text: string): boolean {
  const char = text.charCodeAt(0)
  return char >= 0x30 && char <= 0x39
}

function isClass(text: string): boolean {
  return text === 'IN' || classCode(text) !== undefined
}

function rdataTemplate(tokens: Tokens): string {
  const list: Token[] = [tokens.next('data')]
  while (tokens.more) list.push(tokens.next(''))
  if (list.length === 1) return list[0]!.text
  return list.map(({ text, quoted }) => (quoted ? `"${text}"` : text)).join(' ')
}

/** A master file of the records, in their order; owners are relative to the origin, names in RDATA absolute. */
export function printZonefile(records: Iterable<ResourceRecord>, origin: Name, remark?: Remark): string {
  return [...zonefileLines(records, origin, remark)].join('')
}

/** What is noted behind a record, of one line; nothing where undefined. */
export type Remark = (record: ResourceRecord) => string | undefined

/** The same line by line, each with its end. */
export function* zonefileLines(
  records: Iterable<ResourceRecord>,
  origin: Name,
  remark: Remark = () => undefined,
): Generator<string> {
  yield `$ORIGIN ${printName(origin)}\n`
  for (const record of records) {
    const { owner, ttl, type, rdata } = record
    const note = remark(record)
    const comment = note === undefined ? '' : `\t; ${note}`
    yield `${printOwner(owner, origin)}\t${ttl}\tIN\t${typeName(type)}\t${printRdata(type, rdata)}${comment}\n`
  }
}

function printOwner(owner: Name, origin: Name): string {
  // Only a suffix in the very same letters may be left out, or the case of the name would change.
  const suffix = owner.subarray(owner.length - origin.length)
  if (origin.length === 1 || !isSubdomain(owner, origin) || !equalOctets(suffix, origin)) return printName(owner)
  return owner.length === origin.length ? '@' : printName(prefixOf(owner, origin)).slice(0, -1)
}
