import type { ResourceRecord } from '../../dns/record.ts'
import { Type } from '../../dns/types.ts'
import { recordKey } from '../change.ts'
import type { JournalEntry, NewEntry } from '../store/store.ts'

/** The change that added a record: the zone's serial since then, milliseconds since 1970, and where it came from. */
export type Addition = Pick<JournalEntry, 'serialAfter' | 'at' | 'source'>

/** Records kept of a zone: what is asked for was added a moment ago. */
const KEPT = 1000

/** By which changes the records came that a zone got lately, so that the journal need not be read for them. Owned by the zone's pipeline. */
export class Additions {
  /** By `recordKey`, the oldest first. */
  private readonly last = new Map<string, Addition>()

  /** A change is on disk; called for each in turn. */
  note({ change, serialAfter, at, source }: NewEntry): void {
    if (change.added.length + change.deleted.length > KEPT) {
      this.last.clear()
      return
    }
    const addition = { serialAfter, at, source }
    for (const record of change.deleted) this.last.delete(keyOf(record))
    for (const record of change.added) if (record.type !== Type.SOA) this.last.set(keyOf(record), addition)
    for (const key of this.last.keys()) {
      if (this.last.size <= KEPT) break
      this.last.delete(key)
    }
  }

  /** The last change that added the record, where it is still known here. */
  of(record: ResourceRecord): Addition | undefined {
    return this.last.get(keyOf(record))
  }

  /** Changes may have passed this by. */
  forget(): void {
    this.last.clear()
  }
}

function keyOf({ owner, type, rdata }: ResourceRecord): string {
  return recordKey(owner, type, rdata)
}
