import { ipv4, ipv6 } from './address.ts'
import { addressPrefixes } from './apl.ts'
import { Class, className } from './codes.ts'
import { TextError, WireError } from './errors.ts'
import {
  base64,
  characterString,
  characterStrings,
  type Field,
  hashedOwner,
  hex,
  hyphenated,
  mnemonic,
  name,
  remainingString,
  rrtype,
  salt,
  seconds,
  type TypeNames,
  tag,
  timestamp,
  u8,
  u16,
  u32,
} from './fields.ts'
import { ipsecGateway, optionalKey } from './ipseckey.ts'
import { location } from './location.ts'
import { type Name, printName } from './name.ts'
import type { ResourceRecord } from './record.ts'
import { svcParams } from './svcb.ts'
import { parseHex, parseNumber, printHex } from './text.ts'
import { scanTokens, type Tokens } from './tokens.ts'
import { typeBitmap } from './typebitmap.ts'
import { Reader, Writer } from './wire.ts'

// biome-ignore lint/suspicious/noExplicitAny: a row's fields have types of their own.
type AnyField = Field<any>

interface TypeRow {
  readonly code: number
  readonly rfc: string
  /** In wire order, which is presentation order. */
  readonly fields: Readonly<Record<string, AnyField>>
  /** The field whose addresses a server adds (RFC 1035 §3.3), or that an alias leads to. */
  readonly target?: string
  /** RDATA of other classes has another format (RFC 1035 §3.4). */
  readonly onlyIn?: true
}

const names: TypeNames = { print: typeName, parse: typeCode }

/** RFC 1035's names: compressed, and in lower case when canonical (RFC 3597 §4, RFC 4034 §6.2). */
const hostname = name({ compress: true, lowercase: true })
/** Names of later types that canonical form lowers (RFC 4034 §6.2) and nothing compresses. */
const loweredName = name({ lowercase: true })
/** RFC 6840 §5.1: NSEC's, like those of types newer than RFC 4034, keep their case. */
const plainName = name()

/** DNSSEC algorithms by mnemonic (RFC 4034 §A.1 and the registry's later ones); printed as numbers. */
const algorithm = mnemonic(u8, {
  RSAMD5: 1,
  DH: 2,
  DSA: 3,
  RSASHA1: 5,
  'DSA-NSEC3-SHA1': 6,
  'RSASHA1-NSEC3-SHA1': 7,
  RSASHA256: 8,
  RSASHA512: 10,
  ECDSAP256SHA256: 13,
  ECDSAP384SHA384: 14,
  ED25519: 15,
  ED448: 16,
  INDIRECT: 252,
  PRIVATEDNS: 253,
  PRIVATEOID: 254,
})

/** RFC 4398 §2.1. */
const CERTIFICATE_TYPES = {
  PKIX: 1,
  SPKI: 2,
  PGP: 3,
  IPKIX: 4,
  ISPKI: 5,
  IPGP: 6,
  ACPKIX: 7,
  IACPKIX: 8,
  URI: 253,
  OID: 254,
}

