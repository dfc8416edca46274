import { Flag, Rcode } from '../../dns/codes.ts'
import type { Message } from '../../dns/message.ts'
import type { Name } from '../../dns/name.ts'
import type { Random } from '../../host/random.ts'
import type { Cacheable } from '../cache/cache.ts'
import type { ExtendedError } from '../cache/failures.ts'
import { capped, lifetimeOf } from '../cache/lifetime.ts'
import type { Cancellation } from '../cancellation.ts'
import type { ResolverLimits } from '../limits.ts'
import type { UpstreamQuestion } from '../question.ts'
import type { Accepted } from '../upstreams/accept.ts'
import type { Racing } from '../upstreams/race.ts'
import type { Server } from '../upstreams/server.ts'
import type { UpstreamSet } from '../upstreams/upstream-set.ts'

/** A way to resolve names at and below `zone`: a forward rule's servers, or the servers of a delegation. */
export interface Route {
  readonly zone: Name
  /** The zone in presentation form: what is outstanding is counted by it. */
  readonly label: string
  /** Keeps what is cached apart from what other kinds of route cached for the same name. */
  readonly scope: string
  /** Whether its servers resolve for us (RD) or speak for their own zones only. */
  readonly recursive: boolean
  /** Whether what they say is validated: of authoritative servers, as far as trust reaches them. */
  readonly validated: boolean
  /** Who is asked, where that does not depend on the question. */
  readonly upstreams?: UpstreamSet
  /** Whether the client's subnet is passed on (RFC 7871). */
  readonly passesSubnet?: boolean
  /** Whether no server of it has answered lately, so that waiting for one is likely in vain. */
  down(): boolean
  /** `avoiding` are servers whose answer to it was not believed. */
  ask(question: UpstreamQuestion, cancellation: Cancellation, avoiding?: ReadonlySet<Server>): Promise<Outcome>
}

/** What asking came to. */
export type Outcome = Found | { kind: 'failed'; error: ExtendedError }

/** An answer, how many seconds it may be kept, and who gave it. */
export interface Found {
  kind: 'found'
  found: Cacheable
  seconds: number
  server?: Server
}

/** What routes work with. */
export interface RouteContext {
  limits: ResolverLimits
  random: Random
  race: Racing
}

/** What of a response an answer can be made of. A referral is not: the caller follows it or drops it before. */
export type Usable = Exclude<Accepted, { kind: 'referral' | 'unusable' }>

/** An accepted response as an outcome. */
export function outcomeOf(accepted: Usable, response: Message, server: Server, limits: ResolverLimits): Found {
  const negative = accepted.kind === 'negative'
  const answer = capped(accepted.answer, limits.minTtl, limits.maxTtl)
  const least = Math.min(limits.minTtl, limits.maxNegativeTtl)
  const authority = capped(accepted.authority, least, limits.maxNegativeTtl)
  const found: Cacheable = {
    rcode: negative ? accepted.rcode : Rcode.NOERROR,
    answer,
    authority,
    // RFC 4035 §4.9.3: another's validation counts only where nobody on the way can have set the bit.
    authentic: server.encrypted && (response.flags & Flag.AD) !== 0,
    unfinished: accepted.kind === 'chain',
  }
  return { kind: 'found', found, seconds: lifetimeOf(answer, authority, negative), server }
}
