import { type Name, nameKey, printName } from '../../dns/name.ts'
import { Type, targetOf } from '../../dns/types.ts'
import type { ZoneVersion } from '../../zones/zone.ts'
import type { ServingView } from '../state.ts'

/** A zone of a view whose parent, which is served in the same view, delegates it to other servers than it names itself. */
export interface DelegationReport {
  view: string
  zone: string
  parent: string
  /** RFC 1034 §4.2.2: the parent's NS RRset and the child's should be the same. */
  problem: string
}

/** Compares the delegations in our own zones with the zones they lead to, where these are ours too. */
export function checkDelegations(views: readonly ServingView[]): DelegationReport[] {
  return views.flatMap(view => [...view.zones].flatMap(image => checkDelegation(view, image.latest()) ?? []))
}

function checkDelegation(view: ServingView, child: ZoneVersion): DelegationReport | undefined {
  const { origin } = child
  const parent = view.zones.findAbove(origin, 0)?.latest()
  if (!parent) return undefined
  const problem = compare(serversAt(parent, origin), serversAt(child, origin), printName(parent.origin))
  return problem === undefined
    ? undefined
    : { view: view.name, zone: printName(origin), parent: printName(parent.origin), problem }
}

/** The targets of the NS RRset, by their keys. */
function serversAt(version: ZoneVersion, origin: Name): Map<string, string> {
  const rdatas = version.rrset(origin, Type.NS)?.rdatas ?? []
  const targets = rdatas.flatMap(rdata => targetOf(Type.NS, rdata) ?? [])
  return new Map(targets.map(target => [nameKey(target), printName(target)]))
}

function compare(above: Map<string, string>, own: Map<string, string>, parent: string): string | undefined {
  if (above.size === 0) return `${parent} does not delegate it`
  const missing = [...own].filter(([key]) => !above.has(key)).map(([, name]) => name)
  const odd = [...above].filter(([key]) => !own.has(key)).map(([, name]) => name)
  if (missing.length > 0) return `${parent} lacks the NS ${missing.join(', ')}`
  return odd.length > 0 ? `${parent} has the NS ${odd.join(', ')}, which the zone does not name` : undefined
}
