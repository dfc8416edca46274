import {
  ConflictError,
  type CopyableDatabase,
  type Migration,
  type Statement,
  type StatementResult,
  StorageError,
} from '../../host/database.ts'
import type { Operation, Outcome } from './sqlite.ts'
import { type NumberedOperation, requireEncodable, unpackResults } from './statement-codec.ts'
import { type SpawnStorage, StorageLink } from './storage-link.ts'
import type { PackedOutcome } from './storage-thread.ts'

/** What whoever opened a database is told of it, and how its threads are started. */
export interface DatabaseOptions {
  /** Its thread crashed, and another goes on with the file. What was in flight has failed, and may be on disk all the same. */
  onRestart?: (reason: string) => void
  /** Its thread crashed, and none can go on: every call fails from now on. */
  onLost?: (error: StorageError) => void
  spawn?: SpawnStorage
}

/**
 * Opens the SQLite file in a thread of its own, creating it where it is missing and running the migrations it lacks.
 * Rejects with StorageError, whose message is one sentence for the operator: in use, read-only, foreign, or of a newer version.
 */
export async function openDatabase(
  file: string,
  migrations: readonly Migration[],
  options: DatabaseOptions = {},
): Promise<CopyableDatabase> {
  const database = new ThreadDatabase(file, migrations, options)
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
/** While one batch is being synced, what comes makes the next, under one sync: a second one under way would make the batches smaller, and the syncs more. */
const BATCHES_UNDER_WAY = 1

class ThreadDatabase implements CopyableDatabase {
  readonly opened: Promise<void>
  private readonly start: () => StorageLink
  private readonly options: DatabaseOptions
  /** Replaced where its thread crashes. */
  private link: StorageLink
  /** Sent, in the order of their calls. */
  private readonly pending = new Map<number, Pending>()
  /** Not sent yet. */
  private waiting: (NumberedOperation & Pending)[] = []
  private sending: NodeJS.Immediate | undefined
  private nextId = 0
  private wasOpened = false
  /** Why no further operation is accepted. */
  private ended: StorageError | undefined
  private readonly exited = Promise.withResolvers<void>()

  constructor(file: string, migrations: readonly Migration[], options: DatabaseOptions) {
    const listener = {
      onOutcomes: (outcomes: readonly { id: number; outcome: PackedOutcome }[]) => this.settleAll(outcomes),
      onEnded: (reason: string | undefined) => this.threadEnded(reason),
    }
    this.options = options
    this.start = () => new StorageLink({ file, migrations }, listener, options.spawn)
    this.link = this.start()
    this.opened = this.link.opened.then(() => {
      this.wasOpened = true
    })
  }

  private settleAll(outcomes: readonly { id: number; outcome: PackedOutcome }[]): void {
    this.send()
    for (const { id, outcome } of outcomes) this.settle(id, outcome)
  }

  private settle(id: number, outcome: PackedOutcome): void {
    const call = this.pending.get(id)
    this.pending.delete(id)
    if (outcome.ok) call?.resolve(unpackResults(outcome.results))
    else call?.reject(errorOf(outcome))
  }

  /** What it had may be on disk or not, which those who asked find out. A thread that never did anything would crash again. */
  private threadEnded(reason: string | undefined): void {
    if (reason === undefined || this.ended) {
      this.end(new StorageError('the database is closed'))
      this.exited.resolve()
      return
    }
    const error = new StorageError(`the storage thread failed: ${reason}`)
    if (!this.link.proven) {
      this.end(error)
      this.exited.resolve()
      if (this.wasOpened) this.options.onLost?.(error)
      return
    }
    this.options.onRestart?.(reason)
    this.link = this.start()
    this.rejectPending(error)
    this.send()
  }

  private end(reason: StorageError): void {
    this.ended ??= reason
    this.rejectPending(this.ended)
    for (const call of this.waiting.splice(0)) call.reject(this.ended)
  }

  private rejectPending(error: StorageError): void {
    const calls = [...this.pending.values()]
    this.pending.clear()
    for (const call of calls) call.reject(error)
  }

  private call(operation: Operation): Promise<StatementResult[]> {
    if (this.ended) return Promise.reject(this.ended)
    const id = this.nextId++
    return new Promise((resolve, reject) => {
      // Here it fails this call alone, later it would fail the batch.
      for (const { parameters } of operation.statements) parameters.forEach(requireEncodable)
      this.waiting.push({ id, operation, resolve, reject })
      this.sending ??= setImmediate(this.sendSoon)
    })
  }

  /** At the end of a turn of the event loop: what one turn brings is executed under one sync. */
  private readonly sendSoon = (): void => {
    this.sending = undefined
    this.send()
  }

  private send(most: number = BATCHES_UNDER_WAY): void {
    const { link, waiting, pending } = this
    while (waiting.length > 0 && link.underWay < most) {
      const batch = waiting.splice(0, BATCH)
      for (const { id, resolve, reject } of batch) pending.set(id, { resolve, reject })
      link.send(batch)
    }
  }

  async read(statement: Statement) {
    return (await this.call({ kind: 'read', statements: [statement] }))[0]!.rows
  }

  commit(statements: readonly Statement[]) {
    return this.call({ kind: 'commit', statements })
  }

  async copy(file: string, progress: (share: number) => void = () => {}) {
    if (this.ended) throw this.ended
    this.send(Number.POSITIVE_INFINITY)
    await this.link.copy(file, progress)
  }

  async close() {
    this.ended ??= new StorageError('the database is closed')
    this.send(Number.POSITIVE_INFINITY)
    this.link.close()
    await this.exited.promise
  }
}

/** What a failed operation is told as. */
export function errorOf(outcome: Outcome & { ok: false }): Error {
  if (outcome.code === 'conflict') return new ConflictError(outcome.message)
  return outcome.code === 'storage' ? new StorageError(outcome.message) : new Error(outcome.message)
}
