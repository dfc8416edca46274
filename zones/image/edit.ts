import type { Arena } from './arena.ts'
import { compareKey, keyLength } from './entry.ts'
import {
  branchWords,
  childAt,
  completeNode,
  completeSlot,
  entryAt,
  FANOUT,
  floorSlot,
  leafWords,
  nodeCount,
  nodeLevel,
  setSlot,
  shiftSlots,
} from './tree.ts'

/** Below this many slots a node is joined with its neighbour where both fit into one. */
const SPARSE = FANOUT / 4

/** Slots of a freshly built node: some room, so that the first change below it does not split it. */
const FILL = FANOUT - 4

/**
 * Changes of a tree by one transaction. A node is copied before its first change; copies made since the transaction began belong
 * to it and are changed in place. Trees of earlier roots stay as they are.
 */
export class TreeEditor {
  root: number
  private readonly arena: Arena
  /** Nodes from here on are this transaction's own. */
  private readonly begin: number
  /** The right half of the node that `put` has just split, or 0. */
  private sibling = 0

  constructor(arena: Arena, root: number) {
    this.arena = arena
    this.root = root
    this.begin = arena.top
  }

  /** Adds the entry under the key, or replaces the one that is there. */
  put(key: Uint8Array, length: number, entry: number): void {
    if (this.root === 0) {
      this.root = this.node(0, [entry], [])
      return
    }
    const root = this.putBelow(this.root, key, length, entry)
    const { sibling } = this
    this.sibling = 0
    this.root = sibling
      ? this.node(nodeLevel(this.arena, root) + 1, [this.first(root), this.first(sibling)], [root, sibling])
      : root
  }

  /** Removes the entry of the key, which must be there. */
  remove(key: Uint8Array, length: number): void {
    let root = this.removeBelow(this.root, key, length)
    while (root !== 0 && nodeLevel(this.arena, root) > 0 && nodeCount(this.arena, root) === 1)
      root = childAt(this.arena, root, 0)
    this.root = root
  }

  private putBelow(node: number, key: Uint8Array, length: number, entry: number): number {
    const slot = floorSlot(this.arena, node, key, length)
    if (nodeLevel(this.arena, node) > 0) return this.putInChild(node, Math.max(slot, 0), key, length, entry)
    if (slot >= 0 && this.isKey(entryAt(this.arena, node, slot), key, length)) {
      const own = this.own(node)
      setSlot(this.arena, own, slot, entry, 0)
      return own
    }
    return this.insert(node, slot + 1, entry, 0)
  }

  private putInChild(node: number, slot: number, key: Uint8Array, length: number, entry: number): number {
    const child = this.putBelow(childAt(this.arena, node, slot), key, length, entry)
    const { sibling } = this
    this.sibling = 0
    const own = this.own(node)
    setSlot(this.arena, own, slot, entryAt(this.arena, own, slot), child)
    return sibling ? this.insert(own, slot + 1, this.first(sibling), sibling) : own
  }

  /** Puts a new slot in front of `slot`; a full node is split, its right half left in `sibling`. */
  private insert(node: number, slot: number, entry: number, child: number): number {
    const { arena } = this
    const count = nodeCount(arena, node)
    if (count < FANOUT) {
      const own = this.own(node)
      shiftSlots(arena, own, slot, 1)
      setSlot(arena, own, slot, entry, child)
      completeSlot(arena, own, slot)
      return own
    }
    const level = nodeLevel(arena, node)
    const entries: number[] = []
    const children: number[] = []
    this.collect(node, entries, children)
    entries.splice(slot, 0, entry)
    if (level > 0) children.splice(slot, 0, child)
    // Keys that come in order fill their nodes: then only the new slot goes to the right.
    const middle = slot === count ? count : (count + 1) >>> 1
    this.sibling = this.node(level, entries.slice(middle), children.slice(middle))
    const left = this.own(node)
    this.fill(left, level, entries.slice(0, middle), children.slice(0, middle))
    return left
  }

  private removeBelow(node: number, key: Uint8Array, length: number): number {
    const { arena } = this
    const slot = floorSlot(arena, node, key, length)
    if (nodeLevel(arena, node) > 0) return this.removeFromChild(node, Math.max(slot, 0), key, length)
    if (slot < 0 || !this.isKey(entryAt(arena, node, slot), key, length)) throw new RangeError('no such entry')
    return this.close(node, slot)
  }

