/** Why a question could not be resolved: an Extended DNS Error (RFC 8914). */
export interface ExtendedError {
  code: number
  text: string
  /** An answer did come and is not to be believed: stale data does not stand in for it. */
  final?: true
}

/** Questions that lately could not be resolved (RFC 9520), so that servers in trouble are not asked again at once. */
export interface FailureCache {
  /** The failure that still stands for this question. */
  get(key: string, now: number): ExtendedError | undefined
  /** Notes a failure; each one in a row stands twice as long as the one before, at least `minimum` ms. */
  note(key: string, error: ExtendedError, now: number, minimum?: number): void
  forget(key: string): void
  /** A server came back: nothing that failed before stands any longer. */
  clear(): void
}

// RFC 9520 §3.2: at least one second, at most five minutes, longer for those that persist.
const SHORTEST = 1000
const LONGEST = 30_000
const MAX_FAILURES = 10_000

export function createFailureCache(): FailureCache {
  const failures = new Map<string, { error: ExtendedError; until: number; wait: number }>()
  return {
    get(key, now) {
      if (failures.size === 0) return undefined
      const failure = failures.get(key)
      return failure && now < failure.until ? failure.error : undefined
    },
    note(key, error, now, minimum = SHORTEST) {
      const before = failures.get(key)
      const wait = Math.max(minimum, before ? Math.min(LONGEST, before.wait * 2) : SHORTEST)
      failures.delete(key)
      failures.set(key, { error, until: now + wait, wait })
      if (failures.size > MAX_FAILURES) failures.delete(failures.keys().next().value!)
    },
    forget(key) {
      if (failures.size > 0) failures.delete(key)
    },
    clear: () => failures.clear(),
  }
}
