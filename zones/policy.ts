import { containsAddress, printAddress } from '../config/address.ts'
import { matchesPattern, type NamePattern } from '../config/pattern.ts'
import type { TransferRule, UpdateRule } from '../config/schema.ts'
import { Class, Ede, Rcode } from '../dns/codes.ts'
import { RcodeError } from '../dns/errors.ts'
import { equalNames, isWildcard, type Name, printName } from '../dns/name.ts'
import type { ResourceRecord } from '../dns/record.ts'
import { Type, typeName } from '../dns/types.ts'
import { rdataKey, rrsetKey } from './change.ts'
import { recordsOf, type ZoneContents } from './draft.ts'
import { keyText } from './holders.ts'

/** Who sent a request, as far as policy asks. */
export interface Requestor {
  /** The TSIG key that signed it, verified. */
  key?: Name
  /** Its source address, 4 or 16 octets. */
  address?: Uint8Array
  /** Whether it came over TLS. */
  tls?: boolean
}

/** What `permitUpdates` judges by. */
export interface UpdatePolicy {
  rules: readonly UpdateRule[]
  requestor: Requestor
  origin: Name
  contents: ZoneContents
  /** Names that no update may touch, whatever the rules. */
  reserved?: readonly NamePattern[] | undefined
  /** Who holds a record: the key that added it, as `keyText` has it; undefined where it came from the file or from us. */
  holders: { of(record: ResourceRecord): string | undefined }
}

/** Types that no rule covers unless it lists them: the zone's skeleton, and what DNSSEC keeps in step by itself (RFC 4034, RFC 5155, RFC 7344). */
const UNLISTED: ReadonlySet<number> = new Set([
  Type.SOA,
  Type.NS,
  Type.DS,
  Type.DNSKEY,
  Type.RRSIG,
  Type.NSEC,
  Type.NSEC3,
  Type.NSEC3PARAM,
  Type.CDS,
  Type.CDNSKEY,
])

/** Refuses whom no rule could let change anything, before a prerequisite tells them what the zone holds. */
export function permitRequestor(rules: readonly UpdateRule[], requestor: Requestor): void {
  if (rules.some(rule => fitsRequestor(rule, requestor))) return
  if (!requestor.key) throw refused('it is not signed')
  const key = printName(requestor.key)
  if (!rules.some(rule => equalNames(rule.key, requestor.key!)))
    throw refused(`no update rule of the zone names the key ${key}`)
  throw refused(`no update rule lets the key ${key} be used from ${describeAddress(requestor)}`)
}

/**
 * Refuses the whole message for one update that the rules do not allow (RFC 2136 §3.3); the reason names the rule. Returns the index of
 * the rule that allows each update.
 */
export function permitUpdates(policy: UpdatePolicy, updates: readonly ResourceRecord[]): number[] {
  const judged: Judged = { policy, others: new Map() }
  return updates.map(update => {
    requireUnreserved(policy, update.owner)
    if (update.class === Class.ANY && update.type === Type.ANY) return permitDeleteOfName(judged, update.owner)
    return permitChange(judged, update, update.type)
  })
}

/** Refuses what no update and no client of the API may touch. */
export function requireUnreserved({ reserved, origin }: Pick<UpdatePolicy, 'reserved' | 'origin'>, owner: Name): void {
  const by = reserved?.find(pattern => matchesPattern(pattern, owner, origin, { wildcards: true }))
  if (by) throw refused(`${printName(owner)} is reserved by "${by.text}": no update may touch it`)
}

/** One message being judged, with what was looked up for it: many updates are often about one RRset. */
interface Judged {
  policy: UpdatePolicy
  others: Map<string, Map<string, string>>
}

/**
 * Deleting all RRsets of a name needs a rule for every type that would go, as BIND's update-policy has it; the apex keeps SOA and NS
 * anyway. Where there is nothing to go, some rule must cover the name all the same.
 */
function permitDeleteOfName(judged: Judged, owner: Name): number {
  const { policy } = judged
  const atApex = equalNames(owner, policy.origin)
  const going = policy.contents.typesAt(owner).filter(type => !STAYS.has(type) && !(atApex && APEX_STAYS.has(type)))
  const update = { owner, type: Type.ANY, class: Class.ANY, ttl: 0, rdata: new Uint8Array() }
  const allowing = going.map(type => permitChange(judged, update, type))
  const at = allowing[0] ?? ruleFor(policy, owner, undefined)
  if (at < 0) throw noRule(policy, owner, undefined)
  return at
}

/** The index of the rule that decides on the owner and type, -1 where none does; without a type, of one that covers the owner. */
export function ruleFor(policy: UpdatePolicy, owner: Name, type: number | undefined): number {
  return policy.rules.findIndex(rule => misfit(rule, policy, owner, type) === undefined)
}

const STAYS: ReadonlySet<number> = new Set([Type.RRSIG, Type.NSEC, Type.NSEC3])
const APEX_STAYS: ReadonlySet<number> = new Set([Type.SOA, Type.NS])

function permitChange(judged: Judged, update: ResourceRecord, type: number): number {
  const { policy } = judged
  // Differs from RFC 3007 §4.1, which lets a client bring signatures along: they are the server's to keep in step (§4.3).
  if (STAYS.has(type)) throw refused(`${typeName(type)} records are made by signing, not by updates`)
  const at = ruleFor(policy, update.owner, type)
  if (at < 0) throw noRule(policy, update.owner, type)
  // The first rule that fits decides: what it then forbids, no later rule allows.
  const rule = policy.rules[at]!
  if (rule.ttl && update.class === Class.IN && (update.ttl < rule.ttl[0] || update.ttl > rule.ttl[1]))
    throw refused(`update rule ${at + 1} allows TTLs from ${rule.ttl[0]} to ${rule.ttl[1]}, not ${update.ttl}`)
  if (rule.own) requireOwn(judged, update, type, at)
  return at
}

