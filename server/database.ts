import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import {
  ConflictError,
  type Database,
  type Migration,
  type Statement,
  type StatementResult,
  StorageError,
} from '../host/database.ts'
import { type Operation, type Outcome, SqliteStorage } from './sqlite.ts'
import type { StorageReply, StorageRequest, StorageThreadData } from './storage-thread.ts'

/**
 * Opens the SQLite file in a thread of its own, creating it where it is missing and running the migrations it lacks.
 * Rejects with StorageError, whose message is one sentence for the operator: in use, read-only, foreign, or of a newer version.
 */
export async function openDatabase(file: string, migrations: readonly Migration[]): Promise<Database> {
  const script = new URL(`./storage-thread${extname(import.meta.url)}`, import.meta.url)
  const worker = new Worker(script, { workerData: { file, migrations } satisfies StorageThreadData })
  const database = new ThreadDatabase(worker)
  await database.opened
  return database
}

/** A call that waits for its outcome. */
interface Pending {
  resolve(results: StatementResult[]): void
  reject(error: Error): void
}

class ThreadDatabase implements Database {
  readonly opened: Promise<void>
  private readonly worker: Worker
  private readonly pending = new Map<number, Pending>()
  private nextId = 0
  /** Why no further operation is accepted. */
  private ended: StorageError | undefined
  private readonly exited: Promise<void>

  constructor(worker: Worker) {
    this.worker = worker
    const opened = Promise.withResolvers<void>()
    this.opened = opened.promise
    worker.on('message', (reply: StorageReply) => {
      if ('outcomes' in reply) for (const { id, outcome } of reply.outcomes) this.settle(id, outcome)
      else if ('opened' in reply) opened.resolve()
      else if ('refused' in reply) opened.reject(new StorageError(reply.refused))
    })
    worker.on('error', error => {
      const failure = new StorageError(`the storage thread failed: ${error.message}`)
      opened.reject(failure)
      this.end(failure)
    })
    this.exited = new Promise(resolve =>
      worker.on('exit', () => {
        this.end(new StorageError('the database is closed'))
        resolve()
      }),
    )
  }

  private settle(id: number, outcome: Outcome): void {
    const call = this.pending.get(id)
    this.pending.delete(id)
    if (outcome.ok) call?.resolve(outcome.results)
    else call?.reject(errorOf(outcome))
  }

  private end(reason: StorageError): void {
    this.ended ??= reason
    for (const call of this.pending.values()) call.reject(this.ended)
    this.pending.clear()
  }

  private call(operation: Operation): Promise<StatementResult[]> {
    if (this.ended) return Promise.reject(this.ended)
    const id = this.nextId++
    return new Promise((resolve, reject) => {
      this.pending.set(id, { resolve, reject })
      this.worker.postMessage({ id, operation } satisfies StorageRequest)
    })
  }

  async read(statement: Statement) {
    return (await this.call({ kind: 'read', statements: [statement] }))[0]!.rows
  }

  commit(statements: readonly Statement[]) {
    return this.call({ kind: 'commit', statements })
  }

  async close() {
    this.ended ??= new StorageError('the database is closed')
    this.worker.postMessage({ close: true } satisfies StorageRequest)
    await this.exited
  }
}

/** The same engine in this thread and in memory: for tests, and for commands that look at nothing durable. */
export function openMemoryDatabase(migrations: readonly Migration[]): Database {
  return new InlineDatabase(new SqliteStorage(':memory:', migrations))
}

class InlineDatabase implements Database {
  private readonly storage: SqliteStorage
  constructor(storage: SqliteStorage) {
    this.storage = storage
  }

  private async call(operation: Operation): Promise<StatementResult[]> {
    // Cloned as between threads, so that a test finds what would be shared by mistake.
    const [outcome] = this.storage.execute([structuredClone(operation)])
    if (!outcome!.ok) throw errorOf(outcome!)
    return structuredClone(outcome!.results)
  }

  async read(statement: Statement) {
    return (await this.call({ kind: 'read', statements: [statement] }))[0]!.rows
  }

  commit(statements: readonly Statement[]) {
    return this.call({ kind: 'commit', statements })
  }

  async close() {
    this.storage.close()
  }
}

function errorOf(outcome: Outcome & { ok: false }): Error {
  if (outcome.code === 'conflict') return new ConflictError(outcome.message)
  return outcome.code === 'storage' ? new StorageError(outcome.message) : new Error(outcome.message)
}
