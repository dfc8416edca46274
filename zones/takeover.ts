import { Class } from '../dns/codes.ts'
import { Rrsig } from '../dns/dnssec.ts'
import { compareNames, type Name, printName } from '../dns/name.ts'
import { equalOctets, type ResourceRecord, type RRset } from '../dns/record.ts'
import { serialGreater } from '../dns/serial.ts'
import { Type, typeName } from '../dns/types.ts'
import { type Changeset, diffRecords } from './change.ts'
import { checkOwner, checkZone } from './check.ts'
import { Draft, recordsOf } from './draft.ts'
import { ZoneError } from './image/errors.ts'
import { isHashed } from './image/staging.ts'
import { ZoneImage, type ZoneVersion } from './zone.ts'

/**
 * The zone that these records are at `now`, in seconds since 1970. ZoneError where it could not be served right: what a primary should
 * have refused itself.
 */
export function wholeZone(origin: Name, records: readonly ResourceRecord[], now: number): ZoneVersion {
  const version = ZoneImage.create(origin, records).latest()
  for (const rrset of version.rrsets(Type.RRSIG)) requireBegun(rrset, now)
  const wrong = checkZone(version).find(({ severity }) => severity === 'error')
  if (wrong) throw new ZoneError(wrong.message)
  return version
}

/** What these steps of an IXFR come to, one after another. ZoneError where they do not fit our version, or don't leave a zone that can be served. */
export function applySteps(tip: ZoneVersion, steps: readonly Changeset[], now: number): Changeset {
  const draft = new Draft(tip)
  for (const { deleted, added } of steps) {
    for (const record of deleted) {
      if (!draft.holds(record)) throw new ZoneError('is to go and is not there', record)
      draft.deleteRecord(record)
    }
    for (const record of added) {
      if (draft.holds(record)) throw new ZoneError('is to come and is there already', record)
      draft.add(record)
    }
  }
  for (const owner of draft.touched()) {
    const rrsets = draft.typesAt(owner).map(type => draft.rrset(owner, type)!)
    const wrong = checkOwner(owner, rrsets, tip.origin)
    if (wrong) throw new ZoneError(wrong.message)
    for (const rrset of rrsets) if (rrset.type === Type.RRSIG) requireBegun(rrset, now)
  }
  return draft.changes()
}

/** Seconds that a signer's clock may be ahead of ours: as much as TSIG allows by default (RFC 8945 §10). */
const SKEW = 300

/** RFC 4034 §3.1.5: where all signatures of an RRset are of the future, every validator takes it for bogus. */
function requireBegun({ owner, rdatas }: RRset, now: number): void {
  const begun = new Map<number, boolean>()
  for (const rdata of rdatas) {
    const covered = Rrsig.typeCovered(rdata)
    const inFuture = serialGreater(Rrsig.inception(rdata), (now + SKEW) >>> 0)
    begun.set(covered, begun.get(covered) || !inFuture)
  }
  for (const [type, ever] of begun)
    if (!ever) throw new ZoneError(`${printName(owner)} ${typeName(type)} has a signature that begins in the future`)
}

/** RRsets compared before others get their turn. */
const SLICE = 2000

/** What leads from one version to another. Both are in canonical order, so that a large zone is gone through once. */
export async function differenceOf(before: ZoneVersion, after: ZoneVersion): Promise<Changeset> {
  const deleted: ResourceRecord[] = []
  const added: ResourceRecord[] = []
  const left = before.rrsets()[Symbol.iterator]()
  const right = after.rrsets()[Symbol.iterator]()
  let a = next(left)
  let b = next(right)
  for (let count = 1; a || b; count++) {
    const order = !a ? 1 : !b ? -1 : compareRRsets(before.origin, a, b)
    if (order < 0) deleted.push(...recordsOf(a!))
    else if (order > 0) added.push(...recordsOf(b!))
    else if (!sameRRset(a!, b!)) {
      deleted.push(...recordsOf(a!))
      // A name keeps its spelling: only what it says has changed.
      added.push(...recordsOf({ ...b!, owner: a!.owner }))
    }
    if (order <= 0) a = next(left)
    if (order >= 0) b = next(right)
    if (count % SLICE === 0) await new Promise(resolve => setImmediate(resolve))
  }
  return diffRecords(deleted, added)
}

function next(rrsets: Iterator<RRset>): RRset | undefined {
  const { value, done } = rrsets.next()
  return done ? undefined : value
}

/** As a version gives them: the SOA, all others in canonical order, then those of the chain of hashed names. */
function compareRRsets(origin: Name, a: RRset, b: RRset): number {
  if (a.type === Type.SOA || b.type === Type.SOA) return Number(b.type === Type.SOA) - Number(a.type === Type.SOA)
  return rank(origin, a) - rank(origin, b) || compareNames(a.owner, b.owner) || a.type - b.type
}

function rank(origin: Name, { owner, type, rdatas }: RRset): number {
  return Number(isHashed(origin, { owner, type, rdata: rdatas[0]!, class: Class.IN, ttl: 0 }))
}

function sameRRset(a: RRset, b: RRset): boolean {
  if (a.ttl !== b.ttl || a.rdatas.length !== b.rdatas.length) return false
  return a.rdatas.every((rdata, i) => equalOctets(rdata, b.rdatas[i]!))
}
