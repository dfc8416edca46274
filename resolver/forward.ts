import { Ede } from '../dns/codes.ts'
import type { Message } from '../dns/message.ts'
import { equalNames, type Name, printName } from '../dns/name.ts'
import { type Accepted, accept } from './accept.ts'
import { explainFailures } from './explain.ts'
import type { UpstreamQuestion } from './question.ts'
import { type Outcome, outcomeOf, type Route, type RouteContext } from './route.ts'
import type { Server } from './server.ts'

/** Which servers resolve the names at and below a zone. Config's ForwardRule is decoded to one. */
export interface ForwardRoute extends Route {
  readonly servers: readonly Server[]
}

/** The route of a forward rule. `mine` says of an owner name that no longer rule and no zone of ours covers it. */
export function createForwardRoute(
  zone: Name,
  servers: readonly Server[],
  mine: (owner: Name, route: Route) => boolean,
  context: RouteContext,
): ForwardRoute {
  const route: ForwardRoute = {
    zone,
    servers,
    scope: '',
    recursive: true,
    down: () => servers.every(server => server.down),
    ask,
  }
  const judge = (response: Message, question: UpstreamQuestion): Accepted => {
    const accepted = accept(response, question, owner => equalNames(owner, question.name) || mine(owner, route))
    // A server that refers us elsewhere instead of resolving is none for this question.
    return accepted.kind === 'referral' ? { kind: 'unusable', reason: 'a referral' } : accepted
  }

  async function ask(
    question: UpstreamQuestion,
    signal: AbortSignal,
    avoiding?: ReadonlySet<Server>,
  ): Promise<Outcome> {
    if (servers.length === 0)
      return {
        kind: 'failed',
        error: { code: Ede.OTHER, text: `${printName(zone)} is forwarded to this server itself` },
      }
    const { limits, race } = context
    const lifetime = route.down() ? Math.min(limits.patience, limits.lifetime) : limits.lifetime
    const usable = (response: Message) => judge(response, question).kind !== 'unusable'
    const asked = avoiding ? servers.filter(server => !avoiding.has(server)) : servers
    const result = await race({ servers: asked, question, lifetime, signal, usable })
    if (result.kind === 'lost') return { kind: 'failed', error: explainFailures(zone, result.failures) }
    const accepted = judge(result.message, question) as Exclude<Accepted, { kind: 'referral' | 'unusable' }>
    return outcomeOf(accepted, result.message, result.server, limits)
  }

  return route
}
