import type { Database, Migration, Statement, StatementResult } from '../../host/database.ts'
import { errorOf } from './database.ts'
import { type Operation, SqliteStorage } from './sqlite.ts'

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
