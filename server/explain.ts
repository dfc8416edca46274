import { addressBytes, containsAddress, printAddress } from '../config/address.ts'
import { OptionCode, rcodeName } from '../dns/codes.ts'
import type { Message } from '../dns/message.ts'
import { equalNames, isSubdomain, type Name, nameKey, parseName, printName } from '../dns/name.ts'
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
    const facts = factsOf(args, state)
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
      notes: notesOn(inquiry.message, origin, recursive),
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

/** Who asks, as far as the choice of the view goes. CommandError where no view is chosen, for the signature would not be good. */
export function factsOf(args: Record<string, unknown>, { findKey }: State): RequestFacts {
  const from = String(args['from'] ?? '127.0.0.1')
  const client = addressBytes(from)
  if (!client) throw new CommandError(`"${from}" is not an IP address`, 2)
  if (args['key'] === undefined) return { client }
  const key = nameOf(args['key'])
  if (!findKey(key))
    throw new CommandError(`the configuration has no key ${printName(key)}: what it signs is answered NOTAUTH (BADKEY)`)
  return { client, key }
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
  if (origin) return `${describeZone(view, origin)}${unresolved ? `, then ${describeRule(view, unresolved.name)}` : ''}`
  return describeRule(view, name)
}

function describeZone({ configs }: ServingView, origin: Name): string {
  const base = configs.get(nameKey(origin))?.overlay_of
  return `zone ${printName(origin)}${base === undefined ? '' : ` (overlay of ${base})`}`
}

function describeRule(view: ServingView, name: Name): string {
  const rules = view.forward.filter(({ zone }) => isSubdomain(name, zone))
  const longest = rules.reduce<(typeof rules)[number] | undefined>(
    (a, b) => (a && a.zone.length >= b.zone.length ? a : b),
    undefined,
  )
  return longest ? `forward rule ${printName(longest.zone)}` : 'no zone and no forward rule'
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
