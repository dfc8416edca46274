import { closeSync, openSync } from 'node:fs'
import Sqlite from 'better-sqlite3'
import {
  ConflictError,
  type Migration,
  type Row,
  type Statement,
  type StatementResult,
  StorageError,
} from '../../host/database.ts'

/** One call of the Database interface, as the storage thread receives it. */
export interface Operation {
  kind: 'read' | 'commit'
  statements: readonly Statement[]
}

/** What became of an operation; plain data, for it crosses threads. */
export type Outcome =
  | { ok: true; results: StatementResult[] }
  | { ok: false; code: 'conflict' | 'storage' | 'bug'; message: string }

/** "NSTD": tells our files from other programs' (SQLite's application_id). */
const APPLICATION_ID = 0x4e535444
/** Milliseconds to wait for a daemon that is just stopping. */
const LOCK_WAIT = 1000
/** Compiled statements kept; kysely gives one text per shape, so there are few. */
const STATEMENTS_KEPT = 500
/** Pages of write-ahead log after which SQLite moves them into the file: 16 MiB. */
const CHECKPOINT_PAGES = 4096

/** Pages that are copied before commits get their turn: 1 MiB. */
const COPIED_AT_ONCE = 256

/** The one connection to the SQLite file. It is used by one thread; the only code that imports better-sqlite3. */
export class SqliteStorage {
  private readonly db: Sqlite.Database
  private readonly prepared = new Map<string, Sqlite.Statement>()

  /** Opens or creates `file` (":memory:" for none) and brings its schema up to date. Throws StorageError with a sentence for the operator. */
  constructor(file: string, migrations: readonly Migration[]) {
    const failed = (error: unknown) => new StorageError(describeOpenFailure(file, error), { cause: error })
    try {
      if (file !== ':memory:') createPrivately(file)
      this.db = new Sqlite(file, { timeout: LOCK_WAIT })
    } catch (error) {
      throw failed(error)
    }
    try {
      this.configure()
      this.identify(file)
      this.migrate(file, migrations)
    } catch (error) {
      this.db.close()
      throw error instanceof StorageError ? error : failed(error)
    }
  }

