import { parentPort, workerData } from 'node:worker_threads'
import { pack } from './archive.ts'
import type { Encryption } from './encryption.ts'

/** What a packing thread is started with. */
export interface PackThreadData {
  folder: string
  entries: readonly string[]
  file: string
  encryption: Encryption
}

const { folder, entries, file, encryption } = workerData as PackThreadData
await pack(folder, entries, file, encryption)
parentPort!.postMessage('packed')
