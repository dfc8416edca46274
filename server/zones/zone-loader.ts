import { stat } from 'node:fs/promises'
import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { ZonefileError } from '../../dns/zonefile.ts'
import { type ReadFile, type ReadZone, readZoneHere, type ZoneFile } from '../../zones/file/file.ts'
import { Gate } from '../../zones/write/gate.ts'
import { ZoneImage } from '../../zones/zone.ts'
import { loadLibc } from '../listen/libc.ts'
import { digestOfLargeFile } from './file-digest.ts'
import type { LoaderData, LoaderReply } from './zone-loader-thread.ts'

/** Octets from which on a file is read in a thread of its own: to start one takes as long as to read as much. */
const LARGE = 1 << 20
/** Records live for a moment and are many: with room for more of them at once, collecting them takes a fraction of the time. */
const YOUNG = { maxYoungGenerationSizeMb: 96 }
/** Threads at once. */
const MOST = 2

/**
 * Reads large zone files in threads of their own: main does not stand still meanwhile, and the memory that reading took is given back
 * with the thread, so that of a large zone its image is all that stays.
 */
export function createZoneLoader(read: ReadFile): ReadZone {
  const gate = new Gate(MOST)
  const readHere = readZoneHere(read)
  return async (file, origin, applied) => {
    const size = await stat(file).then(
      ({ size }) => size,
      () => 0,
    )
    if (size < LARGE) return readHere(file, origin, applied)
    if (applied !== undefined && (await digestOfLargeFile(file)) === applied) return undefined
    return gate.run(() => readInThread({ file, origin, ...(applied !== undefined && { applied }) }))
  }
}

function readInThread(data: LoaderData): Promise<ZoneFile | undefined> {
  const script = new URL(`./zone-loader-thread${extname(import.meta.url)}`, import.meta.url)
  const worker = new Worker(script, { workerData: data, name: 'zone loader', resourceLimits: YOUNG })
  return new Promise((resolve, reject) => {
    worker.on('message', (reply: LoaderReply) => resolve(reply && unpacked(reply)))
    worker.on('error', reject)
    worker.on('exit', () => {
      reject(new Error(`${data.file} could not be read`))
      // The C library would keep what the thread has freed for itself.
      loadLibc()?.malloc_trim?.(0)
    })
  })
}

function unpacked({ image, digest, errors, warnings }: NonNullable<LoaderReply>): ZoneFile {
  const found = (list: typeof errors) => list.map(({ place, reason }) => new ZonefileError(place, reason))
  // Its thread has ended: whoever has the image may write in it.
  return {
    image: image && ZoneImage.adopt(image.buffer, image.used),
    digest,
    errors: found(errors),
    warnings: found(warnings),
  }
}
