import type { Counters } from '../counters.ts'
import type { Route } from '../routes/route.ts'
import { type AggressiveCache, createAggressiveCache } from './aggressive.ts'
import { createAnchorTable, type Trust } from './anchors.ts'
import { createChain } from './chain.ts'
import { createValidatingRoute, type ValidatingContext } from './route.ts'
import { createJudge } from './validate.ts'

/** Validates what routes answer, from one set of trust anchors; the zones on the way are learned once for all routes. */
export interface Validator {
  /** The route, its answers validated. */
  route(route: Route): Route
  /** Forgets what it has learned of zones: for when the cache is flushed. */
  forget(): void
}

/** What a validator needs of the resolver around it. */
export interface ValidatorOptions extends Pick<ValidatingContext, 'clock' | 'routeOf' | 'part'> {
  counters: Counters
}

export function createValidator(trust: Trust, options: ValidatorOptions): Validator {
  const { clock, routeOf, part, counters } = options
  const chain = createChain(createAnchorTable(trust), clock)
  const aggressive: AggressiveCache[] = []
  const { judge } = createJudge(chain, clock)
  const judged = (status: 'secure' | 'insecure' | 'bogus') => void counters[status]++
  return {
    route(route) {
      // By route: what one rule's servers deny, another's may well know.
      const denials = createAggressiveCache()
      aggressive.push(denials)
      return createValidatingRoute(route, { clock, judge, routeOf, part, judged, aggressive: denials })
    },
    forget() {
      chain.forget()
      for (const denials of aggressive) denials.forget()
    },
  }
}
