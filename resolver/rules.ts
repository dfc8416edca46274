import { type Name, nameKey } from '../dns/name.ts'

/** Rules found by the longest suffix of a name. */
export interface RuleTable<Rule> {
  find(name: Name): Rule | undefined
  readonly all: readonly Rule[]
}

/** The table of `rules`; of two for one zone the first counts. */
export function createRuleTable<Rule extends { zone: Name }>(rules: readonly Rule[]): RuleTable<Rule> {
  const byZone = new Map<string, Rule>()
  for (const rule of rules) if (!byZone.has(nameKey(rule.zone))) byZone.set(nameKey(rule.zone), rule)
  return {
    all: [...byZone.values()],
    find(name) {
      if (byZone.size === 0) return undefined
      const key = nameKey(name)
      for (let at = 0; ; at += name[at]! + 1) {
        const rule = byZone.get(key.slice(at))
        if (rule || name[at] === 0) return rule
      }
    },
  }
}
