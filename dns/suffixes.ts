import { LOWER } from './name.ts'

const MOST_LABELS = 128

/**
 * A name taken apart for searching by its tails: where each label starts, and the hash (FNV-1a, ignoring case) of the name that
 * begins there. One object is used for any number of names; it allocates nothing.
 */
export class Suffixes {
  /** How many labels, the root not counted. */
  labels = 0
  /** Offset of each label in the name, leftmost first. */
  readonly offset = new Uint8Array(MOST_LABELS)
  /** Hash of the name that starts with each label; the root's is `ROOT_HASH`. */
  readonly hash = new Int32Array(MOST_LABELS)

  /** Takes the uncompressed name at `source[at]`; returns its length with the root label. */
  read(source: Uint8Array, at: number): number {
    const { offset, hash } = this
    let labels = 0
    let from = at
    while (source[from] !== 0) {
      offset[labels++] = from - at
      from += source[from]! + 1
    }
    this.labels = labels
    let sum = ROOT_HASH
    for (let i = labels - 1; i >= 0; i--) {
      const start = at + offset[i]!
      const end = start + source[start]! + 1
      for (let j = start; j < end; j++) sum = Math.imul(sum ^ LOWER[source[j]!]!, 0x01000193)
      hash[i] = sum
    }
    return from - at + 1
  }
}

export const ROOT_HASH = 0x811c9dc5 | 0

/** A hash's first slot in a table of 2^n slots; `mask` is 2^n - 1. */
export function slotOf(hash: number, mask: number): number {
  return (hash ^ (hash >>> 15)) & mask
}
