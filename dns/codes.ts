/** Response codes: IANA "DNS RCODEs" (RFC 1035 §4.1.1, RFC 2136 §2.2, RFC 6891 §9, RFC 8945 §3, RFC 7873 §8). */
export const Rcode = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  YXDOMAIN: 6,
  YXRRSET: 7,
  NXRRSET: 8,
  NOTAUTH: 9,
  NOTZONE: 10,
  BADVERS: 16,
  BADKEY: 17,
  BADTIME: 18,
  BADMODE: 19,
  BADNAME: 20,
  BADALG: 21,
  BADTRUNC: 22,
  BADCOOKIE: 23,
} as const
export type Rcode = (typeof Rcode)[keyof typeof Rcode]

/** BADSIG shares its value with BADVERS; it occurs only in a TSIG's error field (RFC 8945 §3). */
export const BADSIG = 16

const RCODE_NAMES = new Map<number, string>(Object.entries(Rcode).map(([name, code]) => [code, name]))

/** "NXDOMAIN", or "RCODE77" for an unassigned one. */
export function rcodeName(code: number): string {
  return RCODE_NAMES.get(code) ?? `RCODE${code}`
}

/** RFC 1035 §4.1.1, RFC 1996 §3.12, RFC 2136 §2.2. */
export const Opcode = { QUERY: 0, STATUS: 2, NOTIFY: 4, UPDATE: 5 } as const
export type Opcode = (typeof Opcode)[keyof typeof Opcode]

const OPCODE_NAMES = new Map<number, string>(Object.entries(Opcode).map(([name, code]) => [code, name]))

/** "UPDATE", or "OPCODE9" for an unassigned one. */
export function opcodeName(code: number): string {
  return OPCODE_NAMES.get(code) ?? `OPCODE${code}`
}

/** RFC 1035 §3.2.4, RFC 2136 §2.4. */
export const Class = { IN: 1, CH: 3, HS: 4, NONE: 254, ANY: 255 } as const

const CLASS_NAMES = new Map<number, string>(Object.entries(Class).map(([name, code]) => [code, name]))

/** "IN", or "CLASS77" (RFC 3597 §5). */
export function className(code: number): string {
  return CLASS_NAMES.get(code) ?? `CLASS${code}`
}

/** The class a presentation token names, or undefined where it names none. */
export function classCode(token: string): number | undefined {
  const upper = token.toUpperCase()
  if (upper in Class) return Class[upper as keyof typeof Class]
  const generic = /^CLASS(\d{1,5})$/.exec(upper)
  return generic && Number(generic[1]) <= 0xffff ? Number(generic[1]) : undefined
}

/** Header flag bits as they lie in the second 16-bit word (RFC 1035 §4.1.1, RFC 4035 §3). */
export const Flag = { QR: 0x8000, AA: 0x0400, TC: 0x0200, RD: 0x0100, RA: 0x0080, AD: 0x0020, CD: 0x0010 } as const

/** EDNS option codes (RFC 6891 §6.1.2): IANA "DNS EDNS0 Option Codes". */
export const OptionCode = {
  NSID: 3,
  ECS: 8,
  EXPIRE: 9,
  COOKIE: 10,
  KEEPALIVE: 11,
  PADDING: 12,
  CHAIN: 13,
  KEY_TAG: 14,
  EDE: 15,
  /** Ours, from the range for private use (RFC 6891 §9): which daemons have sent a question on. */
  HOPS: 65353,
} as const

/** Extended DNS Error INFO-CODEs (RFC 8914 §4). */
export const Ede = {
  OTHER: 0,
  UNSUPPORTED_DNSKEY_ALGORITHM: 1,
  UNSUPPORTED_DS_DIGEST: 2,
  STALE_ANSWER: 3,
  FORGED_ANSWER: 4,
  DNSSEC_INDETERMINATE: 5,
  DNSSEC_BOGUS: 6,
  SIGNATURE_EXPIRED: 7,
  SIGNATURE_NOT_YET_VALID: 8,
  DNSKEY_MISSING: 9,
  RRSIGS_MISSING: 10,
  NO_ZONE_KEY_BIT: 11,
  NSEC_MISSING: 12,
  CACHED_ERROR: 13,
  NOT_READY: 14,
  BLOCKED: 15,
  CENSORED: 16,
  FILTERED: 17,
  PROHIBITED: 18,
  STALE_NXDOMAIN: 19,
  NOT_AUTHORITATIVE: 20,
  NOT_SUPPORTED: 21,
  NO_REACHABLE_AUTHORITY: 22,
  NETWORK_ERROR: 23,
  INVALID_DATA: 24,
  SIGNATURE_EXPIRED_BEFORE_VALID: 25,
  UNSUPPORTED_NSEC3_ITERATIONS: 27,
} as const