/** `own: true`: a key adds where nobody else holds that name and type, and deletes or replaces only what it added itself. */
function requireOwn(judged: Judged, update: ResourceRecord, type: number, at: number): void {
  const others = othersAt(judged, update.owner, type)
  const key = rdataKey(type, update.rdata)
  if (others.size === 0 || (update.class === Class.NONE && !others.has(key))) return
  const other = others.get(key) ?? others.values().next().value!
  throw refused(`update rule ${at + 1} has own: true, and ${other} holds ${printName(update.owner)} ${typeName(type)}`)
}

/** The records of an RRset that the requestor does not hold, by `rdataKey`, and who does. */
function othersAt({ policy, others }: Judged, owner: Name, type: number): ReadonlyMap<string, string> {
  const key = rrsetKey(owner, type)
  let found = others.get(key)
  if (found) return found
  const self = keyText(policy.requestor.key!)
  others.set(key, (found = new Map()))
  for (const record of recordsOf(policy.contents.rrset(owner, type) ?? { owner, type, ttl: 0, rdatas: [] })) {
    const holder = policy.holders.of(record)
    if (holder !== self)
      found.set(rdataKey(type, record.rdata), holder === undefined ? "the zone's file" : 'another key')
  }
  return found
}

/** Why the rule does not fit, in words that follow "rule 1"; undefined where it does. Without a type, only name and requestor count. */
function misfit(
  rule: UpdateRule,
  { requestor, origin }: UpdatePolicy,
  owner: Name,
  type: number | undefined,
): string | undefined {
  if (!requestor.key || !equalNames(rule.key, requestor.key)) return 'is for another key'
  if (!fitsRequestor(rule, requestor)) return `does not cover the address ${describeAddress(requestor)}`
  if (isWildcard(owner) && !rule.wildcards) return 'does not cover wildcards'
  if (!coversName(rule, owner, origin)) return 'does not cover the name'
  if (type === undefined) return undefined
  if (!rule.types) return UNLISTED.has(type) ? `covers ${typeName(type)} only where its types list it` : undefined
  return rule.types.includes(type) ? undefined : `does not cover the type ${typeName(type)}`
}

function coversName({ names, wildcards }: UpdateRule, owner: Name, origin: Name): boolean {
  return names.some(pattern => matchesPattern(pattern, owner, origin, { wildcards }))
}

/** Types by which a name gets somewhere: who may write one of them decides what the name is. */
const LEADING: readonly number[] = [Type.A, Type.AAAA, Type.CNAME]

/** Whether some rule lets the key, wherever it comes from, decide what the name is. */
export function mayWriteName(rules: readonly UpdateRule[], key: Name, name: Name, origin: Name): boolean {
  return rules.some(
    rule =>
      equalNames(rule.key, key) &&
      coversName(rule, name, origin) &&
      (!rule.types || rule.types.some(type => LEADING.includes(type))),
  )
}

function fitsRequestor(rule: UpdateRule, { key, address }: Requestor): boolean {
  if (!key || !equalNames(rule.key, key)) return false
  return !rule.from || (address !== undefined && containsAddress(rule.from, address))
}

/** Misfits told in one refusal. */
const MISFITS_TOLD = 4

function noRule(policy: UpdatePolicy, owner: Name, type: number | undefined): RcodeError {
  const { rules, requestor } = policy
  const key = requestor.key ? `the key ${printName(requestor.key)}` : 'an unsigned request'
  const what = type === undefined ? printName(owner) : `${printName(owner)} ${typeName(type)}`
  const misfits = rules
    .map((rule, at) => ({ at, why: misfit(rule, policy, owner, type), rule }))
    .filter(({ rule }) => requestor.key && equalNames(rule.key, requestor.key))
    .slice(0, MISFITS_TOLD)
    .map(({ at, why }) => `rule ${at + 1} ${why}`)
  return refused(`no update rule lets ${key} change ${what}${misfits.length ? `: ${misfits.join('; ')}` : ''}`)
}

/** The rule that lets the requestor have the whole zone, all that it names holding; throws REFUSED where none does. */
export function permitTransfer(rules: readonly TransferRule[], requestor: Requestor): TransferRule {
  const fits = (rule: TransferRule) =>
    (!rule.key || (requestor.key !== undefined && equalNames(rule.key, requestor.key))) &&
    (!rule.tls || requestor.tls === true) &&
    (!rule.from || (requestor.address !== undefined && containsAddress(rule.from, requestor.address)))
  const rule = rules.find(fits)
  if (rule) return rule
  const who = requestor.key ? `the key ${printName(requestor.key)}` : 'an unsigned request'
  const how = requestor.tls ? 'over TLS ' : ''
  throw refused(`no transfer rule of the zone allows ${who} ${how}from ${describeAddress(requestor)}`)
}

function describeAddress({ address }: Requestor): string {
  return address ? printAddress(address) : 'an unknown address'
}

function refused(why: string): RcodeError {
  return new RcodeError(Rcode.REFUSED, why, Ede.PROHIBITED)
}
