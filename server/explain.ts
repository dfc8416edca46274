import { addressBytes, containsAddress, printAddress } from '../config/address.ts'
import { OptionCode, Rcode, rcodeName } from '../dns/codes.ts'
import type { Message } from '../dns/message.ts'
import { equalNames, isSubdomain, type Name, parseName, printName } from '../dns/name.ts'
import type { ResourceRecord } from '../dns/record.ts'
import { printRecord, Type, typeCode, typeName } from '../dns/types.ts'
import { chooseView, type RequestFacts } from '../zones/views.ts'
import { CommandError } from './control.ts'
import { type Inquiry, inquire } from './inquire.ts'
import type { ServingView, State } from './state.ts'
import type { ServedZone } from './zones.ts'

/** `{ name, type?, from?, key? }` → what that client gets for that name, and from where. */
export type Explain = (args: Record<string, unknown>) => Promise<object>

/** By the very code that serves: the choice of the view, the look-up, the resolver. */
export function createExplain(state: State, zoneOf: (view: string, origin: Name) => ServedZone | undefined): Explain {
  return async args => {
    const name = nameOf(args['name'])
    const type = typeCode(String(args['type'] ?? 'A'))
    if (type === undefined) throw new CommandError(`"${args['type']}" is not a record type`, 2)
    const facts = factsOf(args)
    const asked = { name: printName(name), type: typeName(type) }
    const view = chooseView(state.views, facts)
    if (!view) {
      const because = `no view matches ${describeClient(facts)}`
      return { ...asked, because, source: 'none', rcode: 'REFUSED', answer: [], notes: [] }
    }
    const recursive = containsAddress(view.recursion, facts.client)
    const inquiry = await inquire(view, name, type, { recursive, client: 'explain' })
    const { answer, rcode } = inquiry.message
    const origin = view.zones.find(name, 0)?.origin
    const owner = origin && holderOf(answer, zoneOf(view.name, origin))
    return {
      ...asked,
      view: view.name,
      because: whyThisView(view, facts),
      source: describeSource(view, name, origin, inquiry),
      rcode: rcodeName(rcode),
      answer: answer.map(printRecord),
      notes: [...notesOn(inquiry.message, origin, recursive), ...notesOnValidation(view, name, inquiry)],
      ...(owner !== undefined && { owner }),
    }
  }
}

function nameOf(value: unknown): Name {
  try {
    return parseName(String(value ?? ''))
  } catch (error) {
    throw new CommandError((error as Error).message, 2)
  }
}

/** Who asks, as far as the choice of the view goes. */
export function factsOf(args: Record<string, unknown>): RequestFacts {
  const from = String(args['from'] ?? '127.0.0.1')
  const client = addressBytes(from)
  if (!client) throw new CommandError(`"${from}" is not an IP address`, 2)
  return { client, ...(args['key'] !== undefined && { key: nameOf(args['key']) }) }
}

function describeClient({ client, key }: RequestFacts): string {
  return `client ${printAddress(client)}${key ? ` with key ${printName(key)}` : ''}`
}

/** Why a client gets this view. */
export function whyThisView({ match }: ServingView, facts: RequestFacts): string {
  const { key } = facts
  if (key && match.keys.some(listed => equalNames(listed, key))) return `it lists the key ${printName(key)}`
  return `the first that matches ${describeClient(facts)}`
}

function describeSource(view: ServingView, name: Name, origin: Name | undefined, { unresolved }: Inquiry): string {
  if (unresolved?.delegation) return `the servers of the delegation ${printName(unresolved.delegation.cut)}`
  if (origin) return `zone ${printName(origin)}${unresolved ? `, then ${describeRule(view, unresolved.name)}` : ''}`
  return describeRule(view, name)
}

/** What validation came to, and where there was none, why. */
function notesOnValidation(view: ServingView, name: Name, { security, unresolved, message }: Inquiry): string[] {
  if (security.length > 0) return security.map(({ status, reason }) => `DNSSEC: ${status}: ${reason}`)
  if (!unresolved) return view.zones.find(name, 0) ? ['DNSSEC: not validated: the zone is our own'] : []
  if (unresolved.delegation) return ['DNSSEC: not validated: the delegation is of a zone of our own']
  const rule = ruleFor(view, unresolved.name)
  if (!rule) return []
  if (rule.dnssec === 'off') return [`DNSSEC: not validated: forward rule ${printName(rule.zone)} does not ask for it`]
  return message.rcode === Rcode.SERVFAIL ? ['DNSSEC: validation is on; the answer failed, or there was none'] : []
}

function describeRule(view: ServingView, name: Name): string {
  const longest = ruleFor(view, name)
  return longest ? `forward rule ${printName(longest.zone)}` : 'no zone and no forward rule'
}

/** The forward rule of the longest suffix. */
function ruleFor({ forward }: ServingView, name: Name) {
  const rules = forward.filter(({ zone }) => isSubdomain(name, zone))
  return rules.reduce<(typeof rules)[number] | undefined>(
    (a, b) => (a && a.zone.length >= b.zone.length ? a : b),
    undefined,
  )
}

/** The key that added the answer's records, where they are a key's. */
function holderOf(answer: readonly ResourceRecord[], zone: ServedZone | undefined): string | undefined {
  const holders = new Set(answer.flatMap(record => zone?.holderOf(record) ?? []))
  return holders.size > 0 ? [...holders].join(', ') : undefined
}

function notesOn(message: Message, origin: Name | undefined, recursive: boolean): string[] {
  const notes: string[] = []
  if (!recursive) notes.push('the view does not recurse for this client')
  for (const { owner, type } of message.answer)
    if (type === Type.CNAME || type === Type.DNAME) notes.push(`${printName(owner)} is an alias (${typeName(type)})`)
  const cut = message.authority.find(({ type, owner }) => type === Type.NS && origin && !equalNames(owner, origin))
  if (cut) notes.push(`referral: ${printName(cut.owner)} is delegated`)
  for (const { code, data } of message.edns?.options ?? [])
    if (code === OptionCode.EDE) notes.push(describeExtendedError(data))
  return notes
}

/** RFC 8914 §2. */
function describeExtendedError(data: Uint8Array): string {
  const text = Buffer.from(data.subarray(2)).toString('utf8')
  return `Extended DNS Error ${((data[0] ?? 0) << 8) | (data[1] ?? 0)}${text && `: ${text}`}`
}
