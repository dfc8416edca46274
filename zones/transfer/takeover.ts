import { Rrsig } from '../../dns/dnssec.ts'
import { type Name, printName } from '../../dns/name.ts'
import type { ResourceRecord, RRset } from '../../dns/record.ts'
import { serialGreater } from '../../dns/serial.ts'
import { Type, typeName } from '../../dns/types.ts'
import type { Changeset } from '../change.ts'
import { Draft } from '../draft.ts'
import { checkOwner, checkZone } from '../file/check.ts'
import { ZoneError } from '../image/errors.ts'
import { ZoneImage, type ZoneVersion } from '../zone.ts'

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
    if (wrong !== undefined) throw new ZoneError(wrong)
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