/** Every record type that is known by its fields, declared once; all others are RFC 3597's. */
export const TYPES = {
  A: { code: 1, rfc: 'RFC 1035 §3.4.1', fields: { address: ipv4 }, onlyIn: true },
  NS: { code: 2, rfc: 'RFC 1035 §3.3.11', fields: { host: hostname }, target: 'host' },
  MD: { code: 3, rfc: 'RFC 1035 §3.3.4', fields: { host: hostname } },
  MF: { code: 4, rfc: 'RFC 1035 §3.3.5', fields: { host: hostname } },
  CNAME: { code: 5, rfc: 'RFC 1035 §3.3.1', fields: { target: hostname }, target: 'target' },
  SOA: {
    code: 6,
    rfc: 'RFC 1035 §3.3.13',
    fields: {
      mname: hostname,
      rname: hostname,
      serial: u32,
      refresh: seconds,
      retry: seconds,
      expire: seconds,
      minimum: seconds,
    },
  },
  MB: { code: 7, rfc: 'RFC 1035 §3.3.3', fields: { host: hostname } },
  MG: { code: 8, rfc: 'RFC 1035 §3.3.6', fields: { mailbox: hostname } },
  MR: { code: 9, rfc: 'RFC 1035 §3.3.8', fields: { mailbox: hostname } },
  PTR: { code: 12, rfc: 'RFC 1035 §3.3.12', fields: { target: hostname }, target: 'target' },
  HINFO: { code: 13, rfc: 'RFC 1035 §3.3.2', fields: { cpu: characterString, os: characterString } },
  MINFO: { code: 14, rfc: 'RFC 1035 §3.3.7', fields: { responsible: hostname, errors: hostname } },
  MX: { code: 15, rfc: 'RFC 1035 §3.3.9', fields: { preference: u16, exchange: hostname }, target: 'exchange' },
  TXT: { code: 16, rfc: 'RFC 1035 §3.3.14', fields: { strings: characterStrings } },
  RP: { code: 17, rfc: 'RFC 1183 §2.2', fields: { mailbox: loweredName, text: loweredName } },
  AFSDB: { code: 18, rfc: 'RFC 1183 §1', fields: { subtype: u16, host: loweredName }, target: 'host' },
  RT: { code: 21, rfc: 'RFC 1183 §3.3', fields: { preference: u16, host: loweredName }, target: 'host' },
  AAAA: { code: 28, rfc: 'RFC 3596 §2.1', fields: { address: ipv6 }, onlyIn: true },
  LOC: { code: 29, rfc: 'RFC 1876 §2', fields: { location } },
  SRV: {
    code: 33,
    rfc: 'RFC 2782',
    fields: { priority: u16, weight: u16, port: u16, target: loweredName },
    target: 'target',
  },
  NAPTR: {
    code: 35,
    rfc: 'RFC 3403 §4.1',
    fields: {
      order: u16,
      preference: u16,
      flags: characterString,
      services: characterString,
      regexp: characterString,
      replacement: loweredName,
    },
  },
  KX: { code: 36, rfc: 'RFC 2230 §3.1', fields: { preference: u16, exchanger: loweredName }, target: 'exchanger' },
  CERT: {
    code: 37,
    rfc: 'RFC 4398 §2',
    fields: { type: mnemonic(u16, CERTIFICATE_TYPES, true), keyTag: u16, algorithm, certificate: base64 },
  },
  DNAME: { code: 39, rfc: 'RFC 6672 §2.1', fields: { target: loweredName }, target: 'target' },
  APL: { code: 42, rfc: 'RFC 3123 §4', fields: { prefixes: addressPrefixes }, onlyIn: true },
  DS: { code: 43, rfc: 'RFC 4034 §5', fields: { keyTag: u16, algorithm, digestType: u8, digest: hex } },
  SSHFP: { code: 44, rfc: 'RFC 4255 §3.1', fields: { algorithm: u8, fingerprintType: u8, fingerprint: hex } },
  IPSECKEY: {
    code: 45,
    rfc: 'RFC 4025 §2',
    fields: { precedence: u8, gateway: ipsecGateway, publicKey: optionalKey },
  },
  RRSIG: {
    code: 46,
    rfc: 'RFC 4034 §3',
    fields: {
      typeCovered: rrtype(names),
      algorithm,
      labels: u8,
      originalTtl: u32,
      expiration: timestamp,
      inception: timestamp,
      keyTag: u16,
      signer: loweredName,
      signature: base64,
    },
  },
  NSEC: { code: 47, rfc: 'RFC 4034 §4', fields: { next: plainName, types: typeBitmap(names) } },
  DNSKEY: {
    code: 48,
    rfc: 'RFC 4034 §2',
    fields: { flags: u16, protocol: u8, algorithm, publicKey: base64 },
  },
  DHCID: { code: 49, rfc: 'RFC 4701 §3.1', fields: { digest: base64 } },
  NSEC3: {
    code: 50,
    rfc: 'RFC 5155 §3',
    fields: { algorithm: u8, flags: u8, iterations: u16, salt, next: hashedOwner, types: typeBitmap(names) },
  },
  NSEC3PARAM: {
    code: 51,
    rfc: 'RFC 5155 §4',
    fields: { algorithm: u8, flags: u8, iterations: u16, salt },
  },
  TLSA: { code: 52, rfc: 'RFC 6698 §2', fields: { usage: u8, selector: u8, matchingType: u8, data: hex } },
  SMIMEA: { code: 53, rfc: 'RFC 8162 §2', fields: { usage: u8, selector: u8, matchingType: u8, data: hex } },
  CDS: { code: 59, rfc: 'RFC 7344 §3.1', fields: { keyTag: u16, algorithm, digestType: u8, digest: hex } },
  CDNSKEY: {
    code: 60,
    rfc: 'RFC 7344 §3.2',
    fields: { flags: u16, protocol: u8, algorithm, publicKey: base64 },
  },
  OPENPGPKEY: { code: 61, rfc: 'RFC 7929 §2', fields: { key: base64 } },
  CSYNC: { code: 62, rfc: 'RFC 7477 §2.1', fields: { serial: u32, flags: u16, types: typeBitmap(names) } },
  ZONEMD: { code: 63, rfc: 'RFC 8976 §2', fields: { serial: u32, scheme: u8, algorithm: u8, digest: hex } },
  SVCB: {
    code: 64,
    rfc: 'RFC 9460 §2',
    fields: { priority: u16, target: plainName, params: svcParams },
    target: 'target',
  },
  HTTPS: {
    code: 65,
    rfc: 'RFC 9460 §9',
    fields: { priority: u16, target: plainName, params: svcParams },
    target: 'target',
  },
  SPF: { code: 99, rfc: 'RFC 7208 §3.1', fields: { strings: characterStrings } },
  EUI48: { code: 108, rfc: 'RFC 7043 §3', fields: { address: hyphenated(6) } },
  EUI64: { code: 109, rfc: 'RFC 7043 §4', fields: { address: hyphenated(8) } },
  URI: { code: 256, rfc: 'RFC 7553 §4', fields: { priority: u16, weight: u16, target: remainingString } },
  CAA: { code: 257, rfc: 'RFC 8659 §4', fields: { flags: u8, tag, value: remainingString } },
} as const satisfies Record<string, TypeRow>

