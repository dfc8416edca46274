import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { LoadWhole } from '../../zones/transfer/refresh.ts'
import { RemoteError } from '../../zones/transfer/remote.ts'
import { ZoneError, ZoneImage } from '../../zones/zone.ts'
import type { LoadThreadData, LoadThreadReply } from './load-thread.ts'

/** Transfers a zone in a thread of its own, which ends with it. */
export const loadInThread: LoadWhole = (remote, origin, limits, signal) =>
  new Promise((resolve, reject) => {
    const file = new URL(`./load-thread${extname(import.meta.url)}`, import.meta.url)
    const worker = new Worker(file, {
      workerData: { remote, origin, limits } satisfies LoadThreadData,
      name: 'loading',
    })
    const abandon = (): void => void worker.terminate()
    signal.addEventListener('abort', abandon, { once: true })
    worker.once('message', (reply: LoadThreadReply) => {
      if ('image' in reply) resolve(ZoneImage.adopt(reply.image, reply.used).latest())
      else reject(reply.refused ? new ZoneError(reply.failed) : new RemoteError(reply.failed))
    })
    worker.once('error', reject)
    worker.once('exit', () => {
      signal.removeEventListener('abort', abandon)
      reject(new RemoteError('the transfer was given up'))
    })
  })
