/** Transaction signatures, RFC 8945. Limitations: GSS-TSIG and TKEY are not supported. */

import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto'
import { BADSIG, Class, Rcode } from './codes.ts'
import { WireError } from './errors.ts'
import { type Message, TSIG } from './message.ts'
import { equalNames, lowerName, type Name, parseName } from './name.ts'
import { copyOctets } from './octets.ts'
import { Reader, Writer } from './wire.ts'

/** Algorithm names on the wire and their full MAC lengths in octets (RFC 8945 §6). */
export const TSIG_ALGORITHMS = {
  'hmac-md5': { name: parseName('hmac-md5.sig-alg.reg.int.'), hash: 'md5', length: 16 },
  'hmac-sha1': { name: parseName('hmac-sha1.'), hash: 'sha1', length: 20 },
  'hmac-sha224': { name: parseName('hmac-sha224.'), hash: 'sha224', length: 28 },
  'hmac-sha256': { name: parseName('hmac-sha256.'), hash: 'sha256', length: 32 },
  'hmac-sha384': { name: parseName('hmac-sha384.'), hash: 'sha384', length: 48 },
  'hmac-sha512': { name: parseName('hmac-sha512.'), hash: 'sha512', length: 64 },
} as const
export type TsigAlgorithm = keyof typeof TSIG_ALGORITHMS

/** RFC 8945 §10 recommends 300 seconds. */
const FUDGE = 300
/** The most that is granted, whatever a signer asks for: for as long a recorded request could be repeated after a restart. */
const MOST_FUDGE = 3600

/** A shared key. The first secret signs; any is accepted, so that a secret can be rotated without a gap. */
export interface TsigKey {
  name: Name
  algorithm: TsigAlgorithm
  secrets: readonly KeyObject[]
}

/** A key from raw secrets. KeyObjects sign several times faster than raw octets do. */
export function tsigKey(name: Name, algorithm: TsigAlgorithm, secrets: readonly Uint8Array[]): TsigKey {
  return { name, algorithm, secrets: secrets.map(secret => createSecretKey(secret)) }
}

/** What signs an answer: the key and secret that the request was signed with, and its MAC (RFC 8945 §5.3.1). */
export interface TsigContext {
  key: TsigKey
  secret: KeyObject
  requestMac: Uint8Array
  /** The request's Time Signed, seconds; echoed in a BADTIME answer. */
  timeSigned: number
}

/** The errors that a TSIG's error field can carry (RFC 8945 §3). */
export const TsigErrorCode = {
  BADSIG,
  BADKEY: Rcode.BADKEY,
  BADTIME: Rcode.BADTIME,
  BADTRUNC: Rcode.BADTRUNC,
} as const
export type TsigErrorCode = (typeof TsigErrorCode)[keyof typeof TsigErrorCode]

export type TsigVerdict =
  | {
      kind: 'valid'
      context: TsigContext /** 0 for the secret that signs, more for one being rotated out. */
      secretIndex: number
    }
  | {
      kind: 'invalid'
      error: TsigErrorCode
      /** For the log: what exactly did not hold. */
      reason: string
      /** Present where the answer must be signed: BADTIME and BADTRUNC (RFC 8945 §5.3.2). */
      context?: TsigContext
      received: TsigRdata
      keyName: Name
    }

/** TSIG RDATA (RFC 8945 §4.2). Times are seconds since 1970. */
export interface TsigRdata {
  algorithm: Name
  timeSigned: number
  fudge: number
  mac: Uint8Array
  originalId: number
  error: number
  other: Uint8Array
}

/** Reads TSIG RDATA; throws WireError. */
export function readTsig(rdata: Uint8Array): TsigRdata {
  const reader = new Reader(rdata)
  const algorithm = reader.name()
  const timeSigned = reader.u48()
  const fudge = reader.u16()
  const mac = reader.bytes(reader.u16())
  const originalId = reader.u16()
  const error = reader.u16()
  const other = reader.bytes(reader.u16())
  if (reader.left > 0) throw new WireError('octets after a TSIG', reader.pos)
  return { algorithm, timeSigned, fudge, mac, originalId, error, other }
}

