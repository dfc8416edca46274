import { Class, Ede } from '../dns/codes.ts'
import type { Question } from '../dns/message.ts'
import type { Name } from '../dns/name.ts'
import { Type } from '../dns/types.ts'
import type { Clock } from '../host/clock.ts'
import type { Log } from '../host/log.ts'
import type { Network, SocketAddress } from '../host/network.ts'
import type { Random } from '../host/random.ts'
import { createAdmission } from './admission.ts'
import { answerAlone, failure, type ResolverAnswer } from './answer.ts'
import { createAnswerCache, PARTITION_LENGTH } from './cache/cache.ts'
import { CacheMemory, createCacheBuffer } from './cache/cache-memory.ts'
import { createFailureCache } from './cache/failures.ts'
import { Cancellation } from './cancellation.ts'
import { Chain, type ChainContext, type ResolveOptions } from './chain.ts'
import { type Counters, createCounters } from './counters.ts'
import { DEFAULT_LIMITS, type ResolverLimits } from './limits.ts'
import { createParts } from './parts.ts'
import { createRebindingProtection } from './rebinding.ts'
import { createCutCache } from './routes/cuts.ts'
import type { DescentContext } from './routes/descent.ts'
import { createLeakGuard } from './routes/leak-guard.ts'
import type { RouteContext } from './routes/route.ts'
import { createRoutes, keyRoutes, type ResolverRule, type StubRule } from './routes/routes.ts'
import { createExchanger } from './upstreams/exchange.ts'
import { createHealthChecks } from './upstreams/health.ts'
import { isLoop } from './upstreams/hops.ts'
import { createRacing } from './upstreams/race.ts'
import { createServerTable, type Server } from './upstreams/server.ts'
import { reportUpstreams, type UpstreamReport } from './upstreams/upstream-report.ts'
import { DEFAULT_TRUST, type Trust } from './validate/anchors.ts'
import type { OwnSigners } from './validate/footing.ts'
import { probeRoot, type RootProbe } from './validate/probe.ts'
import { createValidator } from './validate/validator.ts'

export type { ResolverAnswer } from './answer.ts'
export type { ResolveOptions } from './chain.ts'
export type { ResolverRule, StubRule } from './routes/routes.ts'
export type { OwnSigners } from './validate/footing.ts'

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
  /** What the caller's own zones say of the keys of a zone below them; undefined where that zone's parent is not theirs. */
  ownSigners?: (cut: Name) => OwnSigners | undefined
  /** Where this daemon itself listens: forwarding there would come straight back. */
  own?: readonly SocketAddress[]
  /** What validation begins with; left out: the root's built-in anchors. */
  trust?: Trust
}

/** Octets of the memory of a resolver that is given none. */
const OWN_MEMORY = 2 ** 20

/**
 * A resolver with an empty cache. The way of a question through it: chain.ts takes it apart into links, parts.ts looks for each in the cache, a route
 * (forward.ts, stub.ts, delegation.ts) chooses servers, race.ts asks them one after another, exchange.ts one of them, udp.ts and stream.ts send.
 * Back: match.ts judges the response, accept.ts what of it may be believed, parts.ts keeps it.
 */
export function createResolver(options: ResolverOptions): Resolver {
  const { network, clock, random, log } = options
  const ownName = options.ownName ?? (() => false)
  const limits: ResolverLimits = { ...DEFAULT_LIMITS, ...options.limits }
  const counters = createCounters()
  const closing = new Cancellation()
  const failures = createFailureCache()
  const exchanger = createExchanger({ network, clock, random, ...(options.id && { id: options.id }) })
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
  const server = createServerTable().get
  const descent: DescentContext = {
    ...context,
    clock,
    cuts: createCutCache(),
    server,
    addresses: async (name: Name) => {
      // What our own zones say of it came as glue; nobody else speaks for it.
      if (ownName(name)) return []
      const found = await Promise.all([Type.A, Type.AAAA].map(type => resolve({ name, type, class: Class.IN })))
      return found.flatMap(({ answer }) => answer)
    },
  }
  const { rules, stubs = [], own = [] } = options
  const bootstrap = { clock, route: context, parts, server }
  const routes = createRoutes({ rules, stubs, ownName, own, descent, bootstrap, log })
  const validator = createValidator(options.trust ?? DEFAULT_TRUST, {
    clock,
    counters,
    routeOf: name => routes.table.find(name),
    part: (route, question) => parts.part(route, question, clock.monotonic() + limits.lifetime),
    ownSigners: options.ownSigners ?? (() => undefined),
  })
  const chains: ChainContext = {
    ...{ clock, limits, counters, parts, descent, ownName },
    routes: routes.table,
    validating: validator.validating,
    leaks: options.internal && createLeakGuard(options.internal),
    rebinding: options.mayBePrivate && createRebindingProtection(options.mayBePrivate),
  }

  function resolve(question: Question, asked: ResolveOptions = {}): Promise<ResolverAnswer> {
    const alone = answerAlone(question)
    if (alone && (alone.from !== 'local' || !asked.delegation)) return Promise.resolve(alone)
    if (asked.hops && options.id && isLoop(asked.hops, options.id)) {
      counters.loops++
      const text = 'a forwarding loop: this daemon has sent the question on before'
      return Promise.resolve(failure({ code: Ede.OTHER, text }))
    }
    return admitted(question, asked)
  }

  async function admitted(question: Question, asked: ResolveOptions): Promise<ResolverAnswer> {
    const release = admission.client(asked.client ?? '')
    if (!release) {
      counters.refused++
      return failure({ code: Ede.OTHER, text: 'too many questions are outstanding for this client' })
    }
    try {
      return await new Chain(question, asked, chains).follow()
    } finally {
      release()
    }
  }

  return {
    resolve,
    counters,
    probeRoot: () => probeRoot(keyRoutes(routes), closing),
    covers: name => routes.table.find(name) !== undefined,
    upstreams: () => routes.table.all.flatMap(route => reportUpstreams(route.zone, route.upstreams)),
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
