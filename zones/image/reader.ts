import { type Name, ROOT } from '../../dns/name.ts'
import type { RRset } from '../../dns/record.ts'
import type { Arena } from './arena.ts'
import {
  entryFlags,
  findRRset,
  Has,
  keyLength,
  keyOf,
  nthRRset,
  rrsetCount,
  rrsetData,
  rrsetRdatas,
  rrsetsAt,
  rrsetTtl,
  rrsetType,
  sharedOctets,
  spellingLength,
} from './entry.ts'
import { labelsLength, type SearchKey, writeLabels } from './key.ts'
import { Cursor } from './tree.ts'
import { apexOf, cutsOf, hashedOf, rootOf, wildcardsOf } from './version.ts'

const SOA = 6
const RRSIG = 46
const NSEC = 47
const NSEC3 = 50

/** Names in a row without NSEC that are gone back past: addresses of servers below one cut. A zone that has more is not signed whole. */
const MOST_WITHOUT_NSEC = 4096
/** Sorts after every hash in base32hex. */
const AFTER_ALL = Uint8Array.of(0xff)

/**
 * Finds owners in versions of one zone. One object serves a thread for all its lookups and allocates nothing.
 * Names that own nothing but have something below them (empty non-terminals, RFC 4592 §2.2.2) need no entry:
 * the neighbours of a key in canonical order show how much of it exists.
 */
export class ZoneReader {
  /** After `locate`: the entry of that very name, or 0. */
  entry = 0
  /** After `locate`: labels, below the origin, of the closest encloser (RFC 4592 §3.3.1); all of the key's where the name exists. */
  closest = 0
  private readonly arena: Arena
  private readonly cursor: Cursor

  constructor(arena: Arena) {
    this.arena = arena
    this.cursor = new Cursor(arena)
  }

  locate(version: number, key: SearchKey): void {
    const { arena, cursor } = this
    if (key.labels === 0) {
      this.entry = apexOf(arena, version)
      this.closest = 0
      return
    }
    if (cursor.seek(rootOf(arena, version), key.octets, key.length)) {
      this.entry = cursor.entry
      this.closest = key.labels
      return
    }
    this.entry = 0
    const before = cursor.entry === 0 ? 0 : sharedOctets(arena, cursor.entry, key)
    const next = cursor.peek()
    const after = next === 0 ? 0 : sharedOctets(arena, next, key)
    const shared = Math.max(before, after)
    let labels = key.labels
    while (key.ends[labels]! > shared) labels--
    this.closest = labels
  }

  /** The entry of the key's ancestor with so many labels below the origin, or 0. */
  ancestor(version: number, key: SearchKey, labels: number): number {
    if (labels === 0) return apexOf(this.arena, version)
    return this.cursor.seek(rootOf(this.arena, version), key.octets, key.ends[labels]!) ? this.cursor.entry : 0
  }

  /**
   * The owner of the NSEC that covers or matches the key: the last one not after it (RFC 4034 §4). Names below a cut have none, so the
   * search goes back past them. 0 where the zone has no such chain.
   */
  covering(version: number, key: SearchKey): number {
    const { arena, cursor } = this
    cursor.seek(rootOf(arena, version), key.octets, key.length)
    for (let left = MOST_WITHOUT_NSEC; cursor.entry !== 0; cursor.previous()) {
      if (findRRset(arena, cursor.entry, NSEC) !== 0) return cursor.entry
      if (left-- === 0) return 0
    }
    const apex = apexOf(arena, version)
    return findRRset(arena, apex, NSEC) === 0 ? 0 : apex
  }

  /** The entry of the NSEC3 whose owner has exactly this key (RFC 5155 §1.3: it matches), or 0. */
  matchingHash(version: number, key: Uint8Array, length: number): number {
    return this.cursor.seek(hashedOf(this.arena, version), key, length) ? this.cursor.entry : 0
  }

  /** The entry of the NSEC3 that covers the key, which none matches: the last before it, or of all (RFC 5155 §1.3); 0 where there is none. */
  coveringHash(version: number, key: Uint8Array, length: number): number {
    const { arena, cursor } = this
    const root = hashedOf(arena, version)
    cursor.seek(root, key, length)
    if (cursor.entry === 0) cursor.seek(root, AFTER_ALL, AFTER_ALL.length)
    return cursor.entry
  }

  /** The entry's owner below the origin, in wire form but lower case, written to `into` up to `end`; returns how many octets. */
  labels(entry: number, into: Uint8Array, end: number): number {
    const { octets } = this.arena
    const at = keyOf(entry)
    const length = keyLength(this.arena, entry)
    writeLabels(octets, at, length, into, end)
    return labelsLength(octets, at, length)
  }

  apex(version: number): number {
    return apexOf(this.arena, version)
  }

  hasCuts(version: number): boolean {
    return cutsOf(this.arena, version) > 0
  }

  hasWildcards(version: number): boolean {
    return wildcardsOf(this.arena, version) > 0
  }