/** Types that are never stored: queries' own, and those that describe a message (RFC 6895 §3.1). */
const META = { OPT: 41, TKEY: 249, TSIG: 250, IXFR: 251, AXFR: 252, MAILB: 253, MAILA: 254, ANY: 255 } as const

/** A type known by name and by fields. */
export type TypeName = keyof typeof TYPES

/** The fields of a type: `Rdata<'MX'>` is `{ preference: number, exchange: Name }`. */
export type Rdata<N extends TypeName> = {
  -readonly [K in keyof (typeof TYPES)[N]['fields']]: (typeof TYPES)[N]['fields'][K] extends Field<infer T> ? T : never
}

/** Codes by mnemonic: `Type.MX` is 15. */
export const Type = {
  ...META,
  ...(Object.fromEntries(Object.entries(TYPES).map(([mnemonic, row]) => [mnemonic, row.code])) as {
    readonly [N in TypeName]: (typeof TYPES)[N]['code']
  }),
} as const

/** What the functions below need of a row, worked out once. */
interface Layout {
  readonly fields: readonly (readonly [key: string, field: AnyField])[]
  readonly compresses: boolean
  readonly hasCanonical: boolean
  readonly target: string | undefined
  readonly onlyIn: boolean
}

const LAYOUTS = new Map<number, Layout>(Object.values(TYPES).map(row => [row.code, layoutOf(row)]))
const NAMES = new Map<number, string>(Object.entries(Type).map(([mnemonic, code]) => [code, mnemonic]))
const CODES = new Map<string, number>(Object.entries(Type))

function layoutOf(row: TypeRow): Layout {
  const fields = Object.entries(row.fields)
  return {
    fields,
    compresses: fields.some(([, field]) => field.compresses),
    hasCanonical: fields.some(([, field]) => field.canonical),
    target: row.target,
    onlyIn: row.onlyIn ?? false,
  }
}

