import type { Name } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { Type } from '../../dns/types.ts'
import { Arena, roomFor } from './arena.ts'
import { buildTree } from './edit.ts'
import { entryFlags, Has, writeEntry, writeRRset } from './entry.ts'
import { ZoneError } from './errors.ts'
import { hasAsterisk } from './key.ts'
import { distinctRdatas } from './rrset.ts'
import { isHashed, type StagedOwner, type StagedRecord, Staging } from './staging.ts'
import { type VersionRecord, writeVersion } from './version.ts'

/** Takes the records of a zone one by one, in any order and without keeping them as objects, and makes an arena of them. */
export class ZoneBuilder {
  private readonly origin: Name
  private readonly staging: Staging
  private readonly hashed: Staging

  constructor(origin: Name) {
    this.origin = origin
    this.staging = new Staging(origin)
    this.hashed = new Staging(origin)
  }

  /** Throws ZoneError for a record that the zone cannot hold. */
  add(record: ResourceRecord): void {
    const staging = isHashed(this.origin, record) ? this.hashed : this.staging
    staging.add(record)
  }

  /** The arena, its one version unpublished; `slack` is room for changes as a share of the live data. To be called once. */
  build(slack: number): { arena: Arena; version: number } {
    const { origin, staging, hashed } = this
    const arena = Arena.create(origin, roomFor(staging.room() + hashed.room(), slack))
    const entries: number[] = []
    const version = emptyVersion()
    for (const owner of staging.owners()) {
      const entry = writeOwner(arena, owner, version)
      if (owner.key.length === 0) version.apex = entry
      else entries.push(entry)
    }
    if (version.apex === 0) throw new ZoneError('the zone has no SOA at its apex')
    version.root = buildTree(arena, entries)
    const hashes = Array.from(hashed.owners(), owner => writeOwner(arena, owner, version, true))
    version.hashed = buildTree(arena, hashes)
    return { arena, version: writeVersion(arena, version) }
  }
}

function emptyVersion(): VersionRecord {
  return { root: 0, apex: 0, names: 0, rrsets: 0, records: 0, cuts: 0, wildcards: 0, hashed: 0, hashes: 0 }
}

function writeOwner(
  arena: Arena,
  { key, spelling, records }: StagedOwner,
  version: VersionRecord,
  hashed = false,
): number {
  const { types, rrsets } =
    records.length === 1 ? writeOne(arena, records[0]!, version) : writeAll(arena, records, version)
  if (key.length === 0 && !types.includes(Type.SOA)) throw new ZoneError('the zone has no SOA at its apex')
  version.rrsets += types.length
  const entry = writeEntry(arena, key, spelling, types, rrsets)
  countEntry(arena, entry, key, version, 1, hashed)
  return entry
}

/** What an owner has, by ascending type. */
interface Written {
  types: number[]
  rrsets: number[]
}

/** As most owners have. */
function writeOne(arena: Arena, { type, ttl, rdata }: StagedRecord, version: VersionRecord): Written {
  version.records++
  return { types: [type], rrsets: [writeRRset(arena, type, ttl, [rdata])] }
}

function writeAll(arena: Arena, records: readonly StagedRecord[], version: VersionRecord): Written {
  const byType = groupByType(records)
  const types = [...byType.keys()].sort((a, b) => a - b)
  const rrsets: number[] = []
  for (const type of types) {
    const same = byType.get(type)!
    const rdatas = distinctRdatas(type, same)
    if (type === Type.SOA && rdatas.length > 1) throw new ZoneError('a second SOA')
    rrsets.push(writeRRset(arena, type, lowestTtl(same), rdatas))
    version.records += rdatas.length
  }
  return { types, rrsets }
}

function groupByType(records: readonly StagedRecord[]): Map<number, StagedRecord[]> {
  const byType = new Map<number, StagedRecord[]>()
  for (const record of records) {
    const same = byType.get(record.type)
    if (same) same.push(record)
    else byType.set(record.type, [record])
  }
  return byType
}

/** RFC 2181 §5.2: where the TTLs of an RRset differ, the lowest is taken for all. */
function lowestTtl(records: readonly StagedRecord[]): number {
  return records.reduce((lowest, { ttl }) => Math.min(lowest, ttl), records[0]!.ttl)
}

/** Adds the entry to the version's counts of names, cuts and wildcards, or takes it off (`by` -1). */
export function countEntry(
  arena: Arena,
  entry: number,
  key: Uint8Array,
  version: VersionRecord,
  by: 1 | -1,
  hashed: boolean,
): void {
  if (hashed) {
    version.hashes += by
    return
  }
  version.names += by
  if (key.length === 0) return
  if (entryFlags(arena, entry) & (Has.NS | Has.DNAME)) version.cuts += by
  if (hasAsterisk(key, 0, key.length)) version.wildcards += by
}
