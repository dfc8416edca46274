import { parseIpv4, parseIpv6, printIpv4, printIpv6 } from './address.ts'
import { TextError, WireError } from './errors.ts'
import type { Field } from './fields.ts'
import { decodeEscapes, parseBase64, parseNumber, printBase64, printOctets } from './text.ts'
import type { Tokens } from './tokens.ts'
import { Reader, Writer } from './wire.ts'

/** One SvcParam of SVCB and HTTPS (RFC 9460 §2.2), its value in wire form. */
export interface SvcParam {
  key: number
  value: Uint8Array
}

/** What a SvcParamKey says of its value. Text comes and goes with its quotes taken off and its escapes resolved. */
interface ParamKind {
  readonly code: number
  /** Throws TextError where the text is no value of this key. */
  parse(octets: Uint8Array): Uint8Array
  /** The text within the quotes; undefined where there is nothing after the key. */
  print(value: Uint8Array): string | undefined
  /** Whether the octets are a value of this key. */
  fits(value: Uint8Array): boolean
}

const MANDATORY = 0
const ALPN = 1
const NO_DEFAULT_ALPN = 2

const PARAMS: Readonly<Record<string, ParamKind>> = {
  // RFC 9460 §8.
  mandatory: {
    code: MANDATORY,
    parse: parseMandatory,
    print: value => keysOf(value).map(printKey).join(','),
    fits: value => value.length > 0 && value.length % 2 === 0 && isMandatoryList(keysOf(value)),
  },
  // RFC 9460 §7.1.1.
  alpn: { code: ALPN, parse: parseAlpn, print: printAlpn, fits: isAlpn },
  'no-default-alpn': { code: NO_DEFAULT_ALPN, ...empty('no-default-alpn') },
  // RFC 9460 §7.2.
  port: {
    code: 3,
    parse: octets => {
      const port = parseNumber(ascii(octets), 0xffff, 'a port')
      return Uint8Array.of(port >>> 8, port)
    },
    print: value => String((value[0]! << 8) | value[1]!),
    fits: value => value.length === 2,
  },
  // RFC 9460 §7.3.
  ipv4hint: { code: 4, ...addresses(4, parseIpv4, printIpv4) },
  // RFC 9848 §4.
  ech: {
    code: 5,
    parse: octets => parseBase64(ascii(octets)),
    print: printBase64,
    fits: value => value.length > 0,
  },
  ipv6hint: { code: 6, ...addresses(16, parseIpv6, printIpv6) },
  // RFC 9461 §5: a URI template in UTF-8.
  dohpath: {
    code: 7,
    parse: octets => octets,
    print: value => printOctets(value, '"\\'),
    fits: value => value.length > 0 && isUtf8(value),
  },
  // RFC 9540 §4.
  ohttp: { code: 8, ...empty('ohttp') },
}

const KINDS = new Map<number, ParamKind & { name: string }>(
  Object.entries(PARAMS).map(([name, kind]) => [kind.code, { name, ...kind }]),
)

/** SVCB's and HTTPS's parameters, in ascending order of their keys, to the end of the RDATA (RFC 9460 §2.2). */
export const svcParams: Field<SvcParam[]> = {
  read: readParams,
  write: (writer, params) => {
    for (const { key, value } of params.toSorted((a, b) => a.key - b.key)) {
      writer.u16(key)
      writer.u16(value.length)
      writer.bytes(value)
    }
  },
  print: params => params.map(printParam).join(' '),
  parse: parseParams,
}

function readParams(reader: Reader): SvcParam[] {
  const params: SvcParam[] = []
  while (reader.left > 0) {
    const at = reader.pos
    const key = reader.u16()
    const value = reader.bytes(reader.u16())
    // RFC 9460 §2.2: keys not in strictly increasing order make the RR malformed.
    if (key <= (params.at(-1)?.key ?? -1)) throw new WireError('SvcParamKeys are not in ascending order', at)
    if (KINDS.get(key)?.fits(value) === false) throw new WireError(`the value of ${printKey(key)} is malformed`, at)
    params.push({ key, value })
  }
  const problem = inconsistency(params)
  if (problem) throw new WireError(problem, reader.pos)
  return params
}

/** Why parameters that are each in order can't stand together, if so (RFC 9460 §7.1.1, §8). */
function inconsistency(params: readonly SvcParam[]): string | undefined {
  const keys = new Set(params.map(param => param.key))
  if (keys.has(NO_DEFAULT_ALPN) && !keys.has(ALPN)) return 'no-default-alpn without alpn'
  const mandatory = params.find(param => param.key === MANDATORY)
  const missing = mandatory && keysOf(mandatory.value).find(key => !keys.has(key))
  return missing === undefined ? undefined : `${printKey(missing)} is mandatory but missing`
}

function parseParams(tokens: Tokens): SvcParam[] {
  const params = new Map<number, SvcParam>()
  while (tokens.more) {
    const param = parseParam(tokens.word('a parameter'))
    if (params.has(param.key)) throw new TextError(`${printKey(param.key)} is given twice`)
    params.set(param.key, param)
  }
  const sorted = [...params.values()].sort((a, b) => a.key - b.key)
  const problem = inconsistency(sorted)
  if (problem) throw new TextError(problem)
  return sorted
}

