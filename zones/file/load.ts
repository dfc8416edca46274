import type { ZoneConfig } from '../../config/schema.ts'
import { Class, Rcode } from '../../dns/codes.ts'
import { RcodeError } from '../../dns/errors.ts'
import { concatNames, equalNames, type Name, parseName } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { serialGreater } from '../../dns/serial.ts'
import { makeRdata, Type } from '../../dns/types.ts'
import type { Clock } from '../../host/clock.ts'
import type { Log } from '../../host/log.ts'
import type { Random } from '../../host/random.ts'
import type { Tracer } from '../../host/tracer.ts'
import { firstOfCatalog } from '../catalog/write.ts'
import { isEmptyChange } from '../change.ts'
import { applyFile } from '../history/baseline.ts'
import { FileHistory } from '../history/file-history.ts'
import { Holders } from '../holders.ts'
import type { KeyRing, KeyRings } from '../keys/keys.ts'
import type { Overlay } from '../overlay/overlay.ts'
import {
  catchUpSigning,
  dataIn,
  findKeys,
  type Signing,
  type SigningDependencies,
  signingWith,
} from '../sign/signing.ts'
import type { StoredFile } from '../store/files.ts'
import { WORTH_KEEPING } from '../store/images.ts'
import { type StoredZone, type ZoneStore, zoneId } from '../store/store.ts'
import { readStored } from '../store/stored-image.ts'
import type { Follower } from '../write/pipeline.ts'
import { differenceOf } from '../write/version-difference.ts'
import { type Written, ZoneWriter } from '../write/writer.ts'
import { ZoneImage } from '../zone.ts'
import { type ReadFile, type ReadZone, readZoneHere, type ZoneFile } from './file.ts'
import { importZone } from './import.ts'
import { ZoneLoadError } from './load-error.ts'

/** What loading a zone needs. */
export interface LoadDependencies {
  store: ZoneStore
  clock: Clock
  log: Log
  /** Our own host name: MNAME and NS of a zone without a file. */
  serverName: Name
  readFile: ReadFile
  /** Reads whole zones; by default here. */
  readZone?: ReadZone
  /** Of zones that are signed here. */
  keyRings?: KeyRings
  random?: Random
  tracer?: Tracer
  /** Whether other threads make the signatures of many RRsets at once. */
  signAside?: boolean
  /** The image served until now, whose generations a new one goes on from. */
  before?: ZoneImage | undefined
  /** What a zone that is its file was loaded as before. */
  earlier?: LoadedFile | undefined
  followers?: (() => readonly Follower[]) | undefined
  onReplaced?: (image: ZoneImage) => void
  onPublished?: (written: Written) => void
}

/** A zone in memory; a dynamic or signed one with its writer. */
export interface LoadedZone {
  /** As loaded; a writer has a newer one. */
  image: ZoneImage
  writer: ZoneWriter | undefined
  /** Of an overlay: what makes it follow its base. */
  overlay?: Overlay
  /** Of a zone that is signed here: its keys. */
  keyRing?: KeyRing | undefined
  /** Reads what changed in the file since it was last applied, and gives what applies it; what is odd goes to the log. Rejects with ZoneLoadError. */
  prepareFile(file: string | undefined, log: Log): Promise<() => Promise<void>>
  /** Of a zone that is its file: what can be told of it. */
  file?: LoadedFile
  /** What of the config it was loaded for: for another kind it is loaded again. */
  kind: string
  /** From now on it is served: signatures are made anew in time. */
  start(): void
  /** Takes no more changes, and resolves when those that were taken are on disk. */
  close(): Promise<void>
}

/** A zone that is its file, as it was read. */
export interface LoadedFile {
  image: ZoneImage
  path: string
  digest: string
  history: FileHistory
}

/** What of the config a loaded zone can't change. */
export function kindOf({ dynamic, dnssec, overlay_of: base, catalog_of: lists }: ZoneConfig): string {
  if (lists) return 'catalog'
  const overlay = base !== undefined
  return overlay || dynamic || dnssec?.sign ? JSON.stringify({ overlay, dynamic, dnssec }) : 'file'
}

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

/** A zone that is not dynamic is its file: the same as before where the file has the same records, whatever else changed in it. */
async function loadStatic(view: string, { name, file: path }: ZoneConfig, deps: LoadDependencies): Promise<LoadedZone> {
  const { earlier } = deps
  const read = earlier
    ? await readZone(path!, name, deps, path === earlier.path ? earlier.digest : undefined)
    : await readAtStart(view, name, path!, deps)
  const file = read ? await loadedFile(view, path!, read, deps) : earlier!
  const nothing = { prepareFile: async () => async () => {}, start() {}, close: async () => {} }
  return { image: file.image, writer: undefined, kind: 'file', file, ...nothing }
}

/** After a start: the file, or the image that was kept when it was last read, if it is still the same. */
async function readAtStart(view: string, origin: Name, path: string, deps: LoadDependencies): Promise<ReadFileOfZone> {
  const { files, images } = deps.store
  const kept = await files.find(view, origin)
  if (!kept) return readZone(path, origin, deps)
  const changed = await readZone(path, origin, deps, kept.digest)
  if (changed) return changed
  const image = await images.findRead(zoneId(view, origin), kept.digest)
  if (!image || !equalNames(image.origin, origin)) return readZone(path, origin, deps)
  return { image, digest: kept.digest, errors: [], warnings: [], wasKept: true }
}

