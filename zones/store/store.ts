import { hash } from 'node:crypto'
import { sql as raw } from 'kysely'
import { isMadeBySigning } from '../../dns/dnssec.ts'
import type { Name } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { Type } from '../../dns/types.ts'
import type { Database, Row, Statement } from '../../host/database.ts'
import { type Changeset, decodeChange, encodeChange, recordKey } from '../change.ts'
import { type Holding, keyText } from '../holders.ts'
import { createFileStore, type FileStore } from './files.ts'
import { createImageStore, type ImageFiles, type ImageStore, NO_IMAGES } from './images.ts'
import { createMemberStore, type MemberStore } from './members.ts'
import { type AnsweredRequest, forgetRequests, insertRequest, readRequests } from './requests.ts'
import {
  deleteRecord,
  holdRecord,
  insertRecord,
  insertRecords,
  packRecords,
  recordId,
  recordsOfRow,
  respellRecord,
  selectRecords,
  storedKey,
  unpackRecords,
} from './rows.ts'
import { prepared, sql, statement, type ZoneTables } from './schema.ts'

export type { Owned } from './members.ts'
export type { AnsweredRequest } from './requests.ts'
export { ZONE_MIGRATIONS } from './schema.ts'

/** The dynamic zones and their journal on disk. Every promise resolves once the disk has it. */
export interface ZoneStore {
  /** The zone as it was left, or undefined where there is none yet. */
  find(view: string, origin: Name): Promise<StoredZone | undefined>
  /** Stores a new zone with these records, none of which has a holder. ConflictError where it is there already. */
  create(view: string, origin: Name, records: Iterable<ResourceRecord>, baseline?: Baseline): Promise<StoredZone>
  /** All records of the zone, in no order, many at a time. */
  records(zone: number): AsyncGenerator<ResourceRecord[]>
  /** Who holds what: `recordKey` and the key's name, of every record that a key added. */
  holders(zone: number): Promise<Map<string, string>>
  /** The file's records as they were last applied. */
  baseline(zone: number): Promise<ResourceRecord[]>
  /** Stores a change as the revision after `revision`. ConflictError where the zone is no longer at that one. */
  commit(zone: number, revision: number, entry: NewEntry): Promise<void>
  /**
   * Stores changes of several zones, all or none, if these `unchanged` ones are at their revisions as well; and with them the request that
   * asked for them.
   */
  commitTogether(
    changed: readonly ZoneCommit[],
    unchanged?: readonly ZoneRevision[],
    request?: AnsweredRequest,
  ): Promise<void>
  /** Stores a request that changed nothing. */
  remember(request: AnsweredRequest): Promise<void>
  /** The requests to this zone that were answered and could be accepted again, oldest first. */
  requests(zone: number, now: number): Promise<AnsweredRequest[]>
  /** The journal after `revision`, oldest first: of at most `limit` entries those with these octets somewhere in their changes. */
  journal(zone: number, revision: number, limit: number, holding?: Uint8Array): Promise<JournalEntry[]>
  /** The revision at which the zone last had this serial and was then changed; undefined where the journal does not go back to it. */
  revisionOf(zone: number, serial: number): Promise<number | undefined>
  /** What is known of the zone as a secondary. */
  secondary(zone: number): Promise<StoredSecondary | undefined>
  setSecondary(zone: number, state: StoredSecondary): Promise<void>
  /** Forgets the zone with all that belongs to it. */
  remove(zone: number): Promise<void>
  /** Which zones are served because a catalog lists them. */
  readonly members: MemberStore
  /** What zones that are their files have been lately. */
  readonly files: FileStore
  /** Images of large zones, for a quick start. */
  readonly images: ImageStore
}

export interface StoredZone {
  id: number
  revision: number
  /** The digest of the file that was last applied. */
  baseline: string | undefined
}

/** A zone that is transferred from its primaries. */
export interface StoredSecondary {
  /** When it was last known to be what they have. */
  checked: number
  /** Whether it has been made its own primary since. */
  promoted: boolean
}

/** A zone's file as the zone has it. */
export interface Baseline {
  digest: string
  records: Iterable<ResourceRecord>
}

/** A zone at one of its revisions. */
export interface ZoneRevision {
  zone: number
  revision: number
}

