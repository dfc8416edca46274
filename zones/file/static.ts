import type { ZoneConfig } from '../../config/schema.ts'
import { equalNames, type Name } from '../../dns/name.ts'
import { serialGreater } from '../../dns/serial.ts'
import { isEmptyChange } from '../change.ts'
import { FileHistory } from '../history/file-history.ts'
import type { StoredFile } from '../store/files.ts'
import { WORTH_KEEPING } from '../store/images.ts'
import { zoneId } from '../store/store.ts'
import { differenceOf } from '../write/version-difference.ts'
import type { LoadDependencies, LoadedFile, LoadedZone } from './loaded.ts'
import { type ReadFileOfZone, readZone } from './read.ts'
/** A zone that is not dynamic is its file: the same as before where the file has the same records, whatever else changed in it. */
export async function loadStatic(
  view: string,
  { name, file: path }: ZoneConfig,
  deps: LoadDependencies,
): Promise<LoadedZone> {
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