/** "MX", or "TYPE1234" for one without a mnemonic (RFC 3597 §5). */
export function typeName(code: number): string {
  return NAMES.get(code) ?? `TYPE${code}`
}

/** The type a token names, mnemonic or TYPE1234, in any case; undefined where it names none. */
export function typeCode(token: string): number | undefined {
  const known = CODES.get(token) ?? CODES.get(token.toUpperCase())
  if (known !== undefined) return known
  const generic = /^TYPE(\d{1,5})$/i.exec(token)
  return generic && Number(generic[1]) <= 0xffff ? Number(generic[1]) : undefined
}

/** Whether a type can't be in a zone: reserved, OPT, and the Q and meta types (RFC 6895 §3.1). */
export function isMetaType(type: number): boolean {
  return type === 0 || type === META.OPT || (type >= 128 && type <= 255) || type === 0xffff
}

/**
 * The RDATA of a message, checked against its type and with its names decompressed (RFC 3597 §4). Empty RDATA passes where the class
 * is ANY or NONE, as UPDATE has it (RFC 2136 §2.4, §2.5).
 */
export function decompressRdata(type: number, rrclass: number, reader: Reader, length: number): Uint8Array {
  const layout = LAYOUTS.get(type)
  if (length === 0 && (rrclass === Class.ANY || rrclass === Class.NONE)) return new Uint8Array()
  if (!layout || (layout.onlyIn && (rrclass === Class.CH || rrclass === Class.HS))) return reader.bytes(length)
  if (length > reader.left) throw new WireError('RDATA runs past the end', reader.pos)
  const inner = new Reader(reader.buf, reader.pos, reader.pos + length)
  const rdata = rewrite(layout, inner, false)
  reader.pos += length
  return rdata
}

/** Reads every field and writes it again: decompressed, or in canonical form. */
function rewrite(layout: Layout, reader: Reader, canonical: boolean): Uint8Array {
  const writer = new Writer({ size: Math.max(reader.left, 32) })
  for (const [, field] of layout.fields) {
    const value = field.read(reader)
    if (canonical && field.canonical) field.canonical(writer, value)
    else field.write(writer, value)
  }
  if (reader.left > 0) throw new WireError(`${reader.left} octets after the last field`, reader.pos)
  return writer.copy()
}

/** Writes RDATA into a message; the names of RFC 1035's types may be compressed, no others (RFC 3597 §4). */
export function writeRdata(type: number, writer: Writer, rdata: Uint8Array): void {
  const layout = LAYOUTS.get(type)
  if (!layout?.compresses || rdata.length === 0) {
    writer.bytes(rdata)
    return
  }
  const reader = new Reader(rdata)
  for (const [, field] of layout.fields) field.write(writer, field.read(reader))
}

/** Canonical form (RFC 4034 §6.2, with RFC 6840 §5.1): what is signed, sorted and compared. */
export function canonicalRdata(type: number, rdata: Uint8Array): Uint8Array {
  const layout = LAYOUTS.get(type)
  return layout?.hasCanonical && rdata.length > 0 ? rewrite(layout, new Reader(rdata), true) : rdata
}

/** RDATA as the fields of its type. Throws WireError where it does not fit. */
export function readRdata<N extends TypeName>(mnemonic: N, rdata: Uint8Array): Rdata<N> {
  const reader = new Reader(rdata)
  const fields: Record<string, unknown> = {}
  for (const [key, field] of LAYOUTS.get(TYPES[mnemonic].code)!.fields) fields[key] = field.read(reader)
  if (reader.left > 0) throw new WireError(`${reader.left} octets after the last field`, reader.pos)
  return fields as Rdata<N>
}

/** The RDATA of a type's fields. */
export function makeRdata<N extends TypeName>(mnemonic: N, fields: Rdata<N>): Uint8Array {
  const writer = new Writer({ size: 64 })
  for (const [key, field] of LAYOUTS.get(TYPES[mnemonic].code)!.fields)
    field.write(writer, fields[key as keyof Rdata<N>])
  return writer.copy()
}

