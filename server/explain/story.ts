import { containsAddress } from '../../config/address.ts'
import { isSubdomain, type Name } from '../../dns/name.ts'
import { type Step, traceLookup } from '../../zones/trace.ts'
import { chooseView, type RequestFacts } from '../../zones/views.ts'
import { type Inquiry, inquire } from '../inquire.ts'
import type { ServingView, State } from '../state.ts'
import type { ServedZone } from '../zones.ts'

/** All that is known of a question and its answer, for those who judge and those who tell. */
export interface Story {
  name: Name
  type: number
  facts: RequestFacts
  /** Milliseconds since 1970. */
  now: number
  /** Whether a key of the name that the client signs with is configured; true where it does not sign. */
  keyKnown: boolean
  /** Undefined where no view is for the client; then there is nothing below. */
  seen?: SeenView
  /** What the other views, in the order of the configuration, say from their zones. */
  elsewhere: readonly SeenView[]
}

/** A question put to one view. */
export interface SeenView {
  view: ServingView
  /** Whether the view recurses for the client. */
  recursive: boolean
  inquiry: Inquiry
  /** Through the view's zones; empty where the name is in none of them. */
  steps: readonly Step[]
  /** The zone of the last step; undefined where there is none, or the view answers it by itself (RFC 6303). */
  zone: ServedZone | undefined
}

/** What a story is gathered from. */
export interface Sources {
  state: State
  zoneOf: (view: string, origin: Name) => ServedZone | undefined
  now: () => number
}

/** Asks the client's view as the client would, and the others what their zones have. By the very code that serves. */
export async function gather(sources: Sources, name: Name, type: number, facts: RequestFacts): Promise<Story> {
  const { state } = sources
  const { key } = facts
  const view = chooseView(state.views, facts)
  const others = state.views.filter(other => other !== view)
  const ask = (view: ServingView, recursive: boolean) => look(sources, view, name, type, recursive)
  return {
    ...{ name, type, facts, now: sources.now() },
    keyKnown: key === undefined || state.findKey(key) !== undefined,
    ...(view && { seen: await ask(view, containsAddress(view.recursion, facts.client)) }),
    elsewhere: await Promise.all(others.map(other => ask(other, false))),
  }
}

async function look(
  { zoneOf }: Sources,
  view: ServingView,
  name: Name,
  type: number,
  recursive: boolean,
): Promise<SeenView> {
  const inquiry = await inquire(view, name, type, { recursive, client: 'explain' })
  const steps = traceLookup(recursive ? view.zonesAtHome : view.zones, name, type)
  const last = steps.at(-1)
  const origin = last?.zone ?? configuredFor(view, name)
  return { view, recursive, inquiry, steps, zone: origin && zoneOf(view.name, origin) }
}

/** The zone that is configured for the name, whether it has anything to serve or not. */
function configuredFor(view: ServingView, name: Name): Name | undefined {
  const zones = [...view.configs.values()].map(config => config.name).filter(origin => isSubdomain(name, origin))
  return zones.reduce<Name | undefined>((a, b) => (a && a.length >= b.length ? a : b), undefined)
}
