import { type Name, nameKey } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { Type } from '../../dns/types.ts'
import type { Arena } from './arena.ts'
import { countEntry } from './build.ts'
import { TreeEditor } from './edit.ts'
import {
  findRRset,
  keyLength,
  keyOf,
  nthRRset,
  rrsetCount,
  rrsetRdatas,
  rrsetsAt,
  rrsetTtl,
  rrsetType,
  spellingLength,
  writeEntry,
  writeRRset,
} from './entry.ts'
import { ZoneError } from './errors.ts'
import { SearchKey } from './key.ts'
import { checkCount, RdataSet } from './rrset.ts'
import { checkRecord, isHashed, spellingOf } from './staging.ts'
import { Cursor } from './tree.ts'
import { readVersion, type VersionRecord, writeVersion } from './version.ts'

/** The records of one owner that go and that come. */
interface OwnerChange {
  owner: Name
  /** They are of the chain of hashed names. */
  hashed: boolean
  deleted: ResourceRecord[]
  added: ResourceRecord[]
}

/**
 * The version that follows `base` by these deletions and then these additions, unpublished. Versions before it stay as they are.
 * Throws ZoneError where a deleted record is not there or the zone would be left without its SOA, and ArenaFull. `key` is lent for its searches.
 */
export function applyRecords(
  arena: Arena,
  origin: Name,
  base: number,
  deleted: readonly ResourceRecord[],
  added: readonly ResourceRecord[],
  key: SearchKey = new SearchKey(),
): number {
  const version = readVersion(arena, base)
  const names = new TreeEditor(arena, version.root)
  const hashes = new TreeEditor(arena, version.hashed)
  const cursor = new Cursor(arena)
  for (const change of byOwner(origin, deleted, added)) {
    key.read(change.owner, 0, change.owner.length - origin.length)
    const octets = key.octets.subarray(0, key.length)
    const editor = change.hashed ? hashes : names
    if (key.length === 0) version.apex = changeEntry(arena, origin, version.apex, octets, change, version)
    else {
      const before = cursor.seek(editor.root, octets, octets.length) ? cursor.entry : 0
      const after = changeEntry(arena, origin, before, octets, change, version)
      if (after !== 0) editor.put(octets, octets.length, after)
      else if (before !== 0) editor.remove(octets, octets.length)
    }
  }
  const soa = version.apex && findRRset(arena, version.apex, Type.SOA)
  if (!soa || rrsetCount(arena, soa) !== 1) throw new ZoneError('the change does not leave exactly one SOA')
  return writeVersion(arena, { ...version, root: names.root, hashed: hashes.root })
}

function byOwner(
  origin: Name,
  deleted: readonly ResourceRecord[],
  added: readonly ResourceRecord[],
): Iterable<OwnerChange> {
  const changes = new Map<string, OwnerChange>()
  const of = (record: ResourceRecord): OwnerChange => {
    checkRecord(origin, record)
    const hashed = isHashed(origin, record)
    const key = hashed ? `${nameKey(record.owner)} hashed` : nameKey(record.owner)
    let change = changes.get(key)
    if (!change) changes.set(key, (change = { owner: record.owner, hashed, deleted: [], added: [] }))
    return change
  }
  for (const record of deleted) of(record).deleted.push(record)
  for (const record of added) of(record).added.push(record)
  return changes.values()
}

/** Writes what becomes of an entry (0: there is none yet); returns the new one, or 0 where nothing is left. */
function changeEntry(
  arena: Arena,
  origin: Name,
  before: number,
  key: Uint8Array,
  change: OwnerChange,
  version: VersionRecord,
): number {
  const touched = new Set<number>()
  for (const { type } of change.deleted) touched.add(type)
  for (const { type } of change.added) touched.add(type)
  const kept: { type: number; rrset: number }[] = []
  for (let i = 0; before !== 0 && i < rrsetsAt(arena, before); i++) {
    const rrset = nthRRset(arena, before, i)
    const type = rrsetType(arena, rrset)
    if (!touched.has(type)) kept.push({ type, rrset })
  }
  // What is left of the owner keeps its spelling; an owner that comes anew has that of the records that come.
  let stays = kept.length > 0
  for (const type of touched) {
    const { rrset, left } = changeRRset(arena, before, type, change, version)
    if (left) stays = true
    if (rrset !== 0) kept.push({ type, rrset })
  }
  if (before !== 0) countEntry(arena, before, key, version, -1, change.hashed)
  version.rrsets += kept.length - (before === 0 ? 0 : rrsetsAt(arena, before))
  if (kept.length === 0) return 0
  kept.sort((a, b) => a.type - b.type)
  const spelling = stays ? spellingAt(arena, before) : spellingOf(change.added[0]!.owner, origin)
  const types = kept.map(({ type }) => type)
  const rrsets = kept.map(({ rrset }) => rrset)
  const after = writeEntry(arena, key, spelling, types, rrsets)
  countEntry(arena, after, key, version, 1, change.hashed)
  return after
}

function spellingAt(arena: Arena, entry: number): Uint8Array | undefined {
  const length = spellingLength(arena, entry)
  const at = keyOf(entry) + keyLength(arena, entry)
  return length === 0 ? undefined : arena.octets.subarray(at, at + length)
}

/**
 * Writes what becomes of an RRset: what stays keeps its order, what comes goes to its end and sets the TTL. `rrset` is 0 where it is empty;
 * `left` tells whether any of its records is from before.
 */
function changeRRset(
  arena: Arena,
  entry: number,
  type: number,
  change: OwnerChange,
  version: VersionRecord,
): { rrset: number; left: boolean } {
  const before = entry === 0 ? 0 : findRRset(arena, entry, type)
  const rdatas = new RdataSet(type, before === 0 ? [] : rrsetRdatas(arena, before))
  version.records -= rdatas.size
  let ttl = before === 0 ? 0 : rrsetTtl(arena, before)
  for (const record of change.deleted)
    if (record.type === type && !rdatas.delete(record.rdata))
      throw new ZoneError('a record that is deleted is not there', record)
  const left = rdatas.size > 0
  for (const record of change.added) {
    if (record.type !== type) continue
    // RFC 2136 §3.4.2.2: an added record that is there already takes its place, spelling and TTL.
    rdatas.put(record.rdata)
    ttl = record.ttl
  }
  checkCount(rdatas, change.added[0])
  version.records += rdatas.size
  return { rrset: rdatas.size === 0 ? 0 : writeRRset(arena, type, ttl, rdatas.toArray()), left }
}
