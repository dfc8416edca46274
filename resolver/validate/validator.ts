import type { Counters } from '../counters.ts'
import type { Route } from '../route.ts'
import { createAnchorTable, type Trust } from './anchors.ts'
import { createChain } from './chain.ts'
import { createValidatingRoute, type ValidatingContext } from './route.ts'
import { createJudge } from './validate.ts'

/** Validates what routes answer, from one set of trust anchors; the zones on the way are learned once for all routes. */
export interface Validator {
  /** The route, its answers validated. */
  route(route: Route): Route
}

/** What a validator needs of the resolver around it. */
export interface ValidatorOptions extends Pick<ValidatingContext, 'clock' | 'routeOf' | 'part'> {
  counters: Counters
}

export function createValidator(trust: Trust, options: ValidatorOptions): Validator {
  const { clock, routeOf, part, counters } = options
  const { judge } = createJudge(createChain(createAnchorTable(trust), clock), clock)
  const context = { clock, judge, routeOf, part, judged: (status: keyof Counters) => void counters[status]++ }
  return { route: route => createValidatingRoute(route, context) }
}
