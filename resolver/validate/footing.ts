import { ancestorName, isSubdomain, type Name, printName } from '../../dns/name.ts'
import { Type } from '../../dns/types.ts'
import type { Route } from '../routes/route.ts'
import type { AnchorTable, Footing } from './anchors.ts'

/** The DS records that our own zones have for a zone below them, none where they delegate it unsigned or not at all; and their TTL. */
export interface OwnSigners {
  ds: readonly Uint8Array[]
  seconds: number
}

/** What the footing of names below `apex` depends on. */
export interface ApexFooting {
  apex: Name
  anchors: AnchorTable
  /** The rule's route for a name. */
  routeOf(name: Name): Route | undefined
  ownSigners(cut: Name): OwnSigners | undefined
}

/**
 * What decides about names in a zone whose authoritative servers we ask ourselves: an anchor for it or below it; what our own zones say of
 * it, where they are its parent, for that needs no proof; an anchor above it, where its parent is resolved by a rule that validates.
 */
export function createApexFooting({ apex, anchors, routeOf, ownSigners }: ApexFooting): AnchorTable {
  const parent = ancestorName(apex)
  const isReached = (zone: Name) => routeOf(zone)?.validated === true && routeOf(parent)?.validated === true
  return {
    footing(name, now) {
      const own = ownSigners(apex)
      const found = anchors.footing(name, now, zone => isSubdomain(zone, apex) || (!own && isReached(zone)))
      return own && found.kind === 'none' ? footingOf(apex, own) : found
    },
  }
}

function footingOf(zone: Name, { ds, seconds }: OwnSigners): Footing {
  if (ds.length === 0) return { kind: 'none', reason: `our own zone has no DS of ${printName(zone)}` }
  return { kind: 'anchored', zone, anchors: ds.map(rdata => ({ type: Type.DS, rdata })), seconds }
}
