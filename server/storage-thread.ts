import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import type { Migration } from '../host/database.ts'
import { type Outcome, SqliteStorage } from './sqlite.ts'
import { type OperationBatch, OperationDecoder, type PackedResult, packResults } from './statement-codec.ts'

/** What the storage thread is started with. */
export interface StorageThreadData {
  file: string
  migrations: readonly Migration[]
  /** One Int32 that counts what main has posted. */
  posted: SharedArrayBuffer
}

/** Main → thread: operations to execute under one sync, or the order to close. */
export type StorageRequest = { batch: OperationBatch } | { close: true }

/** What became of an operation, as it crosses threads. */
export type PackedOutcome = (Outcome & { ok: false }) | { ok: true; results: PackedResult[] }

/** Thread → main. */
export type StorageReply =
  | { opened: true }
  | { refused: string }
  | { outcomes: { id: number; outcome: PackedOutcome }[] }
  | { closed: true }

/**
 * Executes one batch after the other; main collects the next one meanwhile. Between them it sleeps on `posted` rather than in its event
 * loop, which has nothing else to do and takes longer to wake.
 */
function run(port: MessagePort, { file, migrations, posted }: StorageThreadData): void {
  let storage: SqliteStorage
  try {
    storage = new SqliteStorage(file, migrations)
  } catch (error) {
    port.postMessage({ refused: error instanceof Error ? error.message : String(error) } satisfies StorageReply)
    port.close()
    return
  }
  port.postMessage({ opened: true } satisfies StorageReply)
  const decoder = new OperationDecoder()
  for (const request of requests(port, new Int32Array(posted))) {
    if ('close' in request) break
    const operations = decoder.decode(request.batch)
    const outcomes = storage.execute(operations.map(({ operation }) => operation))
    const reply = outcomes.map((outcome, i) => ({ id: operations[i]!.id, outcome: packed(outcome) }))
    port.postMessage({ outcomes: reply } satisfies StorageReply)
  }
  storage.close()
  port.postMessage({ closed: true } satisfies StorageReply)
  port.close()
}

function* requests(port: MessagePort, posted: Int32Array): Generator<StorageRequest> {
  for (;;) {
    // Read first: what is posted after that makes the wait end at once.
    const seen = Atomics.load(posted, 0)
    for (let received = receiveMessageOnPort(port); received; received = receiveMessageOnPort(port))
      yield received.message as StorageRequest
    Atomics.wait(posted, 0, seen)
  }
}

function packed(outcome: Outcome): PackedOutcome {
  return outcome.ok ? { ok: true, results: packResults(outcome.results) } : outcome
}

if (parentPort) run(parentPort, workerData as StorageThreadData)