/** A change of one zone, to be stored with changes of others. */
export interface ZoneCommit extends ZoneRevision {
  entry: NewEntry
}

/** A change to store. */
export interface NewEntry {
  change: Changeset
  serialBefore: number
  serialAfter: number
  at: number
  /** The TSIG key that asked for it, as `keyText` has it: holder of what it adds. */
  key: string | undefined
  /** Where it came from: an address, "file", a user. */
  source: string
  /** Records that somebody else than `key` holds from now on. */
  holdings?: readonly Holding[]
  /** Who held each of the deleted records. */
  released?: readonly (string | undefined)[]
  baseline?: Baseline
}

/** A change as it was made. */
export interface JournalEntry extends Omit<NewEntry, 'holdings' | 'baseline'> {
  revision: number
}

/** How much is kept of each zone's journal: what is older, more or larger is dropped, a few entries at a time. */
export interface JournalLimits {
  /** Milliseconds. */
  age: number
  changes: number
  /** Octets. */
  size: number
}

const JOURNAL_DROPPED_EVERY = 256
const UNLIMITED: JournalLimits = { age: Number.POSITIVE_INFINITY, changes: 100_000, size: Number.POSITIVE_INFINITY }

/** The zones' tables in a database on which ZONE_MIGRATIONS have been run. `limits` are asked for whenever something is dropped. */
export function createZoneStore(
  database: Database,
  limits: () => JournalLimits = () => UNLIMITED,
  images: ImageFiles = NO_IMAGES,
): ZoneStore {
  return {
    find: (view, origin) => findZone(database, zoneId(view, origin)),
    async create(view, origin, records, baseline) {
      const zone = {
        id: zoneId(view, origin),
        view,
        name: keyText(origin),
        revision: 0,
        baseline: baseline?.digest ?? null,
      }
      const first = statement(sql.insertInto('zones').values(zone), 1)
      await database.commit([first, ...insertRecords(zone.id, records), ...baselineStatements(zone.id, baseline)])
      return { id: zone.id, revision: 0, baseline: baseline?.digest }
    },
    records: zone => readRecords(database, zone),
    holders: zone => readHolders(database, zone),
    async baseline(zone) {
      const query = sql.selectFrom('zone_baselines').select('records').where('zone', '=', zone).orderBy('part')
      const rows = await database.read(statement(query))
      return rows.flatMap(row => unpackRecords(row['records'] as Uint8Array))
    },
    async commit(zone, revision, entry) {
      await database.commit([...commitStatements(zone, revision, entry, limits)])
    },
    async commitTogether(changed, unchanged = [], request) {
      const statements = changed.flatMap(({ zone, revision, entry }) => [
        ...commitStatements(zone, revision, entry, limits),
      ])
      const answered = request ? [insertRequest(request)] : []
      await database.commit([...unchanged.map(requireRevision), ...statements, ...answered])
    },
    async remember(request) {
      await database.commit([insertRequest(request)])
    },
    requests: (zone, now) => readRequests(database, zone, now),
    async journal(zone, revision, limit, holding) {
      const query =
        holding === undefined
          ? selectJournal({ zone, revision, limit })
          : selectHolding({ zone, revision, last: revision + limit, holding })
      return (await database.read(query)).map(journalEntry)
    },
    async revisionOf(zone, serial) {
      const [row] = await database.read(selectRevision({ zone, serial }))
      return row && (row['revision'] as number) - 1
    },
    async secondary(zone) {
      const query = sql.selectFrom('zone_secondaries').select(['checked', 'promoted']).where('zone', '=', zone)
      const [row] = await database.read(statement(query))
      return row && { checked: row['checked'] as number, promoted: row['promoted'] === 1 }
    },
    async setSecondary(zone, { checked, promoted }) {
      const values = { checked, promoted: promoted ? 1 : 0 }
      const query = sql.insertInto('zone_secondaries').values({ zone, ...values })
      await database.commit([statement(query.onConflict(conflict => conflict.column('zone').doUpdateSet(values)))])
    },
    async remove(zone) {
      await database.commit([statement(sql.deleteFrom('zones').where('id', '=', zone))])
    },
    members: createMemberStore(database),
    files: createFileStore(database),
    images: createImageStore(database, images),
  }
}

