import { ancestorName, type Name, nameKey } from '../../dns/name.ts'
import { BEST_PARAMETERS, NSEC3_SHA1, nsec3Hash } from '../../dns/nsec3.ts'
import type { RRset } from '../../dns/record.ts'
import { parseBase32Hex, printBase32Hex } from '../../dns/text.ts'
import { makeRdata, readRdata, Type } from '../../dns/types.ts'
import type { ZoneVersion } from '../zone.ts'
import { isStanding, leadsToStanding, type StandingName, shownTypes, signedTypes, standingOf } from './standing.ts'

/** RDATA of the NSEC3PARAM of the zones that we sign (RFC 9276 §3.1). */
export const NSEC3PARAM = makeRdata('NSEC3PARAM', { algorithm: NSEC3_SHA1, flags: 0, ...BEST_PARAMETERS })

/** The owner of a name's NSEC3. */
export function hashedOwner(name: Name, apex: Name): Name {
  return ownerOfLabel(labelOf(name), apex)
}

/** A name's hash as it stands in the owner of its NSEC3. */
export function labelOf(name: Name): string {
  return printBase32Hex(nsec3Hash(name, BEST_PARAMETERS)).toLowerCase()
}

function ownerOfLabel(label: string, apex: Name): Name {
  return Buffer.concat([Uint8Array.of(label.length), Buffer.from(label, 'latin1'), apex])
}

/**
 * The NSEC3 records that a change of these names makes necessary, by owner: their own and those of the empty non-terminals above them
 * (RFC 5155 §7.1), and where a hash joins or leaves the chain that of the hash before it. Undefined is one that goes.
 */
export function nsec3Changes(
  version: ZoneVersion,
  names: Iterable<StandingName>,
  ttl: number,
): Map<string, { owner: Name; rrset: RRset | undefined }> {
  const { origin } = version
  const shown = new Map<string, number[] | undefined>()
  for (const name of withAncestors(version, names)) shown.set(labelOf(name.owner), typesShown(version, name))
  const chain = new HashChain(version, shown)
  for (const label of [...shown.keys()]) {
    const joins = shown.get(label) !== undefined
    if (joins === chain.had(label)) continue
    const before = chain.before(label)
    if (before !== undefined && !shown.has(before)) shown.set(before, chain.typesOf(before))
  }
  const changes = new Map<string, { owner: Name; rrset: RRset | undefined }>()
  for (const [label, types] of shown) {
    const owner = ownerOfLabel(label, origin)
    const rrset = types && nsec3(owner, chain.after(label), types, ttl)
    changes.set(nameKey(owner), { owner, rrset })
  }
  return changes
}

function nsec3(owner: Name, nextLabel: string, types: number[], ttl: number): RRset {
  const next = parseBase32Hex(nextLabel)
  const rdata = makeRdata('NSEC3', { algorithm: NSEC3_SHA1, flags: 0, ...BEST_PARAMETERS, next, types })
  return { owner, type: Type.NSEC3, ttl, rdatas: [rdata] }
}

/** The names and all between them and the apex, each once. */
function* withAncestors(version: ZoneVersion, names: Iterable<StandingName>): Generator<StandingName> {
  const seen = new Set<string>()
  for (const name of names) {
    for (let { owner } = name; owner.length >= version.origin.length; owner = ancestorName(owner)) {
      const key = nameKey(owner)
      if (seen.has(key)) break
      seen.add(key)
      yield owner === name.owner ? name : standingOf(version, owner)
      if (owner.length === version.origin.length) break
    }
  }
}

/** The types in the name's NSEC3, none for an empty non-terminal; undefined where it has no NSEC3. */
function typesShown(version: ZoneVersion, name: StandingName): number[] | undefined {
  if (name.standing === 'absent') return leadsToStanding(version, name.owner) ? [] : undefined
  if (!isStanding(name)) return undefined
  const types = shownTypes(name)
  // RFC 5155 §7.1: RRSIG is shown where anything at the name is signed, which at a cut without DS nothing is.
  return (signedTypes(name).length > 0 ? [...types, Type.RRSIG] : types).sort((a, b) => a - b)
}

/** The chain of hashes as it will be: that of the version, less what goes, with what comes. */
class HashChain {
  private readonly version: ZoneVersion
  private readonly shown: ReadonlyMap<string, number[] | undefined>
  /** Hashes that come, in order. */
  private readonly coming: string[]

  constructor(version: ZoneVersion, shown: ReadonlyMap<string, number[] | undefined>) {
    this.version = version
    this.shown = new Map(shown)
    this.coming = [...shown].flatMap(([label, types]) => (types && !this.had(label) ? [label] : [])).sort()
  }

  /** Whether the version has an NSEC3 of this hash. */
  had(label: string): boolean {
    return this.version.rrset(ownerOfLabel(label, this.version.origin), Type.NSEC3) !== undefined
  }

  typesOf(label: string): number[] {
    const [rdata] = this.version.rrset(ownerOfLabel(label, this.version.origin), Type.NSEC3)?.rdatas ?? []
    return rdata ? readRdata('NSEC3', rdata).types : (this.shown.get(label) ?? [])
  }

  /** The hash before, round the end of the chain. */
  before(label: string): string | undefined {
    return this.below(label) ?? this.below(LAST)
  }

  /** The hash after, round the end of the chain; its own where it is the only one. */
  after(label: string): string {
    return this.above(label) ?? this.above(FIRST)!
  }

  private below(label: string): string | undefined {
    const stored = this.stays(this.version.hashNeighbours(label).before)
    const at = this.position(label)
    const coming = at > 0 ? this.coming[at - 1] : undefined
    return stored === undefined || (coming !== undefined && coming > stored) ? coming : stored
  }

  private above(label: string): string | undefined {
    const stored = this.stays(this.version.hashNeighbours(label).after)
    const at = this.position(label)
    const coming = this.coming[at] === label ? this.coming[at + 1] : this.coming[at]
    return stored === undefined || (coming !== undefined && coming < stored) ? coming : stored
  }

  /** The next stored hash that does not go. */
  private stays(next: () => string | undefined): string | undefined {
    let label = next()
    while (label !== undefined && this.shown.has(label) && this.shown.get(label) === undefined) label = next()
    return label
  }

  /** Where in `coming` the first hash is that is not below the label. */
  private position(label: string): number {
    let low = 0
    let high = this.coming.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.coming[middle]! < label) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** Labels that sort before and after every hash. */
const FIRST = ''
const LAST = '~'
