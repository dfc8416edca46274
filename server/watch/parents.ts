import { printAddress } from '../../config/address.ts'
import { Class, Flag, Opcode, Rcode, rcodeName } from '../../dns/codes.ts'
import type { Message } from '../../dns/message.ts'
import { ancestorName, equalNames, type Name, nameKey, printName } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { Type, targetOf } from '../../dns/types.ts'
import type { World } from '../../host/world.ts'
import type { Resolver } from '../../resolver/resolver.ts'
import { askByDatagram, askByStream, type Remote, type RemoteRequest } from '../../zones/transfer/remote.ts'
import { Gate } from '../../zones/write/gate.ts'
import type { ServingView } from '../requests/state.ts'
import type { ServedZone } from '../zones/members.ts'
import { compareDelegation, type Delegation, type DelegationReport } from './delegations.ts'

/** Parents that are asked at once. */
const MOST = 8
/** Servers of a parent that are tried, and addresses of each. */
const TRIED = { servers: 4, addresses: 2 }
const WAITS = [1500, 2500]
const STREAM = { connect: 3000, idle: 3000, whole: 6000, octets: 65_537 }
const CLIENT = { client: 'watch' }

/**
 * Asks the parents of the zones that are said to be `delegated` and whose parent is not served in their view: found through the resolver, asked
 * without recursion, for resolvers give the child's NS RRset (RFC 2181 §5.4.1).
 */
export async function askForeignParents(
  world: World,
  views: readonly ServingView[],
  zones: Iterable<ServedZone>,
): Promise<DelegationReport[]> {
  const gate = new Gate(MOST)
  const foreign = [...zones].filter(zone => zone.config.delegated && !hasParentHere(views, zone))
  return Promise.all(foreign.map(zone => gate.run(() => askParent(world, views, zone))))
}

function hasParentHere(views: readonly ServingView[], { view: name, origin }: ServedZone): boolean {
  return views.find(view => view.name === name)?.zones.findAbove(origin, 0) !== undefined
}

/** A parent that can't be asked, and why. */
class Unasked extends Error {
  override name = 'Unasked'
}

async function askParent(
  world: World,
  views: readonly ServingView[],
  { view, origin, image }: ServedZone,
): Promise<DelegationReport> {
  const report = { view, zone: printName(origin), parent: '' }
  try {
    if (!image) throw new Unasked('the zone is not served')
    const resolver = resolverFor(views, view, ancestorName(origin))
    const apex = await apexAbove(resolver, origin)
    report.parent = printName(apex)
    const delegation = await delegationAt(world, await serversOf(resolver, apex), origin)
    const problem = compareDelegation(delegation, image.latest(), report.parent)
    return problem === undefined ? report : { ...report, problem }
  } catch (error) {
    return { ...report, unknown: (error as Error).message }
  }
}

/** That of the zone's own view where a rule covers the names above it, else of the first view that has one. */
function resolverFor(views: readonly ServingView[], view: string, name: Name): Resolver {
  const ordered = [...views.filter(one => one.name === view), ...views]
  const found = ordered.find(({ resolver }) => resolver.covers(name))
  if (!found) throw new Unasked('no view forwards the names above it')
  return found.resolver
}

/** The zone that the name above is in: RFC 2308 §3 has its SOA come with whatever is not there. */
async function apexAbove(resolver: Resolver, origin: Name): Promise<Name> {
  const name = ancestorName(origin)
  const { rcode, answer, authority } = await resolver.resolve({ name, type: Type.SOA, class: Class.IN }, CLIENT)
  const soa = [...answer, ...authority].find(({ type }) => type === Type.SOA)
  if (!soa) throw new Unasked(`the zone above is not to be found: ${rcodeName(rcode)}`)
  return soa.owner
}

/** Addresses of the servers of a zone. */
async function serversOf(resolver: Resolver, apex: Name): Promise<string[]> {
  const ask = async (name: Name, type: number) => {
    const { answer } = await resolver.resolve({ name, type, class: Class.IN }, CLIENT)
    return answer.filter(record => record.type === type)
  }
  const targets = (await ask(apex, Type.NS)).flatMap(({ type, rdata }) => targetOf(type, rdata) ?? [])
  const found = await Promise.all(
    targets.slice(0, TRIED.servers).map(async target => {
      const both = await Promise.all([ask(target, Type.A), ask(target, Type.AAAA)])
      return both.flat().slice(0, TRIED.addresses)
    }),
  )
  const addresses = found.flat().map(({ rdata }) => printAddress(rdata))
  if (addresses.length === 0) throw new Unasked(`${printName(apex)} has no servers with addresses`)
  return addresses
}

/** What the first of the servers says that says something. */
async function delegationAt(world: World, addresses: readonly string[], origin: Name): Promise<Delegation> {
  let failure: Error | undefined
  for (const address of addresses) {
    const remote = { address: { address, port: 53 } }
    try {
      const [ns, ds] = [await ask(world, remote, origin, Type.NS), await ask(world, remote, origin, Type.DS)]
      return { ...referralIn(ns, origin), ds: rdatasAt(ds.answer, origin, Type.DS) }
    } catch (error) {
      failure = new Unasked(`${address}: ${(error as Error).message}`)
    }
  }
  throw failure!
}

async function ask(world: World, remote: Remote, name: Name, type: number): Promise<Message> {
  const request: RemoteRequest = {
    ...{ flags: 0, opcode: Opcode.QUERY, rcode: 0, answer: [], authority: [], additional: [] },
    question: [{ name, type, class: Class.IN }],
    edns: { udpSize: 1232, version: 0, dnssecOk: false, options: [] },
  }
  let message = await askByDatagram(world, remote, request, WAITS)
  if (message.flags & Flag.TC)
    await askByStream(world, remote, request, STREAM, whole => {
      message = whole
      return true
    })
  if (message.rcode !== Rcode.NOERROR && message.rcode !== Rcode.NXDOMAIN) throw new Unasked(rcodeName(message.rcode))
  return message
}

/** A server that has the zone, too, gives its NS RRset as answer; all others refer to it. */
function referralIn({ answer, authority, additional }: Message, origin: Name): Omit<Delegation, 'ds'> {
  const glue = Map.groupBy(
    additional.filter(({ type }) => type === Type.A || type === Type.AAAA),
    ({ owner }) => nameKey(owner),
  )
  return {
    ns: rdatasAt([...answer, ...authority], origin, Type.NS),
    glue: server => glue.get(nameKey(server))?.map(({ rdata }) => rdata) ?? [],
  }
}

function rdatasAt(records: readonly ResourceRecord[], origin: Name, type: number): Uint8Array[] {
  return records.filter(record => record.type === type && equalNames(record.owner, origin)).map(({ rdata }) => rdata)
}
