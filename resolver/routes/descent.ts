import { printAddress } from '../../config/address.ts'
import { Ede, Rcode } from '../../dns/codes.ts'
import type { Message } from '../../dns/message.ts'
import { ancestorName, equalNames, isSubdomain, labelCount, type Name, printName } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { Type, targetOf } from '../../dns/types.ts'
import type { Clock } from '../../host/clock.ts'
import type { Cancellation } from '../cancellation.ts'
import { explainFailures } from '../explain.ts'
import type { UpstreamQuestion } from '../question.ts'
import { type Accepted, accept } from '../upstreams/accept.ts'
import type { RaceResult } from '../upstreams/race.ts'
import type { Server, ServerAddress } from '../upstreams/server.ts'
import { authoritiesOf } from './authorities.ts'
import type { Cut, CutCache } from './cuts.ts'
import { type Found, type Outcome, outcomeOf, type RouteContext } from './route.ts'

/** A zone cut: the NS records there, and such addresses of their names as are known. */
export interface Delegation {
  cut: Name
  servers: readonly ResourceRecord[]
  glue: readonly ResourceRecord[]
}

/** What following delegations needs beside what every route needs. */
export interface DescentContext extends RouteContext {
  clock: Clock
  cuts: CutCache
  server(at: ServerAddress): Server
  /** A and AAAA records of a name server for which there is no glue. */
  addresses(name: Name): Promise<readonly ResourceRecord[]>
}

/** How many queries are sent on the way down for one question, and how many servers of one zone are asked. */
const MOST_QUERIES = 12
const MOST_SERVERS = 6
/** RFC 9156 §2.3: so many labels are uncovered one by one; then the whole name is asked. */
const MOST_MINIMISED = 4
/** Seconds that it is believed of a name that it is no zone cut. */
const NO_CUT_KEPT = 300

/**
 * Asks the servers of `top`, RD clear, and follows their referrals below it (RFC 1034 §5.3.3). Where servers are to be avoided, because what
 * one said was not believed, so is what was remembered of the way to it: it may have been forged as well.
 */
export async function descend(
  top: Cut,
  question: UpstreamQuestion,
  cancellation: Cancellation,
  context: DescentContext,
  avoiding?: ReadonlySet<Server>,
): Promise<Outcome> {
  const { clock, cuts, limits } = context
  const until = clock.monotonic() + limits.lifetime
  // RFC 4035 §3.1.4.1: a DS record is the parent zone's.
  const above = question.type === Type.DS && question.name.length > 1 ? ancestorName(question.name) : question.name
  let cut = (avoiding ? undefined : cuts.deepest(top.zone, above, clock.monotonic())) ?? top
  let minimised = 0
  for (let asked = 0; asked < MOST_QUERIES; asked++) {
    const { zone } = cut
    const servers = avoiding ? cut.servers.filter(server => !avoiding.has(server)) : cut.servers
    if (servers.length === 0) return failed(`no address is known for the servers of ${printName(zone)}`)
    const step = minimised < MOST_MINIMISED ? nextStep(question, cut.known) : question
    const judge = (response: Message, server: Server) => {
      const accepted = judgeAt(zone, response, step)
      return accepted && { accepted, response, server }
    }
    const left = until - clock.monotonic()
    // RFC 9156 §3: a server may be silent to the shorter question as well; the client shall still have its answer.
    const lifetime = step === question ? left : Math.min(left, limits.patience / 2)
    const result = await new Promise<RaceResult<Judged>>(ended =>
      context.race({ servers, question: step, lifetime, cancellation, judge, ended }),
    )
    if (result.kind === 'lost') {
      if (step === question) return { kind: 'failed', error: explainFailures(zone, result.failures) }
      // RFC 9156 §3: who does not understand the shorter question is asked the whole one.
      minimised = MOST_MINIMISED
      continue
    }
    const { accepted, response, server } = result.judged
    if (accepted.kind === 'referral') {
      cut = await cutOf(accepted, context)
      cuts.note(top.zone, cut.zone, cut, secondsOf(accepted.servers), clock.monotonic())
    } else if (step === question) return withAuthorities(outcomeOf(accepted, response, server, limits), cut)
    else if (accepted.kind === 'negative' && accepted.rcode === Rcode.NXDOMAIN) minimised = MOST_MINIMISED
    else {
      minimised++
      cut = { ...cut, known: step.name }
      cuts.note(top.zone, step.name, cut, NO_CUT_KEPT, clock.monotonic())
    }
  }
  return failed('too many delegations')
}

/** RFC 9156 §2.1: one label more than what is known, of type A; the question itself where that is its name. */
function nextStep(question: UpstreamQuestion, known: Name): UpstreamQuestion {
  const hidden = labelCount(question.name) - labelCount(known) - 1
  if (hidden <= 0) return question
  return { ...question, name: ancestorName(question.name, hidden), type: Type.A, dnssecOk: false }
}

/** Policies may have something to say of who answered (NSDNAME, NSIP). */
function withAuthorities(outcome: Found, cut: Cut): Found {
  return { ...outcome, found: { ...outcome.found, authorities: authoritiesOf(cut) } }
}

function secondsOf(records: readonly ResourceRecord[]): number {
  return Math.min(...records.map(({ ttl }) => ttl))
}

function failed(text: string): Outcome {
  return { kind: 'failed', error: { code: Ede.NO_REACHABLE_AUTHORITY, text } }
}

/** A response of use, and whose it is. */
interface Judged {
  accepted: Exclude<Accepted, { kind: 'unusable' }>
  response: Message
  server: Server
}

/** A server speaks for its own zone and refers only downwards; anything else is lame, and of no use. */
function judgeAt(zone: Name, response: Message, question: UpstreamQuestion): Judged['accepted'] | undefined {
  const accepted = accept(response, question, owner => isSubdomain(owner, zone))
  if (accepted.kind === 'unusable') return undefined
  if (accepted.kind !== 'referral') return accepted
  const downwards = isSubdomain(accepted.cut, zone) && !equalNames(accepted.cut, zone)
  if (!downwards) return undefined
  // RFC 5452 §6: an address of a name outside the referring zone is not for it to give.
  return { ...accepted, glue: accepted.glue.filter(record => isSubdomain(record.owner, zone)) }
}

/** The servers of a delegation: addresses from glue; where there is none, those that resolving the servers' names brings. */
export async function cutOf({ cut: zone, servers, glue }: Delegation, context: DescentContext): Promise<Cut> {
  const names = servers.map(record => targetOf(Type.NS, record.rdata)).filter(name => name !== undefined)
  const glued = glue.filter(record => names.some(name => equalNames(name, record.owner)))
  if (glued.length > 0) return { zone, names, known: zone, servers: toServers(glued, context) }
  // A name below its own cut can't be resolved without glue.
  const outside = names.filter(name => !isSubdomain(name, zone)).slice(0, 2)
  const found = await Promise.all(outside.map(name => context.addresses(name)))
  return { zone, names, known: zone, servers: toServers(found.flat(), context) }
}

function toServers(records: readonly ResourceRecord[], context: DescentContext): Server[] {
  const addresses = records.filter(({ type }) => type === Type.A || type === Type.AAAA)
  // IPv4 first: a host without IPv6 fails on the others at once, one without IPv4 likewise.
  const ordered = [...addresses].sort((a, b) => a.type - b.type).slice(0, MOST_SERVERS)
  return ordered.map(({ rdata }) => context.server({ transport: 'udp', address: printAddress(rdata), port: 53 }))
}
