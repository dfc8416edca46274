import { printAddress } from '../../config/address.ts'
import { dsRdata } from '../../dns/dnssec.ts'
import { isSubdomain, type Name, nameKey, printName } from '../../dns/name.ts'
import { Type, targetOf } from '../../dns/types.ts'
import type { ZoneVersion } from '../../zones/zone.ts'
import type { ServingView } from '../requests/state.ts'

/** How a zone is delegated to the servers that it names. */
export interface DelegationReport {
  view: string
  zone: string
  parent: string
  /** RFC 1034 §4.2.2: the parent's NS RRset, and its glue, should be the same as the child's. Left out where they are. */
  problem?: string
  /** Why the parent could not be asked. */
  unknown?: string
}

/** What a parent says of a zone below it: RDATA of its NS and DS RRsets, and the addresses that it has for a server. */
export interface Delegation {
  ns: readonly Uint8Array[]
  ds: readonly Uint8Array[]
  glue: (server: Name) => readonly Uint8Array[]
}

/** Compares the delegations in our own zones with the zones they lead to, where these are ours too; gives those that differ. */
export function checkDelegations(views: readonly ServingView[]): DelegationReport[] {
  return views.flatMap(view => [...view.zones].flatMap(image => checkDelegation(view, image.latest()) ?? []))
}

function checkDelegation(view: ServingView, child: ZoneVersion): DelegationReport | undefined {
  const parent = view.zones.findAbove(child.origin, 0)?.latest()
  if (!parent) return undefined
  const name = printName(parent.origin)
  const problem = compareDelegation(delegationIn(parent, child.origin), child, name)
  return problem === undefined ? undefined : { view: view.name, zone: printName(child.origin), parent: name, problem }
}

function delegationIn(parent: ZoneVersion, origin: Name): Delegation {
  return {
    ns: parent.rrset(origin, Type.NS)?.rdatas ?? [],
    ds: parent.rrset(origin, Type.DS)?.rdatas ?? [],
    glue: server => addressesIn(parent, server),
  }
}

/** What is wrong with a delegation, in words; undefined where nothing is. `parent` is how it is called. */
export function compareDelegation(above: Delegation, child: ZoneVersion, parent: string): string | undefined {
  if (above.ns.length === 0) return `${parent} does not delegate it`
  const own = child.rrset(child.origin, Type.NS)?.rdatas ?? []
  return (
    compareServers(serversOf(above.ns), serversOf(own), parent) ??
    compareGlue(above, child, parent) ??
    compareDs(above.ds, child, parent)
  )
}

/** The targets of an NS RRset, by their keys. */
function serversOf(ns: readonly Uint8Array[]): Map<string, Name> {
  const targets = ns.flatMap(rdata => targetOf(Type.NS, rdata) ?? [])
  return new Map(targets.map(target => [nameKey(target), target]))
}

function compareServers(above: Map<string, Name>, own: Map<string, Name>, parent: string): string | undefined {
  const missing = namesBeyond(own, above)
  const odd = namesBeyond(above, own)
  if (missing.length > 0) return `${parent} lacks the NS ${missing.join(', ')}`
  return odd.length > 0 ? `${parent} has the NS ${odd.join(', ')}, which the zone does not name` : undefined
}

function namesBeyond(some: Map<string, Name>, others: Map<string, Name>): string[] {
  return [...some].filter(([key]) => !others.has(key)).map(([, name]) => printName(name))
}

/** RFC 1034 §4.2.1: of servers in the zone itself the parent must have the addresses. */
function compareGlue(above: Delegation, child: ZoneVersion, parent: string): string | undefined {
  for (const server of serversOf(above.ns).values()) {
    if (!isSubdomain(server, child.origin)) continue
    const [own, glue] = [addressesIn(child, server), above.glue(server)].map(list => list.map(printAddress)) as [
      string[],
      string[],
    ]
    const missing = own.filter(address => !glue.includes(address))
    const odd = glue.filter(address => !own.includes(address))
    const name = printName(server)
    if (missing.length > 0) return `${parent} lacks the address ${missing.join(', ')} of ${name}`
    if (odd.length > 0) return `${parent} has the address ${odd.join(', ')} of ${name}, which the zone does not have`
  }
  return undefined
}

function addressesIn(version: ZoneVersion, server: Name): Uint8Array[] {
  return [Type.A, Type.AAAA].flatMap(type => version.rrset(server, type)?.rdatas ?? [])
}

/** RFC 4035 §5.2: a DS that leads to no key makes the zone bogus. A zone that is signed and has none yet is only not validated. */
function compareDs(ds: readonly Uint8Array[], child: ZoneVersion, parent: string): string | undefined {
  if (ds.length === 0) return undefined
  const keys = child.rrset(child.origin, Type.DNSKEY)?.rdatas ?? []
  if (keys.length === 0) return `${parent} has a DS, but the zone is not signed`
  const leads = ds.some(rdata => keys.some(key => isOf(rdata, dsRdata(child.origin, key, rdata[3]))))
  return leads ? undefined : `${parent} has a DS of none of the zone's keys`
}

function isOf(rdata: Uint8Array, ds: Uint8Array | undefined): boolean {
  return ds !== undefined && Buffer.compare(rdata, ds) === 0
}
