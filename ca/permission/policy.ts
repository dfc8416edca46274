import { addressBytes, containsAddress } from '../../config/address.ts'
import type { IssueRule } from '../../config/ca-schema.ts'
import { matchesPattern, type NamePattern } from '../../config/pattern.ts'
import { equalNames, type Name, printName } from '../../dns/name.ts'
import { type Identifier, identifierText, isWildcardIdentifier, nameOfIdentifier } from '../identifier.ts'

/** What decides who may have what. */
export interface Policy {
  rules: readonly IssueRule[]
  /** Names that a person must approve, whichever rule allows them. */
  reserved?: readonly NamePattern[] | undefined
  /** Whether the holder of a TSIG key may write this very name in DNS. */
  mayWrite?(key: Name, name: Name): boolean
}

/** Who asks for what. */
export interface PolicyRequest {
  identifiers: readonly Identifier[]
  /** Left out where any will do: a pre-authorization. */
  profile?: string | undefined
  /** The ACME account. */
  account?: string | undefined
  /** Names of the external keys that the asker is bound to. */
  keys?: readonly Name[] | undefined
  /**
   * The TSIG keys that made the records which proved control, by `identifierText`; absent while nothing is proved yet: then a rule for
   * writers may still be met.
   */
  proofs?: ReadonlyMap<string, Name> | undefined
}

/** Whether an identifier may be certified. `rule` counts from 1, as people do. */
export type Verdict =
  | { kind: 'allowed'; rule: number }
  | { kind: 'approval'; because: string }
  | { kind: 'refused'; reason: string }

/** An identifier that no rule allows, and why, in words that may be shown to the asker. */
export interface Refusal {
  identifier: Identifier
  reason: string
}

/** What the policy says of one identifier. Nothing is allowed unless a rule says so; what needs no approval goes first. */
export function judge(policy: Policy, identifier: Identifier, request: PolicyRequest): Verdict {
  const { rules } = policy
  const allowing = rules.flatMap((rule, i) =>
    allows(policy, rule, identifier, request) ? [{ rule, number: i + 1 }] : [],
  )
  const [first] = allowing
  if (!first) return { kind: 'refused', reason: whyRefused(policy, identifier, request) }
  const by = reservation(policy, identifier)
  if (by) return { kind: 'approval', because: `"${by.text}" is reserved` }
  const free = allowing.find(({ rule }) => !rule.approval)
  if (free) return { kind: 'allowed', rule: free.number }
  return { kind: 'approval', because: `issue rule ${first.number} asks for it` }
}

/** The identifiers that no rule allows; empty where each is, approved by a person or not. */
export function refusals(policy: Policy, request: PolicyRequest): Refusal[] {
  return request.identifiers.flatMap(identifier => {
    const verdict = judge(policy, identifier, request)
    return verdict.kind === 'refused' ? [{ identifier, reason: verdict.reason }] : []
  })
}

/** The rules that cover an identifier, whoever asks; numbered from 1. */
export function coveringRules({ rules }: Policy, identifier: Identifier): { rule: IssueRule; number: number }[] {
  return rules.flatMap((rule, i) => (covers(rule, identifier, true) ? [{ rule, number: i + 1 }] : []))
}

/** For whom a rule is, in words. */
export function describeHolder({ account, key, writers, wildcards, profiles, approval }: IssueRule): string {
  const who = [
    ...(account === undefined ? [] : [`account ${account}`]),
    ...(key === undefined ? [] : [`accounts bound to ${printName(key)}`]),
    ...(writers ? ['who may write the name in DNS'] : []),
  ]
  const terms = [
    ...(wildcards ? ['wildcards'] : []),
    ...(profiles === undefined ? [] : [`profiles ${profiles.join(', ')}`]),
    ...(approval ? ['after approval'] : []),
  ]
  return `${who.join(' and ') || 'any account'}${terms.length > 0 ? ` (${terms.join('; ')})` : ''}`
}

function reservation({ reserved = [] }: Policy, identifier: Identifier): NamePattern | undefined {
  if (identifier.type !== 'dns') return undefined
  const name = nameOfIdentifier(identifier)
  return reserved.find(pattern => matchesPattern(pattern, name, undefined, { wildcards: true }))
}

function allows(policy: Policy, rule: IssueRule, identifier: Identifier, request: PolicyRequest): boolean {
  return covers(rule, identifier) && isFor(policy, rule, identifier, request) && hasProfile(rule, request.profile)
}

/** Name patterns are about DNS names, blocks about addresses; nothing covers other kinds. */
function covers(rule: IssueRule, identifier: Identifier, wildcards = rule.wildcards): boolean {
  const { type, value } = identifier
  if (type === 'ip') return containsAddress(rule.addresses, addressBytes(value)!)
  if (type !== 'dns') return false
  const name = nameOfIdentifier(identifier)
  return rule.names.some(pattern => matchesPattern(pattern, name, undefined, { wildcards }))
}

function isFor(policy: Policy, rule: IssueRule, identifier: Identifier, request: PolicyRequest): boolean {
  return isHolder(rule, request) && (!rule.writers || isWriter(policy, identifier, request))
}

function isHolder(rule: IssueRule, { account, keys = [] }: PolicyRequest): boolean {
  if (rule.account !== undefined && rule.account !== account) return false
  const { key } = rule
  return key === undefined || keys.some(shown => equalNames(shown, key))
}

/** Whether a key that the asker has shown to hold may write the name. Before anything is proved, a name may still turn out to be its own. */
function isWriter({ mayWrite }: Policy, identifier: Identifier, { keys = [], proofs }: PolicyRequest): boolean {
  if (identifier.type !== 'dns' || !mayWrite) return false
  const name = nameOfIdentifier(identifier)
  const proving = proofs?.get(identifierText(identifier))
  if ([...keys, ...(proving ? [proving] : [])].some(key => mayWrite(key, name))) return true
  return proofs === undefined
}

function hasProfile(rule: IssueRule, profile: string | undefined): boolean {
  return rule.profiles === undefined || profile === undefined || rule.profiles.includes(profile)
}

/** The nearest miss: what would have had to be different, and in which rule. */
function whyRefused(policy: Policy, identifier: Identifier, request: PolicyRequest): string {
  const what = { dns: 'name', ip: 'address', uri: 'URI', email: 'mail address' }[identifier.type]
  const covering = coveringRules(policy, identifier)
  if (covering.length === 0) return `no issue rule covers this ${what}`
  const held = covering.filter(({ rule }) => isHolder(rule, request))
  if (held.length === 0)
    return `${those(covering, what)} ${covering.length > 1 ? 'are' : 'is'} for other accounts or keys`
  const written = held.filter(({ rule }) => isFor(policy, rule, identifier, request))
  if (written.length === 0)
    return `${those(held, what)} ${held.length > 1 ? 'are' : 'is'} for who may write it in DNS, and no key of this account may`
  if (isWildcardIdentifier(identifier) && !written.some(({ rule }) => rule.wildcards))
    return `${those(written, what)} ${written.length > 1 ? 'do' : 'does'} not allow wildcards`
  return `${those(written, what)} ${written.length > 1 ? 'do' : 'does'} not allow the profile "${request.profile}"`
}

/** "issue rule 2, which covers this name," or "issue rules 2 and 5, which cover this name,". */
function those(rules: readonly { number: number }[], what: string): string {
  const numbers = rules.map(({ number }) => number)
  const last = numbers.pop()!
  if (numbers.length === 0) return `issue rule ${last}, which covers this ${what},`
  return `issue rules ${numbers.join(', ')} and ${last}, which cover this ${what},`
}
