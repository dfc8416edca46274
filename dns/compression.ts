import { LOWER } from './name.ts'

const SLOTS = 512
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
  private readonly labelAt = new Uint16Array(128)
  private readonly labelHash = new Int32Array(128)
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
   * Writes the uncompressed name at `source[at]` to `out[pos]`, ending in a pointer where the message that starts at `out[start]`
   * has its tail already. Returns the position after it. `compress` false writes it whole (RFC 3597 §4) but remembers it.
   */
  write(out: Uint8Array, start: number, pos: number, source: Uint8Array, at: number, compress = true): number {
    const labels = this.hashLabels(source, at)
    let to = pos
    for (let i = 0; i < labels; i++) {
      const from = at + this.labelAt[i]!
      const target = this.find(out, start, this.labelHash[i]!, source, from)
      if (target >= 0 && compress) {
        out[to] = POINTER | (target >>> 8)
        out[to + 1] = target
        return to + 2
      }
      if (target < 0) this.remember(this.labelHash[i]!, to - start)
      const end = from + source[from]! + 1
      for (let j = from; j < end; j++) out[to++] = source[j]!
    }
    out[to] = 0
    return to + 1
  }

  /** Notes the offset of every label of the name and the hash of the name that starts there; returns how many there are. */
  private hashLabels(source: Uint8Array, at: number): number {
    let count = 0
    let from = at
    while (source[from] !== 0) {
      this.labelAt[count++] = from - at
      from += source[from]! + 1
    }
    let hash = 0x811c9dc5 | 0
    for (let i = count - 1; i >= 0; i--) {
      from = at + this.labelAt[i]!
      const end = from + source[from]! + 1
      for (let j = from; j < end; j++) hash = Math.imul(hash ^ LOWER[source[j]!]!, 0x01000193)
      this.labelHash[i] = hash
    }
    return count
  }

  private find(out: Uint8Array, start: number, hash: number, source: Uint8Array, at: number): number {
    for (
      let slot = (hash ^ (hash >>> 15)) & (SLOTS - 1);
      this.stamps[slot] === this.stamp;
      slot = (slot + 1) & (SLOTS - 1)
    )
      if (this.hashes[slot] === hash && sameName(out, start, this.offsets[slot]!, source, at))
        return this.offsets[slot]!
    return -1
  }

  private remember(hash: number, offset: number): void {
    if (this.size === MOST || offset > LAST_TARGET) return
    let slot = (hash ^ (hash >>> 15)) & (SLOTS - 1)
    while (this.stamps[slot] === this.stamp) slot = (slot + 1) & (SLOTS - 1)
    this.stamps[slot] = this.stamp
    this.hashes[slot] = hash
    this.offsets[slot] = offset
    this.taken[this.size++] = slot
  }
}

/** Whether the name at `offset` of the message, which may be compressed, equals the uncompressed one at `source[at]`. */
function sameName(out: Uint8Array, start: number, offset: number, source: Uint8Array, at: number): boolean {
  let a = start + offset
  let b = at
  for (;;) {
    while (out[a]! >= POINTER) a = start + (((out[a]! & 0x3f) << 8) | out[a + 1]!)
    const length = out[a]!
    if (length !== source[b]) return false
    if (length === 0) return true
    for (let i = 1; i <= length; i++) if (LOWER[out[a + i]!] !== LOWER[source[b + i]!]) return false
    a += length + 1
    b += length + 1
  }
}
