import { type Changeset, isEmptyChange } from '../change.ts'
import { ZoneError } from '../image/errors.ts'
import { versionAfter } from '../write/next-version.ts'
import { differenceOf } from '../write/version-difference.ts'
import type { ZoneWriter } from '../write/writer.ts'
import type { ZoneVersion } from '../zone.ts'
import type { Refreshed } from './refresh.ts'

/** What has come from a primary where there was something new. */
export type Taken = Exclude<Refreshed, { kind: 'current' }>

/** A change of more than this share of the zone is published as a new image. */
const LARGE = 0.25

/** Stores and publishes what has come for a zone that was `base` when it was asked for; returns what changed. `require` may refuse it. */
export async function writeTaken(
  writer: ZoneWriter,
  taken: Taken,
  base: ZoneVersion,
  source: string,
  require: (version: ZoneVersion) => void,
): Promise<Changeset> {
  const whole = taken.kind === 'whole' ? taken.version : undefined
  const change = taken.kind === 'whole' ? await differenceOf(base, taken.version) : taken.change
  if (isEmptyChange(change)) return change
  const large = change.added.length + change.deleted.length > base.size() * LARGE
  await writer.write({ key: undefined, source }, tip => {
    if (tip.serial() !== base.serial()) throw new ZoneError('the zone has changed meanwhile')
    const version = whole && large ? whole : versionAfter(tip, change)
    require(version)
    return { change, version }
  })
  return change
}

/** What a zone of which there is nothing yet begins with. */
export function wholeOf(taken: Taken): ZoneVersion {
  if (taken.kind !== 'whole') throw new ZoneError('differences to nothing')
  return taken.version
}
