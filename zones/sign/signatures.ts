import { Rrsig, type SigningKey, signRRset } from '../../dns/dnssec.ts'
import type { RRset } from '../../dns/record.ts'
import { Type } from '../../dns/types.ts'
import type { Clock } from '../../host/clock.ts'
import type { Random } from '../../host/random.ts'

/** The keys of a zone by what they do at a moment. */
export interface ActiveKeys {
  /** These sign the zone's data. */
  zone: readonly SigningKey[]
  /** These sign DNSKEY, CDS and CDNSKEY. */
  keySet: readonly SigningKey[]
  /** The signatures of these are good as long as they last: they are in the DNSKEY RRset. */
  published: readonly { algorithm: number; keyTag: number }[]
}

/** How long signatures last, in seconds. */
export interface SignatureTimes {
  /** From making to expiry, less up to `jitter`, so that they do not all end at once. */
  validity: number
  jitter: number
  /** So long before its expiry one is made anew. */
  refresh: number
}

/** RFC 6781 §4.4.2: long enough to bridge an outage of days, short enough that an old signature is soon worth nothing. */
export const SIGNATURE_TIMES: SignatureTimes = { validity: 14 * 86_400, jitter: 86_400, refresh: 5 * 86_400 }

/** RFC 6781 §4.4.2.2: made a little in the past, for validators whose clocks are slow. */
const INCEPTION_OFFSET = 3600

/** Types that the keys of the key set sign (RFC 4035 §2.2; RFC 7344 §4.1). */
const KEY_SET: ReadonlySet<number> = new Set([Type.DNSKEY, Type.CDS, Type.CDNSKEY])

/** Makes signatures with the keys and the time of one moment. */
export class SignatureMaker {
  private readonly keys: ActiveKeys
  private readonly times: SignatureTimes
  private readonly now: number
  private readonly random: Random

  constructor(keys: ActiveKeys, times: SignatureTimes, clock: Clock, random: Random) {
    this.keys = keys
    this.times = times
    this.now = Math.floor(clock.now() / 1000)
    this.random = random
  }

  /** The signatures that the RRset is to have: of those it has, unless it changed, what is still good; and what lacks. */
  signaturesOf(rrset: RRset, existing: readonly Uint8Array[], changed: boolean): Uint8Array[] {
    const kept = changed ? [] : existing.filter(rrsig => this.isGood(rrsig, rrset))
    const keySet = KEY_SET.has(rrset.type)
    // RFC 4035 §2.2: one of every algorithm; of the key set's own keys, all, so that each DS of the parent leads on.
    const wanted = (keySet ? this.keys.keySet : this.keys.zone).filter(
      key => !kept.some(rrsig => (keySet ? isBy(rrsig, key) : Rrsig.algorithm(rrsig) === key.algorithm)),
    )
    return [...kept, ...wanted.map(key => signRRset(rrset, key, this.period()))]
  }

  /** Whether a signature must be made anew: it ends soon, begins in the future, or is by a key that is no more. */
  isDue(rrsig: Uint8Array): boolean {
    const left = (Rrsig.expiration(rrsig) - this.now) | 0
    return left <= this.times.refresh || ((this.now - Rrsig.inception(rrsig)) | 0) < 0 || !this.isKnown(rrsig)
  }

  /** When it must, in seconds from now. */
  secondsLeft(rrsig: Uint8Array): number {
    return ((Rrsig.expiration(rrsig) - this.now) | 0) - this.times.refresh
  }

  private isGood(rrsig: Uint8Array, { type, ttl }: RRset): boolean {
    if (Rrsig.originalTtl(rrsig) !== ttl || !this.isKnown(rrsig)) return false
    return !KEY_SET.has(type) || this.keys.keySet.some(key => isBy(rrsig, key))
  }

  private isKnown(rrsig: Uint8Array): boolean {
    return this.keys.published.some(key => isBy(rrsig, key))
  }

  private period(): { inception: number; expiration: number } {
    const { validity, jitter } = this.times
    return {
      inception: this.now - INCEPTION_OFFSET,
      expiration: this.now + validity - (jitter > 0 ? this.random.below(jitter) : 0),
    }
  }
}

function isBy(rrsig: Uint8Array, key: { algorithm: number; keyTag: number }): boolean {
  return Rrsig.keyTag(rrsig) === key.keyTag && Rrsig.algorithm(rrsig) === key.algorithm
}
