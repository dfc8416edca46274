import { lowerName, type Name, nameKey } from '../../dns/name.ts'
import type { RRset } from '../../dns/record.ts'
import { makeRdata, Type } from '../../dns/types.ts'
import type { ZoneVersion } from '../zone.ts'
import { isStanding, type StandingName, shownTypes, standingOf } from './standing.ts'

/**
 * The NSEC records that a change of these names makes necessary, by owner: their own, and where a name joins or leaves the chain that
 * of the name before it. Undefined is one that goes.
 */
export function nsecChanges(
  version: ZoneVersion,
  names: Iterable<StandingName>,
  ttl: number,
): Map<string, { owner: Name; rrset: RRset | undefined }> {
  const changes = new Map<string, { owner: Name; rrset: RRset | undefined }>()
  const renew = (name: StandingName) => {
    const rrset = isStanding(name) ? nsecOf(version, name, ttl) : undefined
    changes.set(nameKey(name.owner), { owner: name.owner, rrset })
  }
  for (const name of names) {
    renew(name)
    const had = version.rrset(name.owner, Type.NSEC) !== undefined
    if (had === isStanding(name)) continue
    const before = standingBefore(version, name.owner)
    if (before && !changes.has(nameKey(before.owner))) renew(before)
  }
  return changes
}

/** The NSEC of a name (RFC 4034 §4.1). */
function nsecOf(version: ZoneVersion, name: StandingName, ttl: number): RRset {
  const types = [...shownTypes(name), Type.RRSIG, Type.NSEC].sort((a, b) => a - b)
  // Validators that took RFC 4034 §6.2 by its letter put the name into lower case (RFC 6840 §5.1): so it is the same for all.
  const next = lowerName(nextStanding(version, name.owner))
  return { owner: name.owner, type: Type.NSEC, ttl, rdatas: [makeRdata('NSEC', { next, types })] }
}

/** The next name in the chain; after the last comes the apex. */
function nextStanding(version: ZoneVersion, owner: Name): Name {
  for (const next of version.ownersAfter(owner)) if (isStanding(standingOf(version, next))) return next
  return version.origin
}

function standingBefore(version: ZoneVersion, owner: Name): StandingName | undefined {
  for (const before of version.ownersBefore(owner)) {
    const name = standingOf(version, before)
    if (isStanding(name)) return name
  }
  return undefined
}
