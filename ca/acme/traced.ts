import { rcodeName } from '../../dns/codes.ts'
import { printName } from '../../dns/name.ts'
import { typeName } from '../../dns/types.ts'
import { silentTracer, type Tracer } from '../../host/tracer.ts'
import type { Challenge, Lookup } from '../challenges/challenge.ts'
import { identifierText } from '../identifier.ts'
import type { CaaChecker } from '../permission/caa.ts'
import type { Permission } from '../permission/permission.ts'
import type { CaStore } from '../store/store.ts'

/** The same look-up, each a span. */
export function tracedLookup(tracer: Tracer, lookup: Lookup): Lookup {
  if (tracer === silentTracer) return lookup
  return (name, type) => {
    const attributes = { 'dns.question.name': printName(name), 'dns.question.type': typeName(type) }
    return tracer.span('look up', { attributes }, async span => {
      const found = await lookup(name, type)
      span.set({ 'dns.rcode': rcodeName(found.rcode), 'dns.records': found.answer.length })
      return found
    })
  }
}

/** The same challenges, each try a span. */
export function tracedChallenges(tracer: Tracer, challenges: readonly Challenge[]): readonly Challenge[] {
  if (tracer === silentTracer) return challenges
  return challenges.map(challenge => ({
    ...challenge,
    validate(attempt, network) {
      const attributes = {
        'acme.challenge': challenge.type,
        'acme.identifier': identifierText(attempt.subject.identifier),
      }
      return tracer.span('validate', { attributes }, () => challenge.validate(attempt, network))
    },
  }))
}

/** The same judgement, as a span. */
export function tracedPermission(tracer: Tracer, permission: Permission): Permission {
  if (tracer === silentTracer) return permission
  return {
    ...permission,
    check: (asker, requested) =>
      tracer.span(
        'policy',
        { attributes: { 'acme.account': asker.account?.id, 'acme.profile': asker.profile?.name } },
        () => permission.check(asker, requested),
      ),
  }
}

/** The same check, as a span. */
export function tracedCaa(tracer: Tracer, caa: CaaChecker): CaaChecker {
  if (tracer === silentTracer) return caa
  return {
    check(request, log) {
      const { subject, method } = request
      const attributes = { 'acme.identifier': identifierText(subject.identifier), 'acme.challenge': method }
      return tracer.span('CAA', { attributes }, () => caa.check(request, log))
    },
  }
}

/** What moves an order or an authorization on: each a commit. */
const COMMITS = ['addOrder', 'startChallenge', 'passChallenge', 'failChallenge', 'startOrder', 'failOrder'] as const

/** The same store, the steps of orders as spans. */
export function tracedStore(tracer: Tracer, store: CaStore): CaStore {
  if (tracer === silentTracer) return store
  const traced = COMMITS.map(name => {
    const step = store[name] as (...args: unknown[]) => Promise<unknown>
    const asSpan = (...args: unknown[]) =>
      tracer.span('commit', { attributes: { 'acme.step': name } }, () => step.apply(store, args))
    return [name, asSpan] as const
  })
  return { ...store, ...Object.fromEntries(traced) }
}