/** A number that follows from view and name, so that a zone and its records can be stored in one commit. */
export function zoneId(view: string, origin: Name): number {
  return hash('sha256', `${view}/${keyText(origin)}`, 'buffer').readUIntBE(0, 6)
}

async function findZone(database: Database, id: number): Promise<StoredZone | undefined> {
  const query = sql.selectFrom('zones').select(['revision', 'baseline']).where('id', '=', id)
  const [row] = await database.read(statement(query))
  return row && { id, revision: row['revision'] as number, baseline: (row['baseline'] as string | null) ?? undefined }
}

async function* readRecords(database: Database, zone: number): AsyncGenerator<ResourceRecord[]> {
  let row: Row = { last: new Uint8Array() }
  for (;;) {
    row = (await database.read(selectRecords(zone, row['last'] as Uint8Array)))[0]!
    if (row['last'] === null) return
    yield recordsOfRow(row)
  }
}

async function readHolders(database: Database, zone: number): Promise<Map<string, string>> {
  const query = sql.selectFrom('zone_records').select(['owner', 'type', 'rdata', 'holder']).where('zone', '=', zone)
  const rows = await database.read(statement(query.where('holder', 'is not', null)))
  return new Map(
    rows.map(row => {
      const { owner, type, rdata, holder } = row as {
        owner: Uint8Array
        type: number
        rdata: Uint8Array
        holder: string
      }
      return [recordKey(owner, type, rdata), holder]
    }),
  )
}

/** The compare-and-set that everything else of a commit stands on: nothing is ever applied to another revision than the one it was made for. */
const nextRevision = prepared<{ zone: number; revision: number; next: number }>(
  ({ zone, revision, next }) =>
    sql.updateTable('zones').set({ revision: next }).where('id', '=', zone).where('revision', '=', revision),
  1,
)

/** Changes nothing, and fails where the zone is at another revision. */
const requireRevision = ({ zone, revision }: ZoneRevision) => nextRevision({ zone, revision, next: revision })

const insertEntry = prepared<ZoneTables['zone_journal']>(entry =>
  sql.insertInto('zone_journal').values({
    zone: entry.zone,
    revision: entry.revision,
    serial_before: entry.serial_before,
    serial_after: entry.serial_after,
    at: entry.at,
    key: entry.key,
    source: entry.source,
    changes: entry.changes,
    released: entry.released,
  }),
)

const dropEntries = prepared<{ zone: number; oldest: number }>(({ zone, oldest }) =>
  sql.deleteFrom('zone_journal').where('zone', '=', zone).where('revision', '<', oldest),
)

/** Entries that are looked at whenever some are dropped, the oldest: reading all of a long journal would hold up what waits for the disk. */
const LOOKED_AT = 4 * JOURNAL_DROPPED_EVERY

/** Everything up to the last entry that is too old: so that no gap comes to be where the clock was set back. */
function dropOlder(zone: number, before: number): Statement {
  const query = raw`DELETE FROM zone_journal WHERE zone = ${zone} AND revision <= (SELECT max(revision) FROM (
    SELECT revision, at FROM zone_journal WHERE zone = ${zone} ORDER BY revision LIMIT ${LOOKED_AT}) WHERE at < ${before})`
  return statement({ compile: () => query.compile(sql) })
}

function* dropStatements(zone: number, newest: number, now: number, limits: JournalLimits): Generator<Statement> {
  yield dropEntries({ zone, oldest: newest - limits.changes })
  if (Number.isFinite(limits.age)) yield dropOlder(zone, now - limits.age)
  if (Number.isFinite(limits.size)) yield dropLarger(zone, limits.size)
}

/** Keeps the newest entries that together take no more than `size` octets. */
function dropLarger(zone: number, size: number): Statement {
  const query = raw`DELETE FROM zone_journal WHERE zone = ${zone} AND revision <= (SELECT max(revision) FROM (
    SELECT revision, sum(size) OVER (ORDER BY revision) - size AS before FROM (
      SELECT revision, length(changes) AS size FROM zone_journal WHERE zone = ${zone} ORDER BY revision LIMIT ${LOOKED_AT}))
    WHERE before < (SELECT journal_size FROM zones WHERE id = ${zone}) - ${size})`
  return statement({ compile: () => query.compile(sql) })
}

