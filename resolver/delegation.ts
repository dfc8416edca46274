import { printAddress } from '../config/address.ts'
import { Ede } from '../dns/codes.ts'
import type { Message } from '../dns/message.ts'
import { equalNames, isSubdomain, type Name, nameKey, printName } from '../dns/name.ts'
import type { ResourceRecord } from '../dns/record.ts'
import { Type, targetOf } from '../dns/types.ts'
import type { Clock } from '../host/clock.ts'
import { type Accepted, accept } from './accept.ts'
import { explainFailures } from './explain.ts'
import type { UpstreamQuestion } from './question.ts'
import { type Outcome, outcomeOf, type Route, type RouteContext } from './route.ts'
import type { Server, ServerAddress } from './server.ts'

/** A zone cut: the NS records there, and such addresses of their names as are known. */
export interface Delegation {
  cut: Name
  servers: readonly ResourceRecord[]
  glue: readonly ResourceRecord[]
}

/** What following a delegation needs beside what every route needs. */
export interface DelegationContext extends RouteContext {
  clock: Clock
  server(at: ServerAddress): Server
  /** A and AAAA records of a name server for which there is no glue. */
  addresses(name: Name): Promise<readonly ResourceRecord[]>
}

/** How many cuts are crossed for one question, and how many servers of one are asked. */
const DEEPEST = 8
const MOST_SERVERS = 6

/** Asks the servers of a delegation, RD clear, and follows their referrals below it (RFC 1034 §5.3.3). */
export function createDelegationRoute(top: Delegation, context: DelegationContext): Route {
  let servers: readonly Server[] = []

  async function ask(question: UpstreamQuestion, signal: AbortSignal): Promise<Outcome> {
    const until = context.clock.monotonic() + context.limits.lifetime
    let delegation = top
    for (let depth = 0; depth < DEEPEST; depth++) {
      servers = await serversOf(delegation, context)
      const { cut } = delegation
      if (servers.length === 0) return failed(`no address is known for the servers of ${printName(cut)}`)
      const judge = (response: Message) => judgeAt(cut, response, question)
      const usable = (response: Message) => judge(response).kind !== 'unusable'
      const result = await context.race({
        servers,
        question,
        lifetime: until - context.clock.monotonic(),
        signal,
        usable,
      })
      if (result.kind === 'lost') return { kind: 'failed', error: explainFailures(cut, result.failures) }
      const accepted = judge(result.message)
      if (accepted.kind === 'unusable') return failed(accepted.reason)
      if (accepted.kind !== 'referral') return outcomeOf(accepted, result.message, result.server, context.limits)
      delegation = accepted
    }
    return failed('too many delegations')
  }

  const down = () => servers.length > 0 && servers.every(server => server.down)
  return { zone: top.cut, scope: nameKey(top.cut), recursive: false, down, ask }
}

function failed(text: string): Outcome {
  return { kind: 'failed', error: { code: Ede.NO_REACHABLE_AUTHORITY, text } }
}

/** A server speaks for its own zone and refers only downwards; anything else is lame. */
function judgeAt(cut: Name, response: Message, question: UpstreamQuestion): Accepted {
  const accepted = accept(response, question, owner => isSubdomain(owner, cut))
  if (accepted.kind !== 'referral') return accepted
  const downwards = isSubdomain(accepted.cut, cut) && !equalNames(accepted.cut, cut)
  if (!downwards) return { kind: 'unusable', reason: 'a referral that does not lead downwards' }
  // RFC 5452 §6: an address of a name outside the referring zone is not for it to give.
  return { ...accepted, glue: accepted.glue.filter(record => isSubdomain(record.owner, cut)) }
}

/** Addresses from glue; where there is none, those that resolving the servers' names brings. */
async function serversOf({ servers, glue, cut }: Delegation, context: DelegationContext): Promise<Server[]> {
  const names = servers.map(record => targetOf(Type.NS, record.rdata)).filter(name => name !== undefined)
  const glued = glue.filter(record => names.some(name => equalNames(name, record.owner)))
  if (glued.length > 0) return toServers(glued, context)
  // A name below its own cut can't be resolved without glue.
  const outside = names.filter(name => !isSubdomain(name, cut)).slice(0, 2)
  const found = await Promise.all(outside.map(name => context.addresses(name)))
  return toServers(found.flat(), context)
}

function toServers(records: readonly ResourceRecord[], context: DelegationContext): Server[] {
  const addresses = records.filter(({ type }) => type === Type.A || type === Type.AAAA)
  // IPv4 first: a host without IPv6 fails on the others at once, one without IPv4 likewise.
  const ordered = [...addresses].sort((a, b) => a.type - b.type).slice(0, MOST_SERVERS)
  return ordered.map(({ rdata }) => context.server({ transport: 'udp', address: printAddress(rdata), port: 53 }))
}
