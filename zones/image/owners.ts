import { type Name, ROOT } from '../../dns/name.ts'
import type { RRset } from '../../dns/record.ts'
import type { Arena } from './arena.ts'
import { nthRRset, rrsetCount, rrsetsAt, rrsetType } from './entry.ts'
import { ownerOf, rrsetObject } from './reader.ts'
import { Cursor } from './tree.ts'
import { apexOf, hashedOf, rootOf } from './version.ts'

/** Goes over the owners of a version: the apex, all others in canonical order, then those of NSEC3. Objects are made of what is asked for alone. */
export class OwnerWalk {
  private readonly arena: Arena
  private readonly origin: Name
  private readonly cursor: Cursor
  private readonly apex: number
  /** The trees still to come, the next one last. */
  private readonly roots: number[]
  private entry = 0

  constructor(arena: Arena, origin: Name, version: number) {
    this.arena = arena
    this.origin = origin
    this.cursor = new Cursor(arena)
    this.apex = apexOf(arena, version)
    this.roots = [hashedOf(arena, version), rootOf(arena, version)]
    this.cursor.seek(0, ROOT, 0)
  }

  /** Goes to the next owner, at first to the apex; false where there is none any more. */
  next(): boolean {
    if (this.entry === 0) {
      this.entry = this.apex
      return true
    }
    let entry = this.cursor.next()
    while (entry === 0) {
      const root = this.roots.pop()
      if (root === undefined) return false
      this.cursor.seek(root, ROOT, 0)
      entry = this.cursor.next()
    }
    this.entry = entry
    return true
  }

  /** Its one type, where it has fewer than `few` records of one type alone; else 0. */
  plainType(few: number): number {
    const { arena, entry } = this
    if (rrsetsAt(arena, entry) !== 1) return 0
    const rrset = nthRRset(arena, entry, 0)
    return rrsetCount(arena, rrset) < few ? rrsetType(arena, rrset) : 0
  }

  owner(): Name {
    return this.entry === this.apex ? this.origin : ownerOf(this.arena, this.origin, this.entry)
  }

  /** Copies of all its RRsets, by type. */
  rrsets(): RRset[] {
    const { arena, entry } = this
    const owner = this.owner()
    return Array.from({ length: rrsetsAt(arena, entry) }, (_, i) =>
      rrsetObject(arena, owner, nthRRset(arena, entry, i)),
    )
  }
}
