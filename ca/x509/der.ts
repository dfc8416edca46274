/** An element of DER, cut out of the octets that it lies in: nothing is copied. */
export interface Element {
  /** Its one tag octet: class, form and number (X.690 §8.1.2). */
  tag: number
  /** Tag, length and content. */
  whole: Uint8Array
  content: Uint8Array
}

/** Octets that are not in DER, or not of the structure that was to be read. */
export class DerError extends Error {
  override name = 'DerError'
  readonly code = 'der'
}

/** Tags of X.680 §8.6 that X.509 uses; SEQUENCE and SET are constructed. */
export const Tag = {
  BOOLEAN: 0x01,
  INTEGER: 0x02,
  BIT_STRING: 0x03,
  OCTET_STRING: 0x04,
  OBJECT_IDENTIFIER: 0x06,
  UTF8_STRING: 0x0c,
  PRINTABLE_STRING: 0x13,
  TELETEX_STRING: 0x14,
  IA5_STRING: 0x16,
  UTC_TIME: 0x17,
  GENERALIZED_TIME: 0x18,
  BMP_STRING: 0x1e,
  SEQUENCE: 0x30,
  SET: 0x31,
} as const

/** The elements side by side in these octets. Throws DerError. */
export function elementsIn(octets: Uint8Array): Element[] {
  const elements: Element[] = []
  for (let at = 0; at < octets.length; ) {
    const element = elementAt(octets, at)
    elements.push(element)
    at += element.whole.length
  }
  return elements
}

/** Octets of a length, as no certificate needs more: 16 MiB. */
const LONGEST_LENGTH = 3

function elementAt(octets: Uint8Array, start: number): Element {
  const tag = octets[start]!
  // X.690 §8.1.2.4: numbers above 30 take more octets; X.509 has none.
  if ((tag & 0x1f) === 0x1f) throw new DerError('a tag has more than one octet')
  let length = octets[start + 1] ?? Number.NaN
  let from = start + 2
  if (length >= 0x80) {
    const count = length & 0x7f
    length = 0
    for (const end = from + count; from < end; from++) length = length * 256 + (octets[from] ?? Number.NaN)
    // X.690 §10.1: definite, and in the fewest octets.
    if (count === 0 || count > LONGEST_LENGTH || length < Math.max(0x80, 256 ** (count - 1)))
      throw new DerError('a length is not in its shortest form')
  }
  if (!(from + length <= octets.length)) throw new DerError('an element is cut short')
  const whole = octets.subarray(start, from + length)
  return { tag, whole, content: octets.subarray(from, from + length) }
}

/** The one element that these octets are, with this tag. Throws DerError. */
export function only(octets: Uint8Array, tag: number): Element {
  const element = octets.length === 0 ? undefined : elementAt(octets, 0)
  contentOf(element, tag)
  if (element!.whole.length < octets.length) throw new DerError('there are octets after the end')
  return element!
}

/** What is in the one SEQUENCE that these octets are. Throws DerError. */
export function sequence(octets: Uint8Array): Element[] {
  return elementsIn(only(octets, Tag.SEQUENCE).content)
}

/** The content of an element with this tag. Throws DerError where it has another or is missing. */
export function contentOf(element: Element | undefined, tag: number): Uint8Array {
  if (element?.tag !== tag) throw new DerError(`an element with the tag ${tag} is missing`)
  return element.content
}

/** The octets of a BIT STRING of whole octets. Throws DerError. */
export function bitsOf(element: Element | undefined): Uint8Array {
  const content = contentOf(element, Tag.BIT_STRING)
  if (content[0] !== 0) throw new DerError('a BIT STRING is not of whole octets')
  return content.subarray(1)
}

/** An OBJECT IDENTIFIER in dotted form (X.690 §8.19). Throws DerError. */
export function oidOf(element: Element | undefined): string {
  const content = contentOf(element, Tag.OBJECT_IDENTIFIER)
  const arcs: number[] = []
  let arc = 0
  for (const octet of content) {
    arc = arc * 128 + (octet & 0x7f)
    if (octet & 0x80) continue
    arcs.push(arc)
    arc = 0
  }
  const [first] = arcs
  if (first === undefined || content.at(-1)! & 0x80) throw new DerError('an OBJECT IDENTIFIER is cut short')
  const root = Math.min(2, Math.floor(first / 40))
  return [root, first - root * 40, ...arcs.slice(1)].join('.')
}

