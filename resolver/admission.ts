import { type Name, nameKey } from '../dns/name.ts'
import type { ResolverLimits } from './limits.ts'

/** Counts what is outstanding, and says no where a limit is reached: a flood from one client, for one rule or one dead domain leaves room for others. */
export interface Admission {
  /** A place for a client that waits; undefined where it has too many. Call the result when done. */
  client(client: string): (() => void) | undefined
  /** A place for a question that is asked upstream by a rule; undefined where there are too many. Call the result when done. */
  question(rule: string, name: Name): (() => void) | undefined
}

export function createAdmission(limits: ResolverLimits): Admission {
  const byClient = new Map<string, number>()
  const byRule = new Map<string, number>()
  const byDomain = new Map<string, number>()
  const byParent = new Map<string, number>()
  let all = 0
  return {
    client: client => take(byClient, client, limits.outstandingPerClient),
    question(rule, name) {
      if (all >= limits.outstanding) return undefined
      const { domain, parent } = suffixesOf(name)
      const releases: (() => void)[] = []
      const releaseAll = () => {
        for (const release of releases) release()
      }
      const places = [
        [byRule, rule, limits.outstandingPerRule],
        [byDomain, domain, limits.outstandingPerDomain],
        [byParent, parent, limits.outstandingPerParent],
      ] as const
      for (const [counts, key, limit] of places) {
        const release = take(counts, key, limit)
        if (!release) {
          releaseAll()
          return undefined
        }
        releases.push(release)
      }
      all++
      return () => {
        all--
        releaseAll()
      }
    },
  }
}

/** The last two labels of a name, and all but its first; of a name with two that is itself, for a top-level domain is nobody's. */
function suffixesOf(name: Name): { domain: string; parent: string } {
  const key = nameKey(name)
  const starts: number[] = []
  for (let at = 0; name[at] !== 0; at += name[at]! + 1) starts.push(at)
  return { domain: key.slice(starts.at(-2) ?? 0), parent: key.slice(starts.length > 2 ? starts[1] : 0) }
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
