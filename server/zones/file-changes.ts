import { applyToRecords, invertChange } from '../../zones/change.ts'
import { recordsOfVersion } from '../../zones/history/baseline.ts'
import type { FileHistory } from '../../zones/history/file-history.ts'
import type { PastZone } from '../../zones/history/history.ts'
import type { JournalEntry } from '../../zones/store/store.ts'
import type { ZoneVersion } from '../../zones/zone.ts'

/** What a zone that is its file has been lately, the newest change first, as a journal has it. */
export function changesOfFile({ steps }: FileHistory, version: ZoneVersion): JournalEntry[] {
  const newest = version.serial()
  const entries = steps.map(({ serial, at, change }, i) => ({
    ...{ revision: i, serialBefore: serial, serialAfter: steps[i + 1]?.serial ?? newest, at, change },
    ...{ key: undefined, source: 'file' },
  }))
  return entries.reverse()
}

/** The zone when its file had this serial; undefined where that is not known any more. */
export function fileAt(history: FileHistory, version: ZoneVersion, serial: number): PastZone | undefined {
  const change = serial === version.serial() ? { deleted: [], added: [] } : history.since(serial)
  if (!change) return undefined
  return { records: applyToRecords(recordsOfVersion(version), invertChange(change)), holderOf: () => undefined }
}
