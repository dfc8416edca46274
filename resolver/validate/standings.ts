import type { VerifyingKey } from '../../dns/dnssec.ts'
import { isSubdomain, type Name, nameKey } from '../../dns/name.ts'
import type { Clock } from '../../host/clock.ts'
import type { Fault, Security } from './security.ts'

/** A zone whose keys are proved. */
export interface SecureZone {
  kind: 'secure'
  zone: Name
  keys: readonly VerifyingKey[]
}

/** What is known of the place of a name: the zone there is secure; all from there on is not signed, or can't be judged; it is bogus. */
export type Standing =
  | SecureZone
  /** `until`, in milliseconds since 1970, where a negative trust anchor is why. */
  | { kind: 'open'; security: Security; until?: number }
  | { kind: 'bogus'; fault: Fault }

/** There is no zone cut at the name; with `absent` there is none below it either. */
export type NoCut = { kind: 'inside' } | { kind: 'absent' }

interface Known {
  found: Standing | NoCut
  /** Milliseconds since 1970. */
  until: number
}

const MOST_KNOWN = 10_000
/** Seconds: a key may be withdrawn in a hurry. */
export const MOST_KEPT = 3600
/** Milliseconds: what RFC 8767 §4 recommends for stale answers at most. */
const OUTLASTING = 3 * 86_400_000
/** Milliseconds that news of a zone are waited for where something is known of it from before. */
const NEWS = 500

/** Remembers what was found of zones, and lets nobody find out twice at once. `privateApex` as in chain.ts. */
export function createStandings(clock: Clock, privateApex?: Name) {
  const known = new Map<string, Known>()
  const flights = new Map<string, Promise<Standing | NoCut>>()

  function remember(name: Name, found: Standing | NoCut, seconds: number): void {
    const key = nameKey(name)
    known.delete(key)
    known.set(key, { found, until: clock.now() + Math.min(seconds, MOST_KEPT) * 1000 })
    if (known.size > MOST_KNOWN) known.delete(known.keys().next().value!)
  }

  /** Who tries a second time is told nothing but of keys that were proved. */
  function recall(name: Name, { secondTry }: { secondTry: boolean }): Standing | NoCut | undefined {
    const entry = known.get(nameKey(name))
    if (!entry || clock.now() >= entry.until) return undefined
    return secondTry && entry.found.kind !== 'secure' ? undefined : entry.found
  }

  /** What others are finding out at this moment is waited for; who tries again does so for himself. */
  function once(
    name: Name,
    asked: { secondTry: boolean },
    find: () => Promise<Standing | NoCut>,
  ): Promise<Standing | NoCut> {
    const before = recall(name, asked)
    if (before) return Promise.resolve(before)
    if (asked.secondTry) return find()
    const key = nameKey(name)
    const flight = flights.get(key) ?? find().finally(() => flights.delete(key))
    flights.set(key, flight)
    const former = formerOf(name)
    return former ? orFormer(flight, former) : flight
  }

  /** What was known of the zones above a private one stands while they can't be asked: names of home outlive the way to the world. */
  function formerOf(name: Name): Standing | NoCut | undefined {
    const before = privateApex && isSubdomain(privateApex, name) ? known.get(nameKey(name)) : undefined
    return before && before.found.kind !== 'bogus' && clock.now() < before.until + OUTLASTING ? before.found : undefined
  }

  function orFormer(flight: Promise<Standing | NoCut>, former: Standing | NoCut): Promise<Standing | NoCut> {
    return new Promise((resolve, reject) => {
      const timer = clock.after(NEWS, () => resolve(former))
      const landed = (found: Standing | NoCut) =>
        resolve(found.kind === 'bogus' && found.fault.unfinished ? former : found)
      flight.finally(() => timer.cancel()).then(landed, reject)
    })
  }

  return { remember, recall, once, forget: () => known.clear() }
}

/** Whether something is known of all from there on. */
export function isStanding(found: Standing | NoCut): found is Standing {
  return found.kind !== 'inside' && found.kind !== 'absent'
}
