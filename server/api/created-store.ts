import type { Written } from '../../config/kinds.ts'
import type { Database, Migration } from '../../host/database.ts'
import { createCompiler, statement } from '../../host/sql.ts'

/** A zone that was made over the API: its config as it would be written in a view. */
export interface CreatedZone {
  view: string
  /** Presentation text in lower case. */
  name: string
  written: { readonly [key: string]: Written }
}

/** The zones that were made over the API, on disk. */
export interface CreatedStore {
  all(): Promise<CreatedZone[]>
  /** ConflictError where the view has one of this name already. */
  add(zone: CreatedZone, at: number): Promise<void>
  remove(view: string, name: string): Promise<void>
}

const sql = createCompiler<{ api_zones: { view: string; name: string; config: string; created_at: number } }>()

/** Their table. */
export const CREATED_MIGRATIONS: readonly Migration[] = [
  {
    id: 'api-0003-zones',
    statements: [
      `CREATE TABLE api_zones (view TEXT NOT NULL, name TEXT NOT NULL, config TEXT NOT NULL, created_at INTEGER NOT NULL,
        PRIMARY KEY (view, name)) STRICT, WITHOUT ROWID`,
    ],
  },
]

/** On a database on which CREATED_MIGRATIONS have been run. */
export function createCreatedStore(database: Database): CreatedStore {
  return {
    async all() {
      const rows = await database.read(statement(sql.selectFrom('api_zones').selectAll().orderBy('created_at')))
      return rows.map(({ view, name, config }) => ({
        view: String(view),
        name: String(name),
        written: JSON.parse(String(config)) as CreatedZone['written'],
      }))
    },
    async add({ view, name, written }, at) {
      const row = { view, name, config: JSON.stringify(written), created_at: at }
      await database.commit([statement(sql.insertInto('api_zones').values(row), 1)])
    },
    async remove(view, name) {
      const query = sql.deleteFrom('api_zones').where('view', '=', view).where('name', '=', name)
      await database.commit([statement(query)])
    },
  }
}
