import type { Statement, StatementResult } from '../../host/database.ts'
import type { Operation } from './sqlite.ts'

/** An operation with the number by which its outcome is told. */
export interface NumberedOperation {
  id: number
  operation: Operation
}

/** Operations as they cross to the storage thread: one block of octets, and each statement's text only the first time. */
export interface OperationBatch {
  octets: Uint8Array<ArrayBuffer>
  /** Texts that follow those sent before. */
  texts: string[]
  /** How many of those sent before still count. */
  known: number
}

/** What a parameter is; its octets follow the tag. */
const Tag = { NULL: 0, NUMBER: 1, TEXT: 2, OCTETS: 3 } as const

/** Texts remembered at either end; kysely gives one text per shape, so there are few. */
const MOST_TEXTS = 500
const FIRST_SIZE = 1 << 16
const NO_CHANGES = -1
/** The most octets that UTF-8 takes for a unit of UTF-16. */
const OCTETS_A_UNIT = 3

/**
 * Writes operations for the storage thread. A structured clone of the same copies every text each time and makes an object of every
 * parameter, which took longer than SQLite took to execute them.
 */
export class OperationEncoder {
  private readonly numbers = new Map<string, number>()
  private buffer = Buffer.allocUnsafeSlow(FIRST_SIZE)
  private at = 0
  private texts: string[] = []

  encode(operations: readonly NumberedOperation[]): OperationBatch {
    if (this.numbers.size >= MOST_TEXTS) this.numbers.clear()
    const known = this.numbers.size
    this.texts = []
    this.at = 0
    this.number(operations.length)
    for (const { id, operation } of operations) {
      this.number(id)
      this.number(operation.kind === 'read' ? 0 : 1)
      this.number(operation.statements.length)
      for (const statement of operation.statements) this.statement(statement)
    }
    const octets = new Uint8Array(this.at)
    octets.set(this.buffer.subarray(0, this.at))
    return { octets, texts: this.texts, known }
  }

  private statement({ sql, parameters, changes }: Statement): void {
    let number = this.numbers.get(sql)
    if (number === undefined) {
      this.numbers.set(sql, (number = this.numbers.size))
      this.texts.push(sql)
    }
    this.number(number)
    this.number(changes ?? NO_CHANGES)
    this.number(parameters.length)
    for (const parameter of parameters) this.parameter(parameter)
  }

  private parameter(value: unknown): void {
    if (value === null || value === undefined) this.tag(Tag.NULL)
    else if (typeof value === 'string') this.text(value)
    else if (value instanceof Uint8Array) {
      this.tag(Tag.OCTETS)
      this.number(value.length)
      const at = this.need(value.length)
      this.buffer.set(value, at)
    } else {
      this.tag(Tag.NUMBER)
      this.number(Number(value))
    }
  }

  private text(value: string): void {
    this.tag(Tag.TEXT)
    // Written before its length is known: asking for that takes as long.
    const at = this.need(8 + OCTETS_A_UNIT * value.length)
    const length = this.buffer.write(value, at + 8)
    this.buffer.writeDoubleLE(length, at)
    this.at = at + 8 + length
  }

  private tag(tag: number): void {
    const at = this.need(1)
    this.buffer[at] = tag
  }

  private number(value: number): void {
    const at = this.need(8)
    this.buffer.writeDoubleLE(value, at)
  }

  private need(octets: number): number {
    const at = this.at
    if (at + octets > this.buffer.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(this.buffer.length * 2, at + octets))
      grown.set(this.buffer)
      this.buffer = grown
    }
    this.at = at + octets
    return at
  }
}

/** Throws where an `OperationEncoder` could not write this parameter. */
export function requireEncodable(value: unknown): void {
  if (value === null || value instanceof Uint8Array || ENCODABLE.has(typeof value)) return
  throw new TypeError(`a value of type ${typeof value} is no parameter of a statement`)
}

const ENCODABLE: ReadonlySet<string> = new Set(['undefined', 'string', 'number', 'boolean'])

/** Reads what an `OperationEncoder` wrote. */
export class OperationDecoder {
  private readonly texts: string[] = []
  private buffer = Buffer.alloc(0)
  private at = 0

  decode({ octets, texts, known }: OperationBatch): NumberedOperation[] {
    this.texts.length = known
    this.texts.push(...texts)
    this.buffer = Buffer.from(octets.buffer, octets.byteOffset, octets.length)
    this.at = 0
    return this.list(() => {
      const id = this.number()
      const kind = this.number() === 0 ? 'read' : 'commit'
      return { id, operation: { kind, statements: this.list(() => this.statement()) } }
    })
  }

  private list<T>(read: () => T): T[] {
    return Array.from({ length: this.number() }, read)
  }

  private statement(): Statement {
    const sql = this.texts[this.number()]!
    const changes = this.number()
    const parameters = this.list(() => this.parameter())
    return changes === NO_CHANGES ? { sql, parameters } : { sql, parameters, changes }
  }

  private parameter(): unknown {
    const tag = this.buffer[this.at++]
    if (tag === Tag.NULL) return null
    const number = this.number()
    if (tag === Tag.NUMBER) return number
    const from = this.at
    this.at += number
    return tag === Tag.TEXT ? this.buffer.toString('utf8', from, this.at) : this.buffer.subarray(from, this.at)
  }

  private number(): number {
    const at = this.at
    this.at = at + 8
    return this.buffer.readDoubleLE(at)
  }
}

/** Results as they come back: of a statement that gives no rows the number of changes alone. */
export type PackedResult = StatementResult | number

export function packResults(results: readonly StatementResult[]): PackedResult[] {
  return results.map(result => (result.rows.length === 0 ? result.changes : result))
}

export function unpackResults(results: readonly PackedResult[]): StatementResult[] {
  return results.map(result => (typeof result === 'number' ? { rows: [], changes: result } : result))
}
