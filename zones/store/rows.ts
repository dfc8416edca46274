import { hash } from 'node:crypto'
import { sql as raw } from 'kysely'
import type { ResourceRecord } from '../../dns/record.ts'
import { Type } from '../../dns/types.ts'
import type { Row, Statement } from '../../host/database.ts'
import { recordKey, rrsetKey } from '../change.ts'
import { packRecords, unpackRecords } from './packed.ts'
import { prepared, sql, statement } from './schema.ts'

export { packRecords, unpackRecords }

/** Octets of a record's identity that tell it from all others of the zone, and those in front of them that its whole RRset has. */
const RECORD = 16
const RRSET = 4

/** The same for records that are equal, TTL and case of names aside; of the SOA there is but one. */
export function storedKey({ owner, type, rdata }: ResourceRecord): string {
  return type === Type.SOA ? rrsetKey(owner, type) : recordKey(owner, type, rdata)
}

/**
 * The identity under which a record is stored, which follows from its `storedKey`. The records of an RRset lie side by side, so that one that takes
 * the place of another writes one page and not two.
 */
export function recordId(record: ResourceRecord, key: string = storedKey(record)): Uint8Array {
  const id = new Uint8Array(RRSET + RECORD)
  new DataView(id.buffer).setInt32(0, scattered(key, record.owner.length + 1))
  if (record.type !== Type.SOA) id.set(hash('sha256', Buffer.from(key, 'utf16le'), 'buffer').subarray(0, RECORD), RRSET)
  return id
}

/** Thirty-two bits of no cryptographic worth (FNV-1a) from the front of a key, which names the RRset: who makes RRsets lie side by side gains nothing. */
function scattered(text: string, length: number): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash
}

/** A new record; a conflict where it is there already. */
export const insertRecord = prepared<{
  zone: number
  id: Uint8Array
  owner: Uint8Array
  type: number
  ttl: number
  rdata: Uint8Array
  holder: string | null
}>(
  ({ zone, id, owner, type, ttl, rdata, holder }) =>
    sql.insertInto('zone_records').values({ zone, id, owner, type, ttl, rdata, holder }),
  1,
)

/** Another TTL or spelling of a record, which keeps its holder. */
export const respellRecord = prepared<{
  zone: number
  id: Uint8Array
  owner: Uint8Array
  ttl: number
  rdata: Uint8Array
}>(
  ({ zone, id, owner, ttl, rdata }) =>
    sql.updateTable('zone_records').set({ owner, ttl, rdata }).where('zone', '=', zone).where('id', '=', id),
  1,
)

export const deleteRecord = prepared<{ zone: number; id: Uint8Array }>(
  ({ zone, id }) => sql.deleteFrom('zone_records').where('zone', '=', zone).where('id', '=', id),
  1,
)

/** Another holder of a record, null for the file or us. */
export const holdRecord = prepared<{ zone: number; id: Uint8Array; holder: string | null }>(
  ({ zone, id, holder }) =>
    sql.updateTable('zone_records').set({ holder }).where('zone', '=', zone).where('id', '=', id),
  1,
)

const ROWS_INSERTED = 5000

/** Statements that insert many records of no holder, thousands of rows in one. */
export function* insertRecords(zone: number, records: Iterable<ResourceRecord>): Generator<Statement> {
  let rows: unknown[] = []
  for (const record of records) {
    rows.push([hex(recordId(record)), hex(record.owner), record.type, record.ttl, hex(record.rdata)])
    if (rows.length < ROWS_INSERTED) continue
    yield insertRows(zone, rows)
    rows = []
  }
  if (rows.length > 0) yield insertRows(zone, rows)
}

function insertRows(zone: number, rows: readonly unknown[]): Statement {
  const query = raw`INSERT INTO zone_records (zone, id, owner, type, ttl, rdata)
    SELECT ${zone}, unhex(value->>0), unhex(value->>1), value->>2, value->>3, unhex(value->>4) FROM json_each(${JSON.stringify(rows)})`
  return statement({ compile: () => query.compile(sql) }, rows.length)
}

function hex(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString('hex')
}

/** Pieces small enough for what becomes of them to be gone again soon: larger ones are slower, and leave a larger heap behind. */
const ROWS_READ = 2000

/**
 * The next rows after an identity, as one text of many records in wire form (RFC 1035 §3.2.1) in hexadecimal: a million rows come
 * through as a few hundred, which is what makes starting fast.
 */
export function selectRecords(zone: number, after: Uint8Array): Statement {
  const query = raw`SELECT max(id) AS last, group_concat(hex(owner) || printf('%04X0001%08X%04X', type, ttl, length(rdata)) || hex(rdata), '') AS records
    FROM (SELECT id, owner, type, ttl, rdata FROM zone_records WHERE zone = ${zone} AND id > ${after} ORDER BY id LIMIT ${ROWS_READ})`
  return statement({ compile: () => query.compile(sql) })
}

/** The records of a row of `selectRecords`. */
export function recordsOfRow(row: Row): ResourceRecord[] {
  return unpackRecords(Buffer.from(row['records'] as string, 'hex'))
}
