import type { ZoneConfig } from '../../config/schema.ts'
import type { SourceZone } from '../derived/source.ts'
import { firstRecords } from '../file/first-records.ts'
import { type OpenedZone, openStored, writerOf } from '../file/load.ts'
import { ZoneLoadError } from '../file/load-error.ts'
import { kindOf, type LoadDependencies, type LoadedZone } from '../file/loaded.ts'
import { Holders } from '../holders.ts'
import { catchUpSigning, findKeys, signingWith } from '../sign/signing.ts'
import { ZoneImage } from '../zone.ts'
import { NO_FILE, readOverlayFile } from './file.ts'
import { Overlay, type OverlayRules } from './overlay.ts'

/** An overlay in memory. */
export type LoadedOverlay = LoadedZone & { overlay: Overlay }

/** Loads an overlay as it was left, or for the first time from its base. It is brought into step by `synchronize`. */
export async function loadOverlay(
  view: string,
  config: ZoneConfig,
  zone: SourceZone,
  rules: OverlayRules,
  deps: LoadDependencies,
): Promise<LoadedOverlay> {
  const overlay = new Overlay(zone, rules)
  const stored = await deps.store.find(view, config.name)
  const opened = stored ? await openStored(stored, config.name, deps) : await create(view, config, overlay, deps)
  const keys = await findKeys(config, deps)
  const signing = keys && signingWith(keys, config, opened.image.latest(), deps)
  const writer = writerOf(opened, deps, signing)
  const upkeep = await catchUpSigning(signing, view, config, writer, deps)
  return {
    ...{ image: opened.image, writer, overlay, prepareFile: async () => async () => {} },
    keyRing: signing?.ring,
    kind: kindOf(config),
    start() {
      upkeep.start()
      writer.keepImage()
    },
    async close() {
      upkeep.stop()
      await writer.close()
    },
  }
}

async function create(
  view: string,
  { name }: ZoneConfig,
  overlay: Overlay,
  deps: LoadDependencies,
): Promise<OpenedZone> {
  // Where the base has nothing yet there is but what every zone needs.
  const records = overlay.first() ?? firstRecords(name, deps.serverName)
  const image = ZoneImage.create(name, records)
  return { stored: await deps.store.create(view, name, records), image, holders: new Holders() }
}

/** What the config says of an overlay, its file read. Throws ZoneLoadError. */
export function readOverlayRules(
  { name, show, hide_private: hidePrivate, file }: ZoneConfig,
  { readFile }: Pick<LoadDependencies, 'readFile'>,
): Omit<OverlayRules, 'base'> {
  const own = file === undefined ? NO_FILE : readOverlayFile(file, name, readFile)
  if (own.errors.length > 0) throw new ZoneLoadError(own.errors)
  return { show: show ?? [], hidePrivate, file: own }
}
