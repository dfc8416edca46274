import type { Database, Migration } from '../../host/database.ts'
import { createCompiler, statement } from '../../host/sql.ts'

/** A record that was taken out of a zone: a line of a master file, and the key that held it. */
export interface TakenRecord {
  view: string
  zone: string
  record: string
  holder: string | null
}

/** A name that is out of DNS and gets no certificates. */
export interface QuarantineRow {
  /** Presentation text in lower case. */
  name: string
  /** Whether all names below it are, too. */
  below: boolean
  reason: string
  /** Milliseconds since 1970. */
  at: number
  taken: TakenRecord[]
  /** Serials of the certificates that were revoked. */
  revoked: string[]
}

/** The names in quarantine, on disk. */
export interface QuarantineStore {
  all(): Promise<QuarantineRow[]>
  /** Adds it, or replaces what was there of this name. */
  put(row: QuarantineRow): Promise<void>
  remove(name: string): Promise<void>
}

const sql = createCompiler<{
  quarantines: { name: string; below: number; reason: string; at: number; taken: string; revoked: string }
}>()

/** Their table. */
export const QUARANTINE_MIGRATIONS: readonly Migration[] = [
  {
    id: 'quarantine-0001',
    statements: [
      `CREATE TABLE quarantines (name TEXT PRIMARY KEY, below INTEGER NOT NULL, reason TEXT NOT NULL, at INTEGER NOT NULL, taken TEXT NOT NULL,
        revoked TEXT NOT NULL) STRICT, WITHOUT ROWID`,
    ],
  },
]

/** On a database on which QUARANTINE_MIGRATIONS have been run. */
export function createQuarantineStore(database: Database): QuarantineStore {
  return {
    async all() {
      const rows = await database.read(statement(sql.selectFrom('quarantines').selectAll().orderBy('at')))
      return rows.map(row => ({
        ...{
          name: String(row['name']),
          below: row['below'] === 1,
          reason: String(row['reason']),
          at: Number(row['at']),
        },
        taken: JSON.parse(String(row['taken'])) as TakenRecord[],
        revoked: JSON.parse(String(row['revoked'])) as string[],
      }))
    },
    async put({ name, below, reason, at, taken, revoked }) {
      const values = {
        below: below ? 1 : 0,
        reason,
        at,
        taken: JSON.stringify(taken),
        revoked: JSON.stringify(revoked),
      }
      const query = sql.insertInto('quarantines').values({ name, ...values })
      await database.commit([statement(query.onConflict(conflict => conflict.column('name').doUpdateSet(values)))])
    },
    async remove(name) {
      await database.commit([statement(sql.deleteFrom('quarantines').where('name', '=', name))])
    },
  }
}
