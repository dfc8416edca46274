import { ancestorName, concatNames, equalNames, type Name, prefixOf, wildcardOf } from '../../dns/name.ts'
import { Type, targetOf } from '../../dns/types.ts'
import type { ZoneImage } from '../zone.ts'
import { lookup, Outcome, type OutcomeKind } from './lookup.ts'
import type { ZoneTable } from './table.ts'

/** What one zone said to one name, on the way to an answer. */
export interface Step {
  zone: Name
  serial: number
  name: Name
  kind: OutcomeKind
  /** The nearest name above, or the name itself, that exists: where a cut, a DNAME or a wildcard decides, its owner. */
  at: Name
  /** The wildcard that stood in for the name (RFC 4592). */
  wildcard?: Name
  /** Types at the name itself. */
  types: number[]
  /** Where an alias goes on. */
  target?: Name
}

/** As many as an answer follows. */
const MOST_STEPS = 17

/**
 * How the zones of a view come to their answer, by the lookup that serves: one step for each name that aliases lead to. Ends where they lead out
 * of these zones, or in a circle.
 */
export function traceLookup(zones: ZoneTable, name: Name, type: number): Step[] {
  const steps: Step[] = []
  for (let next: Name | undefined = name; next && steps.length < MOST_STEPS; ) {
    const current: Name = next
    const image = type === Type.DS ? zones.findAbove(current, 0) : zones.find(current, 0)
    if (!image || steps.some(step => equalNames(step.name, current))) break
    const step = stepIn(image, current, type)
    steps.push(step)
    next = step.target
  }
  return steps
}

function stepIn(image: ZoneImage, name: Name, type: number): Step {
  const version = image.latest()
  const { origin } = version
  const outcome = new Outcome()
  lookup(version, name, 0, name.length, type, outcome)
  const { kind } = outcome
  const at = ancestorName(name, outcome.labels - outcome.closest)
  const wildcard = outcome.wildcard ? wildcardOf(at) : undefined
  const step = { zone: origin, serial: version.serial(), name, kind, at, types: version.typesAt(name) }
  const alias = kind === 'cname' ? Type.CNAME : kind === 'dname' ? Type.DNAME : undefined
  const rrset = alias && version.rrset(kind === 'dname' ? at : (wildcard ?? name), alias)
  const aim = rrset && targetOf(rrset.type, rrset.rdatas[0]!)
  // RFC 6672 §2.2: the part below the DNAME's owner is kept.
  const target = kind === 'dname' && aim ? concatNames(prefixOf(name, at), aim) : aim
  return { ...step, ...(wildcard && { wildcard }), ...(target && { target }) }
}
