import type { ExtendedError } from '../cache/failures.ts'

/**
 * What is known of an answer after validation (RFC 4035 §4.3): proved by signatures, in a zone that is proved to be unsigned or signed
 * in a way that we do not know, or below no trust anchor at all. Bogus answers are never passed on, so they are no Security but a Fault.
 */
export interface Security {
  status: 'secure' | 'insecure' | 'indeterminate'
  /** Why, for `explain`. */
  reason: string
  /** What is told to the client although it has its answer: that an algorithm is not known, for one. */
  ede?: ExtendedError
}

/** Why an answer is not to be believed. */
export interface Fault {
  status: 'bogus'
  /** An Extended DNS Error (RFC 8914 §4). */
  ede: number
  reason: string
  /** Nothing was wrong with what was received: what was needed to judge it could not be had, or would have taken too much work. */
  unfinished?: true
}

/** A fault of what was received. */
export function fault(ede: number, reason: string): Fault {
  return { status: 'bogus', ede, reason }
}
