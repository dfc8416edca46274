import siphash from 'siphash'
import type { Query } from '../../dns/query.ts'

/** Octets of a client cookie (RFC 7873 §4.1), of our server cookie (RFC 9018 §4), and of both. */
export const CLIENT_COOKIE = 8
const SERVER = 16
export const COOKIE = CLIENT_COOKIE + SERVER
/** RFC 7873 §4.2: a server cookie has 8 to 32 octets. */
const SHORTEST = CLIENT_COOKIE + 8
const LONGEST = CLIENT_COOKIE + 32

/** RFC 9018 §4.1: the version, where the timestamp lies, and where the hash. */
const VERSION = 1
const TIMESTAMP_AT = CLIENT_COOKIE + 4
const HASH_AT = CLIENT_COOKIE + 8

/** RFC 9018 §4.3: how long a cookie is good, how far its time may lie ahead, and when a new one is given instead. Seconds. */
const LIFETIME = 3600
const AHEAD = 300
const RENEWAL = 1800

/** No secret of ours has made the cookie, or it is too old. */
const UNKNOWN = -1

/** A slot of the memory: the address' length, the address, the whole cookie. */
const SLOT = 48
const SLOT_ADDRESS = 1
const SLOT_COOKIE = 20
const SLOTS = 4096

/** Whether the data of a COOKIE option has a length that it may have (RFC 7873 §5.2.2). */
export function isCookie(length: number): boolean {
  return length === CLIENT_COOKIE || (length >= SHORTEST && length <= LONGEST)
}

/**
 * Makes and checks server cookies that every server with the same secret understands (RFC 9018). SipHash costs as much as all else that is
 * done for a query, so the cookies of the clients that were seen last are remembered, in memory of fixed size.
 */
export class Cookies {
  /** The whole cookie for the client that was looked at last. */
  readonly made = new Uint8Array(COOKIE)
  private readonly memory = new Uint8Array(SLOTS * SLOT)
  /** What is hashed: client cookie, version, reserved, timestamp, address (RFC 9018 §4.4), for each family. */
  private readonly inputs = { 4: new Uint8Array(20), 16: new Uint8Array(32) }
  private secrets: readonly Uint32Array[] = []
  private readonly seed: number

  /** @param seed unpredictable, so that nobody can choose cookies that meet in one slot */
  constructor(seed: number) {
    this.seed = seed | 0
  }

  /** Takes other secrets: the first makes cookies, any of them checks (RFC 9018 §5). */
  useSecrets(secrets: readonly Uint8Array[]): void {
    this.secrets = secrets.map(secret => Uint32Array.from({ length: 4 }, (_, i) => u32le(secret, 4 * i)))
    this.memory.fill(0)
  }

  /**
   * Puts the cookie for the client into `made`; true where the query has a server cookie of ours for its address.
   * @param now seconds since 1970
   */
  check(query: Query, address: Uint8Array, now: number): boolean {
    const { cookieBuf, cookieAt, cookieLength } = query
    const slot = this.slotOf(cookieBuf, cookieAt, address)
    const known = this.recall(slot, cookieBuf, cookieAt, address)
    const secret = cookieLength === COOKIE ? this.verify(slot, known, cookieBuf, cookieAt, address, now) : UNKNOWN
    // RFC 9018 §5: only the first secret makes cookies, also in place of those that an older one has made.
    if (secret === 0 && isYoung(cookieBuf, cookieAt, now)) this.take(cookieBuf, cookieAt)
    else if (known && isYoung(this.memory, slot + SLOT_COOKIE, now)) this.take(this.memory, slot + SLOT_COOKIE)
    else this.make(cookieBuf, cookieAt, address, now)
    this.remember(slot, address)
    return secret !== UNKNOWN
  }

  private slotOf(buf: Uint8Array, at: number, address: Uint8Array): number {
    let sum = this.seed
    for (let i = 0; i < CLIENT_COOKIE; i++) sum = Math.imul(sum ^ buf[at + i]!, 0x01000193)
    for (let i = 0; i < address.length; i++) sum = Math.imul(sum ^ address[i]!, 0x01000193)
    sum = Math.imul(sum ^ (sum >>> 15), 0x2c1b3c6d)
    return ((sum ^ (sum >>> 13)) & (SLOTS - 1)) * SLOT
  }

