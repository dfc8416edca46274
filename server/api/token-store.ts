import type { Database, Migration } from '../../host/database.ts'
import { createCompiler, statement } from '../../host/sql.ts'

/** An API token at rest: what it may do, and the digest of its secret. Times are milliseconds since 1970. */
export interface TokenRow {
  id: string
  name: string
  /** SHA-256 of the secret. */
  digest: Uint8Array
  /** JSON lists of texts; `views` and `sources` null where there is no restriction. */
  zones: string
  roles: string
  views: string | null
  sources: string | null
  created_at: number
  expires_at: number | null
}

/** The tokens on disk. Every promise resolves once the disk has it. */
export interface TokenStore {
  all(): Promise<TokenRow[]>
  /** ConflictError where there is one of this name. */
  add(row: TokenRow): Promise<void>
  /** ConflictError where it is gone already. */
  remove(id: string): Promise<void>
}

const sql = createCompiler<{ api_tokens: TokenRow }>()

/** The tokens' table. */
export const TOKEN_MIGRATIONS: readonly Migration[] = [
  {
    id: 'api-0001-tokens',
    statements: [
      `CREATE TABLE api_tokens (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, digest BLOB NOT NULL, zones TEXT NOT NULL, roles TEXT NOT NULL,
        views TEXT, sources TEXT, created_at INTEGER NOT NULL, expires_at INTEGER) STRICT, WITHOUT ROWID`,
    ],
  },
]

/** On a database on which TOKEN_MIGRATIONS have been run. */
export function createTokenStore(database: Database): TokenStore {
  return {
    async all() {
      const rows = await database.read(statement(sql.selectFrom('api_tokens').selectAll().orderBy('created_at')))
      return rows as unknown as TokenRow[]
    },
    async add(row) {
      await database.commit([statement(sql.insertInto('api_tokens').values(row), 1)])
    },
    async remove(id) {
      await database.commit([statement(sql.deleteFrom('api_tokens').where('id', '=', id), 1)])
    },
  }
}
