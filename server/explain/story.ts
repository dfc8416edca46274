import type { Affairs, NameAffairs } from '../../ca/affairs.ts'
import { containsAddress } from '../../config/address.ts'
import { ancestorName, equalNames, isSubdomain, type Name, parseName, prefixOf } from '../../dns/name.ts'
import type { Clock } from '../../host/clock.ts'
import type { Network } from '../../host/network.ts'
import { type Step, traceLookup } from '../../zones/lookup/trace.ts'
import { chooseView, type RequestFacts } from '../../zones/views.ts'
import { type Inquiry, inquire } from '../requests/inquire.ts'
import type { ServingView, State } from '../requests/state.ts'
import type { ServedZone } from '../zones/zones.ts'
import { type Endpoint, lookAt } from './endpoint.ts'

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
  /** Where there is a CA, and the name could be in a certificate: what it knows, and what the name's hosts show over TLS. */
  certified?: { name: Name; affairs: NameAffairs; endpoints: readonly Endpoint[] }
}

/** A kind of trouble: says it in a sentence with what to do, or nothing where the story is another. */
export interface Finding {
  id: string
  says(story: Story): string | undefined
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
  clock: Clock
  network: Pick<Network, 'connect'>
  /** Undefined without a CA. */
  affairs: Affairs | undefined
}

/** What is asked beside the question. */
export interface Asked {
  facts: RequestFacts
  /** Where hosts are looked at over TLS. */
  port: number
  /** Of which other views is told; left out: of all. */
  views?: readonly string[] | undefined
}

/** Asks the client's view as the client would, and the others what their zones have. By the very code that serves. */
export async function gather(
  sources: Sources,
  name: Name,
  type: number,
  { facts, port, views }: Asked,
): Promise<Story> {
  const { state } = sources
  const { key } = facts
  const view = chooseView(state.views, facts)
  const others = state.views.filter(other => other !== view && (views?.includes(other.name) ?? true))
  const ask = (view: ServingView, recursive: boolean) => look(sources, view, name, type, recursive)
  const seen = view && (await ask(view, containsAddress(view.recursion, facts.client)))
  const certified = await certificatesOf(sources, name, seen, port)
  return {
    ...{ name, type, facts, now: sources.clock.now() },
    keyKnown: key === undefined || state.findKey(key) !== undefined,
    ...(seen && { seen }),
    elsewhere: await Promise.all(others.map(other => ask(other, false))),
    ...(certified && { certified }),
  }
}

const CHALLENGE_LABEL = parseName('_acme-challenge')

/** Hosts are connected to only where we have issued a certificate for the name. */
async function certificatesOf(
  sources: Sources,
  asked: Name,
  seen: SeenView | undefined,
  port: number,
): Promise<Story['certified']> {
  const isChallenge = equalNames(firstLabel(asked), CHALLENGE_LABEL)
  const name = isChallenge ? ancestorName(asked) : asked
  const affairs = await sources.affairs?.(name)
  if (!affairs) return undefined
  const answer = affairs.certificates.length > 0 && !isChallenge ? (seen?.inquiry.message.answer ?? []) : []
  return { name, affairs, endpoints: await lookAt(sources, name, answer, port) }
}

/** As a name of its own; of the root the root. */
function firstLabel(name: Name): Name {
  return name[0] === 0 ? name : prefixOf(name, ancestorName(name))
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