  /** Whether the slot is of this client. */
  private recall(slot: number, buf: Uint8Array, at: number, address: Uint8Array): boolean {
    const { memory } = this
    if (memory[slot] !== address.length) return false
    for (let i = 0; i < address.length; i++) if (memory[slot + SLOT_ADDRESS + i] !== address[i]) return false
    for (let i = 0; i < CLIENT_COOKIE; i++) if (memory[slot + SLOT_COOKIE + i] !== buf[at + i]) return false
    return true
  }

  private remember(slot: number, address: Uint8Array): void {
    this.memory[slot] = address.length
    for (let i = 0; i < address.length; i++) this.memory[slot + SLOT_ADDRESS + i] = address[i]!
    for (let i = 0; i < COOKIE; i++) this.memory[slot + SLOT_COOKIE + i] = this.made[i]!
  }

  /** The number of the secret that made the server cookie. */
  private verify(slot: number, known: boolean, buf: Uint8Array, at: number, address: Uint8Array, now: number): number {
    // RFC 9018 §4.3: times are compared by serial number arithmetic.
    const age = (now - u32(buf, at + TIMESTAMP_AT)) | 0
    if (buf[at + CLIENT_COOKIE] !== VERSION || age > LIFETIME || age < -AHEAD) return UNKNOWN
    if (known && sameOctets(this.memory, slot + SLOT_COOKIE, buf, at, COOKIE)) return 0
    for (let i = 0; i < this.secrets.length; i++) {
      const { h, l } = this.hash(this.secrets[i]!, buf, at, address)
      if (u32le(buf, at + HASH_AT) === l >>> 0 && u32le(buf, at + HASH_AT + 4) === h >>> 0) return i
    }
    return UNKNOWN
  }

  private make(buf: Uint8Array, at: number, address: Uint8Array, now: number): void {
    const { made } = this
    for (let i = 0; i < CLIENT_COOKIE; i++) made[i] = buf[at + i]!
    made[CLIENT_COOKIE] = VERSION
    // RFC 9018 §4.2: reserved, and 0.
    made.fill(0, CLIENT_COOKIE + 1, TIMESTAMP_AT)
    made[TIMESTAMP_AT] = now >>> 24
    made[TIMESTAMP_AT + 1] = now >>> 16
    made[TIMESTAMP_AT + 2] = now >>> 8
    made[TIMESTAMP_AT + 3] = now
    const { h, l } = this.hash(this.secrets[0]!, made, 0, address)
    for (let i = 0; i < 4; i++) {
      made[HASH_AT + i] = l >>> (8 * i)
      made[HASH_AT + 4 + i] = h >>> (8 * i)
    }
  }

  private take(cookie: Uint8Array, at: number): void {
    for (let i = 0; i < COOKIE; i++) this.made[i] = cookie[at + i]!
  }

  /** RFC 9018 §4.4. */
  private hash(secret: Uint32Array, cookie: Uint8Array, at: number, address: Uint8Array): { h: number; l: number } {
    const input = this.inputs[address.length as 4 | 16]
    for (let i = 0; i < HASH_AT; i++) input[i] = cookie[at + i]!
    for (let i = 0; i < address.length; i++) input[HASH_AT + i] = address[i]!
    return siphash.hash(secret, input)
  }
}

function isYoung(cookie: Uint8Array, at: number, now: number): boolean {
  const age = (now - u32(cookie, at + TIMESTAMP_AT)) | 0
  return age <= RENEWAL && age >= -AHEAD
}

function sameOctets(a: Uint8Array, at: number, b: Uint8Array, bAt: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (a[at + i] !== b[bAt + i]) return false
  return true
}

function u32(octets: Uint8Array, at: number): number {
  return ((octets[at]! << 24) | (octets[at + 1]! << 16) | (octets[at + 2]! << 8) | octets[at + 3]!) >>> 0
}

function u32le(octets: Uint8Array, at: number): number {
  return ((octets[at + 3]! << 24) | (octets[at + 2]! << 16) | (octets[at + 1]! << 8) | octets[at]!) >>> 0
}
