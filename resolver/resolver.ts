import { printAddress } from '../config/address.ts'
import { Class, Ede, Rcode } from '../dns/codes.ts'
import type { Question } from '../dns/message.ts'
import { equalNames, lowerName, type Name, parseName, printName, ROOT } from '../dns/name.ts'
import { equalOctets, type ResourceRecord } from '../dns/record.ts'
import { isMetaType, Type, targetOf } from '../dns/types.ts'
import type { Clock } from '../host/clock.ts'
import type { Log } from '../host/log.ts'
import type { Network, SocketAddress } from '../host/network.ts'
import type { Random } from '../host/random.ts'
import { createAdmission } from './admission.ts'
import { type Authorities, joinAuthorities } from './authorities.ts'
import { createAnswerCache, PARTITION_LENGTH } from './cache.ts'
import { CacheMemory, createCacheBuffer } from './cache-memory.ts'
import { Cancellation } from './cancellation.ts'
import { type Counters, createCounters } from './counters.ts'
import { createCutCache } from './cuts.ts'
import { createDelegationRoute, type Delegation } from './delegation.ts'
import type { DescentContext } from './descent.ts'
import { createExchanger } from './exchange.ts'
import { createFailureCache, type ExtendedError } from './failures.ts'
import { createForwardRoute } from './forward.ts'
import { createHealthChecks } from './health.ts'
import { isLoop } from './hops.ts'
import { createLeakGuard } from './leak-guard.ts'
import { DEFAULT_LIMITS, type ResolverLimits } from './limits.ts'
import { localAnswer } from './local.ts'
import { createParts, type Part } from './parts.ts'
import type { UpstreamQuestion } from './question.ts'
import { createRacing } from './race.ts'
import { createRebindingProtection, type RebindingProtection } from './rebinding.ts'
import type { Route, RouteContext } from './route.ts'
import { createRuleTable } from './rules.ts'
import type { Selection } from './selection.ts'
import { createServerTable, type Server } from './server.ts'
import { createStubRoute } from './stub.ts'
import { reportUpstreams, type UpstreamReport } from './upstream-report.ts'
import { createUpstreamSet, type LookUp, type UpstreamAddress, type UpstreamSet } from './upstream-set.ts'
import { DEFAULT_TRUST, type Trust } from './validate/anchors.ts'
import { withoutDnssec } from './validate/presentation.ts'
import { type ProbedRoute, probeRoot, type RootProbe } from './validate/probe.ts'
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
  /** How each upstream of each rule fares. */
  upstreams(): UpstreamReport[]
  /** Forgets failures and zone cuts, so that what was flushed from the cache is asked anew. */
  forget(): void
  /** Ends all that is outstanding, and closes every socket. */
  close(): void
}

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
  /** Seconds for which the caller may repeat it without asking again: less than its TTLs where it is to be renewed before they end. */
  renewIn: number
  /** Where authoritative servers were asked, for any link of a chain: who they are. */
  authorities?: Authorities
  /** The upstream that was asked, as in logs, and the zone of the rule; absent where nobody was asked. */
  upstream?: string
  rule?: Name
  /** Where the CNAME chain in `answer` goes on to a name of the caller's own, or to one that no rule covers. */
  next?: Name
}

/** A forward rule, as config decodes it. */
export interface ResolverRule {
  zone: Name
  to: readonly UpstreamAddress[]
  /** In which order they are asked; left out: as listed. */
  select?: Selection
  /** Who is asked for the addresses of upstreams that are given by name. */
  bootstrap?: readonly SocketAddress[]
  /** Whether clients' subnets are passed on (RFC 7871). */
  client_subnet?: boolean
  /** Whether what they say is validated. */
  dnssec?: 'off' | 'validate'
}

/** A zone whose authoritative servers are to be asked directly. */
export interface StubRule {
  zone: Name
  to: readonly SocketAddress[]
}

