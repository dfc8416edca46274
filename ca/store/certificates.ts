import { sql as raw } from 'kysely'
import { ConflictError, type Database } from '../../host/database.ts'
import { identifierText } from '../identifier.ts'
import type { RecordEntry } from '../record/entry.ts'
import { REASONS } from '../revocation/revoke.ts'
import { fingerprint } from '../x509/x509.ts'
import type { CertificateRecord, CertificateStore, Circumstances, RevokedCertificate } from './certificate-store.ts'
import { useEnrolment } from './enrolments.ts'
import { type OrderRows, startOrder } from './orders.ts'
import { appendStatement } from './record.ts'
import { RowCache } from './row-cache.ts'
import { type CertificateRow, prepared, sql, statement } from './schema.ts'

/** Which certificates `certificates()` lists. */
export interface CertificateFilter {
  /** Part of an identifier. */
  name?: string
  account?: string
  profile?: string
  /** SHA-256 of the key in hex. */
  keyHash?: string
  /** Only those that are neither expired at this time nor revoked. */
  standingAt?: number
  limit: number
  /** Serial of the last one already seen. */
  after?: string
}

/** The certificate store with the questions that ACME and the operator ask. */
export interface CertificateArchive extends CertificateStore {
  certificateOfOrder(order: string): Promise<CertificateRecord | undefined>
  /** Removes at most `limit` certificates that ended before, with their serials; the record keeps that they were issued. How many went. */
  forgetCertificates(before: number, limit: number): Promise<number>
  /** Newest first. */
  certificates(filter: CertificateFilter): Promise<CertificateRecord[]>
  /** How many certificates are neither expired at this time nor revoked. */
  countStanding(at: number): Promise<number>
}

