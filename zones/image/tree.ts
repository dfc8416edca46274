import type { Arena } from './arena.ts'
import { compareKey, keyLength, keyOf } from './entry.ts'

/**
 * A node of the B+tree: word 0 slots in use | level << 16 (leaves are level 0); word 1 octets that the keys of all its slots begin with;
 * up to 16 of those octets, so that comparing with them needs no key; then `FANOUT` hints, the next four octets of each slot's key as a number that sorts like them; then `FANOUT` references to entries;
 * and above the leaves `FANOUT` addresses of children. A slot above the leaves refers to an entry whose key is a lower bound of its child
 * (for slot 0 of the leftmost path there is no bound). That entry may since have left the tree; its key still divides it.
 */
export const FANOUT = 32
const PREFIX = 2
const PREFIX_OCTETS = 16
const HINTS = PREFIX + PREFIX_OCTETS / 4
const ENTRIES = HINTS + FANOUT
const CHILDREN = ENTRIES + FANOUT
const MOST_LEVELS = 12

export function leafWords(): number {
  return CHILDREN
}

export function branchWords(): number {
  return CHILDREN + FANOUT
}

export function nodeCount(arena: Arena, node: number): number {
  return arena.words[node]! & 0xffff
}

export function nodeLevel(arena: Arena, node: number): number {
  return arena.words[node]! >>> 16
}

export function entryAt(arena: Arena, node: number, slot: number): number {
  return arena.words[node + ENTRIES + slot]!
}

export function childAt(arena: Arena, node: number, slot: number): number {
  return arena.words[node + CHILDREN + slot]!
}

export function setSlot(arena: Arena, node: number, slot: number, entry: number, child: number): void {
  arena.words[node + ENTRIES + slot] = entry
  if (nodeLevel(arena, node) > 0) arena.words[node + CHILDREN + slot] = child
}

/** Four octets of a key from `at` as a signed number that sorts as they do; octets past the key count as 0. */
function hintOf(octets: Uint8Array, at: number, end: number): number {
  let hint = 0
  for (let i = at; i < at + 4; i++) hint = (hint << 8) | (i < end ? octets[i]! : 0)
  return hint ^ 0x80000000
}

/** Sets the count, the shared prefix and all hints after the slots were written. */
export function completeNode(arena: Arena, node: number, level: number, count: number): void {
  const { words } = arena
  words[node] = count | (level << 16)
  const prefix = sharedPrefix(arena, words[node + ENTRIES]!, words[node + ENTRIES + count - 1]!)
  words[node + 1] = prefix
  const key = keyOf(words[node + ENTRIES]!)
  const inline = Math.min(prefix, PREFIX_OCTETS)
  for (let i = 0; i < inline; i++) arena.octets[(node + PREFIX) * 4 + i] = arena.octets[key + i]!
  for (let i = 0; i < count; i++) words[node + HINTS + i] = slotHint(arena, words[node + ENTRIES + i]!, prefix)
}

function slotHint(arena: Arena, entry: number, prefix: number): number {
  const key = keyOf(entry)
  return hintOf(arena.octets, key + prefix, key + keyLength(arena, entry))
}

function sharedPrefix(arena: Arena, first: number, last: number): number {
  const { octets } = arena
  const a = keyOf(first)
  const b = keyOf(last)
  const most = Math.min(keyLength(arena, first), keyLength(arena, last))
  let shared = 0
  while (shared < most && octets[a + shared] === octets[b + shared]) shared++
  return shared
}

/** Makes room at `slot` by moving what is there to the right (`by` 1), or closes it (`by` -1). The node must be the writer's own. */
export function shiftSlots(arena: Arena, node: number, slot: number, by: 1 | -1): void {
  const { words } = arena
  const count = nodeCount(arena, node)
  const from = by === 1 ? slot : slot + 1
  const columns = nodeLevel(arena, node) > 0 ? CHILDREN + FANOUT : CHILDREN
  for (let column = HINTS; column < columns; column += FANOUT)
    words.copyWithin(node + column + from + by, node + column + from, node + column + count)
  words[node] = words[node]! + by
}

/** After `shiftSlots` and `setSlot`: the new slot's hint, or all of them where the shared prefix has changed. */
export function completeSlot(arena: Arena, node: number, slot: number): void {
  const { words } = arena
  const count = nodeCount(arena, node)
  const prefix = sharedPrefix(arena, words[node + ENTRIES]!, words[node + ENTRIES + count - 1]!)
  if (prefix !== words[node + 1]) completeNode(arena, node, nodeLevel(arena, node), count)
  else words[node + HINTS + slot] = slotHint(arena, words[node + ENTRIES + slot]!, prefix)
}

