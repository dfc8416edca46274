/** What bounds a resolver: sizes, counts, and times in milliseconds. */
export interface ResolverLimits {
  /** A client has its answer, stale data or SERVFAIL after this long (RFC 8767 §5: 1.8 s is recommended). */
  patience: number
  /** A question is given up after this long; until then a late answer still enters the cache (RFC 8767 §5). */
  lifetime: number
  /** Seconds that an answer is kept at least, whatever its TTLs say, and a positive one at most. */
  minTtl: number
  maxTtl: number
  /** Seconds that a negative answer is kept at most (RFC 2308 §5: one to three hours). */
  maxNegativeTtl: number
  /** Seconds that an expired answer is kept for when no upstream answers (RFC 8767 §5: one to three days). */
  maxStale: number
  /** TTL of a stale answer in seconds (RFC 8767 §4: 30 s is recommended). */
  staleTtl: number
  /** Whether an answer that is asked for in the last tenth of its time is renewed before it expires. */
  prefetch: boolean
  /**
   * Questions being asked upstream at once: in all; for one rule; for names below one second-level domain, and with one parent, so that a flood for
   * a domain that is dead leaves room for others; and for one client (those that wait for another's included).
   */
  outstanding: number
  outstandingPerRule: number
  outstandingPerDomain: number
  outstandingPerParent: number
  outstandingPerClient: number
  /** Answers being renewed at once though nobody waits for them: more wait until they are asked for again. */
  renewals: number
  /** How many CNAMEs are followed for one question. */
  chainLength: number
}

export const DEFAULT_LIMITS: ResolverLimits = {
  patience: 1800,
  lifetime: 5000,
  minTtl: 0,
  maxTtl: 86400,
  maxNegativeTtl: 10800,
  maxStale: 3 * 86400,
  staleTtl: 30,
  prefetch: true,
  outstanding: 2000,
  outstandingPerRule: 1500,
  outstandingPerDomain: 500,
  outstandingPerParent: 250,
  outstandingPerClient: 1000,
  renewals: 256,
  chainLength: 16,
}
