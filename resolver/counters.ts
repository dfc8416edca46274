/** What a resolver has done since it began; read by the metrics, never reset. */
export interface Counters {
  /** Answered from the cache; from upstream; with stale data (RFC 8767). */
  hits: number
  misses: number
  stale: number
  /** Questions that nobody upstream could answer. */
  failures: number
  /** Messages sent upstream, repetitions included. */
  asked: number
  /** Answers refused because a limit was reached. */
  refused: number
  /** What validation came to: proved; proved to be unsigned, or below no anchor; not to be believed. */
  secure: number
  insecure: number
  bogus: number
}

export function createCounters(): Counters {
  return { hits: 0, misses: 0, stale: 0, failures: 0, asked: 0, refused: 0, secure: 0, insecure: 0, bogus: 0 }
}
