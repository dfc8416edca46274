import type { ExpressionBuilder } from 'kysely'
import type { Database } from '../../host/database.ts'
import { type CaTables, type CertificateRow, sql, statement } from './schema.ts'

/** A certificate that will end, and what is known of its successor. */
export interface EndingRow
  extends Pick<CertificateRow, 'serial' | 'profile' | 'identifiers' | 'not_after' | 'account'> {
  /** Serial of a newer one for the same names that stands. */
  replaced_by: string | null
  /** The problem of the last order for these names that failed since it was issued. */
  failure: string | null
  failed_at: number | null
}

/** What the inventory asks. */
export interface InventoryStore {
  /** What was issued to others, stands, and ends by then; soonest first. */
  ending(now: number, by: number, limit: number): Promise<EndingRow[]>
  /** How many of these there are, those that have been replaced not counted. */
  countEnding(now: number, by: number): Promise<number>
}

/** Certificates of our own are not somebody's to renew. */
const OWN = ['ca', 'ocsp', 'scep', 'https']

export function createInventoryStore(database: Database): InventoryStore {
  return {
    async ending(now, by, limit) {
      const query = standing(now, by).select(['c.serial', 'c.profile', 'c.identifiers', 'c.not_after', 'c.account'])
      const told = query.select(eb => [
        successor(eb).limit(1).as('replaced_by'),
        lastFailure(eb).select('o.error').as('failure'),
        lastFailure(eb).select('o.created_at').as('failed_at'),
      ])
      return (await database.read(statement(told.orderBy('c.not_after').limit(limit)))) as unknown as EndingRow[]
    },
    async countEnding(now, by) {
      const query = standing(now, by).select(({ fn }) => fn.countAll().as('count'))
      const left = query.where(eb => eb.not(eb.exists(successor(eb))))
      return Number((await database.read(statement(left)))[0]?.['count'] ?? 0)
    },
  }
}

function standing(now: number, by: number) {
  const all = sql.selectFrom('ca_certificates as c').where('c.revoked_at', 'is', null).where('c.profile', 'not in', OWN)
  return all.where('c.not_after', '>=', now).where('c.not_after', '<=', by)
}

type OfCertificate = ExpressionBuilder<CaTables & { c: CaTables['ca_certificates'] }, 'c'>

/** A newer certificate for the same names that stands. */
function successor({ selectFrom }: OfCertificate) {
  return selectFrom('ca_certificates as next')
    .select('next.serial')
    .whereRef('next.identifiers', '=', 'c.identifiers')
    .whereRef('next.not_after', '>', 'c.not_after')
    .where('next.revoked_at', 'is', null)
}

/** The last order for the same names that failed since the certificate was issued. */
function lastFailure({ selectFrom }: OfCertificate) {
  return selectFrom('acme_orders as o')
    .whereRef('o.names', '=', 'c.identifiers')
    .whereRef('o.created_at', '>', 'c.issued_at')
    .where('o.status', '=', 'invalid')
    .orderBy('o.created_at', 'desc')
    .limit(1)
}
