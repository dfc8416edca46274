import { containsAddress } from '../config/address.ts'
import type { DestinationMatch, MatchConfig } from '../config/view-schema.ts'
import { equalNames, type Name } from '../dns/name.ts'
import { equalOctets } from '../dns/record.ts'

/** What a request is told by. */
export interface RequestFacts {
  /** 4 or 16 octets, as `addressBytes` gives them. */
  client: Uint8Array
  /** The address of ours that was asked, where it is known. */
  destination?: DestinationMatch | undefined
  /** The TSIG key whose signature was verified. A key that failed never comes here. */
  key?: Name | undefined
  /** The path of a DNS over HTTPS request. */
  dohPath?: string | undefined
}

/**
 * The view that answers a request, or undefined: then it is refused. A verified key that some view lists decides alone;
 * any other request goes to the first view of which every kind of condition given holds.
 */
export function chooseView<V extends { match: MatchConfig }>(views: readonly V[], facts: RequestFacts): V | undefined {
  const { key } = facts
  if (key) for (const view of views) if (view.match.keys.some(listed => equalNames(listed, key))) return view
  for (const view of views) if (holds(view.match, facts)) return view
  return undefined
}

function holds(match: MatchConfig, facts: RequestFacts): boolean {
  const { clients, destinations, doh_path: paths, keys } = match
  // A view with only keys is for signed requests alone.
  if (!clients && !destinations && !paths && keys.length > 0) return false
  if (clients && !containsAddress(clients, facts.client)) return false
  if (destinations && !wasAsked(destinations, facts.destination)) return false
  return !paths || (facts.dohPath !== undefined && paths.includes(facts.dohPath))
}

function wasAsked(destinations: readonly DestinationMatch[], asked: DestinationMatch | undefined): boolean {
  if (!asked) return false
  for (const { bytes, port } of destinations)
    if ((port === 0 || port === asked.port) && equalOctets(bytes, asked.bytes)) return true
  return false
}
