import { LOWER, type Name, nameKey } from '../../dns/name.ts'
import { Suffixes, slotOf } from '../../dns/suffixes.ts'
import type { ZoneImage } from '../zone.ts'

/**
 * The zones of one view, found by the longest suffix of a name as it lies in a message, without making strings.
 * Changed only between two queries, by the thread it belongs to.
 */
export class ZoneTable {
  private readonly zones = new Map<string, ZoneImage>()
  private readonly suffixes = new Suffixes()
  private slots: (ZoneImage | undefined)[] = new Array(2).fill(undefined)
  private hashes = new Int32Array(2)
  /** The zone of the root, which no label leads to. */
  private root: ZoneImage | undefined

  constructor(images: Iterable<ZoneImage> = []) {
    for (const image of images) this.zones.set(nameKey(image.origin), image)
    this.index()
  }

  /** Adds a zone, or replaces the image of the one with this origin. */
  set(image: ZoneImage): void {
    this.zones.set(nameKey(image.origin), image)
    this.index()
  }

  delete(origin: Name): void {
    this.zones.delete(nameKey(origin))
    this.index()
  }

  /** The zone with exactly this origin. */
  get(origin: Name): ZoneImage | undefined {
    return this.zones.get(nameKey(origin))
  }

  get size(): number {
    return this.zones.size
  }

  [Symbol.iterator](): Iterator<ZoneImage> {
    return this.zones.values()
  }

  /** The zone that the uncompressed name at `source[at]` is in: of those whose origin it ends in, the one with the longest. */
  find(source: Uint8Array, at: number): ZoneImage | undefined {
    return this.search(source, at, 0)
  }

  /** The zone that the parent of the name at `source[at]` is in: there a DS of that name is found (RFC 4035 §3.1.4.1). */
  findAbove(source: Uint8Array, at: number): ZoneImage | undefined {
    return this.search(source, at, 1)
  }

  private search(source: Uint8Array, at: number, skip: number): ZoneImage | undefined {
    const { suffixes, slots, hashes } = this
    const mask = slots.length - 1
    const length = suffixes.read(source, at)
    for (let label = skip; label < suffixes.labels; label++) {
      const hash = suffixes.hash[label]!
      const offset = suffixes.offset[label]!
      for (let slot = slotOf(hash, mask); slots[slot] !== undefined; slot = (slot + 1) & mask) {
        const zone = slots[slot]!
        if (hashes[slot] === hash && isOrigin(zone.origin, source, at + offset, length - offset)) return zone
      }
    }
    return suffixes.labels >= skip ? this.root : undefined
  }

  private index(): void {
    let size = 2
    while (size < this.zones.size * 2) size *= 2
    this.slots = new Array(size).fill(undefined)
    this.hashes = new Int32Array(size)
    this.root = undefined
    for (const zone of this.zones.values()) this.place(zone, size - 1)
  }

  private place(zone: ZoneImage, mask: number): void {
    if (zone.origin.length === 1) {
      this.root = zone
      return
    }
    this.suffixes.read(zone.origin, 0)
    const hash = this.suffixes.hash[0]!
    let slot = slotOf(hash, mask)
    while (this.slots[slot] !== undefined) slot = (slot + 1) & mask
    this.slots[slot] = zone
    this.hashes[slot] = hash
  }
}

function isOrigin(origin: Name, source: Uint8Array, at: number, length: number): boolean {
  if (origin.length !== length) return false
  for (let i = 0; i < length; i++) if (LOWER[origin[i]!] !== LOWER[source[at + i]!]) return false
  return true
}
