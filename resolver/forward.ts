import { Ede } from '../dns/codes.ts'
import type { Message } from '../dns/message.ts'
import { equalNames, type Name, printName } from '../dns/name.ts'
import { accept } from './accept.ts'
import type { Cancellation } from './cancellation.ts'
import { explainFailures } from './explain.ts'
import type { UpstreamQuestion } from './question.ts'
import { type Outcome, outcomeOf, type Route, type RouteContext, type Usable } from './route.ts'
import { arrange, type Selection } from './selection.ts'
import type { Server } from './server.ts'
import type { UpstreamSet } from './upstream-set.ts'

/** What a forward rule is made of, beside what every route needs. */
export interface ForwardRule {
  zone: Name
  upstreams: UpstreamSet
  selection: Selection
  /** Keeps what is cached apart from what other rules cached for the same name. */
  scope?: string
  passesSubnet?: boolean
}

/** Which servers resolve the names at and below a zone. */
export interface ForwardRoute extends Route {
  readonly upstreams: UpstreamSet
}

/** The route of a forward rule. `mine` says of an owner name that no longer rule and no zone of ours covers it. */
export function createForwardRoute(
  { zone, upstreams, selection, scope = '', passesSubnet = false }: ForwardRule,
  mine: (owner: Name, route: Route) => boolean,
  context: RouteContext,
): ForwardRoute {
  const label = printName(zone)
  const down = (): boolean => {
    const servers = upstreams.known()
    return servers.length > 0 && servers.every(server => server.down)
  }
  const route: ForwardRoute = { zone, label, upstreams, scope, recursive: true, passesSubnet, down, ask }
  const judge = (response: Message, question: UpstreamQuestion): Usable | undefined => {
    const accepted = accept(response, question, owner => equalNames(owner, question.name) || mine(owner, route))
    // A server that refers us elsewhere instead of resolving is none for this question.
    return accepted.kind === 'referral' || accepted.kind === 'unusable' ? undefined : accepted
  }

  const lacking = () =>
    upstreams.names.length > 0
      ? `the bootstrap servers know no address of ${upstreams.names.join(', ')}`
      : `${label} is forwarded to this server itself`

  async function ask(
    question: UpstreamQuestion,
    cancellation: Cancellation,
    avoiding?: ReadonlySet<Server>,
  ): Promise<Outcome> {
    const { limits, race, random } = context
    const ready = upstreams.ready()
    const all = ready instanceof Promise ? await ready : ready
    if (all.length === 0) return { kind: 'failed', error: { code: Ede.OTHER, text: lacking() } }
    const believed = avoiding ? all.filter(server => !avoiding.has(server)) : all
    const servers = arrange(believed, selection, random)
    const lifetime = down() ? Math.min(limits.patience, limits.lifetime) : limits.lifetime
    const result = await race({
      ...{ servers, question, lifetime, cancellation },
      judge: response => judge(response, question),
      measured: selection === 'latency',
    })
    if (result.kind === 'lost') return { kind: 'failed', error: explainFailures(zone, result.failures) }
    return outcomeOf(result.judged, result.message, result.server, limits)
  }

  return route
}
