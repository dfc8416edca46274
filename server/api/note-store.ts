import type { Database, Migration } from '../../host/database.ts'
import { createCompiler, statement } from '../../host/sql.ts'

/** What somebody said of an RRset; `zone` and `owner` as presentation text in lower case. */
export interface Comment {
  owner: string
  type: string
  content: string
  account: string
  /** Seconds since 1970. */
  modified_at: number
}

/** What clients of the PowerDNS API keep beside a zone and nothing is served from: comments, and metadata of their own. */
export interface NoteStore {
  comments(view: string, zone: string): Promise<Comment[]>
  /** Those of these RRsets give way to these comments. */
  setComments(view: string, zone: string, rrsets: readonly RRsetComments[]): Promise<void>
  metadata(view: string, zone: string): Promise<Map<string, string[]>>
  /** An empty list removes the kind. */
  setMetadata(view: string, zone: string, kind: string, values: readonly string[]): Promise<void>
  /** All that is kept beside the zone. */
  forget(view: string, zone: string): Promise<void>
}

/** The comments that an RRset is to have. */
export interface RRsetComments {
  owner: string
  type: string
  comments: readonly Omit<Comment, 'owner' | 'type'>[]
}

interface NoteTables {
  api_comments: Comment & { view: string; zone: string; position: number }
  api_metadata: { view: string; zone: string; kind: string; value: string }
}

const sql = createCompiler<NoteTables>()

/** The tables of what is kept beside zones. */
export const NOTE_MIGRATIONS: readonly Migration[] = [
  {
    id: 'api-0002-notes',
    statements: [
      `CREATE TABLE api_comments (view TEXT NOT NULL, zone TEXT NOT NULL, owner TEXT NOT NULL, type TEXT NOT NULL, position INTEGER NOT NULL,
        content TEXT NOT NULL, account TEXT NOT NULL, modified_at INTEGER NOT NULL, PRIMARY KEY (view, zone, owner, type, position)) STRICT, WITHOUT ROWID`,
      `CREATE TABLE api_metadata (view TEXT NOT NULL, zone TEXT NOT NULL, kind TEXT NOT NULL, value TEXT NOT NULL,
        PRIMARY KEY (view, zone, kind)) STRICT, WITHOUT ROWID`,
    ],
  },
]

/** On a database on which NOTE_MIGRATIONS have been run. */
export function createNoteStore(database: Database): NoteStore {
  return {
    async comments(view, zone) {
      const query = sql.selectFrom('api_comments').select(['owner', 'type', 'content', 'account', 'modified_at'])
      const of = query.where('view', '=', view).where('zone', '=', zone)
      return (await database.read(
        statement(of.orderBy('owner').orderBy('type').orderBy('position')),
      )) as unknown as Comment[]
    },
    async setComments(view, zone, rrsets) {
      await database.commit(
        rrsets.flatMap(({ owner, type, comments }) => {
          const all = sql.deleteFrom('api_comments').where('view', '=', view).where('zone', '=', zone)
          const rows = comments.map((comment, position) => ({ view, zone, owner, type, position, ...comment }))
          return [
            statement(all.where('owner', '=', owner).where('type', '=', type)),
            ...rows.map(row => statement(sql.insertInto('api_comments').values(row))),
          ]
        }),
      )
    },
    async metadata(view, zone) {
      const query = sql.selectFrom('api_metadata').select(['kind', 'value']).where('view', '=', view)
      const rows = await database.read(statement(query.where('zone', '=', zone).orderBy('kind')))
      return new Map(rows.map(({ kind, value }) => [String(kind), JSON.parse(String(value)) as string[]]))
    },
    async setMetadata(view, zone, kind, values) {
      const all = sql.deleteFrom('api_metadata').where('view', '=', view).where('zone', '=', zone)
      const row = { view, zone, kind, value: JSON.stringify(values) }
      const insert = values.length > 0 ? [statement(sql.insertInto('api_metadata').values(row))] : []
      await database.commit([statement(all.where('kind', '=', kind)), ...insert])
    },
    async forget(view, zone) {
      const of = (table: keyof NoteTables) =>
        statement(sql.deleteFrom(table).where('view', '=', view).where('zone', '=', zone))
      await database.commit([of('api_comments'), of('api_metadata')])
    },
  }
}
