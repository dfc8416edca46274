import type { Generated } from 'kysely'
import type { Migration } from '../../host/database.ts'
import { createCompiler } from '../../host/sql.ts'

export { prepared, statement } from '../../host/sql.ts'

/** Dynamic zones; names are presentation text in lower case, times milliseconds since 1970. */
export interface ZoneTables {
  /**
   * `revision` rises by one with every commit; `baseline` is the digest of the file as it was last applied. `journal_size`, the octets of all its
   * changes, is counted by triggers.
   */
  zones: {
    id: number
    view: string
    name: string
    revision: number
    baseline: string | null
    journal_size: Generated<number>
  }
  /** `id` is the record's identity; `holder` the key that added it, null where it came from the file or from us. */
  zone_records: {
    zone: number
    id: Uint8Array
    owner: Uint8Array
    type: number
    ttl: number
    rdata: Uint8Array
    holder: string | null
  }
  /** The file's records as they were last applied, packed, in parts. */
  zone_baselines: { zone: number; part: number; records: Uint8Array }
  /** When a secondary was last known to be what its primaries have, milliseconds since 1970; `promoted` once it is its own primary. */
  zone_secondaries: { zone: number; checked: number; promoted: number }
  /** Zones that are their files, as these were last read, and what they have been lately (file-history.ts). */
  zone_files: { view: string; name: string; digest: string; serial: number; history: Uint8Array }
  /** Of which revision an image is kept in a file, and the checksum by which that file is known. */
  zone_images: { zone: number; revision: number; checksum: string }
  /** Zones that are served because a catalog lists them: names in lower case, and the label of the zone's node in the catalog. */
  zone_members: { view: string; zone: string; catalog: string; label: string }
  /** What made each revision, and who asked for it; `released` is a JSON list of who held each deleted record. */
  zone_journal: {
    zone: number
    revision: number
    serial_before: number
    serial_after: number
    at: number
    key: string | null
    source: string
    changes: Uint8Array
    released: string | null
  }
  /** MACs of updates that were answered, with what, and until when each could be accepted again; in the order in which they came. */
  zone_requests: { zone: number; mac: Uint8Array; rcode: number; until: number }
}

/** Compiles; `host/database.ts` executes. */
export const sql = createCompiler<ZoneTables>()

/** The zones' tables, in the order in which they came to be. */
export const ZONE_MIGRATIONS: readonly Migration[] = [
  {
    id: 'zones-0001',
    statements: [
      `CREATE TABLE zones (id INTEGER PRIMARY KEY, view TEXT NOT NULL, name TEXT NOT NULL, revision INTEGER NOT NULL, baseline TEXT,
        UNIQUE (view, name)) STRICT`,
      `CREATE TABLE zone_records (zone INTEGER NOT NULL REFERENCES zones (id) ON DELETE CASCADE, id BLOB NOT NULL, owner BLOB NOT NULL,
        type INTEGER NOT NULL, ttl INTEGER NOT NULL, rdata BLOB NOT NULL, holder TEXT, PRIMARY KEY (zone, id)) STRICT, WITHOUT ROWID`,
      `CREATE TABLE zone_baselines (zone INTEGER NOT NULL REFERENCES zones (id) ON DELETE CASCADE, part INTEGER NOT NULL,
        records BLOB NOT NULL, PRIMARY KEY (zone, part)) STRICT`,
      `CREATE TABLE zone_journal (zone INTEGER NOT NULL REFERENCES zones (id) ON DELETE CASCADE, revision INTEGER NOT NULL,
        serial_before INTEGER NOT NULL, serial_after INTEGER NOT NULL, at INTEGER NOT NULL, key TEXT, source TEXT NOT NULL,
        changes BLOB NOT NULL, PRIMARY KEY (zone, revision)) STRICT`,
    ],
  },
  { id: 'zones-0002', statements: ['ALTER TABLE zone_journal ADD COLUMN released TEXT'] },
  {
    id: 'zones-0003-secondaries',
    statements: [
      `CREATE TABLE zone_secondaries (zone INTEGER PRIMARY KEY REFERENCES zones (id) ON DELETE CASCADE, checked INTEGER NOT NULL,
        promoted INTEGER NOT NULL DEFAULT 0) STRICT`,
    ],
  },
  {
    id: 'zones-0004-requests',
    statements: [
      `CREATE TABLE zone_requests (zone INTEGER NOT NULL REFERENCES zones (id) ON DELETE CASCADE, mac BLOB NOT NULL,
        rcode INTEGER NOT NULL, until INTEGER NOT NULL) STRICT`,
    ],
  },
  {
    id: 'zones-0005-members',
    statements: [
      `CREATE TABLE zone_members (view TEXT NOT NULL, zone TEXT NOT NULL, catalog TEXT NOT NULL, label TEXT NOT NULL,
        PRIMARY KEY (view, zone)) STRICT, WITHOUT ROWID`,
    ],
  },
  {
    // One tree instead of two: every update writes a page less.
    id: 'zones-0006-journal',
    statements: [
      `CREATE TABLE zone_journal_ordered (zone INTEGER NOT NULL REFERENCES zones (id) ON DELETE CASCADE, revision INTEGER NOT NULL,
        serial_before INTEGER NOT NULL, serial_after INTEGER NOT NULL, at INTEGER NOT NULL, key TEXT, source TEXT NOT NULL,
        changes BLOB NOT NULL, released TEXT, PRIMARY KEY (zone, revision)) STRICT, WITHOUT ROWID`,
      `INSERT INTO zone_journal_ordered SELECT zone, revision, serial_before, serial_after, at, key, source, changes, released
        FROM zone_journal`,
      'DROP TABLE zone_journal',
      'ALTER TABLE zone_journal_ordered RENAME TO zone_journal',
    ],
  },
  {
    id: 'zones-0007-files',
    statements: [
      `CREATE TABLE zone_files (view TEXT NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL, serial INTEGER NOT NULL,
        history BLOB NOT NULL, PRIMARY KEY (view, name)) STRICT`,
    ],
  },
  {
    id: 'zones-0008-journal-size',
    statements: [
      'ALTER TABLE zones ADD COLUMN journal_size INTEGER NOT NULL DEFAULT 0',
      'UPDATE zones SET journal_size = (SELECT coalesce(sum(length(changes)), 0) FROM zone_journal WHERE zone = zones.id)',
      `CREATE TRIGGER zone_journal_grown AFTER INSERT ON zone_journal BEGIN
        UPDATE zones SET journal_size = journal_size + length(new.changes) WHERE id = new.zone; END`,
      `CREATE TRIGGER zone_journal_dropped AFTER DELETE ON zone_journal BEGIN
        UPDATE zones SET journal_size = journal_size - length(old.changes) WHERE id = old.zone; END`,
    ],
  },
  {
    id: 'zones-0009-images',
    statements: [
      `CREATE TABLE zone_images (zone INTEGER PRIMARY KEY REFERENCES zones (id) ON DELETE CASCADE, revision INTEGER NOT NULL,
        checksum TEXT NOT NULL) STRICT`,
    ],
  },
]