/** Order of the searched key against what all keys of the node begin with; 0 where it begins so too. */
function comparePrefix(arena: Arena, node: number, prefix: number, key: Uint8Array, length: number): number {
  const { octets, words } = arena
  const inline = Math.min(prefix, PREFIX_OCTETS, length)
  let base = (node + PREFIX) * 4
  for (let i = 0; i < inline; i++) {
    const order = key[i]! - octets[base + i]!
    if (order !== 0) return order
  }
  base = prefix > PREFIX_OCTETS ? keyOf(words[node + ENTRIES]!) : base
  for (let i = inline; i < prefix && i < length; i++) {
    const order = key[i]! - octets[base + i]!
    if (order !== 0) return order
  }
  return length < prefix ? -1 : 0
}

/** The last slot whose key is not above the searched one; -1 where all are above it. */
export function floorSlot(arena: Arena, node: number, key: Uint8Array, length: number): number {
  const { words } = arena
  const count = words[node]! & 0xffff
  const prefix = words[node + 1]!
  if (prefix > 0) {
    const order = comparePrefix(arena, node, prefix, key, length)
    if (order !== 0) return order < 0 ? -1 : count - 1
  }
  const hint = hintOf(key, prefix, length)
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >>> 1
    const other = words[node + HINTS + middle]!
    const above =
      other > hint || (other === hint && compareKey(arena, words[node + ENTRIES + middle]!, key, length, prefix) < 0)
    if (above) high = middle
    else low = middle + 1
  }
  return low - 1
}

/** A place in a tree. Reused for any number of searches; it allocates nothing. */
export class Cursor {
  /** The entry it stands on: after `seek` the greatest that does not sort after the key; 0 before the first or past the last. */
  entry = 0
  private readonly arena: Arena
  private readonly nodes = new Int32Array(MOST_LEVELS)
  private readonly slots = new Int32Array(MOST_LEVELS)
  private depth = 0

  constructor(arena: Arena) {
    this.arena = arena
  }

  /** Goes to the key in the tree under `root` (0 is the empty tree); true where there is an entry of exactly this key. */
  seek(root: number, key: Uint8Array, length: number): boolean {
    const { arena, nodes, slots } = this
    this.entry = 0
    this.depth = -1
    if (root === 0) return false
    let node = root
    let depth = 0
    for (; nodeLevel(arena, node) > 0; depth++) {
      const slot = floorSlot(arena, node, key, length)
      nodes[depth] = node
      slots[depth] = Math.max(slot, 0)
      node = childAt(arena, node, slots[depth]!)
    }
    const slot = floorSlot(arena, node, key, length)
    nodes[depth] = node
    slots[depth] = slot
    this.depth = depth
    if (slot < 0) {
      // The key sorts before all of this leaf: what precedes it is the end of the leaf before.
      this.toPreviousLeaf()
      return false
    }
    this.entry = entryAt(arena, node, slot)
    return keyLength(arena, this.entry) === length && compareKey(arena, this.entry, key, length, 0) === 0
  }

  /** Goes to the next entry in canonical order and returns it; 0 past the last. */
  next(): number {
    const { arena, nodes, slots, depth } = this
    if (depth < 0) return (this.entry = 0)
    let level = depth
    while (level >= 0 && slots[level]! + 1 >= nodeCount(arena, nodes[level]!)) level--
    if (level < 0) return (this.entry = 0)
    slots[level]!++
    for (; level < depth; level++) {
      nodes[level + 1] = childAt(arena, nodes[level]!, slots[level]!)
      slots[level + 1] = 0
    }
    return (this.entry = entryAt(arena, nodes[depth]!, slots[depth]!))
  }

  /** Goes to the entry before in canonical order and returns it; 0 where there is none. */
  previous(): number {
    const { arena, nodes, slots, depth } = this
    if (this.entry === 0) return 0
    this.entry = 0
    slots[depth]!--
    if (slots[depth]! >= 0) this.entry = entryAt(arena, nodes[depth]!, slots[depth]!)
    else this.toPreviousLeaf()
    return this.entry
  }

  /** The entry after the one it stands on, without going there; 0 where there is none. */
  peek(): number {
    const { arena, nodes, slots, depth } = this
    if (depth < 0) return 0
    let level = depth
    while (level >= 0 && slots[level]! + 1 >= nodeCount(arena, nodes[level]!)) level--
    if (level < 0) return 0
    if (level === depth) return entryAt(arena, nodes[depth]!, slots[depth]! + 1)
    let node = childAt(arena, nodes[level]!, slots[level]! + 1)
    while (nodeLevel(arena, node) > 0) node = childAt(arena, node, 0)
    return entryAt(arena, node, 0)
  }

  /** Where there is a leaf before this one, stands on its last entry; otherwise before the first of all. */
  private toPreviousLeaf(): void {
    const { arena, nodes, slots, depth } = this
    let level = depth - 1
    while (level >= 0 && slots[level] === 0) level--
    if (level < 0) return
    slots[level]!--
    for (; level < depth; level++) {
      const node = childAt(arena, nodes[level]!, slots[level]!)
      nodes[level + 1] = node
      slots[level + 1] = nodeCount(arena, node) - 1
    }
    this.entry = entryAt(arena, nodes[depth]!, slots[depth]!)
  }
}
