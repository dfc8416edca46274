import type { ResourceRecord } from '../dns/record.ts'
import { Type } from '../dns/types.ts'
import { type Changeset, recordKey } from './change.ts'

const keyOf = (record: ResourceRecord) => recordKey(record.owner, record.type, record.rdata)

/** Who holds which record of a zone, as of its newest version, committed or not. Owned by the zone's writer. */
export class Holders {
  private readonly keys: Map<string, string>

  /** `keys` by `recordKey`: what the store has. */
  constructor(keys: Map<string, string> = new Map()) {
    this.keys = keys
  }

  /** The key that added the record; undefined where it came from the file or from us. */
  of(record: ResourceRecord): string | undefined {
    return this.keys.get(keyOf(record))
  }

  /** Follows a change made by `key`: what goes is nobody's, what comes is the key's, what comes back stays whose it was. */
  follow(change: Changeset, key: string | undefined, claims: readonly ResourceRecord[] = []): void {
    const deleted = new Set(change.deleted.map(keyOf))
    for (const record of change.added)
      if (!deleted.delete(keyOf(record)) && key !== undefined && record.type !== Type.SOA)
        this.keys.set(keyOf(record), key)
    for (const gone of deleted) this.keys.delete(gone)
    for (const record of claims) this.keys.delete(keyOf(record))
  }
}
