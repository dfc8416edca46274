import { Ede } from '../../dns/codes.ts'

/** What one question may cost at most, however its answer was made (CVE-2023-50387 "KeyTrap", CVE-2023-50868). */
export interface WorkLimits {
  /** Signatures checked, good or bad. */
  verifications: number
  /** Signatures checked that did not hold. */
  failures: number
  /** Rounds of NSEC3's hash. */
  hashes: number
  /** Questions about DS and DNSKEY. */
  fetches: number
}

/** Several times what the deepest honest names need: those below ip6.arpa, in a zone with the most iterations that are followed. */
export const WORK_LIMITS: WorkLimits = { verifications: 96, failures: 12, hashes: 2000, fetches: 64 }

/** Thrown where a question has cost all that it may. Nothing is learned from it about the zones on the way. */
export class TooMuchWork extends Error {
  readonly ede = Ede.DNSSEC_BOGUS

  constructor(what: string) {
    super(`validation was given up: ${what}`)
  }
}

/** The account of one question. */
export class Work {
  private readonly left: WorkLimits

  constructor(limits: WorkLimits = WORK_LIMITS) {
    this.left = { ...limits }
  }

  /** Before a signature is checked. Throws TooMuchWork. */
  verifying(): void {
    if (this.left.verifications-- <= 0) throw new TooMuchWork('too many signatures')
  }

  /** After a signature did not hold. Throws TooMuchWork. */
  failed(): void {
    if (this.left.failures-- <= 0) throw new TooMuchWork('too many signatures that do not hold')
  }

  /** Before a name is hashed. Throws TooMuchWork. */
  hashing(rounds: number): void {
    this.left.hashes -= rounds
    if (this.left.hashes < 0) throw new TooMuchWork('too many NSEC3 hashes')
  }

  /** Before DS or DNSKEY is asked for. Throws TooMuchWork. */
  fetching(): void {
    if (this.left.fetches-- <= 0) throw new TooMuchWork('too many questions about keys')
  }
}
