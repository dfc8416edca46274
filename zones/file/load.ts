import type { ZoneConfig } from '../../config/schema.ts'
import { Rcode } from '../../dns/codes.ts'
import { RcodeError } from '../../dns/errors.ts'
import type { Name } from '../../dns/name.ts'
import type { Log } from '../../host/log.ts'
import { applyFile } from '../history/baseline.ts'
import { Holders } from '../holders.ts'
import {
  catchUpSigning,
  dataIn,
  findKeys,
  type Signing,
  type SigningDependencies,
  signingWith,
} from '../sign/signing.ts'
import type { StoredZone } from '../store/store.ts'
import { readStored } from '../store/stored-image.ts'
import { type Written, ZoneWriter } from '../write/writer.ts'
import { ZoneImage } from '../zone.ts'
import { firstOf } from './first-records.ts'
import { importZone } from './import.ts'
import { continueFrom, kindOf, type LoadDependencies, type LoadedZone } from './loaded.ts'
import { type ReadFileOfZone, readZone } from './read.ts'
import { loadStatic } from './static.ts'
/** Loads a primary zone from its file, or from the database with what changed in its file. Rejects with ZoneLoadError. */
export async function loadZone(view: string, config: ZoneConfig, deps: LoadDependencies): Promise<LoadedZone> {
  const keys = await findKeys(config, deps)
  const isFile = kindOf(config) === 'file'
  // One that was signed may have to stay so for a while.
  const stored = isFile && !keys ? undefined : await deps.store.find(view, config.name)
  if (isFile && !stored) return loadStatic(view, config, deps)
  const opened = stored ? await openStored(stored, config.name, deps) : await createStored(view, config, deps)
  const signing = keys && signingWith(keys, config, opened.image.latest(), deps)
  if (isFile && !signing) return loadStatic(view, config, deps)
  const writer = writerOf(opened, deps, signing)
  const upkeep = await catchUpSigning(signing, view, config, writer, deps)
  const zone = opened.stored.id
  let digest = opened.stored.baseline
  const loaded = {
    image: opened.image,
    writer,
    keyRing: signing?.ring,
    async prepareFile(file: string | undefined, log: Log) {
      const changed = file === undefined ? undefined : await readZone(file, config.name, { ...deps, log }, digest)
      return async () => {
        if (changed)
          digest = await applyChanged(file!, changed, digest, { zone, writer, config, deps: { ...deps, log } })
      }
    },
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
  const apply = await loaded.prepareFile(config.file, deps.log)
  await apply()
  return loaded
}

/** Throws ZoneLoadError, or what else is wrong with the config or its file, before anything is loaded by it. */
export async function checkLoadable(
  config: ZoneConfig,
  deps: SigningDependencies & Pick<LoadDependencies, 'readFile' | 'readZone' | 'log'>,
): Promise<void> {
  await findKeys(config, deps)
  if (config.file !== undefined) await readZone(config.file, config.name, deps)
}

/** The writer of a zone that was opened; its image goes on from the generations of the one before. */
export function writerOf(
  { stored, image, holders, kept }: OpenedZone,
  deps: LoadDependencies,
  signing: Signing | undefined,
): ZoneWriter {
  if (deps.before) continueFrom(image, deps.before)
  const { store, clock, log, tracer, followers, onReplaced, onPublished } = deps
  return new ZoneWriter({
    ...{ store, clock, log, zone: stored.id, revision: stored.revision, image, holders, kept },
    ...(tracer ? { tracer } : {}),
    ...(signing ? { signer: signing.signer } : {}),
    ...(followers ? { followers } : {}),
    ...(onReplaced ? { onReplaced } : {}),
    ...(onPublished ? { onPublished } : {}),
  })
}

/** A zone of the database in memory. */
export interface OpenedZone {
  stored: StoredZone
  image: ZoneImage
  holders: Holders
  /** The revision of its image on disk. */
  kept?: number | undefined
}

/** A stored zone, read back. */
export async function openStored(
  stored: StoredZone,
  origin: Name,
  { store, log }: Pick<LoadDependencies, 'store' | 'log'>,
): Promise<OpenedZone> {
  return {
    stored,
    ...(await readStored(store, stored, origin, log)),
    holders: new Holders(await store.holders(stored.id)),
  }
}

async function createStored(view: string, config: ZoneConfig, deps: LoadDependencies): Promise<OpenedZone> {
  const file = config.file === undefined ? undefined : await readZone(config.file, config.name, deps)
  const image = file?.image ?? ZoneImage.create(config.name, firstOf(config, deps.serverName))
  // Read out record by record, twice, rather than held in memory beside the image.
  const records = { [Symbol.iterator]: () => dataIn(image, config) }
  // What a zone without a file begins with gives way to the file that it may get later.
  const baseline = { digest: file?.digest ?? NO_FILE, records }
  const stored = await deps.store.create(view, config.name, records, baseline)
  const own = config.dnssec?.sign ? ZoneImage.create(config.name, records) : image
  return { stored, image: own, holders: new Holders() }
}

/** The digest of no file. */
const NO_FILE = 'none'

/** The zone that changes of its file are applied to. */
interface FileTarget {
  zone: number
  writer: ZoneWriter
  config: ZoneConfig
  deps: LoadDependencies
}

/** Returns the digest of what is applied now. */
async function applyChanged(
  file: string,
  { image, digest }: ReadFileOfZone,
  applied: string | undefined,
  { zone, writer, config, deps }: FileTarget,
): Promise<string> {
  const before = await deps.store.baseline(zone)
  const records = [...dataIn(image, config)]
  let skipped: string[] = []
  let written: Written
  try {
    written = await writer.write({ key: undefined, source: 'file' }, (tip, holders) => {
      // A zone that is not dynamic is its file, here too.
      if (!config.dynamic) return { ...importZone(tip, records, true), baseline: { digest, records } }
      const decision = applyFile(tip, holders, before, { digest, records })
      skipped = decision.skipped
      return decision
    })
  } catch (error) {
    if (!(error instanceof RcodeError)) throw error
    // The zone goes on as it is; the next reload tries again.
    const why = error.rcode === Rcode.REFUSED ? 'do not fit what updates made of the zone' : 'could not be stored'
    deps.log.error({ file, reason: error.message }, `the file's changes ${why}`)
    return applied ?? ''
  }
  for (const what of skipped) deps.log.warn({ file, what }, 'a record of the file was skipped')
  const { added, deleted } = written.change
  deps.log.info(
    { file, added: added.length, deleted: deleted.length, serial: written.version.serial() },
    'changes of the file applied',
  )
  return digest
}
