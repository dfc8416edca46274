/** Below this many keys insertion beats distribution. */
const SMALL = 24

/** Keys to sort: key i is `octets[starts[i]]` up to `starts[i + 1]`. */
export interface Keys {
  octets: Uint8Array
  starts: Uint32Array
}

/** The indexes of the keys in ascending order of their octets, a prefix before what it begins; equal keys keep their order. */
export function sortKeys(keys: Keys): Uint32Array {
  const count = keys.starts.length - 1
  const order = new Uint32Array(count)
  for (let i = 0; i < count; i++) order[i] = i
  if (!isSorted(keys, count)) sortRange(keys, order, new Uint32Array(count), 0, count, 0)
  return order
}

/** Radix sort from the first octet on: distributes by the octet at `depth`, then sorts each group by the next one. */
function sortRange(keys: Keys, order: Uint32Array, spare: Uint32Array, from: number, to: number, depth: number): void {
  if (to - from <= SMALL) {
    insertionSort(keys, order, from, to, depth)
    return
  }
  // ends[0] is for keys that end here, ends[o + 1] for the octet o.
  const ends = new Uint32Array(258)
  for (let i = from; i < to; i++) ends[octetAt(keys, order[i]!, depth) + 2]!++
  for (let i = 1; i < 258; i++) ends[i]! += ends[i - 1]!
  for (let i = from; i < to; i++) spare[from + ends[octetAt(keys, order[i]!, depth) + 1]!++] = order[i]!
  order.set(spare.subarray(from, to), from)
  // Now ends[o + 1] is where the group of octet o ends.
  for (let octet = 0; octet < 256; octet++) {
    const begin = from + ends[octet]!
    const end = from + ends[octet + 1]!
    if (end - begin > 1) sortRange(keys, order, spare, begin, end, depth + 1)
  }
}

/** The octet at `depth`, or -1 past the key's end. */
function octetAt(keys: Keys, key: number, depth: number): number {
  const at = keys.starts[key]! + depth
  return at < keys.starts[key + 1]! ? keys.octets[at]! : -1
}

function insertionSort(keys: Keys, order: Uint32Array, from: number, to: number, depth: number): void {
  for (let i = from + 1; i < to; i++) {
    const key = order[i]!
    let at = i
    for (; at > from && compareKeys(keys, order[at - 1]!, key, depth) > 0; at--) order[at] = order[at - 1]!
    order[at] = key
  }
}

function isSorted(keys: Keys, count: number): boolean {
  for (let i = 1; i < count; i++) if (compareKeys(keys, i - 1, i, 0) > 0) return false
  return true
}

/** Order of two keys that agree before `depth`. */
export function compareKeys({ octets, starts }: Keys, a: number, b: number, depth: number): number {
  let i = starts[a]! + depth
  let j = starts[b]! + depth
  const endA = starts[a + 1]!
  const endB = starts[b + 1]!
  for (; i < endA && j < endB; i++, j++) if (octets[i] !== octets[j]) return octets[i]! - octets[j]!
  return endA - i - (endB - j)
}
