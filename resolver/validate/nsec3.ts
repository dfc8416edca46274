import { ancestorName, equalNames, isSubdomain, labelCount, type Name, nameKey, wildcardOf } from '../../dns/name.ts'
import { NSEC3_SHA1, type Nsec3Parameters, nsec3Hash, OPT_OUT } from '../../dns/nsec3.ts'
import { equalOctets } from '../../dns/record.ts'
import { printBase32Hex } from '../../dns/text.ts'
import { readRdata, Type } from '../../dns/types.ts'
import type { Proof } from './proof.ts'
import type { VerifiedSet } from './signatures.ts'
import type { Work } from './work.ts'

/** A validated NSEC3 record (RFC 5155 §3). Hashes are in lower case base32hex, which sorts as their octets do. */
export interface Nsec3 extends Nsec3Parameters {
  hash: string
  next: string
  optOut: boolean
  types: ReadonlySet<number>
}

/** RFC 9276 §3.2: above the first, zones count as unsigned; above the second, what they say is not even looked at. */
export const MOST_ITERATIONS = { insecure: 50, bogus: 150 }

/** The NSEC3 records of `zone` among validated RRsets. RFC 5155 §8.1, §8.2: those with another hash or unknown flags do not count. */
export function nsec3sOf(sets: readonly VerifiedSet[], zone: Name): Nsec3[] {
  return sets
    .filter(({ set, wildcardAt }) => set.type === Type.NSEC3 && !wildcardAt && isHashOf(set.owner, zone))
    .flatMap(({ set }) => set.rdatas.flatMap(rdata => toNsec3(set.owner, rdata)))
}

/** One label below the apex (RFC 5155 §3). */
function isHashOf(owner: Name, zone: Name): boolean {
  return owner.length > zone.length && equalNames(ancestorName(owner), zone)
}

function toNsec3(owner: Name, rdata: Uint8Array): Nsec3[] {
  const { algorithm, flags, iterations, salt, next: nextHash, types } = readRdata('NSEC3', rdata)
  if (algorithm !== NSEC3_SHA1 || (flags & ~OPT_OUT) !== 0) return []
  const hash = nameKey(owner).slice(1, 1 + owner[0]!)
  const next = printBase32Hex(nextHash).toLowerCase()
  return [{ hash, next, iterations, salt, optOut: (flags & OPT_OUT) !== 0, types: new Set(types) }]
}

/** The most iterations that a record asks for: judged before anything is hashed (CVE-2023-50868). */
export function mostIterations(nsec3s: readonly Nsec3[]): number {
  return Math.max(0, ...nsec3s.map(({ iterations }) => iterations))
}

/** NSEC3s that are found by hash. */
export interface Nsec3Source {
  readonly parameters: Nsec3Parameters
  matching(hash: string): Nsec3 | undefined
  covering(hash: string): Nsec3 | undefined
}

/** The NSEC3s of one response. RFC 5155 §8.2: all of a proof have the same parameters; those unlike the first are left out. */
export function nsec3Source(nsec3s: readonly [Nsec3, ...Nsec3[]]): Nsec3Source {
  const [parameters] = nsec3s
  const alike = nsec3s.filter(one => sameParameters(one, parameters))
  return {
    parameters,
    matching: hash => alike.find(one => one.hash === hash),
    covering: hash => alike.find(one => coversHash(one, hash)),
  }
}

export function sameParameters(a: Nsec3Parameters, b: Nsec3Parameters): boolean {
  return a.iterations === b.iterations && equalOctets(a.salt, b.salt)
}

/** What NSEC3s prove. Hashes of names are worked out once. */
export class Nsec3Proofs {
  private readonly source: Nsec3Source
  private readonly zone: Name
  private readonly work: Work
  private readonly hashes = new Map<string, string>()

  constructor(source: Nsec3Source, zone: Name, work: Work) {
    this.source = source
    this.zone = zone
    this.work = work
  }

  /** RFC 5155 §8.5, §8.6, §8.7: that `name` has no records of `type`, whether it is there itself or by a wildcard. */
  noData(name: Name, type: number): Proof {
    const match = this.matching(name)
    if (match) return deniesType(match, type, name) ? 'proved' : 'unproved'
    const closest = this.closestEncloser(name)
    if (!closest) return 'unproved'
    const wildcard = wildcardOf(closest.encloser)
    const expanded = wildcard && this.matching(wildcard)
    if (expanded && !deniesType(expanded, type, wildcard)) return 'unproved'
    // RFC 5155 §8.6: a delegation that Opt-Out leaves out has no DS. It also leaves out the empty non-terminals above such delegations.
    if (closest.covering.optOut) return 'opt-out'
    return expanded ? 'proved' : 'unproved'
  }

