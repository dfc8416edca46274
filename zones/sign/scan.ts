import { Rrsig } from '../../dns/dnssec.ts'
import type { Name } from '../../dns/name.ts'
import type { RRset } from '../../dns/record.ts'
import { Type } from '../../dns/types.ts'
import type { ZoneVersion } from '../zone.ts'
import type { SignatureMaker } from './signatures.ts'

/** RRsets whose signatures are to be made anew though nothing of them changes. */
export type Stale = readonly { owner: Name; type: number }[]

/** Owners looked at in one go: what keeps the thread busy for some tens of milliseconds. */
const LOOKED_AT = 10_000

/**
 * Looks through all signatures of one version, a part at a time. Whatever changes meanwhile is signed as it changes, so that at the end
 * all of the zone has been seen.
 */
export class SignatureScan {
  readonly version: ZoneVersion
  private readonly rest: Iterator<RRset>
  done = false
  /** The longest TTL of what is signed, in seconds. */
  longestTtl = 0
  /** Seconds until the first signature must be made anew, of those that need not be now. */
  secondsLeft = Number.POSITIVE_INFINITY

  constructor(version: ZoneVersion) {
    this.version = version
    this.rest = version.rrsets(Type.RRSIG)[Symbol.iterator]()
  }

  /** The next RRsets to be signed anew, `most` or a few more; none of them where none was among those looked at. */
  take(maker: SignatureMaker, most: number): Stale {
    const stale: { owner: Name; type: number }[] = []
    for (let i = 0; i < LOOKED_AT && stale.length < most; i++) {
      const { value, done } = this.rest.next()
      if (done) {
        this.done = true
        break
      }
      const types = maker.staleTypes(value.rdatas)
      for (const type of types) stale.push({ owner: value.owner, type })
      this.note(value, types, maker)
    }
    return stale
  }

  private note({ rdatas }: RRset, stale: readonly number[], maker: SignatureMaker): void {
    for (const rrsig of rdatas) {
      this.longestTtl = Math.max(this.longestTtl, Rrsig.originalTtl(rrsig))
      if (!stale.includes(Rrsig.typeCovered(rrsig)))
        this.secondsLeft = Math.min(this.secondsLeft, maker.secondsLeft(rrsig))
    }
  }
}