  private configure(): void {
    // One daemon per file: with an exclusive lock a second one is told so instead of corrupting what the first believes.
    this.db.pragma('locking_mode = EXCLUSIVE')
    this.db.pragma('journal_mode = WAL')
    // FULL: the log is synced before COMMIT returns, so that what was answered survives a loss of power.
    this.db.pragma('synchronous = FULL')
    this.db.pragma('foreign_keys = ON')
    this.db.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`)
    this.db.pragma('cache_size = -16384')
    // What a savepoint would be rolled back with: by default a file as soon as it was large once, and every page is then written to it too.
    this.db.pragma('temp_store = MEMORY')
  }

  private identify(file: string): void {
    const id = this.db.pragma('application_id', { simple: true })
    if (id === APPLICATION_ID) return
    const tables = this.db.prepare('SELECT count(*) FROM sqlite_schema').pluck().get()
    if (id !== 0 || tables !== 0) throw new StorageError(`${file} is a database of another program; name another file`)
    this.db.pragma(`application_id = ${APPLICATION_ID}`)
  }

  private migrate(file: string, migrations: readonly Migration[]): void {
    this.db.exec('CREATE TABLE IF NOT EXISTS migrations (id TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT')
    const done = new Set(this.db.prepare('SELECT id FROM migrations ORDER BY id').pluck().all() as string[])
    const unknown = [...done].find(id => !migrations.some(migration => migration.id === id))
    if (unknown)
      throw new StorageError(
        `${file} was written by a newer version of namestead (${unknown}); run that version, or restore a backup made by this one`,
      )
    const record = this.db.prepare('INSERT INTO migrations (id, at) VALUES (?, unixepoch())')
    const run = this.db.transaction((migration: Migration) => {
      for (const statement of migration.statements) this.db.exec(statement)
      record.run(migration.id)
    })
    for (const migration of migrations) if (!done.has(migration.id)) run.immediate(migration)
  }

  /** Executes the operations in order under one sync. Each commit is all or nothing by itself; none counts unless the sync succeeds. */
  execute(operations: readonly Operation[]): Outcome[] {
    if (operations.every(operation => operation.kind === 'read'))
      return operations.map(operation => this.attempt(operation))
    try {
      this.control('BEGIN IMMEDIATE')
      const outcomes = this.plainly(operations) ?? operations.map(operation => this.attempt(operation))
      this.control('COMMIT')
      return outcomes
    } catch (error) {
      if (this.db.inTransaction) this.control('ROLLBACK')
      // The reads may have seen what is rolled back now, so they are done again.
      return operations.map(operation => (operation.kind === 'read' ? this.attempt(operation) : failure(error)))
    }
  }

  /**
   * Without a savepoint for each, which takes longer than most of its statements. Where one of several fails the others must not: all are undone, to be
   * executed again one by one, and nothing is given. Throws where there is but one.
   */
  private plainly(operations: readonly Operation[]): Outcome[] | undefined {
    try {
      return operations.map(operation => (operation.kind === 'read' ? this.attempt(operation) : this.all(operation)))
    } catch (error) {
      if (operations.length === 1 || !this.db.inTransaction) throw error
      this.control('ROLLBACK')
      this.control('BEGIN IMMEDIATE')
      return undefined
    }
  }

  /** Throws where a statement fails. */
  private all({ statements }: Operation): Outcome {
    return { ok: true, results: statements.map(statement => this.run(statement)) }
  }

  /** Throws only where SQLite gave up the whole transaction. */
  private attempt(operation: Operation): Outcome {
    if (operation.kind === 'read') {
      try {
        return this.all(operation)
      } catch (error) {
        return failure(error)
      }
    }
    this.control('SAVEPOINT one')
    try {
      const outcome = this.all(operation)
      this.control('RELEASE one')
      return outcome
    } catch (error) {
      if (!this.db.inTransaction) throw error
      this.control('ROLLBACK TO one')
      this.control('RELEASE one')
      return failure(error)
    }
  }

  private run({ sql, parameters, changes }: Statement): StatementResult {
    const statement = this.prepare(sql)
    const values = parameters.map(bindable)
    const result = statement.reader
      ? { rows: statement.all(...values) as Row[], changes: 0 }
      : { rows: [], changes: statement.run(...values).changes }
    if (statement.reader && !statement.readonly) result.changes = result.rows.length
    if (changes !== undefined && result.changes !== changes)
      throw new ConflictError(`${result.changes} rows changed instead of ${changes}`)
    return result
  }

  private prepare(sql: string): Sqlite.Statement {
    let statement = this.prepared.get(sql)
    if (statement) return statement
    if (this.prepared.size >= STATEMENTS_KEPT) this.prepared.clear()
    this.prepared.set(sql, (statement = this.db.prepare(sql)))
    return statement
  }

  /** A statement of transaction control, compiled once like all others. */
  private control(text: string): void {
    this.prepare(text).run()
  }

  /** Writes a copy into `file` piece by piece; commits go on between the pieces and are in it. Gives the event loop its turns. */
  async copy(file: string, progress: (share: number) => void): Promise<void> {
    createPrivately(file)
    await this.db.backup(file, {
      progress({ totalPages, remainingPages }) {
        progress(totalPages === 0 ? 1 : 1 - remainingPages / totalPages)
        return COPIED_AT_ONCE
      },
    })
  }

  /** What is wrong with the file and with rows that refer to others; nothing where all is well. */
  check(): string[] {
    const damage = (this.db.prepare('PRAGMA integrity_check').pluck().all() as string[]).filter(line => line !== 'ok')
    const lost = this.db.prepare('PRAGMA foreign_key_check').all() as { table: string }[]
    return [...damage, ...new Set(lost.map(({ table }) => `rows of ${table} refer to some that are gone`))]
  }

  /** Replaces the content of the tables whose names begin so by that of another database of ours, which nobody else has open. */
  takeTables(file: string, prefixes: readonly string[]): void {
    const names = this.db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all() as string[]
    const taken = names.filter(name => prefixes.some(prefix => name.startsWith(prefix)))
    this.db.prepare('ATTACH ? AS other').run(file)
    this.db.transaction(() => {
      for (const name of taken)
        this.db.exec(`DELETE FROM main."${name}"; INSERT INTO main."${name}" SELECT * FROM other."${name}"`)
    })()
    this.db.exec('DETACH other')
  }

  /** Moves the write-ahead log into the file and closes it. */
  close(): void {
    this.db.close()
  }
}

/** Keys of external accounts are in it: for its owner alone, wherever it lies. SQLite gives the files beside it the same mode. */
function createPrivately(file: string): void {
  try {
    closeSync(openSync(file, 'a', 0o600))
  } catch {
    // SQLite fails in the same way, and its error is the one that is described.
  }
}

function bindable(value: unknown): unknown {
  if (value === undefined) return null
  return typeof value === 'boolean' ? Number(value) : value
}

function failure(error: unknown): Outcome {
  const message = error instanceof Error ? error.message : String(error)
  if (error instanceof ConflictError) return { ok: false, code: 'conflict', message }
  const code = sqliteCode(error)
  // A row that exists already, or that another one still needs, is a state other than the one expected.
  if (/^SQLITE_CONSTRAINT_(PRIMARYKEY|UNIQUE|FOREIGNKEY|ROWID)$/.test(code))
    return { ok: false, code: 'conflict', message }
  const refused = /^SQLITE_(FULL|READONLY|IOERR|CANTOPEN|BUSY|LOCKED|CORRUPT|NOTADB|NOMEM|PERM|AUTH|PROTOCOL)/.test(
    code,
  )
  return { ok: false, code: refused ? 'storage' : 'bug', message }
}

function sqliteCode(error: unknown): string {
  return error instanceof Sqlite.SqliteError ? error.code : ''
}

/** One sentence for the operator: what is wrong with the file, and what to do. */
function describeOpenFailure(file: string, error: unknown): string {
  const code = sqliteCode(error)
  if (code.startsWith('SQLITE_BUSY'))
    return `${file} is in use by another daemon; stop that one, or give this one a data_dir of its own`
  if (code.startsWith('SQLITE_READONLY'))
    return `${file} can't be written; make it and its folder writable for this user`
  if (code.startsWith('SQLITE_CANTOPEN'))
    return `${file} can't be opened or created; its folder must exist and be writable for this user`
  if (code.startsWith('SQLITE_NOTADB'))
    return `${file} is not a database; restore a backup, or move it away to start empty`
  if (code.startsWith('SQLITE_CORRUPT')) return `${file} is damaged; restore a backup`
  if (code.startsWith('SQLITE_FULL')) return `the disk of ${file} is full; make room`
  const message = error instanceof Error ? error.message : String(error)
  return `${file} can't be opened (${message}); its folder must exist and be writable for this user`
}
