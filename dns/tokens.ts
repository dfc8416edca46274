import { TextError } from './errors.ts'

/** One word of a master file (RFC 1035 §5.1), escapes still in it. */
export interface Token {
  text: string
  /** Stood between quotation marks, which are no longer part of `text`. */
  quoted: boolean
  /** Both count from 1. */
  line: number
  column: number
}

/** The tokens of one RDATA, taken one after the other. */
export class Tokens {
  private readonly list: readonly Token[]
  private at: number

  constructor(list: readonly Token[], at = 0) {
    this.list = list
    this.at = at
  }

  get more(): boolean {
    return this.at < this.list.length
  }

  /** The token taken last, which an error is about. */
  get current(): Token | undefined {
    return this.list[this.at - 1]
  }

  /** The next token, quoted or not; `what` says what is missing where there is none. */
  next(what: string): Token {
    const token = this.list[this.at]
    if (!token) throw new TextError(`${what} is missing`)
    this.at++
    return token
  }

  /** The text of the next token, which may not be quoted. */
  word(what: string): string {
    const token = this.next(what)
    if (token.quoted) throw new TextError(`"${token.text}" is quoted where ${what} is expected`)
    return token.text
  }

  /** The text of the next token if `wanted` takes it; otherwise it stays. */
  wordIf(wanted: (text: string) => boolean): string | undefined {
    const token = this.list[this.at]
    if (!token || token.quoted || !wanted(token.text)) return undefined
    this.at++
    return token.text
  }

  /** All that are left, joined: RFC 3597 §5 and the base64 and hexadecimal fields may be split by blanks. */
  rest(what: string): string {
    let joined = this.word(what)
    while (this.more) joined += this.word(what)
    return joined
  }
}

/** One entry: the tokens of a line, or of several where parentheses join them. */
export interface Entry {
  tokens: Token[]
  /** The entry begins with a blank, so a record takes its owner from the one before. */
  indented: boolean
}

/** Where and why the text can't be cut into tokens. */
export class ScanError extends TextError {
  readonly line: number
  readonly column: number
  constructor(message: string, line: number, column: number) {
    super(message)
    this.line = line
    this.column = column
  }
}

const TAB = 9
const NEWLINE = 10
const RETURN = 13
const SPACE = 32
const QUOTE = 34
const OPEN = 40
const CLOSE = 41
const SEMICOLON = 59
const EQUALS = 61
const BACKSLASH = 92

/** Ends a word: blanks, line ends, parentheses, comments, and quotation marks, which need a look of their own. */
const STOP = new Uint8Array(128)
for (const char of [TAB, NEWLINE, RETURN, SPACE, QUOTE, OPEN, CLOSE, SEMICOLON, BACKSLASH]) STOP[char] = 1

/** Cuts master file text into entries (RFC 1035 §5.1): blanks, comments, quotes, escapes, and lines joined by parentheses. */
export class Scanner {
  private readonly text: string
  private pos: number
  private line = 1
  private lineStart = 0

  constructor(text: string) {
    this.text = text
    // A byte order mark is not part of the first owner.
    this.pos = text.charCodeAt(0) === 0xfeff ? 1 : 0
    this.lineStart = this.pos
  }

  /** The next entry with at least one token, or undefined at the end. After a ScanError the next call starts with the next line. */
  next(): Entry | undefined {
    const tokens: Token[] = []
    let opened: { line: number; column: number } | undefined
    let indented = this.isBlank()
    for (;;) {
      const char = this.text.charCodeAt(this.pos)
      if (char === SPACE || char === TAB || char === RETURN) this.pos++
      else if (char === NEWLINE) {
        this.endLine()
        if (opened) continue
        if (tokens.length > 0) return { tokens, indented }
        indented = this.isBlank()
      } else if (char === SEMICOLON) this.skipLine()
      else if (char === OPEN) {
        if (opened) this.fail('a parenthesis inside parentheses')
        opened = { line: this.line, column: this.column() }
        this.pos++
      } else if (char === CLOSE) {
        if (!opened) this.fail('a closing parenthesis without an opening one')
        opened = undefined
        this.pos++
      } else if (char === QUOTE) tokens.push(this.quoted())
      else if (!Number.isNaN(char)) tokens.push(this.word())
      else if (opened) throw new ScanError('this parenthesis is never closed', opened.line, opened.column)
      else return tokens.length > 0 ? { tokens, indented } : undefined
    }
  }

  private isBlank(): boolean {
    const char = this.text.charCodeAt(this.pos)
    return char === SPACE || char === TAB
  }

  private column(at = this.pos): number {
    return at - this.lineStart + 1
  }

  private endLine(): void {
    this.pos++
    this.line++
    this.lineStart = this.pos
  }

  private skipLine(): void {
    const end = this.text.indexOf('\n', this.pos)
    this.pos = end < 0 ? this.text.length : end
  }

  private fail(message: string): never {
    const error = new ScanError(message, this.line, this.column())
    this.skipLine()
    throw error
  }

  private quoted(): Token {
    const start = this.pos
    this.skipQuoted()
    const text = this.text.slice(start + 1, this.pos - 1)
    return { text, quoted: true, line: this.line, column: this.column(start) }
  }

  private skipQuoted(): void {
    for (let at = this.pos + 1; ; at++) {
      const char = this.text.charCodeAt(at)
      if (char === QUOTE) {
        this.pos = at + 1
        return
      }
      if (char === BACKSLASH) at++
      if (Number.isNaN(char) || char === NEWLINE || this.text.charCodeAt(at) === NEWLINE)
        this.fail('this quotation mark is not closed on its line')
    }
  }

  private word(): Token {
    const { text } = this
    const start = this.pos
    for (;;) {
      const char = text.charCodeAt(this.pos)
      if (char >= 128 || STOP[char] === 0) this.pos++
      else if (char === BACKSLASH) {
        const next = text.charCodeAt(this.pos + 1)
        if (Number.isNaN(next) || next === NEWLINE || next === RETURN) this.fail('a backslash at the end of a line')
        this.pos += 2
      } else if (char !== QUOTE) break
      // RFC 9460 §2.1: key="value" is one token.
      else if (text.charCodeAt(this.pos - 1) === EQUALS) this.skipQuoted()
      else this.fail('a quotation mark inside a word; write it as \\"')
    }
    return { text: text.slice(start, this.pos), quoted: false, line: this.line, column: this.column(start) }
  }
}

/** The tokens of an RDATA that stands alone, which may use parentheses and comments. */
export function scanTokens(text: string): Tokens {
  const scanner = new Scanner(text)
  const entry = scanner.next()
  if (entry && scanner.next()) throw new TextError('more than one line')
  return new Tokens(entry?.tokens ?? [])
}
