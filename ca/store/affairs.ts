import type { Database } from '../../host/database.ts'
import type { RecordEntry } from '../record/entry.ts'
import { type OrderRow, sql, statement } from './schema.ts'

/** What a human asks: rare, and allowed to look through a table. */
export interface AffairsStore {
  /** Orders that name this identifier, newest first. */
  ordersNaming(value: string, limit: number): Promise<OrderRow[]>
  /** Why orders that name it were refused, newest first, among the last refusals that are kept. */
  refusalsNaming(value: string, limit: number): Promise<RecordEntry[]>
  /** The last orders, newest first; `failed`: those that failed alone. */
  lastOrders(limit: number, failed: boolean): Promise<OrderRow[]>
  /** The last refusals that are kept, newest first. */
  lastRefusals(limit: number): Promise<RecordEntry[]>
  /** What the record has of a certificate, in order. */
  entriesOf(serial: string): Promise<RecordEntry[]>
  /** How many lines of each kind came since then. */
  countEntries(since: number): Promise<Record<string, number>>
}

/** Refusals that are looked through. */
const LOOKED_THROUGH = 1000

export function createAffairsStore(database: Database): AffairsStore {
  return {
    async ordersNaming(value, limit) {
      const query = sql
        .selectFrom('acme_orders')
        .selectAll()
        .where('identifiers', 'like', `%${quoted(value)}%`)
      const newest = query.orderBy('created_at', 'desc').orderBy('id').limit(limit)
      return (await database.read(statement(newest))) as unknown as OrderRow[]
    },
    async refusalsNaming(value, limit) {
      const query = sql.selectFrom('ca_record').select('entry').where('kind', '=', 'refused')
      const last = query.where('entry', 'is not', null).orderBy('seq', 'desc').limit(LOOKED_THROUGH)
      const rows = await database.read(statement(last))
      const entries = rows.map(row => String(row['entry'])).filter(text => text.toLowerCase().includes(quoted(value)))
      return entries.slice(0, limit).map(text => JSON.parse(text) as RecordEntry)
    },
    async lastOrders(limit, failed) {
      const all = sql.selectFrom('acme_orders').selectAll()
      const some = failed ? all.where('status', '=', 'invalid') : all
      const newest = some.orderBy('created_at', 'desc').orderBy('id').limit(limit)
      return (await database.read(statement(newest))) as unknown as OrderRow[]
    },
    async lastRefusals(limit) {
      const query = sql.selectFrom('ca_record').select('entry').where('kind', '=', 'refused')
      return entriesIn(
        await database.read(statement(query.where('entry', 'is not', null).orderBy('seq', 'desc').limit(limit))),
      )
    },
    async entriesOf(serial) {
      const query = sql.selectFrom('ca_record').select('entry').where('serial', '=', serial)
      return entriesIn(await database.read(statement(query.where('entry', 'is not', null).orderBy('seq'))))
    },
    async countEntries(since) {
      const lines = sql.selectFrom('ca_record').where('at', '>=', since).where('entry', 'is not', null).groupBy('kind')
      const rows = await database.read(statement(lines.select(({ fn }) => ['kind', fn.countAll().as('count')])))
      return Object.fromEntries(rows.map(({ kind, count }) => [String(kind), Number(count)]))
    },
  }
}

function entriesIn(rows: readonly Record<string, unknown>[]): RecordEntry[] {
  return rows.map(row => JSON.parse(String(row['entry'])) as RecordEntry)
}

/** As it stands in JSON; names that are certified hold no character that LIKE knows but "_", which stands for itself as well. */
function quoted(value: string): string {
  return JSON.stringify(value)
}