  /** RFC 5155 §8.4: that neither `name` nor a wildcard that would stand for it exists. */
  noName(name: Name): Proof {
    const closest = this.closestEncloser(name)
    if (!closest) return 'unproved'
    const wildcard = wildcardOf(closest.encloser)
    if (wildcard && !this.covering(wildcard)) return 'unproved'
    return closest.covering.optOut ? 'opt-out' : 'proved'
  }

  /** RFC 5155 §8.8: that there is no name closer to `name` than what the wildcard is below. */
  wildcard(name: Name, wildcardAt: Name): Proof {
    const covering = this.covering(nextCloser(name, wildcardAt))
    if (!covering) return 'unproved'
    return covering.optOut ? 'opt-out' : 'proved'
  }

  /** What they say of a zone cut at `name`: a delegation without DS, no delegation, no such name; or nothing. */
  delegation(name: Name): Proof | 'inside' | 'absent' {
    const match = this.matching(name)
    if (match) {
      if (match.types.has(Type.DS) || match.types.has(Type.SOA)) return 'unproved'
      return match.types.has(Type.NS) ? 'proved' : 'inside'
    }
    const closest = this.closestEncloser(name)
    if (!closest) return 'unproved'
    return closest.covering.optOut ? 'opt-out' : 'absent'
  }

  /**
   * RFC 5155 §8.3: the longest ancestor that an NSEC3 matches, and the NSEC3 that covers the name next closer. Looked for from the apex
   * downwards: names that exist are never covered, and whoever asks for a hundred labels below nothing is answered after two hashes.
   */
  closestEncloser(name: Name): { encloser: Name; covering: Nsec3 } | undefined {
    for (let depth = labelCount(name) - labelCount(this.zone) - 1; depth >= 0; depth--) {
      const closer = ancestorName(name, depth)
      const covering = this.covering(closer)
      if (!covering) continue
      const encloser = ancestorName(closer)
      const match = this.matching(encloser)
      // RFC 5155 §8.3: below a delegation or a DNAME there is nothing for this zone to deny.
      const isForeign = match?.types.has(Type.DNAME) || (match?.types.has(Type.NS) && !match.types.has(Type.SOA))
      return match && !isForeign ? { encloser, covering } : undefined
    }
    return undefined
  }

  matching(name: Name): Nsec3 | undefined {
    if (!isSubdomain(name, this.zone)) return undefined
    return this.source.matching(this.hashOf(name))
  }

  covering(name: Name): Nsec3 | undefined {
    return this.source.covering(this.hashOf(name))
  }

  private hashOf(name: Name): string {
    const key = nameKey(name)
    const known = this.hashes.get(key)
    if (known !== undefined) return known
    const { parameters } = this.source
    this.work.hashing(1 + parameters.iterations)
    const hash = printBase32Hex(nsec3Hash(name, parameters)).toLowerCase()
    this.hashes.set(key, hash)
    return hash
  }
}

/** The last NSEC3's next is the first (RFC 5155 §3.1.7); the only one of a zone covers all but itself. */
export function coversHash({ hash, next }: Pick<Nsec3, 'hash' | 'next'>, hashed: string): boolean {
  return hash < next ? hash < hashed && hashed < next : hashed > hash || hashed < next
}

function deniesType({ types }: Nsec3, type: number, name: Name): boolean {
  // RFC 5155 §8.5.
  if (types.has(type) || types.has(Type.CNAME)) return false
  // RFC 6840 §4.1: the parent's at a cut speaks of DS alone, the child's does not speak of DS.
  if (type === Type.DS) return !types.has(Type.SOA) || name.length === 1
  return !types.has(Type.NS) || types.has(Type.SOA)
}

/** The ancestor of `name`, or itself, that has one label more than `encloser`. */
function nextCloser(name: Name, encloser: Name): Name {
  let closer = name
  while (ancestorName(closer).length > encloser.length) closer = ancestorName(closer)
  return closer
}
