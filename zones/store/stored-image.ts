import { equalNames, type Name, printName } from '../../dns/name.ts'
import type { Log } from '../../host/log.ts'
import { versionAfter } from '../write/next-version.ts'
import { ZoneBuilder, ZoneImage, type ZoneVersion } from '../zone.ts'
import type { StoredZone, ZoneStore } from './store.ts'

/** A stored zone in memory. */
export interface StoredImage {
  image: ZoneImage
  /** The revision of its image on disk, if there is one that could be used. */
  kept: number | undefined
}

/** Journal entries read at once. */
const AT_ONCE = 1000

/** The image of a stored zone: the one that was kept, with what the journal has beyond it, else made of its records. */
export async function readStored(
  store: Pick<ZoneStore, 'images' | 'journal' | 'records'>,
  stored: StoredZone,
  origin: Name,
  log: Log,
): Promise<StoredImage> {
  const kept = await readKept(store, stored, origin).catch((error: Error) => {
    log.warn(
      { zone: printName(origin), reason: error.message },
      'the kept image of the zone could not be used: its records are read one by one',
    )
  })
  return kept ?? { image: await readRecords(store, stored, origin), kept: undefined }
}

async function readKept(
  store: Pick<ZoneStore, 'images' | 'journal'>,
  { id, revision }: StoredZone,
  origin: Name,
): Promise<StoredImage | undefined> {
  const found = await store.images.find(id)
  if (!found || found.revision > revision || !equalNames(found.image.origin, origin)) return undefined
  let tip: ZoneVersion = found.image.latest()
  for (let at = found.revision; at < revision; ) {
    const entries = await store.journal(id, at, AT_ONCE)
    for (const entry of entries) {
      // Where the journal does not go back to the image, nothing leads from there to here.
      if (entry.revision !== ++at || entry.serialBefore !== tip.serial()) return undefined
      tip = versionAfter(tip, entry.change)
    }
    if (entries.length === 0) return undefined
  }
  tip.image.publish(tip)
  return { image: tip.image, kept: found.revision }
}

/** Records go by a few at a time. */
async function readRecords(store: Pick<ZoneStore, 'records'>, { id }: StoredZone, origin: Name): Promise<ZoneImage> {
  const builder = new ZoneBuilder(origin)
  for await (const some of store.records(id)) for (const record of some) builder.add(record)
  return ZoneImage.from(builder)
}
