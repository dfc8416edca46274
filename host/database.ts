/** A compiled statement, as kysely's `compile()` gives it. */
export interface Statement {
  sql: string
  parameters: readonly unknown[]
  /** Where given, the transaction is rolled back with ConflictError unless exactly so many rows changed (compare-and-set). */
  changes?: number
}

/** A row as the engine returns it. */
export type Row = Record<string, unknown>

/** Rows of a SELECT or RETURNING, and how many rows a write changed. */
export interface StatementResult {
  rows: Row[]
  changes: number
}

/**
 * The durable store as its users see it. Nothing resolves before it is synced to disk; concurrent commits share one sync.
 * Commits are executed in the order in which `commit` was called, and a read sees every commit called before it.
 */
export interface Database {
  /** Rows of one SELECT. */
  read(statement: Statement): Promise<Row[]>
  /** Executes all statements or none. Throws ConflictError where a statement's `changes` does not hold. */
  commit(statements: readonly Statement[]): Promise<StatementResult[]>
  /** Flushes what was called before and closes. */
  close(): Promise<void>
}

/** A database that can be copied while it is in use. */
export interface CopyableDatabase extends Database {
  /**
   * Writes all that was committed before, and what is committed meanwhile, as a database of its own. `progress` hears the share that is done.
   * Rejects with StorageError, and the file is worth nothing.
   */
  copy(file: string, progress?: (share: number) => void): Promise<void>
}

/** A compare-and-set found another state than expected; nothing of the transaction was kept. */
export class ConflictError extends Error {
  override name = 'ConflictError'
  readonly code = 'conflict'
}

/** The disk refused a write (full, read-only, failing). Nothing of the transaction was kept. */
export class StorageError extends Error {
  override name = 'StorageError'
  readonly code = 'storage'
}

/** A schema change, run once, in the order of `id` within its store. */
export interface Migration {
  /** Unique and sorted, for example "zones-0001". */
  id: string
  statements: readonly string[]
}
