import type { Arena } from './arena.ts'

/** What a version of a zone consists of. Names, RRsets and records are counted with those of the apex. */
export interface VersionRecord {
  /** Root of the tree of all owners but the apex; 0 is the empty tree. */
  root: number
  /** Entry of the apex, kept out of the tree because every update and every negative answer wants it. */
  apex: number
  names: number
  rrsets: number
  records: number
  /** Owners below the apex that have NS or DNAME: where there are none, lookups need not look above the name they seek. */
  cuts: number
  /** Owners with a label "*": where there are none, lookups need not look for sources of synthesis. */
  wildcards: number
  /**
   * Root of the tree of the owners of NSEC3 and of its signatures, and how many these are. They stand apart because none of them exists
   * in the zone's name space (RFC 5155 §7.2.8).
   */
  hashed: number
  hashes: number
}

const FIELDS = ['root', 'apex', 'names', 'rrsets', 'records', 'cuts', 'wildcards', 'hashed', 'hashes'] as const
const WORDS = FIELDS.length

/** Writes the record; its address is what names the version. */
export function writeVersion(arena: Arena, version: VersionRecord): number {
  const at = arena.allocate(WORDS)
  FIELDS.forEach((field, i) => {
    arena.words[at + i] = version[field]
  })
  return at
}

export function readVersion(arena: Arena, at: number): VersionRecord {
  const record = {} as VersionRecord
  FIELDS.forEach((field, i) => {
    record[field] = arena.words[at + i]!
  })
  return record
}

export function rootOf(arena: Arena, version: number): number {
  return arena.words[version]!
}

export function hashedOf(arena: Arena, version: number): number {
  return arena.words[version + 7]!
}

export function apexOf(arena: Arena, version: number): number {
  return arena.words[version + 1]!
}

export function cutsOf(arena: Arena, version: number): number {
  return arena.words[version + 5]!
}

export function wildcardsOf(arena: Arena, version: number): number {
  return arena.words[version + 6]!
}
