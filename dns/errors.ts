import { type Rcode, rcodeName } from './codes.ts'

/** A message or RDATA that breaks the wire format; answered with FORMERR where an answer is possible at all. */
export class WireError extends Error {
  override name = 'WireError'
  readonly code = 'wire'
  /** Octet offset at which reading failed. */
  readonly offset: number
  constructor(message: string, offset: number) {
    super(`${message} at octet ${offset}`)
    this.offset = offset
  }
}

/** Presentation format that can't be read. The message quotes what was given, and is cut where that is very long. */
export class TextError extends Error {
  override name = 'TextError'
  readonly code = 'text'
  constructor(message: string) {
    super(message.length > 400 ? `${message.slice(0, 300)} … ${message.slice(-90)}` : message)
  }
}

/** The request is answered with this RCODE; the message is for the log and, short, for an Extended DNS Error (RFC 8914). */
export class RcodeError extends Error {
  override name = 'RcodeError'
  readonly code = 'rcode'
  readonly rcode: Rcode
  /** INFO-CODE of RFC 8914, where one fits. */
  readonly ede: number | undefined
  constructor(rcode: Rcode, message: string, ede?: number) {
    super(message)
    this.rcode = rcode
    this.ede = ede
  }
  /** "REFUSED: why", for logs. */
  describe(): string {
    return `${rcodeName(this.rcode)}: ${this.message}`
  }
}

/** For the `default` of a switch over a union: the type checker proves that it is never reached. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`)
}
