import { lowerName, type Name, printName } from '../dns/name.ts'
import type { ResourceRecord } from '../dns/record.ts'
import { Type } from '../dns/types.ts'
import { type Changeset, recordKey } from './change.ts'

const keyOf = (record: ResourceRecord) => recordKey(record.owner, record.type, record.rdata)

/** How a key is named in the database and in logs: presentation form in lower case. */
export function keyText(key: Name): string {
  return printName(lowerName(key))
}

/** Who is to hold a record, where that is not whoever adds it; undefined is the file, or us. */
export interface Holding {
  record: ResourceRecord
  holder: string | undefined
}

/** Who holds which record of a zone, as of its newest version, committed or not. Owned by the zone's pipeline. */
export class Holders {
  /** Above others: what differs from them, undefined for what nobody holds any more. */
  private readonly keys: Map<string, string | undefined>
  private readonly beneath: Holders | undefined

  /** `keys` by `recordKey`: what the store has. */
  constructor(keys: Map<string, string | undefined> = new Map(), beneath?: Holders) {
    this.keys = keys
    this.beneath = beneath
  }

  /** The key that added the record; undefined where it came from the file or from us. The SOA is the zone's, whoever raised its serial. */
  of(record: ResourceRecord): string | undefined {
    return record.type === Type.SOA ? undefined : this.get(keyOf(record))
  }

  private get(key: string): string | undefined {
    const own = this.keys.get(key)
    return own !== undefined || !this.beneath || this.keys.has(key) ? own : this.beneath.get(key)
  }

  /** Whether anything is held by it. */
  hasHolder(holder: string): boolean {
    for (const one of this.keys.values()) if (one === holder) return true
    return this.beneath?.hasHolder(holder) ?? false
  }

  /** The same for now, to be changed without changing this one. */
  draft(): Holders {
    return new Holders(new Map(), this)
  }

  /** Takes over what differs in a draft of this one. */
  accept(draft: Holders): void {
    for (const [key, holder] of draft.keys) this.set(key, holder)
  }

  private set(key: string, holder: string | undefined): void {
    if (holder === undefined && !this.beneath) this.keys.delete(key)
    else this.keys.set(key, holder)
  }

  /** Follows a change made by `key`: what goes is nobody's, what comes is the key's, what comes back stays whose it was. */
  follow(change: Changeset, key: string | undefined, holdings: readonly Holding[] = []): void {
    const deleted = new Set(keysOf(change.deleted))
    for (const added of keysOf(change.added)) if (!deleted.delete(added)) this.set(added, key)
    for (const gone of deleted) this.set(gone, undefined)
    for (const { record, holder } of holdings) this.set(keyOf(record), holder)
  }
}

function* keysOf(records: readonly ResourceRecord[]): Generator<string> {
  for (const record of records) if (record.type !== Type.SOA) yield keyOf(record)
}
