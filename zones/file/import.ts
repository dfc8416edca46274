import type { ResourceRecord } from '../../dns/record.ts'
import { serialAfter, serialGreater } from '../../dns/serial.ts'
import { Type } from '../../dns/types.ts'
import { diffRecords, isEmptyChange } from '../change.ts'
import { recordsOfVersion } from '../history/baseline.ts'
import { SIGNER_TYPES } from '../sign/sign.ts'
import { soaSerial, withSerial } from '../soa.ts'
import type { Decision } from '../write/pipeline.ts'
import type { ZoneVersion } from '../zone.ts'

/**
 * What makes the zone these records, all others gone. The serial is theirs where it is ahead of ours, else the next of ours.
 * What the signer of a `signed` zone makes stays its own, and what another's has made is not taken over.
 */
export function importZone(tip: ZoneVersion, records: readonly ResourceRecord[], signed = false): Decision {
  const isData = ({ type }: ResourceRecord) => !signed || !SIGNER_TYPES.has(type)
  const before = recordsOfVersion(tip).filter(isData)
  const after = records.filter(isData)
  const serial = tip.serial()
  const renumbered = (to: number) =>
    after.map(record => (record.type === Type.SOA ? { ...record, rdata: withSerial(record.rdata, to) } : record))
  if (isEmptyChange(diffRecords(before, renumbered(serial)))) return { change: { deleted: [], added: [] } }
  const theirs = soaSerial(after.find(({ type }) => type === Type.SOA)!.rdata)
  return { change: diffRecords(before, renumbered(serialGreater(theirs, serial) ? theirs : serialAfter(serial))) }
}
