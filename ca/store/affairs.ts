import type { Database } from '../../host/database.ts'
import type { RecordEntry } from '../record/entry.ts'
import { type OrderRow, sql, statement } from './schema.ts'

/** What is asked about one name, for a human: rare, and allowed to look through a table. */
export interface AffairsStore {
  /** Orders that name this identifier, newest first. */
  ordersNaming(value: string, limit: number): Promise<OrderRow[]>
  /** Why orders that name it were refused, newest first, among the last refusals that are kept. */
  refusalsNaming(value: string, limit: number): Promise<RecordEntry[]>
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
  }
}

/** As it stands in JSON; names that are certified hold no character that LIKE knows but "_", which stands for itself as well. */
function quoted(value: string): string {
  return JSON.stringify(value)
}