function parseParam(text: string): SvcParam {
  const equals = text.indexOf('=')
  const name = equals < 0 ? text : text.slice(0, equals)
  const { key, kind } = parseKey(name)
  const octets = equals < 0 ? new Uint8Array() : decodeEscapes(unquote(text.slice(equals + 1)))
  const value = kind ? kind.parse(octets) : octets
  if (KINDS.get(key)?.fits(value) === false) throw new TextError(`"${text}" has no proper value for ${name}`)
  if (value.length > 0xffff) throw new TextError(`the value of ${name} has more than 65535 octets`)
  return { key, value }
}

/** A key by name, or as keyNNNNN, whose value is then given in octets (RFC 9460 §2.1). */
function parseKey(name: string): { key: number; kind?: ParamKind } {
  const kind = Object.hasOwn(PARAMS, name) ? PARAMS[name] : undefined
  if (kind) return { key: kind.code, kind }
  // RFC 9460 §14.3.2: 65535 is reserved as "Invalid key".
  const digits = /^key(0|[1-9]\d{0,4})$/.exec(name)?.[1]
  if (digits === undefined || Number(digits) > 0xfffe) throw new TextError(`"${name}" is not a SvcParamKey`)
  return { key: Number(digits) }
}

function unquote(text: string): string {
  return text.length > 1 && text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1) : text
}

function printKey(key: number): string {
  return KINDS.get(key)?.name ?? `key${key}`
}

function printParam({ key, value }: SvcParam): string {
  const kind = KINDS.get(key)
  const text = kind ? kind.print(value) : value.length > 0 ? printOctets(value, '"\\') : undefined
  if (text === undefined) return printKey(key)
  // RFC 9460 §2.1: what is free of special characters needs no quotes.
  return /^[\w.:,+/=-]+$/.test(text) ? `${printKey(key)}=${text}` : `${printKey(key)}="${text}"`
}

function ascii(octets: Uint8Array): string {
  return Buffer.from(octets).toString('latin1')
}

function empty(name: string): Omit<ParamKind, 'code'> {
  return {
    parse: octets => {
      if (octets.length > 0) throw new TextError(`${name} takes no value`)
      return octets
    },
    print: () => undefined,
    fits: value => value.length === 0,
  }
}

function addresses(
  size: number,
  parse: (text: string) => Uint8Array,
  print: (octets: Uint8Array) => string,
): Omit<ParamKind, 'code'> {
  return {
    parse: octets => concat(ascii(octets).split(',').map(parse)),
    print: value =>
      Array.from({ length: value.length / size }, (_, i) => print(value.subarray(i * size, (i + 1) * size))).join(','),
    fits: value => value.length > 0 && value.length % size === 0,
  }
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts))
}

function keysOf(value: Uint8Array): number[] {
  return Array.from({ length: value.length >>> 1 }, (_, i) => (value[2 * i]! << 8) | value[2 * i + 1]!)
}

function parseMandatory(octets: Uint8Array): Uint8Array {
  const keys = ascii(octets)
    .split(',')
    .map(name => parseKey(name).key)
    .sort((a, b) => a - b)
  if (!isMandatoryList(keys)) throw new TextError('mandatory lists itself, or a key twice')
  return Uint8Array.from(keys.flatMap(key => [key >>> 8, key & 0xff]))
}

/** RFC 9460 §8: strictly ascending, and not "mandatory" itself. */
function isMandatoryList(keys: readonly number[]): boolean {
  return keys.every((key, i) => key > (i === 0 ? MANDATORY : keys[i - 1]!))
}

/** RFC 9460 §7.1.1 and appendix A.1: identifiers parted by commas; a comma or backslash in one is escaped once more. */
function parseAlpn(octets: Uint8Array): Uint8Array {
  const items: number[][] = [[]]
  for (let i = 0; i < octets.length; i++) {
    const octet = octets[i]!
    if (octet === COMMA) items.push([])
    else if (octet !== BACKSLASH) items.at(-1)!.push(octet)
    else if (i + 1 < octets.length) items.at(-1)!.push(octets[++i]!)
    else throw new TextError('an ALPN identifier ends in a lone backslash')
  }
  const writer = new Writer()
  for (const item of items) {
    if (item.length === 0 || item.length > 255) throw new TextError(`an ALPN identifier of ${item.length} octets`)
    writer.u8(item.length)
    writer.bytes(Uint8Array.from(item))
  }
  return writer.done().slice()
}

const COMMA = 0x2c
const BACKSLASH = 0x5c

function printAlpn(value: Uint8Array): string {
  const octets: number[] = []
  for (const id of alpnIds(value)) {
    if (octets.length > 0) octets.push(COMMA)
    for (const octet of id) octets.push(...(octet === COMMA || octet === BACKSLASH ? [BACKSLASH, octet] : [octet]))
  }
  return printOctets(Uint8Array.from(octets), '"\\')
}

function alpnIds(value: Uint8Array): Uint8Array[] {
  const reader = new Reader(value)
  const ids: Uint8Array[] = []
  while (reader.left > 0) ids.push(reader.bytes(reader.u8()))
  return ids
}

function isAlpn(value: Uint8Array): boolean {
  let at = 0
  while (at < value.length && value[at] !== 0) at += value[at]! + 1
  return at > 0 && at === value.length
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function isUtf8(octets: Uint8Array): boolean {
  try {
    utf8.decode(octets)
    return true
  } catch {
    return false
  }
}
