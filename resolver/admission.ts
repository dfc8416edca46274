import { labelCount, type Name, nameKey } from '../dns/name.ts'
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
    client(client) {
      const count = byClient.get(client) ?? 0
      if (count >= limits.outstandingPerClient) return undefined
      byClient.set(client, count + 1)
      return () => leave(byClient, client)
    },
    question(rule, name) {
      if (all >= limits.outstanding) return undefined
      const { domain, parent } = suffixesOf(name)
      const ofRule = byRule.get(rule) ?? 0
      const ofDomain = byDomain.get(domain) ?? 0
      const ofParent = byParent.get(parent) ?? 0
      if (ofRule >= limits.outstandingPerRule || ofDomain >= limits.outstandingPerDomain) return undefined
      if (ofParent >= limits.outstandingPerParent) return undefined
      byRule.set(rule, ofRule + 1)
      byDomain.set(domain, ofDomain + 1)
      byParent.set(parent, ofParent + 1)
      all++
      return () => {
        all--
        leave(byRule, rule)
        leave(byDomain, domain)
        leave(byParent, parent)
      }
    },
  }
}

/** The last two labels of a name, and all but its first; of a name with two that is itself, for a top-level domain is nobody's. */
function suffixesOf(name: Name): { domain: string; parent: string } {
  const key = nameKey(name)
  const labels = labelCount(name)
  let domain = 0
  for (let left = labels; left > 2; left--) domain += name[domain]! + 1
  return { domain: key.slice(domain), parent: key.slice(labels > 2 ? name[0]! + 1 : 0) }
}

/** One less of the key is outstanding. */
function leave(counts: Map<string, number>, key: string): void {
  const left = counts.get(key)! - 1
  if (left > 0) counts.set(key, left)
  else counts.delete(key)
}
