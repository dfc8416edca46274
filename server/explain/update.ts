import { Class, Opcode, Rcode, rcodeName } from '../../dns/codes.ts'
import type { Message } from '../../dns/message.ts'
import { type Name, printName } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { parseRdataText, Type, typeCode } from '../../dns/types.ts'
import { chooseView } from '../../zones/views.ts'
import { CommandError, nameArgument } from '../control/control.ts'
import type { State } from '../requests/state.ts'
import { isSecondary, type ServedZone } from '../zones/zones.ts'
import { factsOf, whyThisView } from './asked.ts'
import type { Explain } from './explain.ts'

/** `{ name, from?, key?, updates }` → whether that client would be allowed these updates of the zone that the name is in. */
export function createExplainUpdate(
  state: State,
  zoneOf: (view: string, origin: Name) => ServedZone | undefined,
): Explain {
  return async args => {
    const name = nameArgument(String(args['name'] ?? ''))
    const lines = Array.isArray(args['updates']) ? args['updates'].map(String) : []
    if (lines.length === 0) throw new CommandError('say what is to be updated', 2)
    const updates = lines.map(parseUpdate)
    const facts = factsOf(args)
    if (facts.key && !state.findKey(facts.key))
      return refusal(name, 'NOTAUTH', `no key ${printName(facts.key)} is configured (BADKEY)`)
    const view = chooseView(state.views, facts)
    if (!view) return refusal(name, 'REFUSED', 'no view is for this client')
    const origin = view.zones.find(name, 0)?.origin
    const zone = origin && zoneOf(view.name, origin)
    const seen = { view: view.name, because: whyThisView(view, facts) }
    if (!zone) return { ...refusal(name, 'NOTAUTH', `view ${view.name} has no zone for it`), ...seen }
    const where = { ...seen, zone: printName(zone.origin) }
    if (isSecondary(zone)) return { ...refusal(name, 'REFUSED', 'it is a secondary zone'), ...where }
    const requestor = { address: facts.client, ...(facts.key && { key: facts.key }) }
    const { rcode, reason, permitted, outcome } = zone.tryUpdate(messageOf(zone.origin, updates), requestor)
    return {
      ...{ name: printName(name), ...where, allowed: rcode === Rcode.NOERROR, rcode: rcodeName(rcode), reason },
      updates: lines.map((update, i) => ({ update, ...(permitted[i] !== undefined && { rule: permitted[i]! + 1 }) })),
      ignored: outcome?.ignored ?? [],
      ...{ added: countOf(outcome?.change.added), deleted: countOf(outcome?.change.deleted) },
    }
  }
}

function refusal(name: Name, rcode: string, reason: string) {
  return { name: printName(name), allowed: false, rcode, reason, updates: [], ignored: [], added: 0, deleted: 0 }
}

/** The SOA, whose serial rises, is nothing that was asked for. */
function countOf(records: readonly ResourceRecord[] = []): number {
  return records.filter(({ type }) => type !== Type.SOA).length
}

function messageOf(zone: Name, updates: ResourceRecord[]): Message {
  return {
    ...{ id: 0, flags: 0, opcode: Opcode.UPDATE, rcode: 0, answer: [], additional: [] },
    question: [{ name: zone, type: Type.SOA, class: Class.IN }],
    authority: updates,
  }
}

/** As nsupdate takes it: "add NAME TTL [IN] TYPE DATA", "delete NAME [TTL] [IN] [TYPE [DATA]]" (RFC 2136 §2.5). */
export function parseUpdate(line: string): ResourceRecord {
  const parts = /^\s*(?:update\s+)?(\w+)\s+(\S+)(?:\s+(\d+))?(?:\s+IN)?(?:\s+([\w-]+)(?:\s+(.*\S))?)?\s*$/is.exec(line)
  if (!parts) throw new CommandError(`"${line}": expected add NAME TTL TYPE DATA, or delete NAME [TYPE [DATA]]`, 2)
  const verb = parts[1]!.toLowerCase()
  const owner = nameArgument(parts[2]!)
  const ttl = parts[3] === undefined ? undefined : Number(parts[3])
  const type = parts[4] === undefined ? Type.ANY : typeOf(parts[4])
  const rdata = parts[5] === undefined ? new Uint8Array() : rdataOf(type, line, parts[5])
  if (verb === 'delete' || verb === 'del')
    return { owner, type, class: rdata.length > 0 ? Class.NONE : Class.ANY, ttl: 0, rdata }
  if (verb !== 'add') throw new CommandError(`"${line}": an update begins with add or delete`, 2)
  if (ttl === undefined || rdata.length === 0) throw new CommandError(`"${line}": expected add NAME TTL TYPE DATA`, 2)
  return { owner, type, class: Class.IN, ttl, rdata }
}

function rdataOf(type: number, line: string, text: string): Uint8Array {
  try {
    return parseRdataText(type, text)
  } catch (error) {
    throw new CommandError(`"${line}": ${(error as Error).message}`, 2)
  }
}

function typeOf(word: string): number {
  const type = typeCode(word)
  if (type === undefined) throw new CommandError(`"${word}" is not a record type`, 2)
  return type
}
