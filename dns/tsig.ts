/** Transaction signatures of requests and their responses, RFC 8945. Limitations: GSS-TSIG and TKEY are not supported. */

import type { KeyObject } from 'node:crypto'
import { BADSIG, Rcode } from './codes.ts'
import type { Message } from './message.ts'
import { equalNames, type Name } from './name.ts'
import {
  appendTsig,
  chained,
  checkMacLength,
  computeMac,
  macMatches,
  readTsig,
  signedOctets,
  TSIG_ALGORITHMS,
  type TsigKey,
  type TsigRdata,
  tsigOf,
  unsignedTsig,
  variables,
} from './tsig-record.ts'
import { Writer } from './wire.ts'

/** The most that is granted, whatever a signer asks for: for as long a recorded request could be repeated after a restart. */
const MOST_FUDGE = 3600

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

/** How many octets `signResponse` adds for this key (six more for BADTIME): to be kept free under a size limit. */
export function tsigOverhead(key: TsigKey): number {
  const { name, length } = TSIG_ALGORITHMS[key.algorithm]
  return key.name.length + 10 + name.length + 10 + length + 6
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
