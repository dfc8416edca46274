import { Class, Rcode } from '../../dns/codes.ts'
import { ancestorName, compareNames, type Name, nameKey, wildcardOf } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { Type } from '../../dns/types.ts'
import type { UpstreamQuestion } from '../question.ts'
import type { Outcome } from '../route.ts'
import { closestEncloser, covers, nsecProvesNoData, nsecProvesNoName, nsecsOf } from './nsec.ts'
import { coversHash, MOST_ITERATIONS, Nsec3Proofs, nsec3sOf, sameParameters } from './nsec3.ts'
import { type Dated, SortedRanges } from './ranges.ts'
import type { SignedSet } from './rrsets.ts'
import type { VerifiedSet } from './signatures.ts'
import { TooMuchWork, Work } from './work.ts'

/** Validated NSEC and NSEC3 records, kept to answer what they deny without asking anybody (RFC 8198). */
export interface AggressiveCache {
  /** Keeps what a secure answer was denied by. `now` is in milliseconds since 1970. */
  learn(denials: readonly VerifiedSet[], now: number): void
  /** NXDOMAIN or NODATA, where what is kept proves it. */
  answer(question: UpstreamQuestion, now: number): Outcome | undefined
  forget(): void
}

/** What is kept of one zone. */
interface ZoneDenials {
  zone: Name
  soa: { set: SignedSet; until: number } | undefined
  nsec: SortedRanges<Name>
  nsec3: SortedRanges<string>
}

const MOST_ZONES = 500
const MOST_RANGES = 2000
/** These are asked about signatures and denials themselves. */
const NOT_SYNTHESIZED: ReadonlySet<number> = new Set([Type.ANY, Type.RRSIG, Type.NSEC, Type.NSEC3])
const KNOWN = { status: 'secure', reason: 'NSEC or NSEC3 records of an earlier answer prove it (RFC 8198)' } as const

export function createAggressiveCache(): AggressiveCache {
  const zones = new Map<string, ZoneDenials>()

  function learn(denials: readonly VerifiedSet[], now: number): void {
    for (const verified of denials) {
      const kept = open(verified.zone)
      const until = now + verified.ttl * 1000
      const { set } = verified
      if (set.type === Type.SOA) kept.soa = { set, until }
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
      if (kept) return synthesize(kept, name, type, now)
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
  }
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
  const source = {
    parameters: sample,
    matching: (hash: string) => take(hash, ({ start }) => start === hash),
    covering: (hash: string) => take(hash, ({ start, end }) => coversHash({ hash: start, next: end }, hash)),
  }
  const proofs = new Nsec3Proofs(source, zone, new Work())
  try {
    if (proofs.noName(name) === 'proved') return { rcode: Rcode.NXDOMAIN, used }
    used.length = 0
    return proofs.noData(name, type) === 'proved' ? { rcode: Rcode.NOERROR, used } : undefined
  } catch (error) {
    if (error instanceof TooMuchWork) return undefined
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
