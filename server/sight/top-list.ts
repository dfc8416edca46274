import type { TopEntry, Top as TopOfAll } from '../../cli/replies.ts'

/** What is frequent, of one thread. */
export type Top = Omit<TopOfAll, 'seconds'>

/** Milliseconds of a window, and of all that a list looks back on. */
const WINDOW = 60_000
const SPAN = 5 * WINDOW

interface Window {
  began: number
  counts: Map<string, number>
  /** No key is counted less often. */
  least: number
}

/**
 * The most frequent keys of the last minutes, in bounded memory: in each window the `size` keys that Space-Saving keeps (Metwally et al. 2005).
 * A count is too high by at most what the rarest kept key had.
 */
export class TopList {
  private readonly size: number
  private windows: Window[] = []

  constructor(size: number) {
    this.size = size
  }

  /** @param now monotonic ms */
  note(key: string, weight: number, now: number): void {
    const window = this.current(now)
    const { counts } = window
    const count = counts.get(key)
    if (count !== undefined || counts.size < this.size) {
      counts.set(key, (count ?? 0) + weight)
      return
    }
    const rarest = rarestOf(window)
    counts.delete(rarest)
    counts.set(key, window.least + weight)
  }

  /** The `most` frequent, most frequent first. */
  list(most: number, now: number): TopEntry[] {
    const sums = new Map<string, number>()
    for (const { began, counts } of this.windows)
      if (now - began < SPAN) for (const [key, count] of counts) sums.set(key, (sums.get(key) ?? 0) + count)
    return topOf(sums, most)
  }

  private current(now: number): Window {
    const last = this.windows.at(-1)
    if (last && now - last.began < WINDOW) return last
    this.windows = this.windows.filter(({ began }) => now - began < SPAN)
    const window = { began: now, counts: new Map<string, number>(), least: 0 }
    this.windows.push(window)
    return window
  }
}

/** A window's rarest key, whose count it notes as the least. Counts only grow, so the search ends at the first that has no more than the rarest had before. */
function rarestOf(window: Window): string {
  let rarest = ''
  let least = Number.POSITIVE_INFINITY
  for (const key of window.counts.keys()) {
    const count = window.counts.get(key)!
    if (count >= least) continue
    rarest = key
    least = count
    if (count <= window.least) break
  }
  window.least = least
  return rarest
}

/** The greatest of counts, greatest first. */
export function topOf(counts: ReadonlyMap<string, number>, most: number): TopEntry[] {
  const entries = [...counts].map(([key, count]) => ({ key, count }))
  return entries.sort((a, b) => b.count - a.count || (a.key < b.key ? -1 : 1)).slice(0, most)
}

/** How far back a list looks, in seconds. */
export const TOP_SECONDS = SPAN / 1000
