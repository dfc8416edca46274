import { parentPort, workerData } from 'node:worker_threads'
import type { Name } from '../../dns/name.ts'
import { systemWorld } from '../../host/world.ts'
import { type TransferLimits, transferWhole } from '../../zones/transfer/refresh.ts'
import type { Remote } from '../../zones/transfer/remote.ts'
import { ZoneError } from '../../zones/zone.ts'

/** What a loading thread is started with. */
export interface LoadThreadData {
  remote: Remote
  origin: Name
  limits: TransferLimits
}

/** What it says before it ends: the zone as shared memory of which so many octets are in use, or why there is none. */
export type LoadThreadReply =
  | { image: SharedArrayBuffer; used: number }
  | { failed: string /** Whether the primary sent what no zone can be. */; refused: boolean }

/** Transfers one zone, so that the main thread need not read it: of a large one that takes seconds. */
async function load({ remote, origin, limits }: LoadThreadData): Promise<LoadThreadReply> {
  try {
    const { image } = await transferWhole(systemWorld, remote, origin, limits, new AbortController().signal)
    return { image: image.buffer, used: image.used() }
  } catch (error) {
    return { failed: (error as Error).message, refused: error instanceof ZoneError }
  }
}

parentPort!.postMessage(await load(workerData as LoadThreadData))
