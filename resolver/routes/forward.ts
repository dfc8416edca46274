import { Ede } from '../../dns/codes.ts'
import type { Message } from '../../dns/message.ts'
import { equalNames, type Name, printName } from '../../dns/name.ts'
import type { Cancellation } from '../cancellation.ts'
import { explainFailures } from '../explain.ts'
import type { UpstreamQuestion } from '../question.ts'
import { accept } from '../upstreams/accept.ts'
import { arrange, type Selection } from '../upstreams/selection.ts'
import type { Server } from '../upstreams/server.ts'
import type { UpstreamSet } from '../upstreams/upstream-set.ts'
import { type Found, type Outcome, outcomeOf, type Route, type RouteContext } from './route.ts'

/** What a forward rule is made of, beside what every route needs. */
export interface ForwardRule {
  zone: Name
  upstreams: UpstreamSet
  selection: Selection
  /** Keeps what is cached apart from what other rules cached for the same name. */
  scope?: string
  passesSubnet?: boolean
  validated?: boolean
}

/** Which servers resolve the names at and below a zone. */
export interface ForwardRoute extends Route {
  readonly upstreams: UpstreamSet
}

/** The route of a forward rule. `mine` says of an owner name that no longer rule and no zone of ours covers it. */
export function createForwardRoute(
  { zone, upstreams, selection, scope = '', passesSubnet = false, validated = false }: ForwardRule,
  mine: (owner: Name, route: Route) => boolean,
  context: RouteContext,
): ForwardRoute {
  const label = printName(zone)
  const down = (): boolean => {
    const servers = upstreams.known()
    return servers.length > 0 && servers.every(server => server.down)
  }
  const route: ForwardRoute = { zone, label, upstreams, scope, recursive: true, validated, passesSubnet, down, ask }
  const judge = (response: Message, question: UpstreamQuestion, server: Server): Found | undefined => {
    const accepted = accept(response, question, owner => equalNames(owner, question.name) || mine(owner, route))
    // A server that refers us elsewhere instead of resolving is none for this question.
    if (accepted.kind === 'referral' || accepted.kind === 'unusable') return undefined
    return outcomeOf(accepted, response, server, context.limits)
  }

  const lacking = () =>
    upstreams.names.length > 0
      ? `the bootstrap servers know no address of ${upstreams.names.join(', ')}`
      : `${label} is forwarded to this server itself`

  function ask(
    question: UpstreamQuestion,
    cancellation: Cancellation,
    avoiding?: ReadonlySet<Server>,
  ): Promise<Outcome> {
    const ready = upstreams.ready()
    if (ready instanceof Promise) return ready.then(all => askThese(all, question, cancellation, avoiding))
    return askThese(ready, question, cancellation, avoiding)
  }

  function askThese(
    all: readonly Server[],
    question: UpstreamQuestion,
    cancellation: Cancellation,
    avoiding: ReadonlySet<Server> | undefined,
  ): Promise<Outcome> {
    const { limits, race, random } = context
    return new Promise(resolve => {
      if (all.length === 0) return resolve({ kind: 'failed', error: { code: Ede.OTHER, text: lacking() } })
      const believed = avoiding ? all.filter(server => !avoiding.has(server)) : all
      race<Found>({
        servers: arrange(believed, selection, random),
        question,
        lifetime: down() ? Math.min(limits.patience, limits.lifetime) : limits.lifetime,
        cancellation,
        measured: selection === 'latency',
        judge: (response, server) => judge(response, question, server),
        ended: result =>
          resolve(
            result.kind === 'won' ? result.judged : { kind: 'failed', error: explainFailures(zone, result.failures) },
          ),
      })
    })
  }

  return route
}
