import { type Name, nameKey } from '../../dns/name.ts'
import type { Server } from '../upstreams/server.ts'

/** A zone whose authoritative servers are known. */
export interface Cut {
  zone: Name
  servers: readonly Server[]
  /** The names of its servers, as far as they came by name. */
  names: readonly Name[]
  /** The deepest name on the way to what was asked for that is known to be in this zone and no deeper one. */
  known: Name
}

/** Zone cuts that referrals have told of, so that each question need not begin at the top (RFC 1034 §5.3.3). */
export interface CutCache {
  /** The deepest known of those below `top` and at or above `name`. */
  deepest(top: Name, name: Name, now: number): Cut | undefined
  /** Keeps that the questions below `top` at or below `at` go to `cut`, for `seconds`. */
  note(top: Name, at: Name, cut: Cut, seconds: number, now: number): void
  clear(): void
}

const MOST_CUTS = 5000
/** RFC 1035 §7.3 wants sane limits: a day is what answers may have as well. */
const LONGEST = 86_400

export function createCutCache(): CutCache {
  const cuts = new Map<string, { cut: Cut; until: number }>()
  const keyOf = (top: Name, at: Name) => `${nameKey(top)}|${nameKey(at)}`
  return {
    deepest(top, name, now) {
      if (cuts.size === 0) return undefined
      for (let at = 0; name.length - at > top.length; at += name[at]! + 1) {
        const found = cuts.get(keyOf(top, name.subarray(at)))
        if (found && now < found.until) return found.cut
      }
      return undefined
    },
    note(top, at, cut, seconds, now) {
      if (seconds <= 0) return
      const key = keyOf(top, at)
      cuts.delete(key)
      cuts.set(key, { cut, until: now + Math.min(LONGEST, seconds) * 1000 })
      if (cuts.size > MOST_CUTS) cuts.delete(cuts.keys().next().value!)
    },
    clear: () => cuts.clear(),
  }
}
