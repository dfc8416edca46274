import { Class } from '../../dns/codes.ts'
import { ancestorName, isSubdomain, lowerName, type Name, nameKey } from '../../dns/name.ts'
import { Type } from '../../dns/types.ts'
import type { Clock } from '../../host/clock.ts'
import type { Cancellation } from '../cancellation.ts'
import type { NoPart, Part } from '../parts.ts'
import type { UpstreamQuestion } from '../question.ts'
import type { Outcome, Route } from '../routes/route.ts'
import type { Server } from '../upstreams/server.ts'
import type { AggressiveCache } from './aggressive.ts'
import type { Fetched, Inquiry } from './chain.ts'
import type { Fault } from './security.ts'
import type { createJudge, Judged } from './validate.ts'
import { TooMuchWork, Work } from './work.ts'

/** What validating a route's answers needs of the resolver around it. */
export interface ValidatingContext {
  clock: Clock
  /** Left out where an answer has to tell who gave it. */
  aggressive?: AggressiveCache
  judge: ReturnType<typeof createJudge>['judge']
  /** The route by which this name is resolved, where there is another than the one of the question. */
  routeOf(name: Name): Route | undefined
  /** Answers from the cache or from upstream, unvalidated, with signatures. */
  part(route: Route, question: UpstreamQuestion): Promise<Part | NoPart>
  judged(status: 'secure' | 'insecure' | 'bogus'): void
}

/** A route with answers that are validated, but for questions with CD (RFC 4035 §3.2.2), which are passed through. */
export function createValidatingRoute(route: Route, context: ValidatingContext): Route {
  const { aggressive } = context

  async function ask(question: UpstreamQuestion, cancellation: Cancellation): Promise<Outcome> {
    if (question.checkingDisabled) return unchecked(await route.ask(question, cancellation))
    const synthesized = aggressive?.answer(question, context.clock.now())
    if (synthesized) return synthesized
    const work = new Work()
    const first = await route.ask(rawQuestion(question), cancellation)
    if (first.kind === 'failed') return first
    const judged = await judgeOnce(question, first, inquiryVia(work, new Set(), cancellation))
    if (judged.status === 'judged' || judged.unfinished || !first.server) return conclude(judged, first)
    // RFC 4035 §5.3.3 leaves it open; a forged or mangled answer is best answered by asking somebody else.
    const avoided = new Set([first.server])
    const second = await route.ask(rawQuestion(question), cancellation, avoided)
    if (second.kind === 'failed') return conclude(judged, first)
    const again = await judgeOnce(question, second, inquiryVia(work, avoided, cancellation))
    return again.status === 'judged' ? conclude(again, second) : conclude(judged, first)
  }

  async function judgeOnce(question: UpstreamQuestion, outcome: Outcome & { kind: 'found' }, inquiry: Inquiry) {
    const { rcode, answer, authority, unfinished } = outcome.found
    const response = { name: question.name, type: question.type, rcode, answer, authority, unfinished }
    try {
      return await context.judge(response, inquiry)
    } catch (error) {
      if (!(error instanceof TooMuchWork)) throw error
      return { status: 'bogus', ede: error.ede, reason: error.message, unfinished: true } satisfies Fault
    }
  }

  function conclude(judged: Judged | Fault, { found, seconds }: Outcome & { kind: 'found' }): Outcome {
    if (judged.status === 'bogus') {
      context.judged('bogus')
      return {
        kind: 'failed',
        error: { code: judged.ede, text: judged.reason, ...(!judged.unfinished && { final: true }) },
      }
    }
    const { security, rcode, answer, authority, reusable } = judged
    const authentic = security.status === 'secure'
    context.judged(authentic ? 'secure' : 'insecure')
    if (authentic) aggressive?.learn(reusable, context.clock.now())
    const kept = { ...found, rcode, answer, authority, authentic, security }
    return { kind: 'found', found: kept, seconds: Math.min(seconds, judged.seconds) }
  }

  /** Keys and delegations, asked for like everything else; around the cache where the servers in `avoided` are not believed. */
  function inquiryVia(work: Work, avoided: ReadonlySet<Server>, cancellation: Cancellation): Inquiry {
    const secondTry = avoided.size > 0
    const asked = new Map<string, Promise<Fetched>>()
    const fetch = (name: Name, type: number) => {
      const key = `${type} ${nameKey(name)}`
      const known = asked.get(key) ?? fetchOnce(name, type)
      asked.set(key, known)
      return known
    }
    const fetchOnce = async (name: Name, type: number): Promise<Fetched> => {
      // RFC 4035 §2.4: DS is the parent's.
      const where = type === Type.DS && name.length > 1 ? ancestorName(name) : name
      const by = routeTo(where)
      const raw = { name: lowerName(name), type, ...RAW, recursionDesired: by.recursive }
      if (!secondTry) return fromPart(await context.part(by, raw))
      const outcome = await by.ask(raw, cancellation, avoided)
      return outcome.kind === 'failed' ? outcome : { kind: 'answer', ...outcome.found }
    }
    return { fetch, work, secondTry }
  }

  /** The closest rule's, but for names that this route itself is closer to. */
  function routeTo(name: Name): Route {
    const ruled = context.routeOf(name)
    const isCloser = ruled && isSubdomain(name, route.zone) && route.zone.length > ruled.zone.length
    return ruled && !isCloser ? ruled : route
  }

  return { ...route, ask }
}

const RAW = { class: Class.IN, dnssecOk: true, checkingDisabled: true }

/** RFC 6840 §5.9: asked with CD, so that no upstream keeps back what we want to judge ourselves. */
function rawQuestion(question: UpstreamQuestion): UpstreamQuestion {
  return { ...question, dnssecOk: true, checkingDisabled: true }
}

/** What was not validated by us is not called authentic by a rule that validates. */
function unchecked(outcome: Outcome): Outcome {
  return outcome.kind === 'found' ? { ...outcome, found: { ...outcome.found, authentic: false } } : outcome
}

function fromPart(part: Part | NoPart): Fetched {
  if (part.kind === 'failed') return part
  // What has expired may have been withdrawn since.
  if (part.from === 'stale' && part.error) return { kind: 'failed', error: part.error }
  return { kind: 'answer', answer: part.answer, authority: part.authority }
}
