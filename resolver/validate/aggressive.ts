import { Class, Rcode } from '../../dns/codes.ts'
import { ancestorName, compareNames, type Name, nameKey, wildcardOf } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { Type } from '../../dns/types.ts'
import type { UpstreamQuestion } from '../question.ts'
import type { Outcome } from '../routes/route.ts'
import { closestEncloser, covers, nsecProvesNoData, nsecProvesNoName, nsecProvesWildcard, nsecsOf } from './nsec.ts'
import { coversHash, MOST_ITERATIONS, Nsec3Proofs, type Nsec3Source, nsec3sOf, sameParameters } from './nsec3.ts'
import type { Proof } from './proof.ts'
import { type Dated, SortedRanges } from './ranges.ts'
import type { SignedSet } from './rrsets.ts'
import type { VerifiedSet } from './signatures.ts'
import { Wildcards } from './wildcards.ts'
import { TooMuchWork, Work } from './work.ts'

/** Validated NSEC and NSEC3 records and wildcards, kept to answer without asking anybody what they deny or stand for (RFC 8198). */
export interface AggressiveCache {
  /** Keeps what a secure answer was denied by, and what wildcards stood for it. `now` is in milliseconds since 1970. */
  learn(proved: readonly VerifiedSet[], now: number): void
  /** NXDOMAIN, NODATA or what a wildcard has for the name, where what is kept proves it. */
  answer(question: UpstreamQuestion, now: number): Outcome | undefined
  forget(): void
}

/** What is kept of one zone. */
interface ZoneDenials {
  zone: Name
  soa: { set: SignedSet; until: number } | undefined
  nsec: SortedRanges<Name>
  nsec3: SortedRanges<string>
  wildcards: Wildcards
}

const MOST_ZONES = 500
const MOST_RANGES = 2000
/** These are asked about signatures and denials themselves. */
const NOT_SYNTHESIZED: ReadonlySet<number> = new Set([Type.ANY, Type.RRSIG, Type.NSEC, Type.NSEC3])
const KNOWN = { status: 'secure', reason: 'NSEC or NSEC3 records of an earlier answer prove it (RFC 8198)' } as const
const EXPANDED = { status: 'secure', reason: 'a wildcard of an earlier answer stands for it (RFC 8198 §5.3)' } as const

export function createAggressiveCache(): AggressiveCache {
  const zones = new Map<string, ZoneDenials>()

  function learn(proved: readonly VerifiedSet[], now: number): void {
    for (const verified of proved) {
      const kept = open(verified.zone)
      const until = now + verified.ttl * 1000
      const { set, wildcardAt } = verified
      if (wildcardAt) kept.wildcards.insert({ set, until, at: wildcardAt })
      else if (set.type === Type.SOA) kept.soa = { set, until }
      for (const nsec of nsecsOf([verified])) kept.nsec.insert({ start: nsec.owner, end: nsec.next, set, until })
      // RFC 8198 §5.2 (with RFC 5155 §9.2): Opt-Out's ranges prove nothing.
      for (const { hash, next, iterations, optOut } of nsec3sOf([verified], verified.zone))
        if (!optOut && iterations <= MOST_ITERATIONS.insecure) kept.nsec3.insert({ start: hash, end: next, set, until })
    }
  }

  function open(zone: Name): ZoneDenials {
    const key = nameKey(zone)
    const kept = zones.get(key) ?? emptyZone(zone)
    zones.delete(key)
    zones.set(key, kept)
    if (zones.size > MOST_ZONES) zones.delete(zones.keys().next().value!)
    return kept
  }

  function answer(question: UpstreamQuestion, now: number): Outcome | undefined {
    if (zones.size === 0 || NOT_SYNTHESIZED.has(question.type)) return undefined
    const { name, type } = question
    // DS is the parent's to deny.
    const within = type === Type.DS && name.length > 1 ? ancestorName(name) : name
    const key = nameKey(within)
    for (let at = 0; ; at += within[at]! + 1) {
      const kept = zones.get(key.slice(at))
      if (kept) return synthesize(kept, name, type, now) ?? expand(kept, name, type, now)
      if (within[at] === 0) return undefined
    }
  }

  return { learn, answer, forget: () => zones.clear() }
}

function emptyZone(zone: Name): ZoneDenials {
  const compareHashes = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)
  return {
    zone,
    soa: undefined,
    nsec: new SortedRanges(compareNames, MOST_RANGES),
    nsec3: new SortedRanges(compareHashes, MOST_RANGES),
    wildcards: new Wildcards(),
  }
}

/** RFC 8198 §5.3: what a wildcard has, for a name that is proved to have nothing closer. */
function expand(kept: ZoneDenials, name: Name, type: number, now: number): Outcome | undefined {
  for (const wildcard of kept.wildcards.above(name, type, kept.zone, now)) {
    const proof = nothingCloser(kept, name, wildcard.at, now)
    if (!proof) continue
    const seconds = Math.floor((Math.min(wildcard.until, proof.until) - now) / 1000)
    if (seconds <= 0) continue
    const answer = recordsOf({ ...wildcard.set, owner: name }, seconds)
    const authority = recordsOf(proof.set, seconds)
    const unfinished = wildcard.set.type !== type
    const found = { rcode: Rcode.NOERROR, answer, authority, authentic: true, security: EXPANDED, unfinished }
    return { kind: 'found', found, seconds }
  }
  return undefined
}

