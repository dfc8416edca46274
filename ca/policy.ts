import type { IssueRule } from '../config/ca-schema.ts'
import { matchesPattern } from '../config/pattern.ts'
import { equalNames, type Name } from '../dns/name.ts'
import { type Identifier, isWildcardIdentifier, nameOfIdentifier } from './identifier.ts'

/** Who asks for what. */
export interface PolicyRequest {
  identifiers: readonly Identifier[]
  profile: string
  /** The ACME account; absent for break-glass. */
  account?: string | undefined
  /** Names of the TSIG or binding keys that the asker has shown to hold. */
  keys?: readonly Name[] | undefined
}

/** An identifier that no rule allows, and why, in words that may be shown to the asker. */
export interface Refusal {
  identifier: Identifier
  reason: string
}

/** The identifiers that may not be certified; empty where all may. Nothing is allowed unless a rule says so. */
export function refusals(rules: readonly IssueRule[], request: PolicyRequest): Refusal[] {
  return request.identifiers.flatMap(identifier => {
    if (rules.some(rule => allows(rule, identifier, request))) return []
    return [{ identifier, reason: whyRefused(rules, identifier, request) }]
  })
}

function allows(rule: IssueRule, identifier: Identifier, request: PolicyRequest): boolean {
  return covers(rule, identifier) && isHolder(rule, request) && hasProfile(rule, request.profile)
}

/** Name patterns are about DNS names: no pattern covers an address. */
function covers(rule: IssueRule, identifier: Identifier, wildcards = rule.wildcards): boolean {
  if (identifier.type !== 'dns') return false
  const name = nameOfIdentifier(identifier)
  return rule.names.some(pattern => matchesPattern(pattern, name, undefined, { wildcards }))
}

function isHolder(rule: IssueRule, { account, keys = [] }: PolicyRequest): boolean {
  if (rule.account !== undefined && rule.account !== account) return false
  const { key } = rule
  return key === undefined || keys.some(shown => equalNames(shown, key))
}

function hasProfile(rule: IssueRule, profile: string): boolean {
  return rule.profiles === undefined || rule.profiles.includes(profile)
}

/** The nearest miss: what would have had to be different. */
function whyRefused(rules: readonly IssueRule[], identifier: Identifier, request: PolicyRequest): string {
  if (identifier.type !== 'dns') return 'no issue rule allows addresses'
  const covering = rules.filter(rule => covers(rule, identifier, true))
  if (covering.length === 0) return 'no issue rule covers this name'
  const held = covering.filter(rule => isHolder(rule, request))
  if (held.length === 0) return 'the issue rules that cover this name are for other accounts or keys'
  if (isWildcardIdentifier(identifier) && !held.some(rule => rule.wildcards))
    return 'the issue rules that cover this name do not allow wildcards'
  return `the issue rules that cover this name do not allow the profile "${request.profile}"`
}
