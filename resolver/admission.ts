import type { ResolverLimits } from './limits.ts'

/** Counts what is outstanding, and says no where a limit is reached: a flood from one client or for one dead zone leaves room for others. */
export interface Admission {
  /** A place for a client that waits; undefined where it has too many. Call the result when done. */
  client(client: string): (() => void) | undefined
  /** A place for a question that is asked upstream by a rule; undefined where there are too many. Call the result when done. */
  question(rule: string): (() => void) | undefined
}

export function createAdmission(limits: ResolverLimits): Admission {
  const byClient = new Map<string, number>()
  const byRule = new Map<string, number>()
  let all = 0
  return {
    client: client => take(byClient, client, limits.outstandingPerClient),
    question(rule) {
      if (all >= limits.outstanding) return undefined
      const release = take(byRule, rule, limits.outstandingPerRule)
      if (!release) return undefined
      all++
      return () => {
        all--
        release()
      }
    },
  }
}

function take(counts: Map<string, number>, key: string, limit: number): (() => void) | undefined {
  const count = counts.get(key) ?? 0
  if (count >= limit) return undefined
  counts.set(key, count + 1)
  return () => {
    const left = counts.get(key)! - 1
    if (left > 0) counts.set(key, left)
    else counts.delete(key)
  }
}
