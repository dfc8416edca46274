import { type Database, type Statement, StorageError } from '../../host/database.ts'

/** What happens to a commit: it is done; it is not; it is, but nobody hears of it; it waits until `release`. */
export type Fault = 'none' | 'fails' | 'reply is lost' | 'waits'

/** A database whose next commits go wrong as told. Order is kept: what waits holds up what comes after. */
export class FaultyDatabase implements Database {
  private readonly inner: Database
  private readonly faults: Fault[] = []
  private gate: { promise: Promise<void>; open(): void } | undefined
  private last: Promise<unknown> = Promise.resolve()
  /** Reads fail too while this is set. */
  broken = false
  commits = 0

  constructor(inner: Database) {
    this.inner = inner
  }

  /** The faults of the next commits, in order; after them all goes well. */
  next(...faults: Fault[]): void {
    this.faults.push(...faults)
  }

  /** Takes back the faults that no commit has met yet. */
  calm(): void {
    this.faults.length = 0
  }

  /** Lets go what waits. */
  release(): void {
    this.gate?.open()
    this.gate = undefined
  }

  commit(statements: readonly Statement[]) {
    this.commits++
    const fault = this.broken ? 'fails' : (this.faults.shift() ?? 'none')
    const result = this.last.then(() => this.execute(statements, fault))
    this.last = result.catch(() => {})
    return result
  }

  private async execute(statements: readonly Statement[], fault: Fault) {
    if (fault === 'waits') await this.wait()
    if (fault === 'fails') throw new StorageError('database or disk is full')
    const results = await this.inner.commit(statements)
    if (fault === 'reply is lost') throw new StorageError('disk I/O error')
    return results
  }

  private wait(): Promise<void> {
    if (!this.gate) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.gate = { promise, open: resolve }
    }
    return this.gate.promise
  }

  async read(statement: Statement) {
    if (this.broken) throw new StorageError('disk I/O error')
    await this.last
    return this.inner.read(statement)
  }

  close() {
    return this.inner.close()
  }
}
