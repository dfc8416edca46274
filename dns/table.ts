import { ipv4, ipv6 } from './address.ts'
import { addressPrefixes } from './apl.ts'
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
import { svcParams } from './svcb.ts'
import { typeBitmap } from './typebitmap.ts'

// biome-ignore lint/suspicious/noExplicitAny: a row's fields have types of their own.
export type AnyField = Field<any>

export interface TypeRow {
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
  PX: {
    code: 26,
    rfc: 'RFC 2163 §4',
    fields: { preference: u16, map822: loweredName, mapX400: loweredName },
    onlyIn: true,
  },
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
  // For private use (RFC 6895 §3.1), with the code that PowerDNS has chosen: never sent to be understood by anybody.
  ALIAS: { code: 65401, rfc: 'private', fields: { target: plainName } },
} as const satisfies Record<string, TypeRow>

/** Types that are never stored: queries' own, and those that describe a message (RFC 6895 §3.1). */
const META = { OPT: 41, TKEY: 249, TSIG: 250, IXFR: 251, AXFR: 252, MAILB: 253, MAILA: 254, ANY: 255 } as const

/** Mnemonics of the registry that other programs print; we understand them, and print TYPE1234. */
const OTHERS = {
  NULL: 10,
  WKS: 11,
  X25: 19,
  ISDN: 20,
  NSAP: 22,
  'NSAP-PTR': 23,
  SIG: 24,
  KEY: 25,
  GPOS: 27,
  NXT: 30,
  EID: 31,
  NIMLOC: 32,
  ATMA: 34,
  A6: 38,
  SINK: 40,
  HIP: 55,
  NINFO: 56,
  RKEY: 57,
  TALINK: 58,
  DSYNC: 66,
  UINFO: 100,
  UID: 101,
  GID: 102,
  UNSPEC: 103,
  NID: 104,
  L32: 105,
  L64: 106,
  LP: 107,
  NXNAME: 128,
  AVC: 258,
  DOA: 259,
  AMTRELAY: 260,
  RESINFO: 261,
  WALLET: 262,
  TA: 32768,
  DLV: 32769,
}

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

const NAMES = new Map<number, string>(Object.entries(Type).map(([mnemonic, code]) => [code, mnemonic]))
const CODES = new Map<string, number>([...Object.entries(OTHERS), ...Object.entries(Type)])

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
