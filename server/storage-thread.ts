import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import type { Migration } from '../host/database.ts'
import { type Outcome, SqliteStorage } from './sqlite.ts'
import { type OperationBatch, OperationDecoder, type PackedResult, packResults } from './statement-codec.ts'

/** What the storage thread is started with. */
export interface StorageThreadData {
  file: string
  migrations: readonly Migration[]
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

/** Executes one batch after the other; main collects the next one meanwhile. */
function run(port: MessagePort, { file, migrations }: StorageThreadData): void {
  let storage: SqliteStorage
  try {
    storage = new SqliteStorage(file, migrations)
  } catch (error) {
    port.postMessage({ refused: error instanceof Error ? error.message : String(error) } satisfies StorageReply)
    port.close()
    return
  }
  const decoder = new OperationDecoder()
  port.on('message', (request: StorageRequest) => {
    if ('batch' in request) {
      const operations = decoder.decode(request.batch)
      const outcomes = storage.execute(operations.map(({ operation }) => operation))
      const reply = outcomes.map((outcome, i) => ({ id: operations[i]!.id, outcome: packed(outcome) }))
      port.postMessage({ outcomes: reply } satisfies StorageReply)
    } else {
      storage.close()
      port.postMessage({ closed: true } satisfies StorageReply)
      port.close()
    }
  })
  port.postMessage({ opened: true } satisfies StorageReply)
}

function packed(outcome: Outcome): PackedOutcome {
  return outcome.ok ? { ok: true, results: packResults(outcome.results) } : outcome
}

if (parentPort) run(parentPort, workerData as StorageThreadData)
