import { Class, Ede, Rcode } from '../dns/codes.ts'
import type { Question } from '../dns/message.ts'
import { equalNames, lowerName, type Name, nameKey, printName, ROOT } from '../dns/name.ts'
import type { ResourceRecord } from '../dns/record.ts'
import { isMetaType, Type, targetOf } from '../dns/types.ts'
import type { Clock } from '../host/clock.ts'
import type { Log } from '../host/log.ts'
import type { Network, SocketAddress } from '../host/network.ts'
import type { Random } from '../host/random.ts'
import { createAdmission } from './admission.ts'
import { createAnswerCache } from './cache.ts'
import { type Counters, createCounters } from './counters.ts'
import { createDelegationRoute, type Delegation } from './delegation.ts'
import { createExchanger } from './exchange.ts'
import { printServer } from './explain.ts'
import { createFailureCache, type ExtendedError } from './failures.ts'
import { createForwardRoute, type ForwardRoute } from './forward.ts'
import { DEFAULT_LIMITS, type ResolverLimits } from './limits.ts'
import { localAnswer } from './local.ts'
import { createParts } from './parts.ts'
import type { UpstreamQuestion } from './question.ts'
import { createRacing } from './race.ts'
import type { Route, RouteContext } from './route.ts'
import { createRuleTable } from './rules.ts'
import { createServerTable, type Server, type ServerAddress } from './server.ts'
import { DEFAULT_TRUST, type Trust } from './validate/anchors.ts'
import { withoutDnssec } from './validate/presentation.ts'
import { probeRoot, type RootProbe } from './validate/probe.ts'
import type { Security } from './validate/security.ts'
import { createValidator } from './validate/validator.ts'

/** Resolves names that are not ours, for one view. */
export interface Resolver {
  /** Answers within `limits.patience`, with SERVFAIL at worst. Never rejects. */
  resolve(question: Question, options?: ResolveOptions): Promise<ResolverAnswer>
  /** Whether a rule says how to resolve this name. */
  covers(name: Name): boolean
  /** Asks every upstream that validation relies on for the root's keys; none where no rule validates. */
  probeRoot(): Promise<RootProbe[]>
  readonly counters: Readonly<Counters>
  /** Ends all that is outstanding, and closes every socket. */
  close(): void
}

/** What a client asked for beside the question. */
export interface ResolveOptions {
  dnssecOk?: boolean
  checkingDisabled?: boolean
  /** Whose question it is, for the limit per client. */
  client?: string
  /** Ask these authoritative servers, whatever the rules say, and follow their referrals. */
  delegation?: Delegation
}

/** An answer, its TTLs counted down. */
export interface ResolverAnswer {
  rcode: Rcode
  answer: ResourceRecord[]
  authority: ResourceRecord[]
  additional: ResourceRecord[]
  /** AD: we validated it, or an upstream did and told us so over a channel that can't be tampered with. */
  ad: boolean
  /** What validating it came to, of all links of a chain that were validated the least secure. */
  security?: Security
  ede?: ExtendedError
  from: 'cache' | 'upstream' | 'stale' | 'local'
  /** Where the CNAME chain in `answer` goes on to a name of the caller's own, or to one that no rule covers. */
  next?: Name
}

/** A forward rule, as config decodes it. */
export interface ResolverRule {
  zone: Name
  to: readonly ServerAddress[]
  /** Whether what they say is validated. */
  dnssec?: 'off' | 'validate'
}

/** What a resolver is made of. */
export interface ResolverOptions {
  rules: readonly ResolverRule[]
  network: Network
  clock: Clock
  random: Random
  log: Log
  limits?: Partial<ResolverLimits>
  /** Names that the caller answers from its own zones: chains stop there, and no upstream speaks for them. */
  ownName?: (name: Name) => boolean
  /** Where this daemon itself listens: forwarding there would come straight back. */
  own?: readonly SocketAddress[]
  /** What validation begins with; left out: the root's built-in anchors. */
  trust?: Trust
}

