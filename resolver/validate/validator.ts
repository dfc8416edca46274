import { type Name, nameKey } from '../../dns/name.ts'
import type { Clock } from '../../host/clock.ts'
import type { Counters } from '../counters.ts'
import type { Route } from '../routes/route.ts'
import { type AggressiveCache, createAggressiveCache } from './aggressive.ts'
import { type AnchorTable, createAnchorTable, type Trust } from './anchors.ts'
import { type Chain, createChain } from './chain.ts'
import { type ApexFooting, createApexFooting } from './footing.ts'
import { createValidatingRoute, type ValidatingContext } from './route.ts'
import { createJudge } from './validate.ts'

/** Validates what routes answer, from one set of trust anchors. */
export interface Validator {
  /** The route, its answers validated; undefined where they are not meant to be, or where nothing that is trusted reaches the name. */
  validating(route: Route, name: Name): Route | undefined
  /** Forgets what it has learned of zones: for when the cache is flushed. */
  forget(): void
}

/** What a validator needs of the resolver around it. */
export interface ValidatorOptions
  extends Pick<ValidatingContext, 'clock' | 'part'>,
    Pick<ApexFooting, 'routeOf' | 'ownSigners'> {
  counters: Counters
}

/** How what is said of the names of one zone, or by all forward rules, is judged. */
interface Court {
  anchors: AnchorTable
  chain: Chain
  judge: ValidatingContext['judge']
}

/** Zones whose servers we ask ourselves and whose keys are remembered, each with the zones below it. */
const MOST_APEXES = 1000

export function createValidator(trust: Trust, options: ValidatorOptions): Validator {
  const { clock, routeOf, part, counters, ownSigners } = options
  const anchors = createAnchorTable(trust)
  const common = createCourt(anchors, clock)
  const courts = new Map<string, Court>()
  const forward = new Map<Route, { route: Route; denials: AggressiveCache }>()
  const judged = (status: 'secure' | 'insecure' | 'bogus') => void counters[status]++
  const context = { clock, routeOf, part, judged }

  /** By route: what one rule's servers deny, another's may well know. */
  function forwarding(route: Route): Route {
    const known = forward.get(route)
    if (known) return known.route
    const aggressive = createAggressiveCache()
    const made = createValidatingRoute(route, { ...context, judge: common.judge, aggressive })
    forward.set(route, { route: made, denials: aggressive })
    return made
  }

  /** By apex: what stands above it need not be what forward rules tell. */
  function courtOf(apex: Name): Court {
    const key = nameKey(apex)
    const known = courts.get(key)
    if (known) return known
    const court = createCourt(createApexFooting({ apex, anchors, routeOf, ownSigners }), clock, apex)
    courts.set(key, court)
    if (courts.size > MOST_APEXES) courts.delete(courts.keys().next().value!)
    return court
  }

  return {
    validating(route, name) {
      if (!route.validated) return undefined
      if (route.recursive) return forwarding(route)
      const { anchors, judge } = courtOf(route.zone)
      if (anchors.footing(name, clock.now()).kind === 'none') return undefined
      // Without what denials prove (RFC 8198): policies judge by who gave an answer.
      return createValidatingRoute(route, { ...context, judge })
    },
    forget() {
      common.chain.forget()
      courts.clear()
      for (const { denials } of forward.values()) denials.forget()
    },
  }
}

function createCourt(anchors: AnchorTable, clock: Clock, apex?: Name): Court {
  const chain = createChain(anchors, clock, apex)
  return { anchors, chain, judge: createJudge(chain, clock).judge }
}
