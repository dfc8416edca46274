import { Ede, Rcode } from '../dns/codes.ts'
import type { Question } from '../dns/message.ts'
import { ancestorName, equalNames, lowerName, type Name } from '../dns/name.ts'
import { equalOctets, type ResourceRecord } from '../dns/record.ts'
import { Type, targetOf } from '../dns/types.ts'
import type { Clock } from '../host/clock.ts'
import { emptyAnswer, failure, type ResolverAnswer } from './answer.ts'
import type { Counters } from './counters.ts'
import type { ResolverLimits } from './limits.ts'
import type { createParts, NoPart, Part } from './parts.ts'
import type { UpstreamQuestion } from './question.ts'
import type { RebindingProtection } from './rebinding.ts'
import { joinAuthorities } from './routes/authorities.ts'
import { createDelegationRoute, type Delegation } from './routes/delegation.ts'
import type { DescentContext } from './routes/descent.ts'
import type { LeakGuard } from './routes/leak-guard.ts'
import type { Route } from './routes/route.ts'
import type { RuleTable } from './routes/rules.ts'
import { withoutDnssec } from './validate/presentation.ts'
import type { Security } from './validate/security.ts'

/** What a client asked for beside the question. */
export interface ResolveOptions {
  dnssecOk?: boolean
  checkingDisabled?: boolean
  /** Whose question it is, for the limit per client. */
  client?: string
  /** The client's subnet (RFC 7871), passed on where the rule says so. */
  subnet?: Uint8Array
  /** The daemons that have sent the question on before. */
  hops?: Uint8Array
  /** Ask these authoritative servers, whatever the rules say, and follow their referrals. */
  delegation?: Delegation
}

/** What following a chain needs. */
export interface ChainContext {
  clock: Clock
  limits: ResolverLimits
  counters: Counters
  parts: ReturnType<typeof createParts>
  routes: RuleTable<Route>
  /** The route that validates what another answers for a name, where that is wanted and something that is trusted reaches the name. */
  validating: (route: Route, name: Name) => Route | undefined
  descent: DescentContext
  /** Names that the caller answers from its own zones: chains stop there. */
  ownName: (name: Name) => boolean
  leaks: LeakGuard | undefined
  rebinding: RebindingProtection | undefined
}

/** A question with its CNAME chain (RFC 1034 §5.3.3 step 4c), each link resolved by the route that its name has. */
export class Chain {
  private readonly context: ChainContext
  private readonly question: Question
  private readonly asked: ResolveOptions
  private readonly until: number
  private readonly visited: Name[] = []
  private readonly whole: ResolverAnswer

  constructor(question: Question, asked: ResolveOptions, context: ChainContext) {
    this.context = context
    this.question = question
    this.asked = asked
    this.until = context.clock.monotonic() + context.limits.patience
    this.whole = emptyAnswer(Rcode.NOERROR, 'cache')
    this.whole.ad = true
    this.whole.renewIn = Number.MAX_SAFE_INTEGER
  }

  /** The answer, as far as the rules go, within the client's patience. */
  async follow(): Promise<ResolverAnswer> {
    const { asked, context, question, whole } = this
    const { delegation } = asked
    let name = question.name
    let route = delegation ? createDelegationRoute(delegation, context.descent) : this.routeFor(name)
    if (!route) return failure({ code: Ede.NOT_AUTHORITATIVE, text: 'no forward rule covers the name' }, Rcode.REFUSED)
    for (; route; route = context.ownName(name) ? undefined : this.routeFor(name)) {
      if (!this.visit(name)) return failure({ code: Ede.OTHER, text: 'a CNAME chain that is endless or too long' })
      const kept = this.keptBack(name, route)
      if (kept) return kept
      const checked = asked.checkingDisabled ? undefined : context.validating(route, name)
      const told = await this.link(name, route, checked)
      if (told.kind === 'failed') return failure(told.error)
      const part = this.protect(told, route)
      this.add(part, name, route, checked !== undefined)
      if (!part.unfinished) return whole
      name = targetOf(Type.CNAME, part.answer.findLast(({ type }) => type === Type.CNAME)!.rdata)!
    }
    whole.next = name
    return whole
  }

  /** RFC 4035 §3.1.4.1: a DS is in the zone above, though the name may have a rule of its own. */
  private routeFor(name: Name): Route | undefined {
    const { routes } = this.context
    const isAbove = this.question.type === Type.DS && name.length > 1
    return (isAbove ? routes.find(ancestorName(name)) : undefined) ?? routes.find(name)
  }

