import type { Database, Statement } from '../../host/database.ts'
import { StorageError } from '../../host/database.ts'

/** A database in which commits with a statement like this fail as often as asked: before they are written, or after, with the answer lost. */
export function faulty(like: string) {
  const faults = { before: 0, after: 0 }
  const wrap = (database: Database): Database => ({
    ...database,
    read: statement => database.read(statement),
    close: () => database.close(),
    async commit(statements: readonly Statement[]) {
      const meant = statements.some(({ sql }) => sql.includes(like))
      if (meant && faults.before > 0 && faults.before--) throw new StorageError('the disk is full')
      const results = await database.commit(statements)
      if (meant && faults.after > 0 && faults.after--) throw new StorageError('the answer was lost')
      return results
    },
  })
  return { faults, wrap }
}
