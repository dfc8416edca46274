import { TextError, WireError } from './errors.ts'
import { lowerName, type Name, parseName, printName } from './name.ts'
import {
  decodeEscapes,
  parseBase32Hex,
  parseBase64,
  parseHex,
  parseNumber,
  parseSeconds,
  printBase32Hex,
  printBase64,
  printHex,
  printQuoted,
} from './text.ts'
import type { Tokens } from './tokens.ts'
import type { Reader, Writer } from './wire.ts'

/** One field of an RDATA: how it is read, written, brought to canonical form, printed and parsed. */
export interface Field<T> {
  read(reader: Reader): T
  write(writer: Writer, value: T): void
  /** Canonical form, where it is not what `write` makes without compression (RFC 4034 §6.2). */
  canonical?(writer: Writer, value: T): void
  print(value: T): string
  /** Takes as many tokens as belong to the field; relative names are completed by `origin`. */
  parse(tokens: Tokens, origin: Name | undefined): T
  /** `write` may compress (RFC 3597 §4). */
  readonly compresses?: true
  /** How many it takes on the wire, where that is always the same; any are good then. */
  readonly octets?: number
}

function unsigned(octets: number, read: (reader: Reader) => number, write: (writer: Writer, value: number) => void) {
  const max = 2 ** (8 * octets) - 1
  return (what = 'a number'): Field<number> => ({
    read,
    write,
    print: String,
    parse: tokens => parseNumber(tokens.word(what), max, what),
    octets,
  })
}

const octet = unsigned(
  1,
  reader => reader.u8(),
  (writer, value) => writer.u8(value),
)
const pair = unsigned(
  2,
  reader => reader.u16(),
  (writer, value) => writer.u16(value),
)
const quad = unsigned(
  4,
  reader => reader.u32(),
  (writer, value) => writer.u32(value),
)

export const u8: Field<number> = octet()
export const u16: Field<number> = pair()
export const u32: Field<number> = quad()

/** 32 bits of seconds; text may use units ("2h30m"). */
export const seconds: Field<number> = {
  ...u32,
  parse: tokens => parseSeconds(tokens.word('a number of seconds'), 0xffffffff, 'a number of seconds'),
}

/** A number that text may also give by a mnemonic; printed as a number. */
export function mnemonic(field: Field<number>, names: Readonly<Record<string, number>>, print = false): Field<number> {
  const byCode = new Map(Object.entries(names).map(([name, code]) => [code, name]))
  return {
    ...field,
    print: value => (print && byCode.get(value)) || String(value),
    parse: (tokens, origin) => {
      const name = tokens.wordIf(text => Object.hasOwn(names, text.toUpperCase()))
      return name === undefined ? field.parse(tokens, origin) : names[name.toUpperCase()]!
    },
  }
}

/** A domain name; whether it is compressed, and in lower case when canonical, belongs to the record type (RFC 4034 §6.2, RFC 3597 §4). */
export function name(options: { compress?: true; lowercase?: true } = {}): Field<Name> {
  const compress = options.compress ?? false
  return {
    read: reader => reader.name(),
    write: (writer, value) => writer.name(value, compress),
    print: printName,
    parse: (tokens, origin) => parseNameToken(tokens.word('a domain name'), origin),
    ...(options.lowercase && { canonical: (writer: Writer, value: Name) => writer.bytes(lowerName(value)) }),
    ...(options.compress && { compresses: true as const }),
  }
}

/** A name in a master file: "@" is the origin, and without an origin only absolute names are allowed (RFC 1035 §5.1). */
export function parseNameToken(text: string, origin: Name | undefined): Name {
  if (text !== '@') return parseName(text, origin)
  if (!origin) throw new TextError('"@" without an origin')
  return origin
}

/** A <character-string>: at most 255 octets behind a length (RFC 1035 §3.3). */
export const characterString: Field<Uint8Array> = {
  read: reader => reader.bytes(reader.u8()),
  write: (writer, value) => {
    writer.u8(value.length)
    writer.bytes(value)
  },
  print: printQuoted,
  parse: tokens => checkString(decodeEscapes(tokens.next('a string').text)),
}

function checkString(octets: Uint8Array): Uint8Array {
  if (octets.length > 255) throw new TextError(`a string of ${octets.length} octets, at most 255 are allowed in one`)
  return octets
}

/** One or more <character-string>s, to the end of the RDATA. */
export const characterStrings: Field<Uint8Array[]> = {
  read: reader => {
    const strings = [characterString.read(reader)]
    while (reader.left > 0) strings.push(characterString.read(reader))
    return strings
  },
  write: (writer, value) => {
    for (const string of value) characterString.write(writer, string)
  },
  print: value => value.map(printQuoted).join(' '),
  parse: (tokens, origin) => {
    const strings = [characterString.parse(tokens, origin)]
    while (tokens.more) strings.push(characterString.parse(tokens, origin))
    return strings
  },
}

