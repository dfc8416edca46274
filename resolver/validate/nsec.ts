import {
  ancestorName,
  compareNames,
  equalNames,
  isSubdomain,
  labelCount,
  type Name,
  wildcardOf,
} from '../../dns/name.ts'
import { readRdata, Type } from '../../dns/types.ts'
import type { Proof } from './proof.ts'
import type { VerifiedSet } from './signatures.ts'

/** A validated NSEC record (RFC 4034 §4). */
export interface Nsec {
  owner: Name
  next: Name
  types: ReadonlySet<number>
}

/** The NSEC records among validated RRsets. One that a wildcard was expanded to denies nothing (RFC 4035 §5.4: its owner is no name of the zone). */
export function nsecsOf(sets: readonly VerifiedSet[]): Nsec[] {
  return sets
    .filter(({ set, wildcardAt }) => set.type === Type.NSEC && !wildcardAt)
    .flatMap(({ set }) => set.rdatas.map(rdata => toNsec(set.owner, rdata)))
}

export function toNsec(owner: Name, rdata: Uint8Array): Nsec {
  const { next, types } = readRdata('NSEC', rdata)
  return { owner, next, types: new Set(types) }
}

/** RFC 4035 §5.4, RFC 6840 §4: that `name` has no records of `type`, whether it is there itself or by a wildcard. */
export function nsecProvesNoData(nsecs: readonly Nsec[], name: Name, type: number, zone: Name): Proof {
  const match = nsecs.find(nsec => equalNames(nsec.owner, name))
  if (match) return deniesType(match, type) ? 'proved' : 'unproved'
  const covering = nsecs.find(nsec => covers(nsec, name, zone))
  if (!covering) return 'unproved'
  // An empty non-terminal: the next name is below it.
  if (isSubdomain(covering.next, name)) return 'proved'
  const wildcard = wildcardOf(closestEncloser(covering, name))
  const expanded = wildcard && nsecs.find(nsec => equalNames(nsec.owner, wildcard))
  if (expanded) return deniesType(expanded, type) ? 'proved' : 'unproved'
  // RFC 4592 §2.2.2: a wildcard that exists only by what is below it has no data either.
  const between = wildcard && nsecs.find(nsec => covers(nsec, wildcard, zone))
  return between && isSubdomain(between.next, wildcard) ? 'proved' : 'unproved'
}

/** RFC 4035 §5.4: that neither `name` nor a wildcard that would stand for it exists. */
export function nsecProvesNoName(nsecs: readonly Nsec[], name: Name, zone: Name): Proof {
  const covering = nsecs.find(nsec => covers(nsec, name, zone))
  if (!covering || isSubdomain(covering.next, name)) return 'unproved'
  const wildcard = wildcardOf(closestEncloser(covering, name))
  if (!wildcard) return 'proved'
  const isDenied = (nsec: Nsec) => covers(nsec, wildcard, zone) && !isSubdomain(nsec.next, wildcard)
  return nsecs.some(isDenied) ? 'proved' : 'unproved'
}

/** RFC 4035 §5.3.4: that there is no name closer to `name` than what the wildcard is below. */
export function nsecProvesWildcard(nsecs: readonly Nsec[], name: Name, wildcardAt: Name, zone: Name): Proof {
  const covering = nsecs.find(nsec => covers(nsec, name, zone) && !isSubdomain(nsec.next, name))
  return covering && labelCount(closestEncloser(covering, name)) <= labelCount(wildcardAt) ? 'proved' : 'unproved'
}

/** What NSECs say of a zone cut at `name`: a delegation without DS, no delegation, no such name; or nothing. */
export function nsecDelegation(nsecs: readonly Nsec[], name: Name, zone: Name): Proof | 'inside' | 'absent' {
  const match = nsecs.find(nsec => equalNames(nsec.owner, name))
  if (match) {
    if (match.types.has(Type.DS) || match.types.has(Type.SOA)) return 'unproved'
    return match.types.has(Type.NS) ? 'proved' : 'inside'
  }
  const covering = nsecs.find(nsec => covers(nsec, name, zone))
  if (!covering) return 'unproved'
  return isSubdomain(covering.next, name) ? 'inside' : 'absent'
}

/** Whether the NSEC of a name, or of the wildcard that stands for it, shows that it has no such records. */
function deniesType({ owner, types }: Nsec, type: number): boolean {
  // RFC 6840 §4.3: where there is a CNAME, that was to be answered.
  if (types.has(type) || types.has(Type.CNAME)) return false
  const isCut = types.has(Type.NS) && !types.has(Type.SOA)
  // RFC 6840 §4.1: the parent's NSEC at a cut speaks of DS alone; RFC 4035 §5.2: the child's does not speak of DS.
  if (type === Type.DS) return !types.has(Type.SOA) || owner.length === 1
  return !isCut
}

/** Whether the name lies between an NSEC and its next (RFC 4034 §4.1.1: the last one's is the apex), and it may speak of it. */
export function covers({ owner, next, types }: Nsec, name: Name, zone: Name): boolean {
  if (!isSubdomain(name, zone) || compareNames(owner, name) >= 0) return false
  if (compareNames(name, next) >= 0 && !equalNames(next, zone)) return false
  if (!isSubdomain(name, owner)) return true
  // RFC 6840 §4.1: what is below a delegation or a DNAME is not for this zone to deny.
  const isCut = types.has(Type.NS) && !types.has(Type.SOA)
  return !isCut && !types.has(Type.DNAME)
}

/** The longest name at or above `name` that the NSEC shows to exist. */
export function closestEncloser({ owner, next }: Nsec, name: Name): Name {
  const byOwner = sharedAncestor(owner, name)
  const byNext = sharedAncestor(next, name)
  return byOwner.length > byNext.length ? byOwner : byNext
}

function sharedAncestor(a: Name, b: Name): Name {
  let at = a
  while (!isSubdomain(b, at)) at = ancestorName(at)
  return at
}
