import { Ede, Rcode } from '../dns/codes.ts'
import type { ResourceRecord } from '../dns/record.ts'
import type { Clock } from '../host/clock.ts'
import type { Log } from '../host/log.ts'
import type { Admission } from './admission.ts'
import type { AnswerCache, CacheHit } from './cache/cache.ts'
import type { ExtendedError, FailureCache } from './cache/failures.ts'
import { aged, withTtl } from './cache/lifetime.ts'
import type { Cancellation } from './cancellation.ts'
import type { Counters } from './counters.ts'
import { Flight, Flights } from './flights.ts'
import type { ResolverLimits } from './limits.ts'
import { questionKey, type UpstreamQuestion } from './question.ts'
import type { Authorities } from './routes/authorities.ts'
import type { Found, Outcome, Route } from './routes/route.ts'
import type { Security } from './validate/security.ts'

/** An answer to one link of a chain, TTLs counted down. */
export interface Part {
  kind: 'part'
  rcode: number
  answer: ResourceRecord[]
  authority: ResourceRecord[]
  authentic: boolean
  /** What our own validation came to, where there was one. */
  security?: Security
  unfinished: boolean
  from: 'cache' | 'upstream' | 'stale'
  /** Seconds until it is worth a new look: where it is asked for after that, it is renewed before it expires. */
  renewIn: number
  /** Who was asked, as in logs. */
  upstream?: string
  /** Who said so, from the cache too, where authoritative servers were asked. */
  authorities?: Authorities
  error?: ExtendedError
}

/** What there is instead of an answer. */
export interface NoPart {
  kind: 'failed'
  error: ExtendedError
}

/** What answering one question by one route needs. */
export interface PartContext {
  clock: Clock
  limits: ResolverLimits
  cache: AnswerCache
  failures: FailureCache
  admission: Admission
  counters: Counters
  log: Log
  cancellation: Cancellation
}

/** The last part of an answer's time, in which being asked for renews it; shorter times than this many seconds are not worth it. */
const RENEWED_PART = 1 / 10
const SHORTEST_RENEWED = 10