/** Quoted octets to the end of the RDATA, without a length of their own (URI's target, CAA's value). */
export const remainingString: Field<Uint8Array> = {
  read: reader => reader.rest(),
  write: (writer, value) => writer.bytes(value),
  print: printQuoted,
  parse: tokens => decodeEscapes(tokens.next('a string').text),
}

/** A <character-string> of ASCII letters and digits, printed bare: CAA's tag (RFC 8659 §4.1). */
export const tag: Field<string> = {
  read: reader => {
    const at = reader.pos
    const text = Buffer.from(reader.bytes(reader.u8())).toString('latin1')
    if (!/^[0-9a-z]+$/i.test(text)) throw new WireError('a tag is not letters and digits', at)
    return text
  },
  write: (writer, value) => characterString.write(writer, Buffer.from(value, 'latin1')),
  print: value => value,
  parse: tokens => {
    const text = tokens.word('a tag')
    if (!/^[0-9a-z]{1,255}$/i.test(text)) throw new TextError(`"${text}" is not a tag of letters and digits`)
    return text
  },
}

/** At least one octet, to the end of the RDATA, in a notation whose text blanks may split. */
function remainder(
  print: (octets: Uint8Array) => string,
  parse: (text: string) => Uint8Array,
  what: string,
): Field<Uint8Array> {
  return {
    read: reader => {
      if (reader.left === 0) throw new WireError(`${what} is missing`, reader.pos)
      return reader.rest()
    },
    write: (writer, value) => writer.bytes(value),
    print,
    parse: tokens => parse(tokens.rest(what)),
  }
}

export const base64: Field<Uint8Array> = remainder(printBase64, parseBase64, 'base64 data')
export const hex: Field<Uint8Array> = remainder(printHex, parseHex, 'hexadecimal data')

/** NSEC3's salt: a length and octets, "-" where there are none (RFC 5155 §3.3). */
export const salt: Field<Uint8Array> = {
  ...characterString,
  print: value => (value.length === 0 ? '-' : printHex(value)),
  parse: tokens => {
    const text = tokens.word('a salt')
    return text === '-' ? new Uint8Array() : checkString(parseHex(text))
  },
}

/** NSEC3's next hashed owner name (RFC 5155 §3.3). */
export const hashedOwner: Field<Uint8Array> = {
  ...characterString,
  read: reader => {
    const octets = characterString.read(reader)
    if (octets.length === 0) throw new WireError('a hash of no octets', reader.pos)
    return octets
  },
  print: printBase32Hex,
  parse: tokens => checkString(parseBase32Hex(tokens.word('a hashed owner name'))),
}

/** A fixed number of octets as pairs of hexadecimal digits with hyphens (RFC 7043 §3.2, §4.2). */
export function hyphenated(length: number): Field<Uint8Array> {
  const shape = new RegExp(`^[0-9a-f]{2}(-[0-9a-f]{2}){${length - 1}}$`, 'i')
  return {
    read: reader => reader.bytes(length),
    write: (writer, value) => writer.bytes(value),
    print: value => Array.from(value, octet => octet.toString(16).padStart(2, '0')).join('-'),
    parse: tokens => {
      const text = tokens.word('an address')
      if (!shape.test(text)) throw new TextError(`"${text}" is not ${length} hyphenated pairs of hexadecimal digits`)
      return parseHex(text.replaceAll('-', ''))
    },
  }
}

/** RRSIG's times (RFC 4034 §3.2): YYYYMMDDHHmmSS in UTC, or seconds since 1970. Both stand for 32 bits, after RFC 1982. */
export const timestamp: Field<number> = {
  ...u32,
  print: value => new Date(value * 1000).toISOString().replace(/\.\d+Z$|\D/g, ''),
  parse: tokens => parseTimestamp(tokens.word('a time')),
}

function parseTimestamp(text: string): number {
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(text)?.slice(1).map(Number)
  if (!parts) return parseNumber(text, 0xffffffff, 'a time as YYYYMMDDHHmmSS or in seconds')
  const [year, month, day, hour, minute, second] = parts as [number, number, number, number, number, number]
  const milliseconds = Date.UTC(year, month - 1, day, hour, minute, second)
  const value = milliseconds / 1000
  if (timestamp.print(value) !== text) throw new TextError(`"${text}" is not a time from 1970 to 2106`)
  return value
}

/** How the record table names its types, handed in because the table imports this file. */
export interface TypeNames {
  print(code: number): string
  parse(token: string): number | undefined
}

/** A record type (RRSIG's Type Covered). */
export function rrtype(names: TypeNames): Field<number> {
  return { ...u16, print: code => names.print(code), parse: tokens => parseType(tokens.word('a type'), names) }
}

/** The type a token names; TextError where it names none. */
export function parseType(token: string, names: TypeNames): number {
  const code = names.parse(token)
  if (code === undefined) throw new TextError(`"${token}" is not a record type`)
  return code
}
