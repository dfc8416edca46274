import { MAX_NAME, type Name } from '../../dns/name.ts'
import { Type } from '../../dns/types.ts'
import type { Arena } from './arena.ts'
import {
  findRRset,
  keyLength,
  keyOf,
  nthRRset,
  rrsetCount,
  rrsetData,
  rrsetsAt,
  rrsetTtl,
  rrsetType,
  spellingLength,
} from './entry.ts'
import { labelsLength, writeLabels } from './key.ts'
import { Cursor } from './tree.ts'
import { apexOf, hashedOf, rootOf } from './version.ts'

const NO_KEY = new Uint8Array(0)

/**
 * Goes through all records of a version as `allRRsets` gives them: the SOA, the rest of the apex, all owners in canonical order, then those of
 * NSEC3. It makes no object of any, for transfers that send millions; other versions may come and go meanwhile.
 */
export class RecordWalk {
  /** The owner as it is spelled, in wire form, in the first `ownerLength` octets: written over with the next owner. */
  readonly owner: Uint8Array = new Uint8Array(MAX_NAME)
  ownerLength = 0
  /** Another number for each owner. */
  ownerNumber = 0
  type = 0
  ttl = 0
  /** RDATA lies in here, `length` octets from `at` on. */
  readonly octets: Uint8Array
  at = 0
  length = 0
  private readonly arena: Arena
  private readonly origin: Name
  private readonly cursor: Cursor
  /** Roots of trees that are still to be gone through. */
  private readonly roots: number[]
  private readonly soa: number
  private entry: number
  private slot = 0
  private left: number
  private end: number

  constructor(arena: Arena, origin: Name, version: number) {
    this.arena = arena
    this.origin = origin
    this.octets = arena.octets
    this.cursor = new Cursor(arena)
    this.roots = [rootOf(arena, version), hashedOf(arena, version)]
    this.entry = apexOf(arena, version)
    this.soa = findRRset(arena, this.entry, Type.SOA)
    this.left = 0
    this.end = 0
    this.open(this.soa)
    this.spellOwner()
  }

  /** Goes to the next record, first to the first; false where there is none. */
  next(): boolean {
    while (this.left === 0) if (!this.nextRRset()) return false
    const { octets, end } = this
    this.left--
    this.length = (octets[end]! << 8) | octets[end + 1]!
    this.at = end + 2
    this.end = this.at + this.length
    return true
  }

  private nextRRset(): boolean {
    const { arena } = this
    if (this.slot === rrsetsAt(arena, this.entry) && !this.nextOwner()) return false
    const rrset = nthRRset(arena, this.entry, this.slot++)
    // That of the apex came first.
    if (rrset !== this.soa) this.open(rrset)
    return true
  }

  private open(rrset: number): void {
    const { arena } = this
    this.type = rrsetType(arena, rrset)
    this.ttl = rrsetTtl(arena, rrset)
    this.left = rrsetCount(arena, rrset)
    this.end = rrsetData(rrset)
  }

  private nextOwner(): boolean {
    const { cursor, roots } = this
    let entry = cursor.next()
    while (entry === 0) {
      const root = roots.shift()
      if (root === undefined) return false
      cursor.seek(root, NO_KEY, 0)
      entry = cursor.next()
    }
    this.entry = entry
    this.slot = 0
    this.spellOwner()
    return true
  }

  private spellOwner(): void {
    const { arena, entry, owner, octets, origin } = this
    const key = keyOf(entry)
    const length = keyLength(arena, entry)
    const spelled = spellingLength(arena, entry)
    const labels = spelled > 0 ? spelled : labelsLength(octets, key, length)
    if (spelled > 0) for (let i = 0, from = key + length; i < spelled; i++) owner[i] = octets[from + i]!
    else writeLabels(octets, key, length, owner, labels)
    for (let i = 0; i < origin.length; i++) owner[labels + i] = origin[i]!
    this.ownerLength = labels + origin.length
    this.ownerNumber++
  }
}