  hasNS(entry: number): boolean {
    return (entryFlags(this.arena, entry) & Has.NS) !== 0
  }

  hasDNAME(entry: number): boolean {
    return (entryFlags(this.arena, entry) & Has.DNAME) !== 0
  }

  hasCNAME(entry: number): boolean {
    return (entryFlags(this.arena, entry) & Has.CNAME) !== 0
  }

  /** The RRset of this type at an entry, or 0. */
  find(entry: number, type: number): number {
    return findRRset(this.arena, entry, type)
  }

  /** RFC 8482 §4.1: one RRset for QTYPE ANY, of a type that says something by itself where there is one; 0 where the entry has none. */
  anyOf(entry: number): number {
    const { arena } = this
    const count = rrsetsAt(arena, entry)
    for (let i = 0; i < count; i++) {
      const type = rrsetType(arena, nthRRset(arena, entry, i))
      if (type !== RRSIG && type !== NSEC) return nthRRset(arena, entry, i)
    }
    return count === 0 ? 0 : nthRRset(arena, entry, 0)
  }

  type(rrset: number): number {
    return rrsetType(this.arena, rrset)
  }

  ttl(rrset: number): number {
    return rrsetTtl(this.arena, rrset)
  }

  count(rrset: number): number {
    return rrsetCount(this.arena, rrset)
  }

  /** Where in `octets` the RRset's records begin: each a 16-bit length and uncompressed RDATA. */
  data(rrset: number): number {
    return rrsetData(rrset)
  }

  get octets(): Uint8Array {
    return this.arena.octets
  }
}

/** The owner of an entry in its own spelling. */
export function ownerOf(arena: Arena, origin: Name, entry: number): Name {
  const { octets } = arena
  const at = keyOf(entry)
  const key = keyLength(arena, entry)
  const spelled = spellingLength(arena, entry)
  const labels = spelled > 0 ? spelled : labelsLength(octets, at, key)
  const name = new Uint8Array(labels + origin.length)
  if (spelled > 0) name.set(octets.subarray(at + key, at + key + spelled))
  else writeLabels(octets, at, key, name, labels)
  name.set(origin, labels)
  return name
}

/** An RRset as an object of its own. */
export function rrsetObject(arena: Arena, owner: Name, rrset: number): RRset {
  return { owner, type: rrsetType(arena, rrset), ttl: rrsetTtl(arena, rrset), rdatas: rrsetRdatas(arena, rrset) }
}

/** The RRset of an owner from the chain of hashed names: NSEC3, or its signatures. */
export function hashedRRset(
  arena: Arena,
  origin: Name,
  version: number,
  key: SearchKey,
  type: number,
): RRset | undefined {
  const root = hashedOf(arena, version)
  if (root === 0 || (type !== NSEC3 && type !== RRSIG)) return undefined
  const cursor = new Cursor(arena)
  const rrset = cursor.seek(root, key.octets, key.length) ? findRRset(arena, cursor.entry, type) : 0
  return rrset === 0 ? undefined : rrsetObject(arena, ownerOf(arena, origin, cursor.entry), rrset)
}

/** The RRsets of a version: SOA, the rest of the apex, all owners in canonical order, then NSEC3 and their signatures. */
export function* allRRsets(arena: Arena, origin: Name, version: number): Generator<RRset> {
  const apex = apexOf(arena, version)
  const soa = findRRset(arena, apex, SOA)
  yield rrsetObject(arena, origin, soa)
  for (const rrset of rrsetsOf(arena, apex)) if (rrset !== soa) yield rrsetObject(arena, origin, rrset)
  for (const root of [rootOf(arena, version), hashedOf(arena, version)]) {
    const cursor = new Cursor(arena)
    cursor.seek(root, ROOT, 0)
    for (let entry = cursor.next(); entry !== 0; entry = cursor.next()) {
      const owner = ownerOf(arena, origin, entry)
      for (const rrset of rrsetsOf(arena, entry)) yield rrsetObject(arena, owner, rrset)
    }
  }
}

/** The RRsets of one type, in the same order. */
export function* rrsetsOfType(arena: Arena, origin: Name, version: number, type: number): Generator<RRset> {
  const atApex = findRRset(arena, apexOf(arena, version), type)
  if (atApex !== 0) yield rrsetObject(arena, origin, atApex)
  for (const root of [rootOf(arena, version), hashedOf(arena, version)]) {
    const cursor = new Cursor(arena)
    cursor.seek(root, ROOT, 0)
    for (let entry = cursor.next(); entry !== 0; entry = cursor.next()) {
      const rrset = findRRset(arena, entry, type)
      if (rrset !== 0) yield rrsetObject(arena, ownerOf(arena, origin, entry), rrset)
    }
  }
}

function* rrsetsOf(arena: Arena, entry: number): Generator<number> {
  for (let i = 0; i < rrsetsAt(arena, entry); i++) yield nthRRset(arena, entry, i)
}