/** Answers single questions from cache, from an identical question already asked, from upstream, or with stale data. */
export function createParts(context: PartContext) {
  const { clock, limits, cache, failures, admission, counters } = context
  const flights = new Flights()
  /** Of the flights those that nobody waited for when they began. */
  let renewing = 0

  /** Resolves by `until` (monotonic ms) at the latest. */
  function part(route: Route, question: UpstreamQuestion, until: number): Promise<Part | NoPart> {
    const key = questionKey(route.scope, question)
    const now = clock.monotonic()
    const hit = cache.get(key, now)
    if (hit && !hit.stale) {
      if (renewal(hit) <= 0 && !flights.get(key) && !failures.get(key, now)) prefetch(key, route, question)
      return Promise.resolve(fromCache(hit))
    }
    const failed = failures.get(key, now)
    if (failed) return Promise.resolve(instead(hit, failed))
    counters.misses++
    const flight = flights.get(key) ?? depart(key, route, question, hit !== undefined)
    if (!flight) return Promise.resolve(instead(hit, { code: Ede.OTHER, text: 'too many questions are outstanding' }))
    // RFC 8767 §5: where stale data is at hand, and nobody upstream has answered lately, there is no point in waiting.
    return landed(flight, hit, route, hit && route.down() ? 0 : until - now)
  }

  /** What comes of a flight, or what there is instead after so many milliseconds. */
  function landed(flight: Flight, hit: CacheHit | undefined, route: Route, patience: number): Promise<Part | NoPart> {
    return new Promise(resolve => {
      let late = false
      const timer = clock.after(patience, () => {
        late = true
        const text = `no server for ${route.label} answered in time`
        resolve(instead(hit, { code: Ede.NO_REACHABLE_AUTHORITY, text }))
      })
      flight.wait(outcome => {
        if (late) return
        timer.cancel()
        resolve(outcome.kind === 'failed' ? instead(hit, outcome.error) : fromUpstream(outcome))
      })
    })
  }

  function fromUpstream({ found, seconds, server }: Found): Part {
    const { rcode, answer, authority, authentic, security, authorities, unfinished } = found
    const renewIn = renewal({ lifetime: seconds, age: 0 })
    const part: Part = { kind: 'part', rcode, answer, authority, authentic, unfinished, from: 'upstream', renewIn }
    if (security) part.security = security
    if (server) part.upstream = server.label
    if (authorities) part.authorities = authorities
    return part
  }

  /** Asks again for what is still good but soon won't be; nobody waits for it, so others have room before it. */
  function prefetch(key: string, route: Route, question: UpstreamQuestion): void {
    if (renewing >= limits.renewals) return
    const flight = depart(key, route, question, true)
    if (!flight) return
    counters.prefetched++
    renewing++
    flight.wait(() => renewing--)
  }

  /** Seconds until an answer of that age is to be renewed: in the last tenth of its time. */
  function renewal({ lifetime, age }: Pick<CacheHit, 'lifetime' | 'age'>): number {
    const wanted = limits.prefetch && lifetime >= SHORTEST_RENEWED
    return Math.max(0, Math.floor(wanted ? lifetime * (1 - RENEWED_PART) : lifetime) - age)
  }

  /** Asks upstream, if there is room. */
  function depart(key: string, route: Route, question: UpstreamQuestion, hasStale: boolean): Flight | undefined {
    const release = admission.question(route.label, question.name)
    if (!release) return undefined
    const flight = new Flight(key)
    flights.add(flight)
    const arrived = (outcome: Outcome): void => {
      flights.delete(flight)
      release()
      keep(key, outcome, hasStale)
      flight.land(outcome)
    }
    route.ask(question, context.cancellation).then(arrived, error => arrived(unforeseen(error)))
    return flight
  }

  function unforeseen(error: unknown): Outcome {
    context.log.error({ error }, 'resolving failed for a reason that was not foreseen')
    return { kind: 'failed', error: { code: Ede.OTHER, text: 'internal failure' } }
  }

  /** Keeps what came of asking. */
  function keep(key: string, outcome: Outcome, hasStale: boolean): void {
    const now = clock.monotonic()
    if (outcome.kind === 'failed') {
      counters.failures++
      // RFC 8767 §5: with stale data to answer from, upstreams that fail are asked again every 30 seconds at most.
      failures.note(key, outcome.error, now, hasStale ? limits.staleTtl * 1000 : undefined)
      return
    }
    failures.forget(key)
    if (outcome.seconds > 0) cache.set(key, outcome.found, outcome.seconds, now)
    else cache.delete(key)
  }

  function fromCache(hit: CacheHit): Part {
    counters.hits++
    const { rcode, age, authentic, security, authorities, unfinished } = hit
    const sections = { answer: aged(hit.answer, age), authority: aged(hit.authority, age) }
    const part: Part = { kind: 'part', rcode, ...sections, authentic, unfinished, from: 'cache', renewIn: renewal(hit) }
    if (security) part.security = security
    if (authorities) part.authorities = authorities
    return part
  }

  /** Stale data where there is any, and why nothing better. */
  function instead(hit: CacheHit | undefined, error: ExtendedError): Part | NoPart {
    if (!hit || error.final) return { kind: 'failed', error }
    counters.stale++
    const { rcode, authorities, unfinished } = hit
    return {
      kind: 'part',
      rcode,
      unfinished,
      ...(authorities && { authorities }),
      answer: withTtl(hit.answer, limits.staleTtl),
      authority: withTtl(hit.authority, limits.staleTtl),
      // What was validated then may have been signed for then only.
      authentic: false,
      from: 'stale',
      renewIn: 0,
      // RFC 8914 §4.4, §4.20.
      error: { code: rcode === Rcode.NXDOMAIN ? Ede.STALE_NXDOMAIN : Ede.STALE_ANSWER, text: error.text },
    }
  }

  return { part }
}
