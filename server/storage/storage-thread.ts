import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import type { Migration } from '../../host/database.ts'
import { yieldToServing } from '../threads/priorities.ts'
import { type Outcome, SqliteStorage } from './sqlite.ts'
import { type OperationBatch, OperationDecoder, type PackedResult, packResults } from './statement-codec.ts'

/** What the storage thread is started with. */
export interface StorageThreadData {
  file: string
  migrations: readonly Migration[]
  /** One Int32 that counts what main has posted. */
  posted: SharedArrayBuffer
}

/** Main → thread: operations to execute under one sync, a copy to make, or the order to close. */
export type StorageRequest = { batch: OperationBatch } | { copy: string } | { close: true }

/** What became of an operation, as it crosses threads. */
export type PackedOutcome = (Outcome & { ok: false }) | { ok: true; results: PackedResult[] }

/** Thread → main. */
export type StorageReply =
  | { opened: true }
  | { refused: string }
  | { outcomes: { id: number; outcome: PackedOutcome }[] }
  | { copied: string; share: number }
  | { copied: string; failed?: string }
  | { closed: true }

/**
 * Executes one batch after the other; main collects the next one meanwhile. Between them it sleeps on `posted` rather than in its event
 * loop, which has nothing else to do and takes longer to wake; only while a copy is made that has turns of its own.
 */
async function run(port: MessagePort, { file, migrations, posted }: StorageThreadData): Promise<void> {
  yieldToServing()
  const say = (reply: StorageReply) => port.postMessage(reply)
  let storage: SqliteStorage
  try {
    storage = new SqliteStorage(file, migrations)
  } catch (error) {
    say({ refused: error instanceof Error ? error.message : String(error) })
    port.close()
    return
  }
  say({ opened: true })
  const decoder = new OperationDecoder()
  const counter = new Int32Array(posted)
  let copies = 0
  const copy = async (to: string): Promise<void> => {
    copies++
    try {
      await storage.copy(to, share => say({ copied: to, share }))
      say({ copied: to })
    } catch (error) {
      say({ copied: to, failed: (error as Error).message })
    }
    copies--
  }
  for (let closing = false; !closing; ) {
    // Read first: what is posted after that makes the wait end at once.
    const seen = Atomics.load(counter, 0)
    for (const request of received(port)) {
      if ('close' in request) closing = true
      else if ('copy' in request) void copy(request.copy)
      else {
        const operations = decoder.decode(request.batch)
        const outcomes = storage.execute(operations.map(({ operation }) => operation))
        say({ outcomes: outcomes.map((outcome, i) => ({ id: operations[i]!.id, outcome: packed(outcome) })) })
      }
    }
    if (closing) break
    if (copies > 0) await new Promise(setImmediate)
    else Atomics.wait(counter, 0, seen)
  }
  storage.close()
  say({ closed: true })
  port.close()
}

function* received(port: MessagePort): Generator<StorageRequest> {
  for (let one = receiveMessageOnPort(port); one; one = receiveMessageOnPort(port)) yield one.message as StorageRequest
}

function packed(outcome: Outcome): PackedOutcome {
  return outcome.ok ? { ok: true, results: packResults(outcome.results) } : outcome
}

if (parentPort) await run(parentPort, workerData as StorageThreadData)
