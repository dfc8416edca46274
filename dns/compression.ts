import { LOWER } from './name.ts'
import { Suffixes, slotOf } from './suffixes.ts'

const SLOTS = 512
const MASK = SLOTS - 1
/** Names of a message that later ones may point to; past it names are still compressed, but no longer pointed to. */
const MOST = 256
/** Pointers have 14 bits (RFC 1035 §4.1.4). */
const LAST_TARGET = 0x3fff
const POINTER = 0xc0

/**
 * The names that a message holds so far, for compression (RFC 1035 §4.1.4): an open-addressing table in typed arrays, from the hash
 * of a name to the offset at which the message spells it. Emptied in constant time; nothing is allocated per message or name.
 */
export class NameTable {
  /** How many names are known; `forget` goes back to such a number. */
  size = 0
  private readonly stamps = new Uint32Array(SLOTS)
  private readonly hashes = new Int32Array(SLOTS)
  private readonly offsets = new Uint16Array(SLOTS)
  private readonly taken = new Uint16Array(MOST)
  private readonly suffixes = new Suffixes()
  private stamp = 1

  clear(): void {
    this.size = 0
    this.stamp = (this.stamp + 1) >>> 0
    if (this.stamp > 1) return
    this.stamps.fill(0)
    this.stamp = 1
  }

  /** Forgets the names added since `size` was as given. */
  forget(size: number): void {
    // Latest first: what is removed is then never in the middle of another's probe sequence.
    while (this.size > size) this.stamps[this.taken[--this.size]!] = 0
  }

  /**
   * Writes the uncompressed name at `source[at]` to `out[pos]`, ending in a pointer where the message, which starts at `out[0]`,
   * has its tail already. Returns the position after it.
   */
  write(out: Uint8Array, pos: number, source: Uint8Array, at: number): number {
    const { suffixes } = this
    const length = suffixes.read(source, at)
    let known = 0
    let target = -1
    while (
      known < suffixes.labels &&
      (target = this.find(out, suffixes.hash[known]!, source, at + suffixes.offset[known]!)) < 0
    )
      known++
    const spelled = target < 0 ? length : suffixes.offset[known]!
    for (let i = 0; i < spelled; i++) out[pos + i] = source[at + i]!
    // Only now: a name that is searched for must be there in full.
    for (let i = 0; i < known; i++) this.remember(suffixes.hash[i]!, pos + suffixes.offset[i]!)
    if (target < 0) return pos + spelled
    out[pos + spelled] = POINTER | (target >>> 8)
    out[pos + spelled + 1] = target
    return pos + spelled + 2
  }

  private find(out: Uint8Array, hash: number, source: Uint8Array, at: number): number {
    for (let slot = slotOf(hash, MASK); this.stamps[slot] === this.stamp; slot = (slot + 1) & MASK)
      if (this.hashes[slot] === hash && sameName(out, this.offsets[slot]!, source, at)) return this.offsets[slot]!
    return -1
  }

  private remember(hash: number, offset: number): void {
    if (this.size === MOST || offset > LAST_TARGET) return
    let slot = slotOf(hash, MASK)
    while (this.stamps[slot] === this.stamp) slot = (slot + 1) & MASK
    this.stamps[slot] = this.stamp
    this.hashes[slot] = hash
    this.offsets[slot] = offset
    this.taken[this.size++] = slot
  }
}

/** Whether the name at `offset` of the message, which may be compressed, equals the uncompressed one at `source[at]`. */
function sameName(out: Uint8Array, offset: number, source: Uint8Array, at: number): boolean {
  let a = offset
  let b = at
  for (;;) {
    while (out[a]! >= POINTER) a = ((out[a]! & 0x3f) << 8) | out[a + 1]!
    const length = out[a]!
    if (length !== source[b]) return false
    if (length === 0) return true
    for (let i = 1; i <= length; i++) if (LOWER[out[a + i]!] !== LOWER[source[b + i]!]) return false
    a += length + 1
    b += length + 1
  }
}