/**
 * Checks the TSIG of a request in the order of RFC 8945 §5.2: key, MAC, time, truncation.
 * @param wire the message as received; `message` is its parsed form, which must have a `tsig`
 * @param find the key of a name, or undefined
 * @param now seconds since 1970
 * @throws WireError where the TSIG itself is malformed (answered FORMERR)
 */
export function verifyRequest(
  wire: Uint8Array,
  message: Message,
  find: (name: Name) => TsigKey | undefined,
  now: number,
): TsigVerdict {
  const { record, offset } = tsigOf(message)
  const received = readTsig(record.rdata)
  const keyName = record.owner
  const invalid = (error: TsigErrorCode, reason: string, context?: TsigContext): TsigVerdict => ({
    kind: 'invalid',
    error,
    reason,
    received,
    keyName,
    ...(context && { context }),
  })
  // RFC 8945 §5.2.1: an unknown key or algorithm.
  const key = find(keyName)
  if (!key) return invalid(TsigErrorCode.BADKEY, 'no key of this name is configured')
  const algorithm = TSIG_ALGORITHMS[key.algorithm]
  if (!equalNames(received.algorithm, algorithm.name))
    return invalid(
      TsigErrorCode.BADKEY,
      `the key is configured for ${key.algorithm}, the request used another algorithm`,
    )
  checkMacLength(received.mac, algorithm.length, offset)
  const parts = [signedOctets(wire, offset, received.originalId), variables(keyName, received)]
  const secretIndex = key.secrets.findIndex(secret => macMatches(key.algorithm, secret, parts, received.mac))
  if (secretIndex < 0)
    return invalid(TsigErrorCode.BADSIG, 'the MAC does not verify: another secret, or an altered message')
  const context: TsigContext = {
    key,
    secret: key.secrets[secretIndex]!,
    requestMac: received.mac,
    timeSigned: received.timeSigned,
  }
  // RFC 8945 §5.2.3. Differs from it: "Time Signed earlier than the last" is not refused, for several pods share one key.
  const skew = Math.abs(now - received.timeSigned)
  const allowed = Math.min(received.fudge, MOST_FUDGE)
  if (skew > allowed)
    return invalid(TsigErrorCode.BADTIME, `the clocks are ${skew} seconds apart, ${allowed} are allowed`, context)
  // RFC 8945 §5.2.2.1 leaves the shortest MAC to local policy: ours is the whole.
  if (received.mac.length < algorithm.length)
    return invalid(TsigErrorCode.BADTRUNC, `the MAC is truncated to ${received.mac.length} octets`, context)
  return { kind: 'valid', context, secretIndex }
}

function tsigOf(message: Message): { record: { owner: Name; rdata: Uint8Array }; offset: number } {
  const { tsig } = message
  if (!tsig) throw new Error('the message has no TSIG')
  // RFC 8945 §4.2: class ANY, TTL 0.
  if (tsig.record.class !== Class.ANY || tsig.record.ttl !== 0)
    throw new WireError('a TSIG whose class is not ANY or whose TTL is not 0', tsig.offset)
  return tsig
}

/** RFC 8945 §5.2.2.1: longer than the hash, shorter than ten octets or than half of it, is a format error. */
function checkMacLength(mac: Uint8Array, full: number, offset: number): void {
  if (mac.length > full || mac.length < Math.max(10, full / 2))
    throw new WireError(`a TSIG MAC of ${mac.length} octets`, offset)
}

function macMatches(
  algorithm: TsigAlgorithm,
  secret: KeyObject,
  parts: readonly Uint8Array[],
  mac: Uint8Array,
): boolean {
  return timingSafeEqual(computeMac(algorithm, secret, parts).subarray(0, mac.length), mac)
}

function computeMac(algorithm: TsigAlgorithm, secret: KeyObject, parts: readonly Uint8Array[]): Uint8Array {
  const hmac = createHmac(TSIG_ALGORITHMS[algorithm].hash, secret)
  for (const part of parts) hmac.update(part)
  return hmac.digest()
}

/** The message as it was before its TSIG was added: original ID, ARCOUNT one less (RFC 8945 §4.3.2). */
function signedOctets(wire: Uint8Array, tsigOffset: number, originalId: number): Uint8Array {
  const octets = copyOctets(wire, 0, tsigOffset)
  const additional = ((octets[10]! << 8) | octets[11]!) - 1
  octets[0] = originalId >>> 8
  octets[1] = originalId
  octets[10] = additional >>> 8
  octets[11] = additional
  return octets
}