/** The file as it is now, with what it has been: that is stored, so that a restart forgets nothing of it. */
async function loadedFile(
  view: string,
  path: string,
  read: ReadFileOfZone,
  deps: LoadDependencies,
): Promise<LoadedFile> {
  const { image, digest } = read
  const origin = image.origin
  const serial = image.latest().serial()
  const kept = await deps.store.files.find(view, origin)
  const file = deps.before
    ? await changedFile(path, read, deps)
    : { image, path, digest, history: earlierHistory(kept, digest, serial) }
  if (kept?.digest !== digest)
    await deps.store.files.keep(view, origin, { digest, serial, history: file.history.encode() }).catch(error =>
      // The file is served all the same.
      deps.log.error({ file: path, reason: error.message }, 'the history of the file could not be stored'),
    )
  if (!read.wasKept) keepRead(view, read, deps)
  return file
}

/** Keeps the image for the next start, if that is worth it and takes no warning away; nobody waits for it. */
function keepRead(view: string, { image, digest, warnings }: ReadFileOfZone, { store, log }: LoadDependencies): void {
  const version = image.latest()
  if (version.size() < WORTH_KEEPING || warnings.length > 0) return
  store.images
    .keepRead(zoneId(view, image.origin), digest, version)
    .catch(error =>
      log.warn(
        { reason: error.message },
        'the image of the zone could not be kept: the next start reads its file again',
      ),
    )
}

/** What is known from before a restart. */
function earlierHistory(kept: StoredFile | undefined, digest: string, serial: number): FileHistory {
  if (!kept) return new FileHistory()
  const history = FileHistory.decode(kept.history)
  return kept.digest === digest ? history : history.afterUnseen(kept.serial, serial)
}

async function changedFile(
  path: string,
  { image, digest }: ReadFileOfZone,
  deps: LoadDependencies,
): Promise<LoadedFile> {
  const { earlier } = deps
  const before = deps.before!
  const [was, is] = [before.latest(), image.latest()]
  const change = await differenceOf(was, is, true)
  if (earlier && isEmptyChange(change)) return { ...earlier, path, digest }
  const counts = { added: change.added.length, deleted: change.deleted.length }
  const fields = { file: path, ...counts, serial: is.serial(), before: was.serial() }
  if (serialGreater(fields.serial, fields.before)) deps.log.info(fields, 'the file was read again')
  else
    deps.log.warn(
      fields,
      `the file changed, but its serial is not greater (${fields.serial}, before ${fields.before}): secondaries will not take over the zone until it is`,
    )
  return {
    image,
    path,
    digest,
    history: (earlier?.history ?? new FileHistory()).with(was, is, change, deps.clock.now()),
  }
}

/** Makes the image follow the one before in the generations that answers are checked by. */
export function continueFrom(image: ZoneImage, before: ZoneImage): void {
  image.succeed(before)
  image.publish(image.latest())
}

/** A zone's file in which nothing is wrong. */
type ReadFileOfZone = ZoneFile & { image: ZoneImage; wasKept?: true }

type Reading = Pick<LoadDependencies, 'readFile' | 'readZone' | 'log'>

function readZone(file: string, origin: Name, deps: Reading): Promise<ReadFileOfZone>
function readZone(file: string, origin: Name, deps: Reading, applied?: string): Promise<ReadFileOfZone | undefined>
async function readZone(
  file: string,
  origin: Name,
  { readFile, readZone: read = readZoneHere(readFile), log }: Reading,
  applied?: string,
): Promise<ReadFileOfZone | undefined> {
  const zone = await read(file, origin, applied)
  if (!zone) return undefined
  const { image, errors, warnings } = zone
  for (const warning of warnings) log.warn({}, warning.message)
  if (!image) throw new ZoneLoadError(errors)
  return { ...zone, image }
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

function firstOf({ name, catalog_of: lists }: ZoneConfig, serverName: Name): ResourceRecord[] {
  const [soa, ns] = firstRecords(name, serverName)
  return lists ? [soa!, ...firstOfCatalog(name)] : [soa!, ns!]
}

const FIRST_TTL = 3600
/** RFC 2308 §5: how long a name that is not there yet is remembered; short, for new names are what such a zone is for. */
const FIRST_MINIMUM = 60

/** A zone without a file begins with an SOA and an NS of our own name. */
export function firstRecords(origin: Name, serverName: Name): ResourceRecord[] {
  const rname = concatNames(parseName('hostmaster.'), origin) ?? origin
  const times = { serial: 1, refresh: 3600, retry: 600, expire: 1_209_600, minimum: FIRST_MINIMUM }
  const record = (type: number, rdata: Uint8Array) => ({ owner: origin, type, class: Class.IN, ttl: FIRST_TTL, rdata })
  return [
    record(Type.SOA, makeRdata('SOA', { mname: serverName, rname, ...times })),
    record(Type.NS, makeRdata('NS', { host: serverName })),
  ]
}

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
