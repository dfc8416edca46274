import { MAX_NAME, type Name, nameKey, ROOT } from '../../dns/name.ts'

/** Rules found by the longest suffix of a name. */
export interface RuleTable<Rule> {
  find(name: Name): Rule | undefined
  readonly all: readonly Rule[]
}

/** The table of `rules`; of two for one zone the first counts. */
export function createRuleTable<Rule extends { zone: Name }>(rules: readonly Rule[]): RuleTable<Rule> {
  const byZone = new Map<string, Rule>()
  /** Of zones' names: no suffix of another length need be looked for. */
  const lengths = new Uint8Array(MAX_NAME + 1)
  for (const rule of rules) {
    if (!byZone.has(nameKey(rule.zone))) byZone.set(nameKey(rule.zone), rule)
    lengths[rule.zone.length] = 1
  }
  const root = byZone.get(nameKey(ROOT))
  return {
    all: [...byZone.values()],
    find(name) {
      for (let at = 0; name[at] !== 0; at += name[at]! + 1) {
        const rule = lengths[name.length - at] ? byZone.get(nameKey(name.subarray(at))) : undefined
        if (rule) return rule
      }
      return root
    },
  }
}