const selectJournal = prepared<{ zone: number; revision: number; limit: number }>(({ zone, revision, limit }) =>
  sql
    .selectFrom('zone_journal')
    .selectAll()
    .where('zone', '=', zone)
    .where('revision', '>', revision)
    .orderBy('revision')
    .limit(limit),
)

/** Reading a change takes much longer than seeing that these octets are nowhere in it. */
const selectHolding = prepared<{ zone: number; revision: number; last: number; holding: Uint8Array }>(
  ({ zone, revision, last, holding }) =>
    sql
      .selectFrom('zone_journal')
      .selectAll()
      .where('zone', '=', zone)
      .where('revision', '>', revision)
      .where('revision', '<=', last)
      .where(raw<number>`instr(changes, ${holding})`, '>', 0)
      .orderBy('revision'),
)

/** A serial may come round again (RFC 1982): its last occurrence counts. Read backwards, for most secondaries are nearly up to date. */
const selectRevision = prepared<{ zone: number; serial: number }>(({ zone, serial }) =>
  sql
    .selectFrom('zone_journal')
    .select('revision')
    .where('zone', '=', zone)
    .where('serial_before', '=', serial)
    .orderBy('revision', 'desc')
    .limit(1),
)

function* commitStatements(
  zone: number,
  revision: number,
  entry: NewEntry,
  limits: () => JournalLimits,
): Generator<Statement> {
  const next = revision + 1
  yield nextRevision({ zone, revision, next })
  yield* recordStatements(zone, entry)
  yield* baselineStatements(zone, entry.baseline)
  yield insertEntry({
    zone,
    revision: next,
    serial_before: entry.serialBefore,
    serial_after: entry.serialAfter,
    at: entry.at,
    key: entry.key ?? null,
    source: entry.source,
    changes: encodeChange(entry.change),
    released: entry.released?.some(Boolean) ? JSON.stringify(entry.released) : null,
  })
  if (next % JOURNAL_DROPPED_EVERY !== 0) return
  yield* dropStatements(zone, next, entry.at, limits())
  yield forgetRequests(entry.at)
}

/** A record that goes and comes back with another TTL or spelling stays its holder's; so it is with the SOA, which always comes back. */
function* recordStatements(zone: number, { change, key: holder, holdings }: NewEntry): Generator<Statement> {
  const deleted = new Map(change.deleted.map(record => [storedKey(record), record]))
  for (const record of change.added) {
    const { owner, type, ttl, rdata } = record
    const key = storedKey(record)
    const id = recordId(record, key)
    if (deleted.delete(key)) yield respellRecord({ zone, id, owner, ttl, rdata })
    else yield insertRecord({ zone, id, owner, type, ttl, rdata, holder: isOurs(type) ? null : (holder ?? null) })
  }
  for (const [key, record] of deleted) yield deleteRecord({ zone, id: recordId(record, key) })
  for (const { record, holder } of holdings ?? [])
    yield holdRecord({ zone, id: recordId(record), holder: holder ?? null })
}

/** The SOA is the zone's, whoever raised its serial; so is what signing makes. */
function isOurs(type: number): boolean {
  return type === Type.SOA || isMadeBySigning(type)
}

function* baselineStatements(zone: number, baseline: Baseline | undefined): Generator<Statement> {
  if (!baseline) return
  yield statement(sql.updateTable('zones').set({ baseline: baseline.digest }).where('id', '=', zone), 1)
  yield statement(sql.deleteFrom('zone_baselines').where('zone', '=', zone))
  let part = 0
  for (const records of packRecords(baseline.records))
    yield statement(sql.insertInto('zone_baselines').values({ zone, part: part++, records }))
}

function journalEntry(row: Row): JournalEntry {
  const entry = row as unknown as ZoneTables['zone_journal']
  return {
    revision: entry.revision,
    serialBefore: entry.serial_before,
    serialAfter: entry.serial_after,
    at: entry.at,
    key: entry.key ?? undefined,
    source: entry.source,
    change: decodeChange(entry.changes),
    ...(entry.released !== null && { released: releasedOf(entry.released) }),
  }
}

function releasedOf(text: string): (string | undefined)[] {
  return (JSON.parse(text) as (string | null)[]).map(holder => holder ?? undefined)
}
