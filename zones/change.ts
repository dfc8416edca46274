import { Class } from '../dns/codes.ts'
import { type Name, nameKey } from '../dns/name.ts'
import { type ResourceRecord, readRecord } from '../dns/record.ts'
import { canonicalRdata, Type } from '../dns/types.ts'
import { Reader, Writer } from '../dns/wire.ts'

/**
 * What turns one version of a zone into the next, in the shape of an IXFR (RFC 1995 §4): the records that go and the records that
 * come. Each list starts with the zone's SOA, the old one and the new. A record whose TTL changes is in both lists.
 */
export interface Changeset {
  deleted: ResourceRecord[]
  added: ResourceRecord[]
}

/** Two records with the same identity are the same record, TTLs aside (RFC 2136 §1.1.1, RFC 2181 §5): owner, type and RDATA, names ignoring case. */
export function recordKey(owner: Name, type: number, rdata: Uint8Array): string {
  return rrsetKey(owner, type) + rdataKey(type, rdata)
}

/** The same for RDATAs of a type that are equal, names in them ignoring case. */
export function rdataKey(type: number, rdata: Uint8Array): string {
  return latin1(canonicalRdata(type, rdata))
}

/** Names an RRset: its owner ignoring case, and its type. */
export function rrsetKey(owner: Name, type: number): string {
  return nameKey(owner) + String.fromCharCode(type)
}

function latin1(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString('latin1')
}

/** Identity, TTL and spelling: what must be equal for nothing to have changed. */
function contentKey(record: ResourceRecord): string {
  return `${record.ttl}/${latin1(record.owner)}/${record.type}/${latin1(record.rdata)}`
}

const keyOf = (record: ResourceRecord) => recordKey(record.owner, record.type, record.rdata)

/** Whether nothing changes. */
export function isEmptyChange(change: Changeset): boolean {
  return change.deleted.length === 0 && change.added.length === 0
}

/** The changeset that undoes `change`. */
export function invertChange(change: Changeset): Changeset {
  return { deleted: change.added, added: change.deleted }
}

/** One changeset with the effect of `first` and then `second`; what the second takes back of the first is in neither list. */
export function mergeChanges(first: Changeset, second: Changeset): Changeset {
  const merged = new MergedChanges()
  merged.add(first)
  merged.add(second)
  return merged.whole()
}

/** Changes that follow each other, as one. */
export class MergedChanges {
  private readonly deleted = new Map<string, ResourceRecord>()
  private readonly added = new Map<string, ResourceRecord>()

  add(change: Changeset): void {
    const { deleted, added } = this
    for (const record of change.deleted) {
      const key = keyOf(record)
      if (!added.delete(key)) deleted.set(key, record)
    }
    for (const record of change.added) added.set(keyOf(record), record)
  }

  /** How many records go and come, at most. */
  get size(): number {
    return this.deleted.size + this.added.size
  }

  /** To be asked for once, when all have been added. */
  whole(): Changeset {
    return withoutUnchanged(this.deleted, this.added)
  }
}

/** The changeset that leads from the records `before` to the records `after`, each in any order and without duplicates. */
export function diffRecords(before: Iterable<ResourceRecord>, after: Iterable<ResourceRecord>): Changeset {
  return withoutUnchanged(byKey(before), byKey(after))
}

/** The records left when `change` is applied to `records`: the reference for zone images, and for what is too small for one. */
export function applyToRecords(records: Iterable<ResourceRecord>, change: Changeset): ResourceRecord[] {
  const left = byKey(records)
  for (const record of change.deleted) left.delete(keyOf(record))
  for (const record of change.added) left.set(keyOf(record), record)
  return [...left.values()]
}

function byKey(records: Iterable<ResourceRecord>): Map<string, ResourceRecord> {
  const map = new Map<string, ResourceRecord>()
  for (const record of records) map.set(keyOf(record), record)
  return map
}

function withoutUnchanged(deleted: Map<string, ResourceRecord>, added: Map<string, ResourceRecord>): Changeset {
  for (const [key, record] of added) {
    const before = deleted.get(key)
    if (!before || contentKey(before) !== contentKey(record)) continue
    deleted.delete(key)
    added.delete(key)
  }
  return soaFirst({ deleted: [...deleted.values()], added: [...added.values()] })
}

/** The same changeset, each of its lists put into its order. */
export function soaFirst(change: Changeset): Changeset {
  for (const list of [change.deleted, change.added]) {
    const at = list.findIndex(record => record.type === Type.SOA)
    if (at > 0) list.unshift(...list.splice(at, 1))
  }
  return change
}

/** The octets that the journal keeps: a count and the records of each list in wire form, uncompressed. */
export function encodeChange(change: Changeset): Uint8Array {
  const writer = new Writer()
  for (const records of [change.deleted, change.added]) {
    writer.u32(records.length)
    for (const record of records) packRecord(writer, record)
  }
  return writer.done().slice()
}

/** The changeset that `encodeChange` wrote. */
export function decodeChange(octets: Uint8Array): Changeset {
  const reader = new Reader(octets)
  const list = () => Array.from({ length: reader.u32() }, () => readRecord(reader))
  const deleted = list()
  return { deleted, added: list() }
}

/** Writes a record in uncompressed wire form; `readRecord` reads it back. */
export function packRecord(writer: Writer, record: ResourceRecord): void {
  writer.bytes(record.owner)
  writer.u16(record.type)
  writer.u16(Class.IN)
  writer.u32(record.ttl)
  writer.u16(record.rdata.length)
  writer.bytes(record.rdata)
}