/** A resolver with an empty cache. */
export function createResolver(options: ResolverOptions): Resolver {
  const { network, clock, random, log } = options
  const ownName = options.ownName ?? (() => false)
  const limits: ResolverLimits = { ...DEFAULT_LIMITS, ...options.limits }
  const counters = createCounters()
  const closing = new AbortController()
  const failures = createFailureCache()
  const exchanger = createExchanger({ network, clock, random })
  const race = createRacing(exchanger, clock, {
    asked: () => counters.asked++,
    lost: (server, reason) => log.warn({ upstream: printServer(server), reason }, 'upstream is down'),
    recovered: server => {
      failures.clear()
      log.info({ upstream: printServer(server) }, 'upstream is back')
    },
  })
  const context: RouteContext = { limits, race }
  const admission = createAdmission(limits)
  const cache = createAnswerCache(limits.cacheOctets, limits.maxStale)
  const parts = createParts({ clock, limits, cache, failures, admission, counters, log, signal: closing.signal })
  const table = createServerTable()
  const mine = (owner: Name, route: Route): boolean => routes.find(owner) === route && !ownName(owner)
  const forward = options.rules.map(rule => createForwardRoute(rule.zone, usableServers(rule), mine, context))
  const routes = createRuleTable<ForwardRoute>(forward)
  const validator = createValidator(options.trust ?? DEFAULT_TRUST, {
    clock,
    counters,
    routeOf: name => routes.find(name),
    part: (route, question) => parts.part(route, question, clock.monotonic() + limits.lifetime),
  })
  const validating = new Map<Route, Route>(
    forward.filter((_, i) => options.rules[i]!.dnssec === 'validate').map(route => [route, validator.route(route)]),
  )

  /** The routes by which the root's keys are found: the root's own, else each that validates. */
  function keyRoutes(): ForwardRoute[] {
    const checked = forward.filter(route => validating.has(route))
    const root = routes.find(ROOT)
    return root && checked.length > 0 ? [root] : checked
  }

  function usableServers({ zone, to }: ResolverRule): Server[] {
    const isOwn = (at: ServerAddress) => options.own?.some(own => sameSocket(own, at)) ?? false
    for (const at of to.filter(isOwn))
      log.error(
        { zone: printName(zone), upstream: at.address, port: at.port },
        'a forward rule leads to this server itself; that upstream is not used',
      )
    return to.filter(at => !isOwn(at)).map(at => table.get(at))
  }

  async function resolve(question: Question, asked: ResolveOptions = {}): Promise<ResolverAnswer> {
    const local = localAnswer(question)
    if (local && !asked.delegation) return { ...EMPTY, answer: [...local], from: 'local' }
    if (question.class !== Class.IN || (isMetaType(question.type) && question.type !== Type.ANY))
      return failure({ code: Ede.NOT_SUPPORTED, text: 'not a question that can be forwarded' }, Rcode.NOTIMP)
    const release = admission.client(asked.client ?? '')
    if (!release) {
      counters.refused++
      return failure({ code: Ede.OTHER, text: 'too many questions are outstanding for this client' })
    }
    try {
      return await followChain(question, asked)
    } finally {
      release()
    }
  }

  /** RFC 1034 §5.3.3 step 4c, each link by the route that its name has. */
  async function followChain(question: Question, asked: ResolveOptions): Promise<ResolverAnswer> {
    const until = clock.monotonic() + limits.patience
    const whole: ResolverAnswer = { ...EMPTY, answer: [], ad: true }
    const visited = new Set<string>()
    let route = asked.delegation
      ? createDelegationRoute(asked.delegation, delegationContext)
      : routes.find(question.name)
    let name = question.name
    if (!route) return failure({ code: Ede.NOT_AUTHORITATIVE, text: 'no forward rule covers the name' }, Rcode.REFUSED)
    for (; route; route = ownName(name) ? undefined : routes.find(name)) {
      if (visited.has(nameKey(name)) || visited.size >= limits.chainLength)
        return failure({ code: Ede.OTHER, text: 'a CNAME chain that is endless or too long' })
      visited.add(nameKey(name))
      const checked = asked.checkingDisabled ? undefined : validating.get(route)
      const sent = upstreamQuestion(question, name, route, asked)
      const part = await parts.part(checked ?? route, checked ? { ...sent, dnssecOk: true } : sent, until)
      if (part.kind === 'failed') return failure(part.error)
      const shown = (records: ResourceRecord[]) => (asked.dnssecOk ? records : withoutDnssec(records, question.type))
      whole.answer.push(...spelledAs(name, checked ? shown(part.answer) : part.answer))
      whole.rcode = part.rcode as Rcode
      whole.authority = checked ? shown(part.authority) : part.authority
      whole.ad &&= part.authentic
      if (part.security) whole.security = weakest(whole.security, part.security)
      if (part.security?.ede) whole.ede ??= part.security.ede
      whole.from = slowest(whole.from, part.from)
      if (part.error) whole.ede ??= part.error
      if (!part.unfinished) return whole
      name = targetOf(Type.CNAME, part.answer.findLast(({ type }) => type === Type.CNAME)!.rdata)!
    }
    return { ...whole, next: name }
  }

  const delegationContext = {
    ...context,
    clock,
    server: (at: ServerAddress) => table.get(at),
    addresses: async (name: Name) => {
      // What our own zones say of it came as glue; nobody else speaks for it.
      if (ownName(name)) return []
      const found = await Promise.all([Type.A, Type.AAAA].map(type => resolve({ name, type, class: Class.IN })))
      return found.flatMap(({ answer }) => answer)
    },
  }

  return {
    resolve,
    counters,
    probeRoot: () => probeRoot(keyRoutes(), closing.signal),
    covers: name => routes.find(name) !== undefined,
    close: () => {
      closing.abort()
      exchanger.close()
    },
  }
}

