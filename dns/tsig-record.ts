/** The TSIG record (RFC 8945 §4.2) and the octets that its MAC covers (§4.3). Who signs and verifies what is in `tsig.ts` and `tsig-stream.ts`. */

import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto'
import { Class } from './codes.ts'
import { WireError } from './errors.ts'
import { type Message, TSIG } from './message.ts'
import { lowerName, type Name, parseName } from './name.ts'
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

/** Where the TSIG of a parsed message lies; WireError where its class or TTL is not what RFC 8945 §4.2 says. */
export function tsigOf(message: Message): { record: { owner: Name; rdata: Uint8Array }; offset: number } {
  const { tsig } = message
  if (!tsig) throw new Error('the message has no TSIG')
  // RFC 8945 §4.2: class ANY, TTL 0.
  if (tsig.record.class !== Class.ANY || tsig.record.ttl !== 0)
    throw new WireError('a TSIG whose class is not ANY or whose TTL is not 0', tsig.offset)
  return tsig
}

/** RFC 8945 §5.2.2.1: longer than the hash, shorter than ten octets or than half of it, is a format error. */
export function checkMacLength(mac: Uint8Array, full: number, offset: number): void {
  if (mac.length > full || mac.length < Math.max(10, full / 2))
    throw new WireError(`a TSIG MAC of ${mac.length} octets`, offset)
}

/** Whether a MAC, or as much as there is of it, is that of these octets, compared in constant time. */
export function macMatches(
  algorithm: TsigAlgorithm,
  secret: KeyObject,
  parts: readonly Uint8Array[],
  mac: Uint8Array,
): boolean {
  return timingSafeEqual(computeMac(algorithm, secret, parts).subarray(0, mac.length), mac)
}

/** The whole MAC of these octets, one after another. */
export function computeMac(algorithm: TsigAlgorithm, secret: KeyObject, parts: readonly Uint8Array[]): Uint8Array {
  const hmac = createHmac(TSIG_ALGORITHMS[algorithm].hash, secret)
  for (const part of parts) hmac.update(part)
  return hmac.digest()
}

/** The message as it was before its TSIG was added: original ID, ARCOUNT one less (RFC 8945 §4.3.2). */
export function signedOctets(wire: Uint8Array, tsigOffset: number, originalId: number): Uint8Array {
  const octets = copyOctets(wire, 0, tsigOffset)
  const additional = ((octets[10]! << 8) | octets[11]!) - 1
  octets[0] = originalId >>> 8
  octets[1] = originalId
  octets[10] = additional >>> 8
  octets[11] = additional
  return octets
}

/** RFC 8945 §4.3.3, names in canonical form. */
export function variables(keyName: Name, tsig: TsigRdata): Uint8Array {
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
export function timers(tsig: TsigRdata): Uint8Array {
  const writer = new Writer({ size: 8 })
  writer.u48(tsig.timeSigned)
  writer.u16(tsig.fudge)
  return writer.done()
}

/** A MAC preceded by its length, as it enters the next MAC (RFC 8945 §4.3.1). */
export function chained(mac: Uint8Array): Uint8Array {
  const octets = new Uint8Array(mac.length + 2)
  octets[0] = mac.length >>> 8
  octets[1] = mac.length
  octets.set(mac, 2)
  return octets
}

/** The message with this TSIG as its last record (RFC 8945 §5.1). */
export function appendTsig(wire: Uint8Array, keyName: Name, tsig: TsigRdata): Uint8Array {
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

/** The TSIG of a message that is about to be signed, its MAC still empty. `now` in seconds. */
export function unsignedTsig(key: TsigKey, wire: Uint8Array, now: number): TsigRdata {
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
