import { Rrsig } from '../../dns/dnssec.ts'
import { Type } from '../../dns/types.ts'
import type { Clock } from '../../host/clock.ts'
import type { ZoneVersion } from '../../zones/zone.ts'
import type { ServedZone } from './members.ts'

/** The signatures of a version: how many, and when the first and the last of them end, in milliseconds since 1970. */
export interface Ends {
  signatures: number
  first: number
  last: number
}

/** Owners looked at in one turn of the event loop: a few milliseconds. */
const TURN = 2000
/** A zone that changes all the time is looked through again after so long, in milliseconds. */
const FRESH = 600_000

/** Looks through all RRSIGs as validators see them, whoever made them; undefined where the zone is not signed. */
export async function signatureEnds(version: ZoneVersion, now: number): Promise<Ends | undefined> {
  const ends: Ends = { signatures: 0, first: Number.POSITIVE_INFINITY, last: 0 }
  let owners = 0
  for (const { rdatas } of version.rrsets(Type.RRSIG)) {
    for (const rrsig of rdatas) {
      const end = endOf(rrsig, now)
      ends.signatures++
      ends.first = Math.min(ends.first, end)
      ends.last = Math.max(ends.last, end)
    }
    if (++owners % TURN === 0) await new Promise(setImmediate)
  }
  return ends.signatures === 0 ? undefined : ends
}

/** RFC 4034 §3.1.5: seconds modulo 2^32, the one within 68 years of now. */
function endOf(rrsig: Uint8Array, now: number): number {
  const seconds = Math.floor(now / 1000)
  return (seconds + ((Rrsig.expiration(rrsig) - seconds) | 0)) * 1000
}

interface Seen {
  serial: number
  at: number
  ends: Promise<Ends | undefined>
}

/** Remembers the ends of each zone's signatures, for those who ask every few seconds. */
export class SignatureEnds {
  private readonly clock: Clock
  private readonly seen = new WeakMap<ServedZone, Seen>()

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** Undefined where the zone is not signed, or not served. */
  of(zone: ServedZone): Promise<Ends | undefined> {
    const version = zone.image?.latest()
    if (!version) return Promise.resolve(undefined)
    const [serial, now] = [version.serial(), this.clock.now()]
    const before = this.seen.get(zone)
    if (before && (before.serial === serial || now - before.at < FRESH)) return before.ends
    const ends = signatureEnds(version, now)
    this.seen.set(zone, { serial, at: now, ends })
    return ends
  }
}
