import { Rrsig, type SigningKey, signRRset } from '../../dns/dnssec.ts'
import type { RRset } from '../../dns/record.ts'
import { Type } from '../../dns/types.ts'
import type { Clock } from '../../host/clock.ts'
import type { Random } from '../../host/random.ts'
import type { PreparedSignatures } from './prepare.ts'

/** The keys of a zone by what they do at a moment; signatures of others are made anew. */
export interface ActiveKeys {
  /** These sign the zone's data. */
  zone: readonly SigningKey[]
  /** These sign DNSKEY, CDS and CDNSKEY. */
  keySet: readonly SigningKey[]
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
  private readonly prepared: PreparedSignatures | undefined
  /** The longest TTL of all that was signed, in seconds. */
  longestTtl = 0

  constructor(
    keys: ActiveKeys,
    times: SignatureTimes,
    clock: Clock,
    random: Random,
    prepared?: PreparedSignatures | undefined,
  ) {
    this.keys = keys
    this.times = times
    this.now = Math.floor(clock.now() / 1000)
    this.random = random
    this.prepared = prepared
  }

  /** The signatures that the RRset is to have: of those it has, unless it changed, what is still good; and what lacks. */
  signaturesOf(rrset: RRset, existing: readonly Uint8Array[], changed: boolean): Uint8Array[] {
    this.longestTtl = Math.max(this.longestTtl, rrset.ttl)
    const kept = this.kept(rrset, existing, changed)
    const made = this.lacking(rrset.type, kept).map(
      key => this.prepared?.take(rrset, key) ?? signRRset(rrset, key, this.period()),
    )
    return kept.length === 0 ? made : [...kept, ...made]
  }

  /** Makes ready, elsewhere, the signatures that the RRset will lack when those that are due are given up. */
  async prepare(rrset: RRset, existing: readonly Uint8Array[], prepared: PreparedSignatures): Promise<void> {
    const kept = this.kept(rrset, existing, false)
    await Promise.all(this.lacking(rrset.type, kept).map(key => prepared.make(rrset, key, this.period())))
  }

  private kept(rrset: RRset, existing: readonly Uint8Array[], changed: boolean): Uint8Array[] {
    if (changed) return []
    return existing.filter(rrsig => Rrsig.originalTtl(rrsig) === rrset.ttl && !this.isDue(rrsig))
  }

  /** RFC 4035 §2.2: one of every algorithm; of the key set's own keys, all, so that each DS of the parent leads on. */
  private lacking(type: number, rrsigs: readonly Uint8Array[]): readonly SigningKey[] {
    return this.keysFor(type).filter(key => !rrsigs.some(rrsig => isBy(rrsig, key)))
  }

  private keysFor(type: number): readonly SigningKey[] {
    return KEY_SET.has(type) ? this.keys.keySet : this.keys.zone
  }

  /** The types of which the signatures of one owner must be made anew: one is due, or that of a key lacks. */
  staleTypes(rrsigs: readonly Uint8Array[]): number[] {
    const stale: number[] = []
    const seen = new Set<number>()
    for (const one of rrsigs) {
      const type = Rrsig.typeCovered(one)
      if (seen.has(type)) continue
      seen.add(type)
      const own = rrsigs.filter(rrsig => Rrsig.typeCovered(rrsig) === type)
      if (own.some(rrsig => this.isDue(rrsig)) || this.lacking(type, own).length > 0) stale.push(type)
    }
    return stale
  }

  /** Whether a signature must be made anew: it ends soon, begins in the future, or is by a key that does not sign it any more. */
  private isDue(rrsig: Uint8Array): boolean {
    return this.secondsLeft(rrsig) <= 0 || ((this.now - Rrsig.inception(rrsig)) | 0) < 0 || !this.isActive(rrsig)
  }

  /** When it must, in seconds from now. */
  secondsLeft(rrsig: Uint8Array): number {
    return ((Rrsig.expiration(rrsig) - this.now) | 0) - this.times.refresh
  }

  private isActive(rrsig: Uint8Array): boolean {
    return this.keysFor(Rrsig.typeCovered(rrsig)).some(key => isBy(rrsig, key))
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
