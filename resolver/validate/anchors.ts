import { isSubdomain, type Name, nameKey, printName, ROOT } from '../../dns/name.ts'
import { parseRdataText, Type } from '../../dns/types.ts'

/** Where trust begins: a DS or DNSKEY of a zone that is believed without proof (RFC 4035 §4.4). */
export interface TrustAnchor {
  zone: Name
  type: typeof Type.DS | typeof Type.DNSKEY
  rdata: Uint8Array
}

/** A zone that is taken for unsigned although it is not, because its owner has broken it (RFC 7646). */
export interface NegativeTrustAnchor {
  zone: Name
  /** Milliseconds since 1970; from then on it does not count. */
  until: number
}

/** What a zone's keys are checked against: DS records of its parent, or configured DS and DNSKEY records. */
export type KeyPointer = Pick<TrustAnchor, 'type' | 'rdata'>

/** What the operator, and what the root's own key changes (RFC 5011), have us believe. Plain data; a change is a new one. */
export interface Trust {
  anchors: readonly TrustAnchor[]
  negative: readonly NegativeTrustAnchor[]
}

/** The root's keys of 2017 and 2024 as IANA publishes them (RFC 9718): key tags 20326 and 38696. */
export const ROOT_ANCHORS: readonly TrustAnchor[] = [
  '20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D',
  '38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16',
].map(text => ({ zone: ROOT, type: Type.DS, rdata: parseRdataText(Type.DS, text) }))

/** The trust of a daemon that nothing was configured for. */
export const DEFAULT_TRUST: Trust = { anchors: ROOT_ANCHORS, negative: [] }

/** Configured anchors beside the built-in ones: one of the root's replaces those. */
export function withBuiltIn(configured: readonly TrustAnchor[], builtIn = ROOT_ANCHORS): TrustAnchor[] {
  const replaced = configured.some(({ zone }) => zone.length === ROOT.length)
  return [...(replaced ? [] : builtIn), ...configured]
}

/** What decides about a name: the anchors of the closest zone above it, a negative anchor, or nothing. */
export type Footing =
  | {
      kind: 'anchored'
      zone: Name
      anchors: readonly KeyPointer[] /** How long they stand, in seconds. */
      seconds?: number
    }
  | { kind: 'exempt'; reason: string /** Milliseconds since 1970. */; until: number }
  | { kind: 'none'; reason: string }

/** Finds the footing of names. */
export interface AnchorTable {
  /** `now` is in milliseconds since 1970. Anchors of zones that `counts` says no to are passed over. */
  footing(name: Name, now: number, counts?: (zone: Name) => boolean): Footing
}

export function createAnchorTable({ anchors, negative }: Trust): AnchorTable {
  const byZone = Map.groupBy(anchors, ({ zone }) => nameKey(zone))
  return {
    footing(name, now, counts = () => true) {
      // RFC 7646 §2: of a negative anchor and an anchor for the same zone the negative one counts.
      const exempt = longest(negative.filter(({ zone, until }) => now < until && isSubdomain(name, zone)))
      const anchored = closest(byZone, name, counts)
      if (exempt && (!anchored || exempt.zone.length >= anchored[0]!.zone.length))
        return { kind: 'exempt', until: exempt.until, reason: describeExemption(exempt) }
      if (!anchored) return { kind: 'none', reason: 'no trust anchor is above it' }
      return { kind: 'anchored', zone: anchored[0]!.zone, anchors: anchored }
    },
  }
}

function describeExemption({ zone, until }: NegativeTrustAnchor): string {
  return `a negative trust anchor for ${printName(zone)} stands until ${new Date(until).toISOString()}`
}

function closest(
  byZone: ReadonlyMap<string, TrustAnchor[]>,
  name: Name,
  counts: (zone: Name) => boolean,
): TrustAnchor[] | undefined {
  const key = nameKey(name)
  for (let at = 0; ; at += name[at]! + 1) {
    const found = byZone.get(key.slice(at))
    if (found && counts(found[0]!.zone)) return found
    if (name[at] === 0) return undefined
  }
}

function longest(found: readonly NegativeTrustAnchor[]): NegativeTrustAnchor | undefined {
  return found.reduce<NegativeTrustAnchor | undefined>(
    (best, one) => (best && best.zone.length >= one.zone.length ? best : one),
    undefined,
  )
}