/** RFC 8945 §4.3.3, names in canonical form. */
function variables(keyName: Name, tsig: TsigRdata): Uint8Array {
  const writer = new Writer({ size: 128 })
  writer.bytes(lowerName(keyName))
  writer.u16(Class.ANY)
  writer.u32(0)
  writer.bytes(lowerName(tsig.algorithm))
  writer.u48(tsig.timeSigned)
  writer.u16(tsig.fudge)
  writer.u16(tsig.error)
  writer.u16(tsig.other.length)
  writer.bytes(tsig.other)
  return writer.done()
}

/** RFC 8945 §5.3.1: later messages of a stream cover the timers only. */
function timers(tsig: TsigRdata): Uint8Array {
  const writer = new Writer({ size: 8 })
  writer.u48(tsig.timeSigned)
  writer.u16(tsig.fudge)
  return writer.done()
}

/** A MAC preceded by its length, as it enters the next MAC (RFC 8945 §4.3.1). */
function chained(mac: Uint8Array): Uint8Array {
  const octets = new Uint8Array(mac.length + 2)
  octets[0] = mac.length >>> 8
  octets[1] = mac.length
  octets.set(mac, 2)
  return octets
}

function appendTsig(wire: Uint8Array, keyName: Name, tsig: TsigRdata): Uint8Array {
  const writer = new Writer({
    size: wire.length + keyName.length + tsig.algorithm.length + tsig.mac.length + tsig.other.length + 32,
  })
  writer.bytes(wire)
  writer.patchU16(10, ((wire[10]! << 8) | wire[11]!) + 1)
  writer.bytes(keyName)
  writer.u16(TSIG)
  writer.u16(Class.ANY)
  writer.u32(0)
  const at = writer.pos
  writer.u16(0)
  writer.bytes(tsig.algorithm)
  writer.u48(tsig.timeSigned)
  writer.u16(tsig.fudge)
  writer.u16(tsig.mac.length)
  writer.bytes(tsig.mac)
  writer.u16(tsig.originalId)
  writer.u16(tsig.error)
  writer.u16(tsig.other.length)
  writer.bytes(tsig.other)
  writer.patchU16(at, writer.pos - at - 2)
  return writer.done()
}

/** How many octets `signResponse` adds for this key (six more for BADTIME): to be kept free under a size limit. */
export function tsigOverhead(key: TsigKey): number {
  const { name, length } = TSIG_ALGORITHMS[key.algorithm]
  return key.name.length + 10 + name.length + 10 + length + 6
}

function unsignedTsig(key: TsigKey, wire: Uint8Array, now: number): TsigRdata {
  return {
    algorithm: TSIG_ALGORITHMS[key.algorithm].name,
    timeSigned: now,
    fudge: FUDGE,
    mac: new Uint8Array(0),
    originalId: (wire[0]! << 8) | wire[1]!,
    error: 0,
    other: new Uint8Array(0),
  }
}

/** A request with its TSIG, and what is needed to verify the answers. `now` in seconds. */
export function signRequest(wire: Uint8Array, key: TsigKey, now: number): { wire: Uint8Array; context: TsigContext } {
  const tsig = unsignedTsig(key, wire, now)
  const secret = key.secrets[0]!
  tsig.mac = computeMac(key.algorithm, secret, [wire, variables(key.name, tsig)])
  return { wire: appendTsig(wire, key.name, tsig), context: { key, secret, requestMac: tsig.mac, timeSigned: now } }
}

/** A response with its TSIG (RFC 8945 §5.3). With `error` BADTIME it carries our time and echoes the request's (§5.2.3). */
export function signResponse(
  wire: Uint8Array,
  context: TsigContext,
  now: number,
  error: TsigErrorCode | 0 = 0,
): Uint8Array {
  const tsig = unsignedTsig(context.key, wire, now)
  tsig.error = error
  if (error === TsigErrorCode.BADTIME) {
    tsig.timeSigned = context.timeSigned
    tsig.other = serverTime(now)
  }
  const parts = [chained(context.requestMac), wire, variables(context.key.name, tsig)]
  tsig.mac = computeMac(context.key.algorithm, context.secret, parts)
  return appendTsig(wire, context.key.name, tsig)
}

