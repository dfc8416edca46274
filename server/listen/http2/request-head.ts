import { MOST_FIELDS } from './frames.ts'
import type { OnField } from './hpack.ts'
import { FieldName } from './static-table.ts'

const DNS_MESSAGE = Buffer.from('application/dns-message')
const GET = Buffer.from('GET')
const POST = Buffer.from('POST')
const TRAILERS = Buffer.from('trailers')

/** A content length that was not told. */
export const UNTOLD = -1

/** What the fields of a request say, as far as DoH is concerned. One object serves a thread for all requests, one after the other. */
export class RequestHead {
  /** "OTHER" is any but the two of RFC 8484 §4.1. */
  method: 'GET' | 'POST' | 'OTHER' | undefined
  readonly path = new Uint8Array(MOST_FIELDS)
  pathLength = 0
  /** The body is said to be a DNS message. */
  isMessage = false
  contentLength = UNTOLD
  /** Breaks RFC 9113 §8.2 or §8.3. */
  malformed = false
  private schemes = 0
  private authorities = 0
  private regular = false

  clear(): void {
    this.method = undefined
    this.pathLength = 0
    this.isMessage = false
    this.contentLength = UNTOLD
    this.malformed = false
    this.schemes = 0
    this.authorities = 0
    this.regular = false
  }

  /** Takes a field of the section that the request begins with. */
  readonly take: OnField = (name, value, at, end) => {
    switch (name) {
      case FieldName.METHOD:
        if (this.method !== undefined || this.regular) this.malformed = true
        this.method = equal(GET, value, at, end) ? 'GET' : equal(POST, value, at, end) ? 'POST' : 'OTHER'
        break
      case FieldName.PATH:
        this.takePath(value, at, end)
        break
      case FieldName.SCHEME:
        if (++this.schemes > 1 || this.regular) this.malformed = true
        break
      case FieldName.AUTHORITY:
        if (++this.authorities > 1 || this.regular) this.malformed = true
        break
      case FieldName.FORBIDDEN:
        this.malformed = true
        break
      default:
        this.regular = true
        this.takeRegular(name, value, at, end)
    }
  }

  private takePath(value: Uint8Array, at: number, end: number): void {
    if (this.pathLength > 0 || this.regular || at === end) this.malformed = true
    if (this.malformed) return
    this.path.set(value.subarray(at, end))
    this.pathLength = end - at
  }

  private takeRegular(name: FieldName, value: Uint8Array, at: number, end: number): void {
    if (name === FieldName.CONTENT_TYPE) this.isMessage = equalMediaType(value, at, end)
    else if (name === FieldName.CONTENT_LENGTH) this.contentLength = decimal(value, at, end)
    // RFC 9113 §8.2.2: the one value that is allowed.
    else if (name === FieldName.TE && !equal(TRAILERS, value, at, end)) this.malformed = true
    if (Number.isNaN(this.contentLength)) this.malformed = true
  }

  /** RFC 9113 §8.3.1: what each request has, once. */
  get whole(): boolean {
    return this.method !== undefined && this.schemes === 1 && this.pathLength > 0 && !this.malformed
  }
}

function equal(expected: Uint8Array, value: Uint8Array, at: number, end: number): boolean {
  if (end - at !== expected.length) return false
  for (let i = 0; i < expected.length; i++) if (value[at + i] !== expected[i]) return false
  return true
}

const SEMICOLON = 0x3b
const SPACE = 0x20

/** RFC 9110 §8.3.1: without regard to letter case and parameters. */
function equalMediaType(value: Uint8Array, at: number, end: number): boolean {
  const after = at + DNS_MESSAGE.length
  if (after > end) return false
  for (let i = 0; i < DNS_MESSAGE.length; i++) {
    const octet = value[at + i]!
    const lower = octet >= 0x41 && octet <= 0x5a ? octet | 0x20 : octet
    if (lower !== DNS_MESSAGE[i]) return false
  }
  return after === end || value[after] === SEMICOLON || value[after] === SPACE
}

/** NaN where it is no number. */
function decimal(value: Uint8Array, at: number, end: number): number {
  let number = at === end ? Number.NaN : 0
  for (let i = at; i < end; i++) {
    const digit = value[i]! - 0x30
    number = digit >= 0 && digit <= 9 ? number * 10 + digit : Number.NaN
  }
  return number
}