/** The record that proves that no name is closer to `name` than what the wildcard is below. */
function nothingCloser({ zone, nsec, nsec3 }: ZoneDenials, name: Name, at: Name, now: number): Dated | undefined {
  const range = nsec.floor(name, now)
  if (range && nsecProvesWildcard(nsecsIn(range, zone), name, at, zone) === 'proved') return range
  const source = sourceOf(nsec3, zone, now)
  if (!source) return undefined
  const proof = attempt(() => new Nsec3Proofs(source, zone, new Work()).wildcard(name, at))
  return proof === 'proved' ? source.used[0] : undefined
}

function synthesize(kept: ZoneDenials, name: Name, type: number, now: number): Outcome | undefined {
  const { soa } = kept
  if (!soa || now >= soa.until) return undefined
  const proof = byNsec(kept, name, type, now) ?? byNsec3(kept, name, type, now)
  if (!proof) return undefined
  const used = [soa, ...new Set(proof.used)]
  // RFC 8198 §5.4, RFC 9077 §3: as long as each record of the proof.
  const seconds = Math.floor((Math.min(...used.map(({ until }) => until)) - now) / 1000)
  if (seconds <= 0) return undefined
  const authority = used.flatMap(({ set }) => recordsOf(set, seconds))
  const found = { rcode: proof.rcode, answer: [], authority, authentic: true, security: KNOWN, unfinished: false }
  return { kind: 'found', found, seconds }
}

/** What was proved, and by which ranges. */
interface Synthesis {
  rcode: Rcode
  used: Dated[]
}

function byNsec({ zone, nsec }: ZoneDenials, name: Name, type: number, now: number): Synthesis | undefined {
  const at = nsec.floor(name, now)
  if (!at) return undefined
  const [first] = nsecsIn(at, zone)
  const used = [at]
  if (first && covers(first, name, zone)) {
    const wildcard = wildcardOf(closestEncloser(first, name))
    const other = wildcard && nsec.floor(wildcard, now)
    if (other) used.push(other)
  }
  const nsecs = used.flatMap(range => nsecsIn(range, zone))
  if (nsecProvesNoName(nsecs, name, zone) === 'proved') return { rcode: Rcode.NXDOMAIN, used }
  if (nsecProvesNoData(nsecs, name, type, zone) === 'proved') return { rcode: Rcode.NOERROR, used }
  return undefined
}

function nsecsIn({ set }: Dated, zone: Name) {
  return nsecsOf([{ status: 'verified', set, zone, ttl: 0 }])
}

function byNsec3({ zone, nsec3 }: ZoneDenials, name: Name, type: number, now: number): Synthesis | undefined {
  const source = sourceOf(nsec3, zone, now)
  if (!source) return undefined
  const { used } = source
  const proofs = new Nsec3Proofs(source, zone, new Work())
  if (attempt(() => proofs.noName(name)) === 'proved') return { rcode: Rcode.NXDOMAIN, used }
  used.length = 0
  return attempt(() => proofs.noData(name, type)) === 'proved' ? { rcode: Rcode.NOERROR, used } : undefined
}

/** The NSEC3 records that are kept and alike; `used` are those that were found by it. */
function sourceOf(nsec3: SortedRanges<string>, zone: Name, now: number): (Nsec3Source & { used: Dated[] }) | undefined {
  const newest = nsec3.newest
  const [sample] = newest ? nsec3In(newest, zone) : []
  if (!sample) return undefined
  const used: Dated[] = []
  const take = (hash: string, fits: (range: { start: string; end: string }) => boolean) => {
    const range = nsec3.floor(hash, now) ?? nsec3.last(now)
    if (!range || !fits(range)) return undefined
    const one = nsec3In(range, zone)[0]
    if (!one || !sameParameters(one, sample)) return undefined
    used.push(range)
    return one
  }
  return {
    used,
    parameters: sample,
    matching: hash => take(hash, ({ start }) => start === hash),
    covering: hash => take(hash, ({ start, end }) => coversHash({ hash: start, next: end }, hash)),
  }
}

/** What would take too much work is not proved. */
function attempt(prove: () => Proof): Proof {
  try {
    return prove()
  } catch (error) {
    if (error instanceof TooMuchWork) return 'unproved'
    throw error
  }
}

function nsec3In({ set }: Dated, zone: Name) {
  return nsec3sOf([{ status: 'verified', set, zone, ttl: 0 }], zone)
}

function recordsOf({ owner, type, rdatas, signatures }: SignedSet, ttl: number): ResourceRecord[] {
  const record = (type: number) => (rdata: Uint8Array) => ({ owner, type, class: Class.IN, ttl, rdata })
  return [...rdatas.map(record(type)), ...signatures.map(record(Type.RRSIG))]
}
