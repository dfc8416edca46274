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
import { type NumberedOperation, OperationEncoder, requireEncodable, unpackResults } from './statement-codec.ts'
import type { PackedOutcome, StorageReply, StorageRequest, StorageThreadData } from './storage-thread.ts'

/**
 * Opens the SQLite file in a thread of its own, creating it where it is missing and running the migrations it lacks.
 * Rejects with StorageError, whose message is one sentence for the operator: in use, read-only, foreign, or of a newer version.
 */
export async function openDatabase(file: string, migrations: readonly Migration[]): Promise<Database> {
  const script = new URL(`./storage-thread${extname(import.meta.url)}`, import.meta.url)
  const posted = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)
  const worker = new Worker(script, { workerData: { file, migrations, posted } satisfies StorageThreadData })
  const database = new ThreadDatabase(worker, posted)
  await database.opened
  return database
}

/** A call that waits for its outcome. */
interface Pending {
  resolve(results: StatementResult[]): void
  reject(error: Error): void
}

/** Operations executed under one sync, so that one reply never waits for thousands of others. */
const BATCH = 256
/** One batch is being synced, the other is there when that is done; what comes meanwhile makes the next, under one sync. */
const BATCHES_UNDER_WAY = 2

class ThreadDatabase implements Database {
  readonly opened: Promise<void>
  private readonly worker: Worker
  /** Counts what was posted, for the thread to wait on. */
  private readonly posted: Int32Array
  private readonly pending = new Map<number, Pending>()
  /** Not sent yet, in the order of their calls. */
  private waiting: NumberedOperation[] = []
  private underWay = 0
  private readonly encoder = new OperationEncoder()
  private nextId = 0
  /** Why no further operation is accepted. */
  private ended: StorageError | undefined
  private readonly exited: Promise<void>

  constructor(worker: Worker, posted: SharedArrayBuffer) {
    this.worker = worker
    this.posted = new Int32Array(posted)
    const opened = Promise.withResolvers<void>()
    this.opened = opened.promise
    worker.on('message', (reply: StorageReply) => {
      if ('outcomes' in reply) this.settleAll(reply.outcomes)
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

  private settleAll(outcomes: readonly { id: number; outcome: PackedOutcome }[]): void {
    this.underWay--
    this.send()
    for (const { id, outcome } of outcomes) this.settle(id, outcome)
  }

  private settle(id: number, outcome: PackedOutcome): void {
    const call = this.pending.get(id)
    this.pending.delete(id)
    if (outcome.ok) call?.resolve(unpackResults(outcome.results))
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
      // Here it fails this call alone, later it would fail the batch.
      for (const { parameters } of operation.statements) parameters.forEach(requireEncodable)
      this.pending.set(id, { resolve, reject })
      this.waiting.push({ id, operation })
      this.send()
    })
  }

  private send(most: number = BATCHES_UNDER_WAY): void {
    while (this.waiting.length > 0 && this.underWay < most) {
      const batch = this.encoder.encode(this.waiting.splice(0, BATCH))
      this.underWay++
      this.post({ batch }, [batch.octets.buffer])
    }
  }

  private post(request: StorageRequest, transferred: readonly ArrayBuffer[] = []): void {
    this.worker.postMessage(request, transferred)
    Atomics.add(this.posted, 0, 1)
    Atomics.notify(this.posted, 0)
  }

  async read(statement: Statement) {
    return (await this.call({ kind: 'read', statements: [statement] }))[0]!.rows
  }

  commit(statements: readonly Statement[]) {
    return this.call({ kind: 'commit', statements })
  }

  async close() {
    this.ended ??= new StorageError('the database is closed')
    this.send(Number.POSITIVE_INFINITY)
    this.post({ close: true })
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
