import { applyToRecords, type Changeset } from '../change.ts'
import { recordsOf } from '../draft.ts'
import { ZoneImage, type ZoneVersion } from '../zone.ts'

/** The version that follows, unpublished; in a new image where the old one is full. ZoneError where the change does not fit. */
export function versionAfter(base: ZoneVersion, change: Changeset): ZoneVersion {
  const next = base.image.apply(base, change)
  if (next) return next
  const rebuilt = base.image.rebuild(base)
  const inRebuilt = rebuilt.apply(rebuilt.latest(), change)
  if (inRebuilt) return inRebuilt
  // Even fresh room does not hold a change larger than the zone.
  const records = applyToRecords([...base.rrsets()].flatMap(recordsOf), change)
  return ZoneImage.create(base.origin, records).latest()
}
