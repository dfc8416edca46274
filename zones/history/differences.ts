import { type Changeset, MergedChanges } from '../change.ts'
import type { ZoneStore } from '../store/store.ts'

/** Journal entries read at once. */
const READ = 500

/**
 * What leads from `serial` to the newest revision, as one change: RFC 1995 §5 lets a server condense several versions, so what came and
 * went meanwhile is not sent at all. Undefined where the journal does not go back so far, or where more than `most` records would go and come.
 */
export async function differencesSince(
  store: ZoneStore,
  zone: number,
  serial: number,
  most: number,
): Promise<Changeset | undefined> {
  let at = await store.revisionOf(zone, serial)
  if (at === undefined) return undefined
  const merged = new MergedChanges()
  for (;;) {
    const entries = await store.journal(zone, at, READ)
    for (const { change } of entries) {
      merged.add(change)
      if (merged.size > most) return undefined
    }
    const last = entries.at(-1)
    if (!last || entries.length < READ) return merged.whole()
    at = last.revision
  }
}
