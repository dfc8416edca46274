import type { Database, Statement } from '../../host/database.ts'
import { entryText, type RecordEntry, type RecordKind } from '../record/entry.ts'
import { leafHash } from '../record/merkle.ts'
import { prepared, sql, statement } from './schema.ts'

/** A line of the record as it is kept; `seq` counts from 1, the leaf's index in the tree is one less. */
export interface RecordRow {
  seq: number
  at: number
  kind: RecordKind
  serial: string | null
  /** Null once it is older than what is kept; its hash stays. */
  entry: string | null
  leaf: Uint8Array
}

/** A signed tree head (RFC 9162 §4.10). */
export interface TreeHead {
  size: number
  at: number
  root: Uint8Array
  signature: Uint8Array
}

/** The append-only record. Every promise resolves once the disk has it. */
export interface RecordStore {
  append(entry: RecordEntry): Promise<void>
  /** How many entries there are. */
  recordSize(): Promise<number>
  /** The entries after this one and since then, in order. */
  recordRows(after: number, limit: number, since?: number): Promise<RecordRow[]>
  /** The leaves after this one, in order. */
  leaves(after: number, limit: number): Promise<Uint8Array[]>
  /** The entry by which a certificate was issued. */
  issuanceOf(serial: string): Promise<RecordRow | undefined>
  /** The digest of the policy that was noted last. */
  latestPolicy(): Promise<string | undefined>
  /** Hashes of whole subtrees of TILE leaves, in order. */
  tiles(): Promise<Uint8Array[]>
  addTile(tile: number, hash: Uint8Array): Promise<void>
  addHead(head: TreeHead): Promise<void>
  /** Oldest first, of trees larger than `after`. */
  heads(after: number, limit: number): Promise<TreeHead[]>
  latestHead(): Promise<TreeHead | undefined>
  /** Forgets the text of entries older than this, never their hashes; how many went. */
  forgetEntries(before: number, limit: number): Promise<number>
}

/** Leaves of which one hash is kept, so that a proof need not read them all. */
export const TILE = 256

/** Appends an entry in the commit of what it is about. */
export function appendStatement(entry: RecordEntry): Statement {
  const text = entryText(entry)
  const { at, kind, serial = null } = entry
  return append({ at, kind, serial, entry: text, leaf: leafHash(Buffer.from(text)) })
}

const append = prepared<Omit<RecordRow, 'seq'>>(({ at, kind, serial, entry, leaf }) =>
  sql.insertInto('ca_record').values({ at, kind, serial, entry, leaf }),
)

export function createRecordStore(database: Database): RecordStore {
  const read = async <Row>(query: Parameters<typeof statement>[0]) => (await database.read(statement(query))) as Row[]
  const rows = sql.selectFrom('ca_record').selectAll()
  const heads = sql.selectFrom('ca_tree_heads').selectAll()
  return {
    async append(entry) {
      await database.commit([appendStatement(entry)])
    },
    async recordSize() {
      const [row] = await read<{ size: number | null }>(
        sql.selectFrom('ca_record').select(({ fn }) => fn.max('seq').as('size')),
      )
      return row?.size ?? 0
    },
    recordRows(after, limit, since = 0) {
      const later = rows.where('seq', '>', after)
      return read((since > 0 ? later.where('at', '>=', since) : later).orderBy('seq').limit(limit))
    },
    async leaves(after, limit) {
      const query = sql.selectFrom('ca_record').select('leaf').where('seq', '>', after).orderBy('seq').limit(limit)
      return (await read<{ leaf: Uint8Array }>(query)).map(({ leaf }) => leaf)
    },
    async issuanceOf(serial) {
      return (await read<RecordRow>(rows.where('serial', '=', serial).where('kind', '=', 'issued').limit(1)))[0]
    },
    async latestPolicy() {
      const noted = rows.where('kind', '=', 'policy').orderBy('seq', 'desc').limit(1)
      const [row] = await read<RecordRow>(noted)
      return row?.entry == null ? undefined : (JSON.parse(row.entry) as { digest: string }).digest
    },
    async tiles() {
      const query = sql.selectFrom('ca_record_tiles').select('hash').orderBy('tile')
      return (await read<{ hash: Uint8Array }>(query)).map(({ hash }) => hash)
    },
    async addTile(tile, hash) {
      await database.commit([statement(sql.insertInto('ca_record_tiles').values({ tile, hash }))])
    },
    async addHead(head) {
      await database.commit([statement(sql.insertInto('ca_tree_heads').values(head))])
    },
    heads: (after, limit) => read(heads.where('size', '>', after).orderBy('size').limit(limit)),
    latestHead: async () => (await read<TreeHead>(heads.orderBy('size', 'desc').limit(1)))[0],
    async forgetEntries(before, limit) {
      const old = sql.selectFrom('ca_record').select('seq').where('at', '<', before).where('entry', 'is not', null)
      const update = sql.updateTable('ca_record').set({ entry: null })
      const [result] = await database.commit([statement(update.where('seq', 'in', old.orderBy('seq').limit(limit)))])
      return result!.changes
    },
  }
}
