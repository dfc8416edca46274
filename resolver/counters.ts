/** What a resolver has done since it began; read by the metrics, never reset. */
export interface Counters {
  /** Answered from the cache; from upstream; with stale data (RFC 8767). */
  hits: number
  misses: number
  stale: number
  /** Answers that were renewed before they expired. */
  prefetched: number
  /** Questions that nobody upstream could answer. */
  failures: number
  /** Messages sent upstream, repetitions included. */
  asked: number
  /** Names that were kept from public upstreams; private addresses taken out of what those said; questions that had been here before. */
  guarded: number
  rebinding: number
  loops: number
  /** Answers refused because a limit was reached. */
  refused: number
  /** What validation came to: proved; proved to be unsigned, or below no anchor; not to be believed. */
  secure: number
  insecure: number
  bogus: number
}

export function createCounters(): Counters {
  return {
    hits: 0,
    misses: 0,
    stale: 0,
    prefetched: 0,
    failures: 0,
    asked: 0,
    guarded: 0,
    rebinding: 0,
    loops: 0,
    refused: 0,
    secure: 0,
    insecure: 0,
    bogus: 0,
  }
}
