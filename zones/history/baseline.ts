import { Class } from '../../dns/codes.ts'
import { equalNames } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { equalOctets } from '../../dns/record.ts'
import { serialAfter, serialGreater } from '../../dns/serial.ts'
import { printRecord, Type } from '../../dns/types.ts'
import { recordKey } from '../change.ts'
import { Draft, recordsOf } from '../draft.ts'
import type { Holders } from '../holders.ts'
import { soaSerial, withSerial } from '../soa.ts'
import { addToDraft, checkServable, raiseSerial } from '../update/update.ts'
import type { Decision } from '../write/pipeline.ts'
import type { ZoneVersion } from '../zone.ts'

/** The file of a dynamic zone, as it is now. */
export interface ChangedFile {
  digest: string
  records: readonly ResourceRecord[]
}

const keyOf = (record: ResourceRecord) => recordKey(record.owner, record.type, record.rdata)

/**
 * What changed in the file since it was last applied, done to the zone; all other records are left alone. A record that the file
 * drops stays where a key has added it since; one that the file takes up is the file's from now on. What can't be added, beside a
 * CNAME for instance, is skipped with the reason and tried again when the file is next read.
 */
export function applyFile(
  tip: ZoneVersion,
  holders: Holders,
  before: readonly ResourceRecord[],
  file: ChangedFile,
): Decision & { skipped: string[] } {
  const { origin } = tip
  const draft = new Draft(tip)
  const dropped = new Map(before.map(record => [keyOf(record), record]))
  const taken: ResourceRecord[] = []
  for (const record of file.records) {
    const was = dropped.get(keyOf(record))
    dropped.delete(keyOf(record))
    if (was?.ttl !== record.ttl) taken.push(record)
  }
  for (const record of dropped.values())
    if (record.type !== Type.SOA && holders.of(record) === undefined) draft.deleteRecord(record)
  const skipped = new Map<string, string>()
  for (const record of taken) {
    if (record.type === Type.SOA) takeSoa(draft, before, record)
    else {
      const reason = addToDraft(draft, origin, record)
      if (reason !== undefined) skipped.set(keyOf(record), `${printRecord(record)}: ${reason}`)
    }
  }
  // An update may have deleted the NS that the file still has, and the file now those that were left.
  const isApexNs = ({ type, owner }: ResourceRecord) => type === Type.NS && equalNames(owner, origin)
  if (!draft.has(origin, Type.NS)) for (const record of file.records.filter(isApexNs)) draft.add(record)
  checkServable(draft, origin)
  raiseSerial(draft, tip, origin)
  return {
    change: draft.changes(),
    holdings: taken
      .filter(record => holders.of(record) !== undefined && !skipped.has(keyOf(record)))
      .map(record => ({ record, holder: undefined })),
    baseline: { digest: file.digest, records: file.records.filter(record => !skipped.has(keyOf(record))) },
    skipped: [...skipped.values()],
  }
}

/** The file's SOA counts where more of it changed than a serial that the zone has passed already. */
function takeSoa(draft: Draft, before: readonly ResourceRecord[], soa: ResourceRecord): void {
  const current = soaSerial(draft.rrset(soa.owner, Type.SOA)!.rdatas[0]!)
  const ahead = serialGreater(soaSerial(soa.rdata), current)
  const was = before.find(({ type }) => type === Type.SOA)
  const sameElse = was?.ttl === soa.ttl && equalOctets(withSerial(was.rdata, 0), withSerial(soa.rdata, 0))
  if (!ahead && sameElse) return
  draft.add({ ...soa, class: Class.IN, rdata: ahead ? soa.rdata : withSerial(soa.rdata, serialAfter(current)) })
}

/** The records of a version, as a list. */
export function recordsOfVersion(version: ZoneVersion): ResourceRecord[] {
  return [...recordsIn(version)]
}

/** The records of a version, one after another: the SOA first, then in canonical order of owners. */
export function* recordsIn(version: ZoneVersion): Generator<ResourceRecord> {
  for (const rrset of version.rrsets()) yield* recordsOf(rrset)
}
