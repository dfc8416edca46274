import { Rrsig } from '../../dns/dnssec.ts'
import { equalNames, isSubdomain, LOWER, type Name } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { isMetaType, Type } from '../../dns/types.ts'
import { Arena, roomFor } from './arena.ts'
import { buildTree, treeWords } from './edit.ts'
import { entryFlags, findRRset, Has, writeEntry, writeRRset } from './entry.ts'
import { ZoneError } from './errors.ts'
import { hasAsterisk, SearchKey } from './key.ts'
import { distinctRdatas } from './rrset.ts'
import { compareKeys, type Keys, sortKeys } from './sort.ts'
import { type VersionRecord, writeVersion } from './version.ts'

/** Runs of records with one owner as they came: their keys, and where each run begins in `records`. */
interface Staged {
  records: ResourceRecord[]
  keys: Keys
  runs: Uint32Array
  octets: number
}

/** Whether the record belongs to the chain of hashed names: NSEC3, or a signature of one. */
export function isHashed(origin: Name, { owner, type, rdata }: ResourceRecord): boolean {
  if (owner.length === origin.length) return false
  return type === Type.NSEC3 || (type === Type.RRSIG && Rrsig.typeCovered(rdata) === Type.NSEC3)
}

/** An arena with these records in any order, its one version unpublished; `slack` is room for changes as a share of the live data. */
export function buildZone(
  origin: Name,
  records: Iterable<ResourceRecord>,
  slack: number,
): { arena: Arena; version: number } {
  const hashed: ResourceRecord[] = []
  const staged = stage(origin, records, hashed)
  const stagedHashed = stage(origin, hashed)
  const arena = Arena.create(origin, roomFor(staged.octets + stagedHashed.octets, slack))
  const entries: number[] = []
  const version = emptyVersion()
  for (const group of groupsByOwner(staged)) {
    const entry = writeOwner(arena, origin, group, version)
    if (group.key.length === 0) version.apex = entry
    else entries.push(entry)
  }
  if (version.apex === 0 || findRRset(arena, version.apex, Type.SOA) === 0)
    throw new ZoneError('the zone has no SOA at its apex')
  version.root = buildTree(arena, entries)
  const hashes = Array.from(groupsByOwner(stagedHashed), group => writeOwner(arena, origin, group, version, true))
  version.hashed = buildTree(arena, hashes)
  return { arena, version: writeVersion(arena, version) }
}

function emptyVersion(): VersionRecord {
  return { root: 0, apex: 0, names: 0, rrsets: 0, records: 0, cuts: 0, wildcards: 0, hashed: 0, hashes: 0 }
}

/** Puts the records into runs of one owner; those of hashed names are set aside in `hashed`, where it is given. */
function stage(origin: Name, source: Iterable<ResourceRecord>, hashed?: ResourceRecord[]): Staged {
  const records: ResourceRecord[] = []
  const runs: number[] = []
  const starts: number[] = []
  const key = new SearchKey()
  let octets = new Uint8Array(4096)
  let used = 0
  let size = 0
  let owner: Name | undefined
  for (const record of source) {
    checkRecord(origin, record)
    if (hashed && isHashed(origin, record)) {
      hashed.push(record)
      continue
    }
    if (!owner || (owner !== record.owner && !equalNames(owner, record.owner))) {
      owner = record.owner
      key.read(owner, 0, owner.length - origin.length)
      if (used + key.length > octets.length) octets = grown(octets, used + key.length)
      octets.set(key.octets.subarray(0, key.length), used)
      runs.push(records.length)
      starts.push(used)
      used += key.length
      // Entry, key, spelling.
      size += 12 + 2 * key.length
    }
    // RRset head, its slot in the entry, length and RDATA.
    size += 28 + record.rdata.length
    records.push(record)
  }
  runs.push(records.length)
  starts.push(used)
  const keys = { octets, starts: Uint32Array.from(starts) }
  return { records, keys, runs: Uint32Array.from(runs), octets: size + treeWords(starts.length) * 4 }
}

function grown(octets: Uint8Array, least: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(Math.max(octets.length * 2, least))
  larger.set(octets)
  return larger
}

/** Throws ZoneError where no zone with this origin can hold the record. */
export function checkRecord(origin: Name, record: ResourceRecord): void {
  const { owner, type } = record
  if (!isSubdomain(owner, origin)) throw new ZoneError('the owner is outside the zone', record)
  if (isMetaType(type)) throw new ZoneError('a type that cannot be stored', record)
  if (type === Type.SOA && owner.length !== origin.length) throw new ZoneError('an SOA that is not at the apex', record)
}

interface OwnerGroup {
  key: Uint8Array
  records: ResourceRecord[]
}

/** All records of each owner, owners in canonical order, records in the order they came. */
function* groupsByOwner({ records, keys, runs }: Staged): Generator<OwnerGroup> {
  const order = sortKeys(keys)
  for (let i = 0; i < order.length; ) {
    const first = order[i]!
    const group = records.slice(runs[first]!, runs[first + 1]!)
    for (i++; i < order.length && compareKeys(keys, first, order[i]!, 0) === 0; i++)
      for (let at = runs[order[i]!]!; at < runs[order[i]! + 1]!; at++) group.push(records[at]!)
    yield { key: keys.octets.subarray(keys.starts[first]!, keys.starts[first + 1]!), records: group }
  }
}

function writeOwner(
  arena: Arena,
  origin: Name,
  { key, records }: OwnerGroup,
  version: VersionRecord,
  hashed = false,
): number {
  const byType = groupByType(records)
  const types = [...byType.keys()].sort((a, b) => a - b)
  const rrsets: number[] = []
  for (const type of types) {
    const same = byType.get(type)!
    const rdatas = distinctRdatas(type, same)
    if (type === Type.SOA && rdatas.length > 1) throw new ZoneError('a second SOA', same[1])
    rrsets.push(writeRRset(arena, type, lowestTtl(same), rdatas))
    version.records += rdatas.length
  }
  version.rrsets += types.length
  const entry = writeEntry(arena, key, spellingOf(records[0]!.owner, origin), types, rrsets)
  countEntry(arena, entry, key, version, 1, hashed)
  return entry
}

function groupByType(records: readonly ResourceRecord[]): Map<number, ResourceRecord[]> {
  const byType = new Map<number, ResourceRecord[]>()
  for (const record of records) {
    const same = byType.get(record.type)
    if (same) same.push(record)
    else byType.set(record.type, [record])
  }
  return byType
}

/** RFC 2181 §5.2: where the TTLs of an RRset differ, the lowest is taken for all. */
function lowestTtl(records: readonly ResourceRecord[]): number {
  return records.reduce((lowest, { ttl }) => Math.min(lowest, ttl), records[0]!.ttl)
}

/** Adds the entry to the version's counts of names, cuts and wildcards, or takes it off (`by` -1). */
export function countEntry(
  arena: Arena,
  entry: number,
  key: Uint8Array,
  version: VersionRecord,
  by: 1 | -1,
  hashed = false,
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

/** The owner's labels below the origin as they were spelled, or undefined where that is lower case. */
export function spellingOf(owner: Name, origin: Name): Uint8Array | undefined {
  const labels = owner.subarray(0, owner.length - origin.length)
  for (const octet of labels) if (LOWER[octet] !== octet) return labels
  return undefined
}