export function createCertificateStore(database: Database, { orders }: Pick<OrderRows, 'orders'>): CertificateArchive {
  /** By serial: what was issued is downloaded next. */
  const issued = new RowCache<CertificateRecord>()
  const read = async (query: Parameters<typeof statement>[0]) =>
    ((await database.read(statement(query))) as unknown as CertificateRow[]).map(recordOf)
  const all = sql.selectFrom('ca_certificates').selectAll()
  return {
    async reserveSerial({ serial, issuer, reservedAt: at, order, keyHash = '', start }) {
      const reserved = reserve({ serial, issuer, at, order: order ?? null, keyHash })
      if (order === undefined || !start) await database.commit([reserved])
      else await startOrder(orders, order, start, started => database.commit([...started, reserved]))
    },
    async storeCertificate(record, circumstances, enrolment) {
      const { serial, order } = record
      const statements = [
        markIssued({ serial }),
        insertCertificate(rowOf(record)),
        ...(order === undefined ? [] : [completeOrder({ order, serial })]),
        ...(enrolment === undefined ? [] : [useEnrolment({ id: enrolment })]),
        appendStatement(issuedEntry(record, circumstances)),
      ]
      const commit = () => database.commit(statements)
      const complete = { status: 'valid', certificate: serial, csr: null } as const
      await (order === undefined ? commit() : orders.change(order, commit, row => ({ ...row, ...complete })))
      issued.keep(serial, record)
    },
    certificate: serial => issued.get(serial, async () => (await read(all.where('serial', '=', serial)))[0]),
    certificateOfOrder: async order => (await read(all.where('order_id', '=', order)))[0],
    async forgetCertificates(before, limit) {
      const ended = sql.selectFrom('ca_certificates').select('serial').where('not_after', '<', before)
      // Compromised keys are known for ever.
      const old = ended.where(({ or, eb }) =>
        or([eb('revocation_reason', 'is', null), eb('revocation_reason', '<>', REASONS.keyCompromise)]),
      )
      const some = old.orderBy('not_after').limit(limit)
      const commit = database.commit([
        statement(sql.deleteFrom('ca_serials').where('serial', 'in', some)),
        statement(sql.deleteFrom('ca_certificates').where('serial', 'in', some)),
      ])
      const [, result] = await commit.finally(() => issued.clear())
      return result!.changes
    },
    certificates: filter => read(listed(filter)),
    async countStanding(at) {
      const query = sql.selectFrom('ca_certificates').select(({ fn }) => fn.countAll().as('count'))
      const [row] = await database.read(statement(query.where('not_after', '>=', at).where('revoked_at', 'is', null)))
      return Number(row?.['count'] ?? 0)
    },
    async latestIssuance() {
      const query = sql.selectFrom('ca_certificates').select(({ fn }) => fn.max('issued_at').as('at'))
      const [row] = await database.read(statement(query.where('revoked_at', 'is', null)))
      return Number(row?.['at'] ?? 0)
    },
    async revokeCertificate(serial, { at, reason }) {
      const update = sql.updateTable('ca_certificates').set({ revoked_at: at, revocation_reason: reason })
      const standing = update.where('serial', '=', serial).where('revoked_at', 'is', null)
      const statements = [statement(standing, 1), appendStatement({ kind: 'revoked', at, serial, reason })]
      try {
        await issued.change(serial, () => database.commit(statements))
        return true
      } catch (error) {
        if (error instanceof ConflictError) return false
        throw error
      }
    },
    async revokedCertificates(issuer, since, partition) {
      const columns = ['serial', 'revoked_at as at', 'revocation_reason as reason'] as const
      const of = sql.selectFrom('ca_certificates').select(columns).where('issuer', '=', issuer)
      const revoked = partition === undefined ? of : of.where('crl_partition', '=', partition)
      const query = revoked.where('revoked_at', 'is not', null).where('not_after', '>=', since).orderBy('serial')
      return (await database.read(statement(query))) as unknown as RevokedCertificate[]
    },
    async isCompromised(keyHash) {
      return (await database.read(statement(compromised(keyHash)))).length > 0
    },
    async lastPartition(issuer) {
      const query = sql.selectFrom('ca_certificates').select(({ fn }) => fn.max('crl_partition').as('last'))
      const [row] = await database.read(statement(query.where('issuer', '=', issuer)))
      return row?.['last'] == null ? undefined : Number(row['last'])
    },
    async nextCrlNumber(issuer, at) {
      const query = sql
        .insertInto('ca_crl_numbers')
        .values({ issuer, number: 1 })
        .onConflict(taken =>
          taken.column('issuer').doUpdateSet(row => ({ number: row('ca_crl_numbers.number', '+', 1) })),
        )
        .returning('number')
      const [result] = await database.commit([statement(query), appendStatement({ kind: 'crl', at, list: issuer })])
      return Number(result!.rows[0]!['number'])
    },
  }
}

/** All that tells what was issued, to whom and why, without the rows beside it. */
function issuedEntry(record: CertificateRecord, circumstances: Circumstances = {}): RecordEntry {
  const { serial, issuer, profile, identifiers, issuedAt, der, keyHash, account, order } = record
  return {
    kind: 'issued',
    at: issuedAt,
    serial,
    issuer,
    profile,
    names: identifiers.map(identifierText),
    not_before: new Date(record.notBefore).toISOString(),
    not_after: new Date(record.notAfter).toISOString(),
    certificate_sha256: fingerprint(der),
    key_sha256: keyHash,
    ...(account !== undefined && { account }),
    ...(order !== undefined && { order }),
    ...circumstances,
  }
}

/** A certificate with this key that was revoked because the key is compromised: few are, and only they are in the index. */
const compromised = (keyHash: string) =>
  sql
    .selectFrom('ca_certificates')
    .select('serial')
    .where('key_hash', '=', keyHash)
    .where('revocation_reason', '=', raw.lit(REASONS.keyCompromise))
    .limit(1)

