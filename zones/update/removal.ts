import { equalNames, isSubdomain, type Name } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { Type } from '../../dns/types.ts'
import { Draft, recordsOf } from '../draft.ts'
import type { Holding } from '../holders.ts'
import { SIGNER_TYPES } from '../sign/sign.ts'
import type { Decision } from '../write/pipeline.ts'
import type { ZoneVersion } from '../zone.ts'
import { addToDraft, raiseSerial } from './update.ts'

/** The records of a name, and with `below` of all names below it: without what makes the zone one, and what signing makes. */
export function recordsUnder(version: ZoneVersion, name: Name, below: boolean): ResourceRecord[] {
  const found: ResourceRecord[] = []
  for (const rrset of version.rrsets()) {
    const { owner, type } = rrset
    const skeleton = equalNames(owner, version.origin) && (type === Type.SOA || type === Type.NS)
    if (skeleton || SIGNER_TYPES.has(type) || !(below ? isSubdomain(owner, name) : equalNames(owner, name))) continue
    found.push(...recordsOf(rrset))
  }
  return found
}

/** What takes records out of a zone. */
export function removeRecords(tip: ZoneVersion, records: readonly ResourceRecord[]): Decision {
  const draft = new Draft(tip)
  for (const record of records) draft.deleteRecord(record)
  raiseSerial(draft, tip, tip.origin)
  return { change: draft.changes() }
}

/** What puts them back, to whom they belonged; `refused` hears of those that do not fit any more. */
export function returnRecords(
  tip: ZoneVersion,
  holdings: readonly Holding[],
  refused: (why: string) => void,
): Decision {
  const draft = new Draft(tip)
  const back = holdings.filter(({ record }) => {
    const reason = addToDraft(draft, tip.origin, record)
    if (reason !== undefined) refused(reason)
    return reason === undefined
  })
  raiseSerial(draft, tip, tip.origin)
  return { change: draft.changes(), holdings: back }
}