/** An OBJECT IDENTIFIER from its dotted form. */
export function objectIdentifier(text: string): Uint8Array {
  const [root = 0, second = 0, ...rest] = text.split('.').map(Number)
  const octets: number[] = []
  for (const arc of [root * 40 + second, ...rest]) {
    const low = [arc % 128]
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) low.unshift(0x80 | (left % 128))
    octets.push(...low)
  }
  return tlv(Tag.OBJECT_IDENTIFIER, Uint8Array.from(octets))
}

/** The text of a character string (X.680 §41). Throws DerError for kinds that certificates no longer have. */
export function textOf({ tag, content }: Element): string {
  const octets = Buffer.from(content.buffer, content.byteOffset, content.length)
  switch (tag) {
    case Tag.UTF8_STRING:
      return octets.toString('utf8')
    case Tag.PRINTABLE_STRING:
    case Tag.TELETEX_STRING:
    case Tag.IA5_STRING:
      return octets.toString('latin1')
    case Tag.BMP_STRING:
      return Buffer.from(octets.subarray(0, octets.length & ~1))
        .swap16()
        .toString('utf16le')
    default:
      throw new DerError(`a character string has the tag ${tag}`)
  }
}

/** Milliseconds of a UTCTime or GeneralizedTime as RFC 5280 §4.1.2.5 narrows them: to seconds, in UTC. Throws DerError. */
export function timeOf(element: Element | undefined): number {
  const text = Buffer.from(element?.content ?? []).toString('latin1')
  // RFC 5280 §4.1.2.5.1: two digits stand for 1950 to 2049.
  const digits = element?.tag === Tag.UTC_TIME ? (text < '5' ? '20' : '19') + text : text
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(digits)
  const [, year, month, day, hour, minute, second] = parts ?? []
  const time = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
  const isTime = element?.tag === Tag.UTC_TIME || element?.tag === Tag.GENERALIZED_TIME
  if (!isTime || Number.isNaN(time)) throw new DerError('a time is not as RFC 5280 has it')
  return time
}

/** A time in whole seconds (RFC 5280 §4.1.2.5): UTCTime from 1950 through 2049, else GeneralizedTime. */
export function time(milliseconds: number): Uint8Array {
  const date = new Date(milliseconds)
  const year = date.getUTCFullYear()
  const digits = `${date.toISOString().replace(/\D/g, '').slice(0, 14)}Z`
  return year >= 1950 && year < 2050
    ? tlv(Tag.UTC_TIME, Buffer.from(digits.slice(2), 'latin1'))
    : tlv(Tag.GENERALIZED_TIME, Buffer.from(digits, 'latin1'))
}

/** An element with these parts as content (X.690 §8.1.3, §10.1). */
export function tlv(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  const octets = length < 0x80 ? 0 : length < 0x100 ? 1 : length < 0x10000 ? 2 : length < 0x1000000 ? 3 : 4
  const element = Buffer.allocUnsafe(2 + octets + length)
  element[0] = tag
  element[1] = octets === 0 ? length : 0x80 | octets
  if (octets > 0) element.writeUIntBE(length, 2, octets)
  let at = 2 + octets
  for (const part of parts) {
    element.set(part, at)
    at += part.length
  }
  return element
}

/** The INTEGER of an unsigned number in big-endian octets: minimal and positive (X.690 §8.3.2). */
export function unsignedInteger(octets: Uint8Array): Uint8Array {
  const first = octets.findIndex(octet => octet !== 0)
  const minimal = first < 0 ? ZERO : octets.subarray(first)
  return minimal[0]! & 0x80 ? tlv(Tag.INTEGER, ZERO, minimal) : tlv(Tag.INTEGER, minimal)
}

const ZERO = Uint8Array.of(0)

/** The ECDSA-Sig-Value (RFC 3279 §2.2.3) of R and S side by side, as JWS and tokens have them. */
export function ecdsaValue(signature: Uint8Array): Uint8Array {
  const half = signature.length / 2
  return tlv(Tag.SEQUENCE, unsignedInteger(signature.subarray(0, half)), unsignedInteger(signature.subarray(half)))
}

/** BOOLEAN TRUE (X.690 §11.1). */
export const TRUE: Uint8Array = Uint8Array.of(Tag.BOOLEAN, 1, 0xff)
