import type { Database } from '../../host/database.ts'
import { type ScepRequestRow, sql, statement } from './schema.ts'

/** Requests by SCEP that wait for a person. Every promise resolves once the disk has it. */
export interface ScepStore {
  /** Nothing happens where the issuer knows the transaction already. */
  keepScepRequest(request: ScepRequestRow): Promise<void>
  scepRequest(issuer: string, transaction: string): Promise<ScepRequestRow | undefined>
  /** Forgets requests older than this; how many went. */
  forgetScepRequests(before: number, limit: number): Promise<number>
}

export function createScepStore(database: Database): ScepStore {
  const all = sql.selectFrom('ca_scep_requests').selectAll()
  return {
    async keepScepRequest(request) {
      const insert = sql.insertInto('ca_scep_requests').values(request)
      await database.commit([statement(insert.onConflict(known => known.doNothing()))])
    },
    async scepRequest(issuer, transaction) {
      const query = all.where('issuer', '=', issuer).where('transaction_id', '=', transaction)
      return ((await database.read(statement(query))) as unknown as ScepRequestRow[])[0]
    },
    async forgetScepRequests(before, limit) {
      const old = sql
        .selectFrom('ca_scep_requests')
        .select(['issuer', 'transaction_id'])
        .where('created_at', '<', before)
      const some = old.orderBy('created_at').limit(limit)
      const gone = sql
        .deleteFrom('ca_scep_requests')
        .where(({ eb, refTuple }) =>
          eb(refTuple('issuer', 'transaction_id'), 'in', some.$asTuple('issuer', 'transaction_id')),
        )
      const [result] = await database.commit([statement(gone)])
      return result!.changes
    },
  }
}
