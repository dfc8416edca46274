import { isMadeBySigning } from '../../dns/dnssec.ts'
import { equalNames, isSubdomain, type Name } from '../../dns/name.ts'
import { Type } from '../../dns/types.ts'
import type { ZoneVersion } from '../zone.ts'

/**
 * What a name is to its zone's signatures. `own`: its data is the zone's; `cut`: it is delegated, and only its DS is the zone's;
 * `hidden`: a delegation or a DNAME above it hides it; `absent`: it owns nothing.
 */
export type Standing = 'own' | 'cut' | 'hidden' | 'absent'

/** A name as it stands in a version, what signing itself made left aside. */
export interface StandingName {
  owner: Name
  standing: Standing
  types: number[]
}

export function standingOf(version: ZoneVersion, owner: Name): StandingName {
  const types = version.typesAt(owner).filter(type => !isMadeBySigning(type))
  if (types.length === 0) return { owner, standing: 'absent', types }
  if (version.isHidden(owner)) return { owner, standing: 'hidden', types }
  const cut = types.includes(Type.NS) && !equalNames(owner, version.origin)
  return { owner, standing: cut ? 'cut' : 'own', types }
}

/** Whether the name is in the chain of NSEC, and its data is signed. */
export function isStanding({ standing }: StandingName): boolean {
  return standing === 'own' || standing === 'cut'
}

/** The types that are signed: at a cut the NS is the child's and addresses are glue (RFC 4035 §2.2). */
export function signedTypes({ standing, types }: StandingName): number[] {
  if (standing === 'own') return types
  return standing === 'cut' ? types.filter(type => type === Type.DS) : []
}

/** The types that a proof shows: at a cut NS and DS alone (RFC 4035 §2.3, RFC 5155 §7.1). */
export function shownTypes({ standing, types }: StandingName): number[] {
  return standing === 'cut' ? types.filter(type => type === Type.NS || type === Type.DS) : types
}

/** Whether owners below the name are part of the zone, so that it exists without owning anything (RFC 4592 §2.2.2). */
export function leadsToStanding(version: ZoneVersion, owner: Name): boolean {
  for (const below of version.ownersAfter(owner)) {
    if (!isSubdomain(below, owner)) return false
    if (isStanding(standingOf(version, below))) return true
  }
  return false
}

/** Whether what is below the name is hidden in one version and not in the other: it has become a cut or DNAME, or ceased to be. */
export function hidesOtherwise(before: ZoneVersion, after: ZoneVersion, owner: Name): boolean {
  return hides(before, owner) !== hides(after, owner)
}

function hides(version: ZoneVersion, owner: Name): boolean {
  const types = version.typesAt(owner)
  if (types.includes(Type.DNAME)) return true
  return types.includes(Type.NS) && !equalNames(owner, version.origin)
}
