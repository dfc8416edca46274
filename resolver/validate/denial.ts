import { Ede } from '../../dns/codes.ts'
import { type Name, printName } from '../../dns/name.ts'
import { Type, typeName } from '../../dns/types.ts'
import { type Nsec, nsecDelegation, nsecProvesNoData, nsecProvesNoName, nsecProvesWildcard, nsecsOf } from './nsec.ts'
import { MOST_ITERATIONS, mostIterations, Nsec3Proofs, nsec3Source, nsec3sOf } from './nsec3.ts'
import type { Proof } from './proof.ts'
import { type Fault, fault } from './security.ts'
import type { VerifiedSet } from './signatures.ts'
import type { Work } from './work.ts'

/** What validated NSEC and NSEC3 records of one zone prove to be absent. */
export interface Denial {
  noData(name: Name, type: number): Proof
  noName(name: Name): Proof
  wildcard(name: Name, wildcardAt: Name): Proof
  delegation(name: Name): Proof | 'inside' | 'absent'
}

/** The denial in `sets`, all signed by `zone`; a Fault where it would take more hashing than anybody should ask for (RFC 9276 §3.2). */
export function denialIn(sets: readonly VerifiedSet[], zone: Name, work: Work): Denial | Fault {
  const nsecs = nsecsOf(sets)
  if (nsecs.length > 0) return byNsec(nsecs, zone)
  const [first, ...others] = nsec3sOf(sets, zone)
  if (!first) return fault(Ede.NSEC_MISSING, `${printName(zone)} sent no NSEC or NSEC3 record`)
  const iterations = mostIterations([first, ...others])
  if (iterations > MOST_ITERATIONS.bogus) return fault(Ede.UNSUPPORTED_NSEC3_ITERATIONS, tooMany(zone, iterations))
  if (iterations > MOST_ITERATIONS.insecure) return TOO_MANY_ITERATIONS
  return new Nsec3Proofs(nsec3Source([first, ...others]), zone, work)
}

function byNsec(nsecs: readonly Nsec[], zone: Name): Denial {
  return {
    noData: (name, type) => nsecProvesNoData(nsecs, name, type, zone),
    noName: name => nsecProvesNoName(nsecs, name, zone),
    wildcard: (name, wildcardAt) => nsecProvesWildcard(nsecs, name, wildcardAt, zone),
    delegation: name => nsecDelegation(nsecs, name, zone),
  }
}

const TOO_MANY_ITERATIONS: Denial = {
  noData: () => 'too-many-iterations',
  noName: () => 'too-many-iterations',
  wildcard: () => 'too-many-iterations',
  delegation: () => 'too-many-iterations',
}

function tooMany(zone: Name, iterations: number): string {
  return `the NSEC3 records of ${printName(zone)} ask for ${iterations} iterations`
}

/** Why an answer that `zone` should have denied in full stays unproved. */
export function unproved(what: 'name' | 'data' | 'wildcard', name: Name, type: number): Fault {
  const asked = `${printName(name)} ${typeName(type)}`
  if (what === 'wildcard')
    return fault(Ede.NSEC_MISSING, `nothing proves that the wildcard was to stand for ${printName(name)}`)
  return fault(Ede.NSEC_MISSING, `nothing proves that there is no ${what === 'name' ? printName(name) : asked}`)
}

/** Whether an RRset denies something. */
export function isDenial(type: number): boolean {
  return type === Type.NSEC || type === Type.NSEC3
}
