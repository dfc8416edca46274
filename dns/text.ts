import { TextError } from './errors.ts'

/** A decimal number from 0 to `max`. */
export function parseNumber(text: string, max: number, what: string): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
  if (!(value <= max)) throw new TextError(`"${text}" is not ${what}, a number from 0 to ${max}`)
  return value
}

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }

/** Seconds: a number, or numbers with units as in "1h30m" (no RFC has it, every master file does). */
export function parseSeconds(text: string, max: number, what: string): number {
  if (/\d$/.test(text) || !/^(\d{1,10}[smhdw])+$/i.test(text)) return parseNumber(text, max, what)
  let seconds = 0
  for (const [, count, unit] of text.matchAll(/(\d+)([a-z])/gi))
    seconds += Number(count) * UNIT_SECONDS[unit!.toLowerCase()]!
  if (seconds > max) throw new TextError(`"${text}" is ${seconds} seconds, at most ${max} are allowed`)
  return seconds
}

/** RFC 2181 §8: a TTL has 31 bits. */
export const MAX_TTL = 0x7fffffff

/** A TTL of a master file. */
export function parseTtl(text: string): number {
  return parseSeconds(text, MAX_TTL, 'a TTL')
}

const utf8 = new TextEncoder()

/** The octets of text with its \DDD and \X escapes resolved (RFC 1035 §5.1); characters beyond ASCII become UTF-8. */
export function decodeEscapes(text: string): Uint8Array {
  if (!text.includes('\\')) return utf8.encode(text)
  const octets = new Uint8Array(text.length * 3)
  let length = 0
  for (let at = 0; at < text.length; ) {
    const char = text.charCodeAt(at)
    const plain = char !== BACKSLASH
    const value = plain ? undefined : decimalEscape(text, at + 1)
    if (value !== undefined) {
      octets[length++] = value
      at += 4
      continue
    }
    const literal = String.fromCodePoint(text.codePointAt(plain ? at : at + 1)!)
    length += utf8.encodeInto(literal, octets.subarray(length)).written
    at += literal.length + (plain ? 0 : 1)
  }
  return octets.slice(0, length)
}

const BACKSLASH = 0x5c

/** The octet of the three digits at `at`, after a backslash; undefined where any other character follows it. */
function decimalEscape(text: string, at: number): number | undefined {
  if (at >= text.length) throw new TextError(`"${text}" ends in a lone backslash`)
  const digits = text.slice(at, at + 3)
  if (!/^\d/.test(digits)) return undefined
  if (!/^\d{3}$/.test(digits)) throw new TextError(`"${text}" has an incomplete \\DDD escape`)
  if (Number(digits) > 255) throw new TextError(`"${text}" has the escape \\${digits}, above \\255`)
  return Number(digits)
}

/** The octets in quotation marks, with everything but printable ASCII as \DDD. */
export function printQuoted(octets: Uint8Array): string {
  return `"${printOctets(octets, '"\\')}"`
}

/** The octets as printable ASCII; others become \DDD, those in `special` are escaped by a backslash. */
export function printOctets(octets: Uint8Array, special: string): string {
  let text = ''
  for (const octet of octets) {
    const char = String.fromCharCode(octet)
    if (octet < 0x20 || octet > 0x7e) text += `\\${String(octet).padStart(3, '0')}`
    else text += special.includes(char) ? `\\${char}` : char
  }
  return text
}

/** The octets of hexadecimal digits. */
export function parseHex(text: string): Uint8Array {
  if (!/^([0-9a-f]{2})*$/i.test(text)) throw new TextError(`"${text}" is not an even number of hexadecimal digits`)
  return Uint8Array.from(Buffer.from(text, 'hex'))
}

export function printHex(octets: Uint8Array): string {
  return Buffer.from(octets).toString('hex').toUpperCase()
}

/** The octets of base64 text (RFC 4648 §4), which must have its padding and no stray bits. */
export function parseBase64(text: string): Uint8Array {
  const octets = Buffer.from(text, 'base64')
  // Buffer takes anything; printing what it took again shows whether it was base64 (RFC 4648 §3.3, §3.5).
  if (octets.toString('base64') !== text) throw new TextError(`"${text}" is not base64`)
  return Uint8Array.from(octets)
}

export function printBase64(octets: Uint8Array): string {
  return Buffer.from(octets).toString('base64')
}

const BASE32HEX = '0123456789ABCDEFGHIJKLMNOPQRSTUV'

/** The octets of base32hex text without padding (RFC 4648 §7, RFC 5155 §3.3). */
export function parseBase32Hex(text: string): Uint8Array {
  const octets: number[] = []
  let bits = 0
  let held = 0
  for (const char of text.toUpperCase()) {
    const value = BASE32HEX.indexOf(char)
    if (value < 0) throw new TextError(`"${text}" is not base32hex`)
    held = ((held << 5) | value) & 0xfff
    bits += 5
    if (bits >= 8) octets.push((held >>> (bits -= 8)) & 0xff)
  }
  // RFC 4648 §3.5: what is left over is less than a digit, and zero.
  if (bits >= 5 || (held & ((1 << bits) - 1)) !== 0) throw new TextError(`"${text}" is not base32hex`)
  return Uint8Array.from(octets)
}

export function printBase32Hex(octets: Uint8Array): string {
  return printDigits(octets, BASE32HEX)
}

/** base32 (RFC 4648 §6) in lower case, without padding. */
export function printBase32(octets: Uint8Array): string {
  return printDigits(octets, 'abcdefghijklmnopqrstuvwxyz234567')
}

function printDigits(octets: Uint8Array, digits: string): string {
  let text = ''
  let bits = 0
  let held = 0
  for (const octet of octets) {
    held = ((held << 8) | octet) & 0xfff
    bits += 8
    while (bits >= 5) text += digits[(held >>> (bits -= 5)) & 31]
  }
  return bits > 0 ? text + digits[(held << (5 - bits)) & 31] : text
}
