import type { Clock } from '../../host/clock.ts'
import type { Random } from '../../host/random.ts'
import type { Challenge } from '../challenges/challenge.ts'
import type { Subject } from '../permission/subjects.ts'
import type { NewRow } from '../store/schema.ts'

/** An authorization that is about to be stored, with its challenges. */
export interface NewAuthorization {
  authorization: NewRow<'acme_authorizations'>
  challenges: NewRow<'acme_challenges'>[]
}

/** A pending authorization of the account for the subject, with every challenge that could prove it (RFC 8555 §7.1.4). */
export function newAuthorization(
  { identifier, wildcard }: Subject,
  {
    account,
    challenges,
    clock,
    random,
    expiresAt,
  }: {
    account: string
    challenges: readonly Challenge[]
    clock: Clock
    random: Random
    expiresAt: number
  },
): NewAuthorization {
  const id = rowId(clock, random)
  const type = identifier.type as 'dns' | 'ip'
  const fitting = challenges.filter(challenge => challenge.appliesTo({ identifier, wildcard }))
  return {
    authorization: {
      id,
      account,
      type,
      value: identifier.value,
      wildcard: wildcard ? 1 : 0,
      status: 'pending',
      expires_at: expiresAt,
    },
    // RFC 8555 §8.3, §8.4: a token has at least 128 bits; these have 256.
    challenges: fitting.map(challenge => ({
      id: rowId(clock, random),
      authorization: id,
      type: challenge.type,
      token: token(random, 32),
      status: 'pending',
    })),
  }
}

/** Unpredictable base64url text of so many octets. */
export function token(random: Random, size: number): string {
  return Buffer.from(random.bytes(size)).toString('base64url')
}

/** Digits that the time needs until the year 2059. */
const TIME_DIGITS = 8

/** An id that nobody has: it begins with the time, for rows that are made together and end together lie side by side on the disk. */
export function rowId(clock: Clock, random: Random): string {
  return clock.now().toString(36).padStart(TIME_DIGITS, '0') + token(random, 10)
}