  private visit(name: Name): boolean {
    const { visited } = this
    if (visited.length >= this.context.limits.chainLength) return false
    if (visited.some(other => equalNames(other, name))) return false
    visited.push(name)
    return true
  }

  /** The answer for a name that must not leave the site: NXDOMAIN is what the world would say. */
  private keptBack(name: Name, route: Route): ResolverAnswer | undefined {
    const { leaks, counters } = this.context
    const reason = leaks && isGuarded(route) ? leaks.reason(name, route.zone) : undefined
    if (!reason) return undefined
    counters.guarded++
    return { ...this.whole, ad: false, rcode: Rcode.NXDOMAIN, ede: { code: Ede.BLOCKED, text: reason } }
  }

  /** Resolves one name of the chain, by the route that validates where there is one. */
  private link(name: Name, route: Route, checked: Route | undefined): Promise<Part | NoPart> {
    const question = this.upstreamQuestion(name, route)
    if (checked) question.dnssecOk = true
    return this.context.parts.part(checked ?? route, question, this.until)
  }

  private upstreamQuestion(name: Name, route: Route): UpstreamQuestion {
    const { dnssecOk = false, checkingDisabled = false, subnet, hops } = this.asked
    const question: UpstreamQuestion = {
      // In lower case, so that what is kept does not depend on who asked first.
      name: lowerName(name),
      type: this.question.type,
      class: this.question.class,
      recursionDesired: route.recursive,
      dnssecOk,
      checkingDisabled,
    }
    if (subnet && route.passesSubnet) question.subnet = subnet
    if (hops) question.hops = hops
    return question
  }

  /** The part without addresses that names from outside must not have. */
  private protect(part: Part, route: Route): Part {
    const { rebinding, counters } = this.context
    if (!rebinding || route.zone.length !== 1 || !isGuarded(route)) return part
    const answer = rebinding.pass(part.answer) as ResourceRecord[]
    if (answer === part.answer) return part
    counters.rebinding++
    return { ...part, answer, authentic: false, error: { code: Ede.BLOCKED, text: 'a private address from outside' } }
  }

  private add(part: Part, name: Name, route: Route, checked: boolean): void {
    const { whole } = this
    for (const record of this.shown(part.answer, checked)) whole.answer.push(spelledAs(name, record))
    whole.rcode = part.rcode as Rcode
    whole.authority = this.shown(part.authority, checked)
    whole.ad &&= part.authentic
    whole.renewIn = Math.min(whole.renewIn, part.renewIn)
    whole.rule = route.zone
    if (part.upstream !== undefined) whole.upstream = part.upstream
    if (part.authorities) whole.authorities = joinAuthorities(whole.authorities, part.authorities)
    if (part.security) whole.security = weakest(whole.security, part.security)
    if (part.security?.ede) whole.ede ??= part.security.ede
    whole.from = slowest(whole.from, part.from)
    if (part.error) whole.ede ??= part.error
  }

  /** What was asked for in order to validate is not for who did not ask for it. */
  private shown(records: ResourceRecord[], checked: boolean): ResourceRecord[] {
    if (this.asked.dnssecOk || !checked) return records
    return withoutDnssec(records, this.question.type)
  }
}

/** Whether some server of the route is outside of our site. */
function isGuarded(route: Route): boolean {
  return route.recursive && (route.upstreams?.known().some(server => server.isPublic) ?? false)
}

/** The record, one of `name` owned by it in the spelling that the client or the link before used. */
function spelledAs(name: Name, record: ResourceRecord): ResourceRecord {
  if (equalOctets(record.owner, name) || !equalNames(record.owner, name)) return record
  return { ...record, owner: name }
}

const STRENGTH = ['indeterminate', 'insecure', 'secure'] as const

function weakest(a: Security | undefined, b: Security): Security {
  return a && STRENGTH.indexOf(a.status) <= STRENGTH.indexOf(b.status) ? a : b
}

const SPEED = ['cache', 'upstream', 'stale'] as const

function slowest(a: ResolverAnswer['from'], b: (typeof SPEED)[number]): ResolverAnswer['from'] {
  return SPEED.indexOf(a as (typeof SPEED)[number]) > SPEED.indexOf(b) ? a : b
}
