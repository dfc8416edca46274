import { createHash } from 'node:crypto'

/** SHA-256. */
export const HASH_SIZE = 32

/** RFC 9162 §2.1.1: the hash of a leaf; a byte before it keeps leaves and nodes apart. */
export function leafHash(entry: Uint8Array): Uint8Array {
  return createHash('sha256').update(Uint8Array.of(0)).update(entry).digest()
}

/** RFC 9162 §2.1.1: the hash of a node from its two children. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return createHash('sha256').update(Uint8Array.of(1)).update(left).update(right).digest()
}

/** The root over these hashes, of leaves or of whole subtrees of one size but for the last (RFC 9162 §2.1.1). */
export function rootOf(hashes: readonly Uint8Array[]): Uint8Array {
  if (hashes.length === 0) return createHash('sha256').digest()
  const tree = new MerkleFrontier()
  for (const hash of hashes) tree.add(hash)
  return tree.root()
}

/** The whole subtrees of a growing tree, largest first: what is needed to add to it and to know its root, and no more. */
export class MerkleFrontier {
  private readonly subtrees: { size: number; hash: Uint8Array }[] = []

  get size(): number {
    return this.subtrees.reduce((sum, { size }) => sum + size, 0)
  }

  add(hash: Uint8Array): void {
    let last = { size: 1, hash }
    while (this.subtrees.at(-1)?.size === last.size) {
      const before = this.subtrees.pop()!
      last = { size: before.size * 2, hash: nodeHash(before.hash, last.hash) }
    }
    this.subtrees.push(last)
  }

  root(): Uint8Array {
    const [last, ...rest] = [...this.subtrees].reverse()
    if (!last) return rootOf([])
    return rest.reduce((right, { hash }) => nodeHash(hash, right), last.hash)
  }
}

/** The largest power of two below `size`, where a tree of that size is split (RFC 9162 §2.1.1). */
function splitOf(size: number): number {
  let split = 1
  while (split * 2 < size) split *= 2
  return split
}

/** RFC 9162 §2.1.3.1: the hashes beside the way from a leaf to the root, the lowest first. */
export function inclusionPath(hashes: readonly Uint8Array[], index: number): Uint8Array[] {
  if (hashes.length <= 1) return []
  const split = splitOf(hashes.length)
  const [left, right] = [hashes.slice(0, split), hashes.slice(split)]
  return index < split
    ? [...inclusionPath(left, index), rootOf(right)]
    : [...inclusionPath(right, index - split), rootOf(left)]
}

/**
 * RFC 9162 §2.1.4.1: the hashes that lead from the tree of the first `size` of these, which are one at least, to the tree of all. `first`: they
 * begin the whole tree, so that the verifier may have the root of the first ones already.
 */
export function consistencyPath(hashes: readonly Uint8Array[], size: number, first = true): Uint8Array[] {
  if (size === hashes.length) return first ? [] : [rootOf(hashes)]
  const split = splitOf(hashes.length)
  const [left, right] = [hashes.slice(0, split), hashes.slice(split)]
  return size <= split
    ? [...consistencyPath(left, size, first), rootOf(right)]
    : [...consistencyPath(right, size - split, false), rootOf(left)]
}

/** RFC 9162 §2.1.4.2: whether the path shows that the tree of `second` leaves and this root is the one of `first` leaves, grown. */
export function isConsistent(
  first: { size: number; root: Uint8Array },
  second: { size: number; root: Uint8Array },
  path: readonly Uint8Array[],
): boolean {
  if (first.size < 1 || first.size > second.size) return false
  if (first.size === second.size) return path.length === 0 && equal(first.root, second.root)
  let [fn, sn] = [first.size - 1, second.size - 1]
  while (fn % 2 === 1) [fn, sn] = [Math.floor(fn / 2), Math.floor(sn / 2)]
  // A tree of a power of two leaves is a whole subtree of the other: its root is the first of the path, and left out there.
  const [start, ...rest] = Number.isInteger(Math.log2(first.size)) ? [first.root, ...path] : path
  if (!start || path.length === 0) return false
  let [fr, sr] = [start, start]
  for (const hash of rest) {
    if (sn === 0) return false
    if (fn % 2 === 1 || fn === sn) {
      ;[fr, sr] = [nodeHash(hash, fr), nodeHash(hash, sr)]
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [Math.floor(fn / 2), Math.floor(sn / 2)]
    } else sr = nodeHash(sr, hash)
    ;[fn, sn] = [Math.floor(fn / 2), Math.floor(sn / 2)]
  }
  return sn === 0 && equal(fr, first.root) && equal(sr, second.root)
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}

/** RFC 9162 §2.1.3.2: the root that a leaf, its place and its path give; undefined where they can't belong to a tree of that size. */
export function rootFromPath(
  leaf: Uint8Array,
  index: number,
  size: number,
  path: readonly Uint8Array[],
): Uint8Array | undefined {
  if (index >= size || index < 0) return undefined
  let [fn, sn] = [index, size - 1]
  let hash = leaf
  for (const sibling of path) {
    if (sn === 0) return undefined
    if (fn % 2 === 1 || fn === sn) {
      hash = nodeHash(sibling, hash)
      while (fn % 2 === 0 && fn !== 0) {
        fn = Math.floor(fn / 2)
        sn = Math.floor(sn / 2)
      }
    } else hash = nodeHash(hash, sibling)
    fn = Math.floor(fn / 2)
    sn = Math.floor(sn / 2)
  }
  return sn === 0 ? hash : undefined
}