function serverTime(now: number): Uint8Array {
  const writer = new Writer({ size: 6 })
  writer.u48(now)
  return writer.done()
}

/** The answer to an invalid TSIG: signed where RFC 8945 §5.3.2 asks for it, else with an empty MAC. `wire` has RCODE NOTAUTH. */
export function respondInvalid(wire: Uint8Array, verdict: TsigVerdict & { kind: 'invalid' }, now: number): Uint8Array {
  if (verdict.context) return signResponse(wire, verdict.context, now, verdict.error)
  const tsig: TsigRdata = {
    ...verdict.received,
    mac: new Uint8Array(0),
    other: new Uint8Array(0),
    error: verdict.error,
    originalId: (wire[0]! << 8) | wire[1]!,
  }
  return appendTsig(wire, verdict.keyName, tsig)
}

/** Signs each message of a transfer (RFC 8945 §5.3.1): the first as a response, later ones over the previous MAC and the timers. */
export function createStreamSigner(context: TsigContext): (wire: Uint8Array, now: number) => Uint8Array {
  let previous = context.requestMac
  let first = true
  return (wire, now) => {
    const tsig = unsignedTsig(context.key, wire, now)
    const last = first ? variables(context.key.name, tsig) : timers(tsig)
    tsig.mac = computeMac(context.key.algorithm, context.secret, [chained(previous), wire, last])
    previous = tsig.mac
    first = false
    return appendTsig(wire, context.key.name, tsig)
  }
}

/** RFC 8945 §5.3.1: at most 99 messages of a stream may lie between two signed ones. */
const MAX_UNSIGNED = 99

/**
 * Verifies the answers to a signed request in order: a single response, or the messages of a transfer. The returned function throws
 * TsigError on the first that does not verify; `end` throws where the last message was unsigned.
 */
export function createStreamVerifier(context: TsigContext): {
  check(wire: Uint8Array, message: Message, now: number): void
  end(): void
} {
  let previous = context.requestMac
  let first = true
  let pending: Uint8Array[] = []
  const check = (wire: Uint8Array, message: Message, now: number): void => {
    if (!message.tsig) {
      if (first) throw new TsigError('the answer is not signed')
      if (pending.push(copyOctets(wire)) > MAX_UNSIGNED)
        throw new TsigError('more than 99 messages without a signature')
      return
    }
    const { record, offset } = tsigOf(message)
    const received = readTsig(record.rdata)
    if (received.error !== 0 && received.mac.length === 0)
      throw new TsigError('the peer did not accept our signature', received.error)
    const { key, secret } = context
    if (!equalNames(record.owner, key.name) || !equalNames(received.algorithm, TSIG_ALGORITHMS[key.algorithm].name))
      throw new TsigError('the answer is signed with another key or algorithm')
    checkMacLength(received.mac, TSIG_ALGORITHMS[key.algorithm].length, offset)
    const last = first ? variables(record.owner, received) : timers(received)
    const parts = [chained(previous), ...pending, signedOctets(wire, offset, received.originalId), last]
    if (!macMatches(key.algorithm, secret, parts, received.mac))
      throw new TsigError('the MAC of the answer does not verify', BADSIG)
    if (received.error !== 0) throw new TsigError('the peer refused our signature', received.error)
    if (Math.abs(now - received.timeSigned) > received.fudge)
      throw new TsigError('the answer was signed too long ago or in the future', TsigErrorCode.BADTIME)
    previous = received.mac
    first = false
    pending = []
  }
  const end = (): void => {
    if (pending.length > 0) throw new TsigError('the last message of the stream is not signed')
  }
  return { check, end }
}

/** An answer whose signature does not hold, or a peer that did not accept ours. */
export class TsigError extends Error {
  override name = 'TsigError'
  readonly code = 'tsig'
  /** The peer's TSIG error field, or ours; 0 where none fits. */
  readonly error: number
  constructor(message: string, error = 0) {
    super(message)
    this.error = error
  }
}
