import type { Database } from '../../host/database.ts'
import { appendStatement } from './record.ts'
import { type ApprovalRow, sql, statement } from './schema.ts'

/** Names that wait for a person, and what was said of them. Every promise resolves once the disk has it. */
export interface ApprovalStore {
  /** What was last asked for this identifier (`identifierText`) and account. */
  approval(account: string, identifier: string): Promise<ApprovalRow | undefined>
  /** Asks for one; nothing happens where one is waiting already. */
  askApproval(approval: ApprovalRow): Promise<void>
  /** Newest first; those that wait alone, or all. */
  approvals(waiting: boolean, limit: number): Promise<ApprovalRow[]>
  /** waiting → approved or denied, into the record; ConflictError where it does not wait. */
  decide(
    id: string,
    decision: { status: 'approved' | 'denied'; at: number; until: number | null },
  ): Promise<ApprovalRow>
}

export function createApprovalStore(database: Database): ApprovalStore {
  const read = async (query: Parameters<typeof statement>[0]) =>
    (await database.read(statement(query))) as unknown as ApprovalRow[]
  const all = sql.selectFrom('ca_approvals').selectAll()
  return {
    async approval(account, identifier) {
      const asked = all.where('account', '=', account).where('identifier', '=', identifier)
      return (await read(asked.orderBy('requested_at', 'desc').limit(1)))[0]
    },
    async askApproval(approval) {
      const insert = sql.insertInto('ca_approvals').values(approval)
      await database.commit([statement(insert.onConflict(waiting => waiting.doNothing()))])
    },
    approvals(waiting, limit) {
      const wanted = waiting ? all.where('status', '=', 'waiting') : all
      return read(wanted.orderBy('requested_at', 'desc').limit(limit))
    },
    async decide(id, { status, at, until }) {
      const update = sql.updateTable('ca_approvals').set({ status, decided_at: at, until })
      const [found] = await read(all.where('id', '=', id))
      const { account = '', identifier = '' } = found ?? {}
      await database.commit([
        statement(update.where('id', '=', id).where('status', '=', 'waiting'), 1),
        appendStatement({ kind: 'approval', at, approval: id, account, identifier, decision: status }),
      ])
      return { ...found!, status, decided_at: at, until }
    },
  }
}
