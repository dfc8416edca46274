import { sql as raw } from 'kysely'
import type { Database, Statement } from '../../host/database.ts'
import { prepared, sql, statement, type ZoneTables } from './schema.ts'

/** A signed request that was answered: it may not be executed again (RFC 8945 §5.2.3). */
export interface AnsweredRequest {
  /** The zone that it named. */
  zone: number
  mac: Uint8Array
  rcode: number
  /** When its signature can be accepted no more, milliseconds since 1970. */
  until: number
}

/** Remembered at most, over all zones: the oldest are forgotten early. */
const MOST = 100_000
/** Looked at whenever some are forgotten. */
const FORGOTTEN_AT_ONCE = 2000

/** Goes into the commit of what the request did. */
export const insertRequest = prepared<ZoneTables['zone_requests']>(({ zone, mac, rcode, until }) =>
  sql.insertInto('zone_requests').values({ zone, mac, rcode, until }),
)

/** Forgets the oldest of those that can't be accepted any more. */
export function forgetRequests(now: number): Statement {
  const query = raw`DELETE FROM zone_requests WHERE rowid IN (SELECT rowid FROM zone_requests ORDER BY rowid LIMIT ${FORGOTTEN_AT_ONCE})
    AND (until < ${now} OR rowid <= (SELECT max(rowid) FROM zone_requests) - ${MOST})`
  return statement({ compile: () => query.compile(sql) })
}

/** The zone's requests that could be accepted again, oldest first. */
export async function readRequests(database: Database, zone: number, now: number): Promise<AnsweredRequest[]> {
  const query = sql.selectFrom('zone_requests').select(['mac', 'rcode', 'until']).where('zone', '=', zone)
  const rows = await database.read(statement(query.where('until', '>=', now).orderBy(raw`rowid`)))
  return rows.map(row => ({ zone, ...(row as Omit<ZoneTables['zone_requests'], 'zone'>) }))
}