  private removeFromChild(node: number, slot: number, key: Uint8Array, length: number): number {
    const child = this.removeBelow(childAt(this.arena, node, slot), key, length)
    if (child === 0) return this.close(node, slot)
    const own = this.own(node)
    setSlot(this.arena, own, slot, entryAt(this.arena, own, slot), child)
    if (nodeCount(this.arena, child) >= SPARSE) return own
    return this.join(this.join(own, slot), slot - 1)
  }

  /** Takes the slot out; 0 where nothing is left. */
  private close(node: number, slot: number): number {
    const count = nodeCount(this.arena, node)
    if (count === 1) return 0
    const own = this.own(node)
    shiftSlots(this.arena, own, slot, -1)
    completeNode(this.arena, own, nodeLevel(this.arena, own), count - 1)
    return own
  }

  /** Joins the child at `slot` with the one on its right where both fit well into one node. */
  private join(node: number, slot: number): number {
    const { arena } = this
    if (slot < 0 || slot + 1 >= nodeCount(arena, node)) return node
    const left = childAt(arena, node, slot)
    const right = childAt(arena, node, slot + 1)
    if (nodeCount(arena, left) + nodeCount(arena, right) > FILL) return node
    const entries: number[] = []
    const children: number[] = []
    this.collect(left, entries, children)
    const middle = entries.length
    this.collect(right, entries, children)
    // The right node's first slot may hold keys below its own bound; the parent's bound is the true one.
    if (nodeLevel(arena, right) > 0) entries[middle] = entryAt(arena, node, slot + 1)
    const own = this.own(left)
    this.fill(own, nodeLevel(arena, left), entries, children)
    setSlot(arena, node, slot, entryAt(arena, node, slot), own)
    return this.close(node, slot + 1)
  }

  private isKey(entry: number, key: Uint8Array, length: number): boolean {
    return keyLength(this.arena, entry) === length && compareKey(this.arena, entry, key, length, 0) === 0
  }

  private first(node: number): number {
    return entryAt(this.arena, node, 0)
  }

  private collect(node: number, entries: number[], children: number[]): void {
    const branch = nodeLevel(this.arena, node) > 0
    for (let i = 0; i < nodeCount(this.arena, node); i++) {
      entries.push(entryAt(this.arena, node, i))
      if (branch) children.push(childAt(this.arena, node, i))
    }
  }

  /** The node itself where it belongs to this transaction, else a copy. */
  private own(node: number): number {
    if (node >= this.begin) return node
    const words = nodeLevel(this.arena, node) > 0 ? branchWords() : leafWords()
    const copy = this.arena.allocate(words)
    this.arena.words.copyWithin(copy, node, node + words)
    return copy
  }

  private node(level: number, entries: number[], children: number[]): number {
    const node = this.arena.allocate(level > 0 ? branchWords() : leafWords())
    this.fill(node, level, entries, children)
    return node
  }

  private fill(node: number, level: number, entries: number[], children: number[]): void {
    fillNode(this.arena, node, level, entries, children, 0, entries.length)
  }
}

function fillNode(
  arena: Arena,
  node: number,
  level: number,
  entries: ArrayLike<number>,
  children: ArrayLike<number>,
  from: number,
  to: number,
): void {
  arena.words[node] = level << 16
  for (let i = from; i < to; i++) setSlot(arena, node, i - from, entries[i]!, children[i] ?? 0)
  completeNode(arena, node, level, to - from)
}

/** Builds the tree over entries that are in canonical order, from the leaves up; returns its root, 0 where there are none. */
export function buildTree(arena: Arena, entries: ArrayLike<number>): number {
  let lows = entries
  let children: ArrayLike<number> = []
  for (let level = 0; ; level++) {
    const nodes: number[] = []
    const bounds: number[] = []
    for (let from = 0; from < lows.length; from += FILL) {
      const node = arena.allocate(level > 0 ? branchWords() : leafWords())
      fillNode(arena, node, level, lows, children, from, Math.min(from + FILL, lows.length))
      nodes.push(node)
      bounds.push(lows[from]!)
    }
    if (nodes.length < 2) return nodes[0] ?? 0
    lows = bounds
    children = nodes
  }
}

/** Words that `buildTree` takes for so many entries, at most. */
export function treeWords(entries: number): number {
  return Math.ceil(entries / FILL + 1) * leafWords() + Math.ceil(entries / FILL / (FILL - 1) + 12) * branchWords()
}
