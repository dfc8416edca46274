/** A statement of a named.conf: its words, and what is in its braces. */
export interface Statement {
  words: string[]
  block?: Statement[]
  /** "file:line" */
  at: string
}

/** What is wrong with the text of a named.conf, and where. */
export class NamedConfError extends Error {
  override name = 'NamedConfError'
  readonly code = 'named-conf'
}

interface Token {
  kind: 'word' | '{' | '}' | ';'
  text: string
  line: number
}

/** Braces within braces; a named.conf needs six. */
const MAX_DEPTH = 20
const MAX_INCLUDES = 200

/**
 * Reads a named.conf as BIND 9 does: comments of C, C++ and shells, texts in quotes, statements that end in ";", and includes, whose statements take
 * their place. `readFile` is given paths as they are written. Throws NamedConfError.
 */
export function parseNamedConf(text: string, file: string, readFile: (path: string) => string): Statement[] {
  let included = 0
  const parse = (source: string, name: string): Statement[] => {
    const tokens = [...scan(source, name)]
    const { statements, next } = statementsFrom(tokens, 0, name, 0)
    if (next < tokens.length) throw wrong(name, tokens[next]!.line, 'there is a "}" too many')
    return expand(statements)
  }
  const expand = (statements: readonly Statement[]): Statement[] =>
    statements.flatMap(statement => {
      const [keyword, path] = statement.words
      if (keyword === 'include' && path !== undefined && !statement.block) {
        if (++included > MAX_INCLUDES) throw new NamedConfError(`${statement.at}: too many includes`)
        return parse(readFile(path), path)
      }
      return statement.block ? { ...statement, block: expand(statement.block) } : statement
    })
  return parse(text, file)
}

function wrong(file: string, line: number, what: string): NamedConfError {
  return new NamedConfError(`${file}:${line}: ${what}`)
}

function statementsFrom(
  tokens: readonly Token[],
  from: number,
  file: string,
  depth: number,
): { statements: Statement[]; next: number } {
  if (depth > MAX_DEPTH) throw wrong(file, tokens[from]?.line ?? 1, 'braces are nested too deep')
  const statements: Statement[] = []
  let [at, current] = [from, undefined as Statement | undefined]
  for (; at < tokens.length && tokens[at]!.kind !== '}'; at++) {
    const { kind, text, line } = tokens[at]!
    if (kind === ';') {
      if (current) statements.push(current)
      current = undefined
      continue
    }
    current ??= { words: [], at: `${file}:${line}` }
    if (kind === 'word') current.words.push(text)
    else {
      const inner = statementsFrom(tokens, at + 1, file, depth + 1)
      if (inner.next >= tokens.length) throw wrong(file, line, 'the "{" is never closed')
      // A statement may go on behind its braces: what it says there belongs to it, too.
      current.block = [...(current.block ?? []), ...inner.statements]
      at = inner.next
    }
  }
  if (current) throw wrong(file, tokens[at]?.line ?? tokens.at(-1)!.line, 'a ";" is missing')
  return { statements, next: at }
}

const SPACE = /\s/
const ENDS_WORD = /[\s{};"]/

function* scan(text: string, file: string): Generator<Token> {
  let [at, line] = [0, 1]
  const skipTo = (end: number) => {
    for (; at < end; at++) if (text[at] === '\n') line++
  }
  while (at < text.length) {
    const char = text[at]!
    if (SPACE.test(char)) skipTo(at + 1)
    else if (char === '#' || text.startsWith('//', at)) skipTo(endOf(text, '\n', at))
    else if (text.startsWith('/*', at)) {
      const end = text.indexOf('*/', at + 2)
      if (end < 0) throw wrong(file, line, 'the comment is never closed')
      skipTo(end + 2)
    } else if (char === '{' || char === '}' || char === ';') {
      yield { kind: char, text: char, line }
      at++
    } else if (char === '"') {
      const { value, end } = quoted(text, at, () => wrong(file, line, 'the text is never closed'))
      yield { kind: 'word', text: value, line }
      skipTo(end)
    } else {
      let end = at
      while (end < text.length && !ENDS_WORD.test(text[end]!)) end++
      yield { kind: 'word', text: text.slice(at, end), line }
      at = end
    }
  }
}

function endOf(text: string, mark: string, from: number): number {
  const found = text.indexOf(mark, from)
  return found < 0 ? text.length : found
}

function quoted(text: string, from: number, open: () => Error): { value: string; end: number } {
  let value = ''
  for (let at = from + 1; at < text.length; at++) {
    if (text[at] === '"') return { value, end: at + 1 }
    if (text[at] === '\\' && at + 1 < text.length) at++
    value += text[at]
  }
  throw open()
}
