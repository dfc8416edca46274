import { Class } from '../../dns/codes.ts'
import { compareNames, type Name } from '../../dns/name.ts'
import { equalOctets, type ResourceRecord, type RRset } from '../../dns/record.ts'
import { Type } from '../../dns/types.ts'
import { type Changeset, diffRecords } from '../change.ts'
import { recordsOf } from '../draft.ts'
import { isHashed } from '../image/staging.ts'
import type { ZoneVersion } from '../zone.ts'

/** RRsets compared before others get their turn. */
const SLICE = 2000

/**
 * What leads from one version to another. Both are in canonical order, so that a large zone is gone through once, and in turns. A name
 * that stays keeps its spelling, unless `respelled`.
 */
export async function differenceOf(before: ZoneVersion, after: ZoneVersion, respelled = false): Promise<Changeset> {
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
    else if (!sameRRset(a!, b!, respelled)) {
      const change = diffRecords(recordsOf(a!), recordsOf(respelled ? b! : { ...b!, owner: a!.owner }))
      deleted.push(...change.deleted)
      added.push(...change.added)
    }
    if (order <= 0) a = next(left)
    if (order >= 0) b = next(right)
    if (count % SLICE === 0) await new Promise(resolve => setImmediate(resolve))
  }
  return { deleted, added }
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

function sameRRset(a: RRset, b: RRset, respelled: boolean): boolean {
  if (a.ttl !== b.ttl || a.rdatas.length !== b.rdatas.length) return false
  if (respelled && !equalOctets(a.owner, b.owner)) return false
  return a.rdatas.every((rdata, i) => equalOctets(rdata, b.rdatas[i]!))
}