/** The RDATA that presentation tokens stand for, all of which it must take; `writer` may be lent by a caller with many. Throws TextError. */
export function parseRdata(type: number, tokens: Tokens, origin?: Name, writer = new Writer({ size: 64 })): Uint8Array {
  const layout = LAYOUTS.get(type)
  if (tokens.wordIf(text => text === '\\#') !== undefined) return parseGeneric(layout, tokens)
  if (!layout) throw new TextError(`data of ${typeName(type)} is known in the form "\\# length hexadecimal" only`)
  writer.pos = 0
  for (const [, field] of layout.fields) field.write(writer, field.parse(tokens, origin))
  if (tokens.more) throw new TextError(`"${tokens.next('').text}" is more than a ${typeName(type)} record takes`)
  return checkLength(writer.copy())
}

function checkLength(rdata: Uint8Array): Uint8Array {
  if (rdata.length > 0xffff) throw new TextError(`${rdata.length} octets of data, at most 65535 are allowed`)
  return rdata
}

/** RFC 3597 §5: \# length hexadecimal, for any type; what is known by its fields must fit them. */
function parseGeneric(layout: Layout | undefined, tokens: Tokens): Uint8Array {
  const length = parseNumber(tokens.word('a length'), 0xffff, 'a length')
  const rdata = tokens.more ? parseHex(tokens.rest('hexadecimal data')) : new Uint8Array()
  if (rdata.length !== length) throw new TextError(`${rdata.length} octets of data where the length is ${length}`)
  if (layout && !fits(layout, rdata)) throw new TextError('the data does not fit the format of its type')
  return rdata
}

function fits(layout: Layout, rdata: Uint8Array): boolean {
  try {
    // A compression pointer can't be inside data that stands alone; decompressing would change the length.
    return rewrite(layout, new Reader(rdata), false).length === rdata.length
  } catch (error) {
    if (error instanceof WireError) return false
    throw error
  }
}

/** The RDATA of text such as "10 mail.example."; relative names need an origin. Throws TextError. */
export function parseRdataText(type: number, text: string, origin?: Name): Uint8Array {
  return parseRdata(type, scanTokens(text), origin)
}

/** RDATA in presentation format; RFC 3597's where the type is not known or the data does not fit it. */
export function printRdata(type: number, rdata: Uint8Array): string {
  const layout = LAYOUTS.get(type)
  if (!layout || rdata.length === 0) return printGeneric(rdata)
  try {
    return printFields(layout, new Reader(rdata))
  } catch (error) {
    if (error instanceof WireError) return printGeneric(rdata)
    throw error
  }
}

function printFields({ fields }: Layout, reader: Reader): string {
  let text = ''
  for (const [, field] of fields) {
    const word = field.print(field.read(reader))
    // An empty list or key at the end prints as nothing.
    if (word !== '') text += text === '' ? word : ` ${word}`
  }
  if (reader.left > 0) throw new WireError(`${reader.left} octets after the last field`, reader.pos)
  return text
}

/** RFC 3597 §5. */
export function printGeneric(rdata: Uint8Array): string {
  return rdata.length === 0 ? '\\# 0' : `\\# ${rdata.length} ${printHex(rdata)}`
}

/** One line of a master file, without its end: owner, TTL, class, type, RDATA. */
export function printRecord(record: ResourceRecord): string {
  const { owner, ttl, type, rdata } = record
  return `${printName(owner)} ${ttl} ${className(record.class)} ${typeName(type)} ${printRdata(type, rdata)}`
}

/** The name that RDATA points to (NS, MX, SRV, CNAME, PTR, DNAME, SVCB, HTTPS, …), or undefined where its type has none. */
export function targetOf(type: number, rdata: Uint8Array): Name | undefined {
  const layout = LAYOUTS.get(type)
  if (layout?.target === undefined) return undefined
  const reader = new Reader(rdata)
  for (const [key, field] of layout.fields) {
    const value = field.read(reader)
    if (key === layout.target) return value as Name
  }
  return undefined
}
