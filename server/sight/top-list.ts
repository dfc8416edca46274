/** A key and about how often it was seen. */
export interface TopEntry {
  key: string
  count: number
}

/** What is frequent. */
export interface Top {
  names: TopEntry[]
  clients: TopEntry[]
  /** Names that were answered SERVFAIL. */
  failures: TopEntry[]
  /** Names that were kept from upstreams or changed by a policy. */
  blocked: TopEntry[]
}

/** Windows of so many milliseconds, and how many of them a list looks back. */
const WINDOW = 60_000
const WINDOWS = 5

/**
 * The most frequent keys of the last minutes, in bounded memory: in each window the `size` keys that Space-Saving keeps (Metwally et al. 2005).
 * A count is too high by at most what the rarest kept key had.
 */
export class TopList {
  private readonly size: number
  private windows: { began: number; counts: Map<string, number> }[] = []

  constructor(size: number) {
    this.size = size
  }

  /** @param now monotonic ms */
  note(key: string, weight: number, now: number): void {
    const counts = this.current(now)
    const count = counts.get(key)
    if (count !== undefined || counts.size < this.size) {
      counts.set(key, (count ?? 0) + weight)
      return
    }
    const [rarest, least] = this.rarestOf(counts)
    counts.delete(rarest)
    counts.set(key, least + weight)
  }

  /** The `most` frequent, most frequent first. */
  list(most: number, now: number): TopEntry[] {
    this.current(now)
    const sums = new Map<string, number>()
    for (const { counts } of this.windows)
      for (const [key, count] of counts) sums.set(key, (sums.get(key) ?? 0) + count)
    return topOf(sums, most)
  }

  private current(now: number): Map<string, number> {
    this.windows = this.windows.filter(({ began }) => now - began < WINDOW * WINDOWS)
    const last = this.windows.at(-1)
    if (last && now - last.began < WINDOW) return last.counts
    const counts = new Map<string, number>()
    this.windows.push({ began: now, counts })
    return counts
  }

  private rarestOf(counts: Map<string, number>): [string, number] {
    let rarest: [string, number] = ['', Number.POSITIVE_INFINITY]
    for (const entry of counts) if (entry[1] < rarest[1]) rarest = entry
    return rarest
  }
}

/** The greatest of counts, greatest first. */
export function topOf(counts: ReadonlyMap<string, number>, most: number): TopEntry[] {
  const entries = [...counts].map(([key, count]) => ({ key, count }))
  return entries.sort((a, b) => b.count - a.count || (a.key < b.key ? -1 : 1)).slice(0, most)
}

/** How far back a list looks, in seconds. */
export const TOP_SECONDS = (WINDOW * WINDOWS) / 1000