const EMPTY: ResolverAnswer = {
  rcode: Rcode.NOERROR,
  answer: [],
  authority: [],
  additional: [],
  ad: false,
  from: 'cache',
}

function failure(ede: ExtendedError, rcode: Rcode = Rcode.SERVFAIL): ResolverAnswer {
  return { ...EMPTY, rcode, answer: [], authority: [], additional: [], ede, from: 'upstream' }
}

function upstreamQuestion(question: Question, name: Name, route: Route, asked: ResolveOptions): UpstreamQuestion {
  const { dnssecOk = false, checkingDisabled = false } = asked
  // In lower case, so that what is kept does not depend on who asked first.
  return { ...question, name: lowerName(name), recursionDesired: route.recursive, dnssecOk, checkingDisabled }
}

/** The records, those of `name` owned by it in the spelling that the client or the link before used. */
function spelledAs(name: Name, records: readonly ResourceRecord[]): ResourceRecord[] {
  return records.map(record => (equalNames(record.owner, name) ? { ...record, owner: name } : record))
}

const STRENGTH = ['indeterminate', 'insecure', 'secure'] as const

function weakest(a: Security | undefined, b: Security): Security {
  return a && STRENGTH.indexOf(a.status) <= STRENGTH.indexOf(b.status) ? a : b
}

const SPEED = ['cache', 'upstream', 'stale'] as const

function slowest(a: ResolverAnswer['from'], b: (typeof SPEED)[number]): ResolverAnswer['from'] {
  return SPEED.indexOf(a as (typeof SPEED)[number]) > SPEED.indexOf(b) ? a : b
}

/** A wildcard listener takes what is sent to any loopback address. */
function sameSocket(own: SocketAddress, at: SocketAddress): boolean {
  if (own.port !== at.port) return false
  const wildcard = own.address === '0.0.0.0' || own.address === '::'
  return own.address === at.address || (wildcard && (at.address.startsWith('127.') || at.address === '::1'))
}