/** A serial that was never taken, for a key that is not compromised. */
const reserve = prepared<{ serial: string; issuer: string; at: number; order: string | null; keyHash: string }>(
  ({ serial, issuer, at, order, keyHash }) =>
    sql
      .insertInto('ca_serials')
      .columns(['serial', 'issuer', 'reserved_at', 'order_id', 'issued'])
      .expression(
        sql
          .selectNoFrom(({ val, lit }) => [
            val(serial).as('serial'),
            val(issuer).as('issuer'),
            val(at).as('reserved_at'),
            val(order).as('order_id'),
            lit(0).as('issued'),
          ])
          .where(({ not, exists }) => not(exists(compromised(keyHash)))),
      ),
  1,
)

const markIssued = prepared<{ serial: string }>(
  ({ serial }) => sql.updateTable('ca_serials').set({ issued: 1 }).where('serial', '=', serial).where('issued', '=', 0),
  1,
)

const insertCertificate = prepared<CertificateRow>(row =>
  sql.insertInto('ca_certificates').values({
    serial: row.serial,
    issuer: row.issuer,
    profile: row.profile,
    identifiers: row.identifiers,
    not_before: row.not_before,
    not_after: row.not_after,
    issued_at: row.issued_at,
    der: row.der,
    key_hash: row.key_hash,
    account: row.account,
    order_id: row.order_id,
    revoked_at: row.revoked_at,
    revocation_reason: row.revocation_reason,
    crl_partition: row.crl_partition,
  }),
)

/** RFC 8555 §7.1.6: processing → valid, in the commit that keeps the certificate, so that no order is ever served twice. */
const completeOrder = prepared<{ order: string; serial: string }>(({ order, serial }) => {
  const update = sql.updateTable('acme_orders').set({ status: 'valid', certificate: serial, csr: null })
  return update.where('id', '=', order).where('status', '=', 'processing')
}, 1)

function listed({ name, account, profile, keyHash, standingAt, limit, after }: CertificateFilter) {
  let query = sql.selectFrom('ca_certificates').selectAll()
  if (name !== undefined) query = query.where('identifiers', 'like', `%${name.replace(/[%_"\\]/g, '')}%`)
  if (account !== undefined) query = query.where('account', '=', account)
  if (profile !== undefined) query = query.where('profile', '=', profile)
  if (keyHash !== undefined) query = query.where('key_hash', '=', keyHash)
  if (standingAt !== undefined) query = query.where('revoked_at', 'is', null).where('not_after', '>=', standingAt)
  if (after !== undefined) {
    const last = sql.selectFrom('ca_certificates').select('issued_at').where('serial', '=', after)
    // Of those of one moment, the serial tells which come after.
    query = query.where(({ or, and, eb }) =>
      or([eb('issued_at', '<', last), and([eb('issued_at', '=', last), eb('serial', '>', after)])]),
    )
  }
  return query.orderBy('issued_at', 'desc').orderBy('serial').limit(limit)
}

function rowOf(record: CertificateRecord): CertificateRow {
  return {
    serial: record.serial,
    issuer: record.issuer,
    profile: record.profile,
    identifiers: JSON.stringify(record.identifiers),
    not_before: record.notBefore,
    not_after: record.notAfter,
    issued_at: record.issuedAt,
    der: record.der,
    key_hash: record.keyHash,
    account: record.account ?? null,
    order_id: record.order ?? null,
    revoked_at: record.revocation?.at ?? null,
    revocation_reason: record.revocation?.reason ?? null,
    crl_partition: record.crlPartition ?? null,
  }
}

function recordOf(row: CertificateRow): CertificateRecord {
  return {
    serial: row.serial,
    issuer: row.issuer,
    profile: row.profile,
    identifiers: JSON.parse(row.identifiers),
    notBefore: row.not_before,
    notAfter: row.not_after,
    issuedAt: row.issued_at,
    der: row.der,
    keyHash: row.key_hash,
    ...(row.account !== null && { account: row.account }),
    ...(row.order_id !== null && { order: row.order_id }),
    ...(row.crl_partition !== null && { crlPartition: row.crl_partition }),
    ...(row.revoked_at !== null && { revocation: { at: row.revoked_at, reason: row.revocation_reason ?? 0 } }),
  }
}
