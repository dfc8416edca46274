/** Transaction signatures of responses that may be many messages: transfers (RFC 8945 §5.3.1). */

import { BADSIG } from './codes.ts'
import type { Message } from './message.ts'
import { equalNames } from './name.ts'
import { copyOctets } from './octets.ts'
import { type TsigContext, TsigErrorCode } from './tsig.ts'
import {
  appendTsig,
  chained,
  checkMacLength,
  computeMac,
  macMatches,
  readTsig,
  signedOctets,
  TSIG_ALGORITHMS,
  timers,
  tsigOf,
  unsignedTsig,
  variables,
} from './tsig-record.ts'

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
