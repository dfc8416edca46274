import type { Arena } from './arena.ts'
import type { SearchKey } from './key.ts'

/**
 * What lies in an arena besides the tree's nodes. All begin on a word; a reference is the word's index.
 *
 * RRset:  word 0 type | count << 16; word 1 TTL; word 2 octets of data; then count times a 16-bit length (network order) and RDATA.
 * Entry (an owner name): word 0 octets of its key | octets of its own spelling << 16; word 1 how many RRsets | flags << 16;
 *         the key; the labels below the origin as they were spelled, where that is not lower case; then, from a word on,
 *         for each RRset its type and its reference.
 */
const RRSET_HEAD = 3
const ENTRY_HEAD = 2

/** What an owner has, for lookups to know without reading its RRsets. */
export const Has = { NS: 1, DNAME: 2, CNAME: 4, DS: 8 } as const

const NS = 2
const CNAME = 5
const DNAME = 39
const DS = 43

function flagOf(type: number): number {
  return type === NS ? Has.NS : type === DNAME ? Has.DNAME : type === CNAME ? Has.CNAME : type === DS ? Has.DS : 0
}

/** Writes an RRset; RDATA is stored in the order given (answers keep it). */
export function writeRRset(arena: Arena, type: number, ttl: number, rdatas: readonly Uint8Array[]): number {
  let size = 0
  for (const rdata of rdatas) size += rdata.length + 2
  const at = arena.allocate(RRSET_HEAD + ((size + 3) >>> 2))
  const { words, octets } = arena
  words[at] = type | (rdatas.length << 16)
  words[at + 1] = ttl
  words[at + 2] = size
  let to = (at + RRSET_HEAD) * 4
  for (const rdata of rdatas) {
    octets[to++] = rdata.length >>> 8
    octets[to++] = rdata.length
    for (let i = 0; i < rdata.length; i++) octets[to++] = rdata[i]!
  }
  return at
}

export function rrsetType(arena: Arena, rrset: number): number {
  return arena.words[rrset]! & 0xffff
}

export function rrsetCount(arena: Arena, rrset: number): number {
  return arena.words[rrset]! >>> 16
}

export function rrsetTtl(arena: Arena, rrset: number): number {
  return arena.words[rrset + 1]!
}

/** Octet offset of the first RDATA's length. */
export function rrsetData(rrset: number): number {
  return (rrset + RRSET_HEAD) * 4
}

/** Copies of the RDATAs: all on one piece of memory, for many small ones are what collecting garbage takes longest for. */
export function rrsetRdatas(arena: Arena, rrset: number): Uint8Array[] {
  const begin = rrsetData(rrset)
  const copy = arena.octets.slice(begin, begin + arena.words[rrset + 2]!)
  const rdatas: Uint8Array[] = []
  for (let at = 0; at < copy.length; ) {
    const end = at + 2 + ((copy[at]! << 8) | copy[at + 1]!)
    rdatas.push(copy.subarray(at + 2, end))
    at = end
  }
  return rdatas
}

/** Writes an entry; `types` and `rrsets` go together. `spelling` is what the owner looks like below the origin where not in lower case. */
export function writeEntry(
  arena: Arena,
  key: Uint8Array,
  spelling: Uint8Array | undefined,
  types: readonly number[],
  rrsets: readonly number[],
): number {
  const spelled = spelling?.length ?? 0
  const slots = ENTRY_HEAD + ((key.length + spelled + 3) >>> 2)
  const at = arena.allocate(slots + 2 * types.length)
  const { words, octets } = arena
  words[at] = key.length | (spelled << 16)
  let to = (at + ENTRY_HEAD) * 4
  for (let i = 0; i < key.length; i++) octets[to++] = key[i]!
  for (let i = 0; i < spelled; i++) octets[to++] = spelling![i]!
  let flags = 0
  for (let i = 0; i < types.length; i++) {
    flags |= flagOf(types[i]!)
    words[at + slots + 2 * i] = types[i]!
    words[at + slots + 2 * i + 1] = rrsets[i]!
  }
  words[at + 1] = types.length | (flags << 16)
  return at
}

/** Octet offset of the entry's key. */
export function keyOf(entry: number): number {
  return (entry + ENTRY_HEAD) * 4
}

export function keyLength(arena: Arena, entry: number): number {
  return arena.words[entry]! & 0xffff
}

/** Octets of the owner's own spelling, which follow its key; 0 where it is the key in wire form. */
export function spellingLength(arena: Arena, entry: number): number {
  return arena.words[entry]! >>> 16
}

export function entryFlags(arena: Arena, entry: number): number {
  return arena.words[entry + 1]! >>> 16
}

export function rrsetsAt(arena: Arena, entry: number): number {
  return arena.words[entry + 1]! & 0xffff
}

function slotsOf(arena: Arena, entry: number): number {
  const head = arena.words[entry]!
  return entry + ENTRY_HEAD + (((head & 0xffff) + (head >>> 16) + 3) >>> 2)
}

/** Reference of the entry's n-th RRset. */
export function nthRRset(arena: Arena, entry: number, n: number): number {
  return arena.words[slotsOf(arena, entry) + 2 * n + 1]!
}

/** Reference of the entry's RRset of this type, or 0. */
export function findRRset(arena: Arena, entry: number, type: number): number {
  const { words } = arena
  const slots = slotsOf(arena, entry)
  for (let at = slots, end = slots + 2 * rrsetsAt(arena, entry); at < end; at += 2)
    if (words[at] === type) return words[at + 1]!
  return 0
}

/** Order of the key that is searched and the entry's, from octet `from` on: negative where the searched one sorts first. */
export function compareKey(arena: Arena, entry: number, octets: Uint8Array, length: number, from: number): number {
  const stored = arena.octets
  const other = keyLength(arena, entry)
  const shared = Math.min(length, other)
  const base = keyOf(entry)
  for (let i = from; i < shared; i++) {
    const order = octets[i]! - stored[base + i]!
    if (order !== 0) return order
  }
  return length - other
}

/** How many octets the searched key and the entry's have in common at their beginning. */
export function sharedOctets(arena: Arena, entry: number, key: SearchKey): number {
  const { octets } = arena
  const shared = Math.min(key.length, keyLength(arena, entry))
  const base = keyOf(entry)
  let i = 0
  while (i < shared && octets[base + i] === key.octets[i]) i++
  return i
}

/** Words of an entry, without its RRsets. */
export function entryWords(arena: Arena, entry: number): number {
  return slotsOf(arena, entry) - entry + 2 * rrsetsAt(arena, entry)
}

/** Words of an RRset. */
export function rrsetWords(arena: Arena, rrset: number): number {
  return RRSET_HEAD + ((arena.words[rrset + 2]! + 3) >>> 2)
}

/** Copies an entry and its RRsets into another arena; returns its address there. */
export function moveEntry(from: Arena, entry: number, to: Arena): number {
  const words = entryWords(from, entry)
  const moved = copyWords(from, entry, words, to)
  for (let i = 0, slot = moved + slotsOf(from, entry) - entry + 1; i < rrsetsAt(from, entry); i++, slot += 2) {
    const rrset = from.words[slot - moved + entry]!
    to.words[slot] = copyWords(from, rrset, rrsetWords(from, rrset), to)
  }
  return moved
}

function copyWords(from: Arena, at: number, words: number, to: Arena): number {
  const copy = to.allocate(words)
  for (let i = 0; i < words; i++) to.words[copy + i] = from.words[at + i]!
  return copy
}
