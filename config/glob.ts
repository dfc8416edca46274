/**
 * Whether the whole of `items` is what `pattern` says, where `star` stands for any number of items. A later star never needs an earlier one to
 * be reconsidered, so time is bounded by the product of both lengths.
 */
export function matchGlob<Part, Item>(
  pattern: readonly Part[],
  items: readonly Item[],
  star: Part,
  matches: (part: Part, item: Item) => boolean,
): boolean {
  let at = 0
  let next = 0
  let last = -1
  let lastAt = 0
  while (at < items.length) {
    if (next < pattern.length && pattern[next] === star) {
      last = next++
      lastAt = at
    } else if (next < pattern.length && matches(pattern[next]!, items[at]!)) {
      at++
      next++
    } else if (last >= 0) {
      next = last + 1
      at = ++lastAt
    } else return false
  }
  while (next < pattern.length && pattern[next] === star) next++
  return next === pattern.length
}
