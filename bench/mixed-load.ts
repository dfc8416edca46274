/** The load of bench/mixed.ts beside its queries: certificates and updates, in a thread that yields to servers and queries, for clients are elsewhere. */
import { setPriority } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import { issue, makeIssuer } from './mixed-certificates.ts'
import { makeUpdater } from './mixed-updates.ts'

/** What the thread is started with; it says "ready", begins when it is told "begin", and ends with `Done` when it is told "end". */
export interface Load {
  dns: number
  https: number
  /** A second. */
  certificates: number
  updates: number
}

export interface Done {
  certificates: number
  updates: number
}

const YIELDING = 10

// Of this thread alone, and of those that it starts.
setPriority(YIELDING)
const { dns, https, certificates, updates } = workerData as Load
const issuer = await makeIssuer(`https://localhost:${https}/acme/directory`, await makeUpdater(dns))
const updater = await makeUpdater(dns)
const work = { stopped: false }
parentPort!.on('message', async (word: 'begin' | 'end') => {
  if (word === 'end') {
    work.stopped = true
    return
  }
  const [issued, updated] = await Promise.all([issue(issuer, certificates, work), updater.run(updates, work)])
  updater.close()
  issuer.updater.close()
  parentPort!.postMessage({ certificates: issued, updates: updated } satisfies Done)
  parentPort!.close()
})
parentPort!.postMessage('ready')
