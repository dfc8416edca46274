import { ConflictError, type Database } from '../../host/database.ts'
import { appendStatement } from './record.ts'
import { type EnrolmentRow, prepared, sql, statement } from './schema.ts'

/** Secrets by which devices enrol without ACME. Every promise resolves once the disk has it. */
export interface EnrolmentStore {
  /** Into the record with it; ConflictError where the id is taken. */
  addEnrolment(enrolment: EnrolmentRow): Promise<void>
  enrolment(id: string): Promise<EnrolmentRow | undefined>
  /** Oldest first. */
  enrolments(): Promise<EnrolmentRow[]>
  /** False where it is revoked already or unknown. */
  revokeEnrolment(id: string, at: number): Promise<boolean>
}

/** One use more of a secret, in the commit of the certificate that it is for; the commit fails where none is left. */
export const useEnrolment = prepared<{ id: string }>(({ id }) => {
  const update = sql.updateTable('ca_enrolments').set(({ eb }) => ({ used: eb('used', '+', 1) }))
  const holding = update.where('id', '=', id).where('revoked_at', 'is', null)
  return holding.where(({ or, eb, ref }) => or([eb('uses', 'is', null), eb('used', '<', ref('uses'))]))
}, 1)

export function createEnrolmentStore(database: Database): EnrolmentStore {
  const read = async (query: Parameters<typeof statement>[0]) =>
    (await database.read(statement(query))) as unknown as EnrolmentRow[]
  const all = sql.selectFrom('ca_enrolments').selectAll()
  return {
    async addEnrolment(enrolment) {
      const { id, name, names, addresses, created_at: at } = enrolment
      const covers = { names: JSON.parse(names), addresses: JSON.parse(addresses) }
      await database.commit([
        statement(sql.insertInto('ca_enrolments').values(enrolment)),
        appendStatement({ kind: 'enrolment', at, enrolment: id, name, change: 'created', ...covers }),
      ])
    },
    enrolment: async id => (await read(all.where('id', '=', id)))[0],
    enrolments: () => read(all.orderBy('created_at').orderBy('id')),
    async revokeEnrolment(id, at) {
      const standing = sql.updateTable('ca_enrolments').set({ revoked_at: at }).where('id', '=', id)
      try {
        await database.commit([
          statement(standing.where('revoked_at', 'is', null), 1),
          appendStatement({ kind: 'enrolment', at, enrolment: id, change: 'revoked' }),
        ])
        return true
      } catch (error) {
        if (error instanceof ConflictError) return false
        throw error
      }
    },
  }
}