/** What a resolver is made of. */
export interface ResolverOptions {
  rules: readonly ResolverRule[]
  stubs?: readonly StubRule[]
  /** Zones of ours that are nobody's business outside: kept, with other names of that kind, from public upstreams. Left out: nothing is. */
  internal?: readonly Name[]
  /** Names that may have private addresses, according to public upstreams. Left out: all may. */
  mayBePrivate?: readonly Name[]
  /** Tells this daemon apart from others of its kind. */
  id?: Uint8Array
  network: Network
  clock: Clock
  random: Random
  log: Log
  limits?: Partial<ResolverLimits>
  /** Where answers are kept, and the part of it that is this resolver's; left out: a memory of its own. */
  memory?: CacheMemory
  partition?: Uint8Array
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
  const closing = new Cancellation()
  const failures = createFailureCache()
  const exchanger = createExchanger({ network, clock, random, ...(options.id && { id: options.id }) })
  const leaks = options.internal && createLeakGuard(options.internal)
  const rebinding = options.mayBePrivate && createRebindingProtection(options.mayBePrivate)
  const recovered = (server: Server): void => {
    failures.clear()
    log.info({ upstream: server.label }, 'upstream is back')
  }
  const health = createHealthChecks(exchanger, clock, recovered)
  const race = createRacing(exchanger, clock, {
    asked: () => counters.asked++,
    lost(server, reason) {
      server.complaint = reason
      log.warn({ upstream: server.label, reason }, 'upstream is down')
      health.watch(server)
    },
    recovered,
  })
  const context: RouteContext = { limits, race, random }
  const admission = createAdmission(limits)
  const memory = options.memory ?? new CacheMemory(createCacheBuffer(OWN_MEMORY, random.below(2 ** 32)), 1)
  const cache = createAnswerCache(memory, options.partition ?? new Uint8Array(PARTITION_LENGTH), limits.maxStale)
  const parts = createParts({ clock, limits, cache, failures, admission, counters, log, cancellation: closing })
  const table = createServerTable()
  const mine = (owner: Name, route: Route): boolean => routes.find(owner) === route && !ownName(owner)
  const descent: DescentContext = {
    ...context,
    clock,
    cuts: createCutCache(),
    server: table.get,
    addresses: async (name: Name) => {
      // What our own zones say of it came as glue; nobody else speaks for it.
      if (ownName(name)) return []
      const found = await Promise.all([Type.A, Type.AAAA].map(type => resolve({ name, type, class: Class.IN })))
      return found.flatMap(({ answer }) => answer)
    },
  }
  const forward = options.rules.map(rule => {
    const { zone, select: selection = 'order', client_subnet: passesSubnet = false } = rule
    return createForwardRoute({ zone, upstreams: upstreamsOf(rule), selection, passesSubnet }, mine, context)
  })
  const stubs = (options.stubs ?? []).map(({ zone, to }) => {
    const servers = to.map(at => ({ ...at, transport: 'udp' as const }))
    return createStubRoute(zone, upstreamsOf({ zone, to: servers }), descent)
  })
  const routes = createRuleTable<Route & { upstreams: UpstreamSet }>([...forward, ...stubs])
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
  function keyRoutes(): ProbedRoute[] {
    const checked = forward.filter(route => validating.has(route))
    const root = routes.find(ROOT)
    return root && checked.length > 0 ? [root] : checked
  }

  function upstreamsOf({ zone, to, bootstrap = [] }: ResolverRule): UpstreamSet {
    const isOwn = (at: UpstreamAddress) => 'address' in at && (options.own?.some(own => sameSocket(own, at)) ?? false)
    for (const at of to.filter(isOwn))
      log.error(
        { zone: printName(zone), upstream: 'address' in at && at.address, port: at.port },
        'a forward rule leads to this server itself; that upstream is not used',
      )
    return createUpstreamSet(
      to.filter(at => !isOwn(at)),
      table.get,
      lookUpBy(bootstrap),
      clock,
    )
  }

  /** Resolves names of upstreams by asking the bootstrap servers of their rule, by the cache where that has them. */
  function lookUpBy(bootstrap: readonly SocketAddress[]): LookUp {
    const servers = bootstrap.map(at => ({ ...at, transport: 'udp' as const }))
    const upstreams = createUpstreamSet(servers, table.get, noLookUp, clock)
    const rule = { zone: ROOT, upstreams, selection: 'order' as const, scope: 'bootstrap' }
    const route = createForwardRoute(rule, () => true, context)
    return async name => {
      const until = clock.monotonic() + limits.patience
      const question = (type: number) => ({ name: lowerName(parseName(name)), type, class: Class.IN, ...PLAIN })
      const types = [Type.A, Type.AAAA]
      const found = await Promise.all(types.map(type => parts.part(route, question(type), until)))
      const records = found.flatMap(part => (part.kind === 'part' ? part.answer : []))
      const addresses = records.filter(({ type }) => types.some(wanted => wanted === type))
      return {
        addresses: addresses.map(({ rdata }) => printAddress(rdata)),
        seconds: Math.min(BOOTSTRAP_RETRY, ...addresses.map(({ ttl }) => ttl)),
      }
    }
  }

  async function resolve(question: Question, asked: ResolveOptions = {}): Promise<ResolverAnswer> {
    const local = localAnswer(question)
    if (local && !asked.delegation) return { ...EMPTY, answer: [...local], from: 'local' }
    if (question.class !== Class.IN || (isMetaType(question.type) && question.type !== Type.ANY))
      return failure({ code: Ede.NOT_SUPPORTED, text: 'not a question that can be forwarded' }, Rcode.NOTIMP)
    if (asked.hops && options.id && isLoop(asked.hops, options.id)) {
      counters.loops++
      return failure({ code: Ede.OTHER, text: 'a forwarding loop: this daemon has sent the question on before' })
    }
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
    const whole: ResolverAnswer = { ...EMPTY, answer: [], ad: true, renewIn: Number.MAX_SAFE_INTEGER }
    const visited: Name[] = []
    let route = asked.delegation ? createDelegationRoute(asked.delegation, descent) : routes.find(question.name)
    let name = question.name
    if (!route) return failure({ code: Ede.NOT_AUTHORITATIVE, text: 'no forward rule covers the name' }, Rcode.REFUSED)
    for (; route; route = ownName(name) ? undefined : routes.find(name)) {
      if (visited.length >= limits.chainLength || visited.some(other => equalNames(other, name)))
        return failure({ code: Ede.OTHER, text: 'a CNAME chain that is endless or too long' })
      visited.push(name)
      const leak = isGuarded(route) ? leaks?.reason(name, route.zone) : undefined
      if (leak) return { ...whole, ...kept(leak), ad: false }
      const checked = asked.checkingDisabled ? undefined : validating.get(route)
      const sent = upstreamQuestion(question, name, route, asked)
      const told = await parts.part(checked ?? route, checked ? { ...sent, dnssecOk: true } : sent, until)
      if (told.kind === 'failed') return failure(told.error)
      const part = rebinding && isGuarded(route) && route.zone.length === 1 ? passed(told, rebinding) : told
      // What was asked for in order to validate is not for who did not ask for it.
      const shown = (records: ResourceRecord[]) =>
        checked && !asked.dnssecOk ? withoutDnssec(records, question.type) : records
      for (const record of shown(part.answer)) whole.answer.push(spelledAs(name, record))
      whole.rcode = part.rcode as Rcode
      whole.authority = shown(part.authority)
      whole.ad &&= part.authentic
      whole.renewIn = Math.min(whole.renewIn, part.renewIn)
      whole.rule = route.zone
      if (part.upstream !== undefined) whole.upstream = part.upstream
      if (part.authorities) whole.authorities = joinAuthorities(whole.authorities, part.authorities)
      if (part.security) whole.security = weakest(whole.security, part.security)
      if (part.security?.ede) whole.ede ??= part.security.ede
      whole.from = slowest(whole.from, part.from)
      if (part.error) whole.ede ??= part.error
      if (!part.unfinished) return whole
      name = targetOf(Type.CNAME, part.answer.findLast(({ type }) => type === Type.CNAME)!.rdata)!
    }
    return { ...whole, next: name }
  }

  /** Whether some server of the route is outside of our site. */
  function isGuarded(route: Route): boolean {
    return route.recursive && (route.upstreams?.known().some(server => server.isPublic) ?? false)
  }

  /** NXDOMAIN is what the world would say. */
  function kept(reason: string): Pick<ResolverAnswer, 'rcode' | 'ede'> {
    counters.guarded++
    return { rcode: Rcode.NXDOMAIN, ede: { code: Ede.BLOCKED, text: reason } }
  }

  function passed(part: Part, protection: RebindingProtection): Part {
    const answer = protection.pass(part.answer) as ResourceRecord[]
    if (answer === part.answer) return part
    counters.rebinding++
    return { ...part, answer, authentic: false, error: { code: Ede.BLOCKED, text: 'a private address from outside' } }
  }

  return {
    resolve,
    counters,
    probeRoot: () => probeRoot(keyRoutes(), closing),
    covers: name => routes.find(name) !== undefined,
    upstreams: () => routes.all.flatMap(route => reportUpstreams(route.zone, route.upstreams)),
    forget() {
      failures.clear()
      validator.forget()
      descent.cuts.clear()
    },
    close: () => {
      closing.cancel()
      health.close()
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
  renewIn: 0,
}

const PLAIN = { recursionDesired: true, dnssecOk: false, checkingDisabled: false }
/** Octets of the memory of a resolver that is given none. */
const OWN_MEMORY = 2 ** 20
/** Addresses of upstreams are looked up again after so many seconds at most. */
const BOOTSTRAP_RETRY = 3600

const noLookUp: LookUp = async () => ({ addresses: [], seconds: 0 })

function failure(ede: ExtendedError, rcode: Rcode = Rcode.SERVFAIL): ResolverAnswer {
  return { ...EMPTY, rcode, answer: [], authority: [], additional: [], ede, from: 'upstream' }
}

function upstreamQuestion(question: Question, name: Name, route: Route, asked: ResolveOptions): UpstreamQuestion {
  const { dnssecOk = false, checkingDisabled = false, subnet, hops } = asked
  return {
    ...question,
    // In lower case, so that what is kept does not depend on who asked first.
    name: lowerName(name),
    recursionDesired: route.recursive,
    dnssecOk,
    checkingDisabled,
    ...(subnet && route.passesSubnet && { subnet }),
    ...(hops && { hops }),
  }
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

/** A wildcard listener takes what is sent to any loopback address. */
function sameSocket(own: SocketAddress, at: SocketAddress): boolean {
  if (own.port !== at.port) return false
  const wildcard = own.address === '0.0.0.0' || own.address === '::'
  return own.address === at.address || (wildcard && (at.address.startsWith('127.') || at.address === '::1'))
}
