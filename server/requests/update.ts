import { Class, Ede, Opcode, Rcode } from '../../dns/codes.ts'
import { RcodeError } from '../../dns/errors.ts'
import type { Message, Question } from '../../dns/message.ts'
import { nameKey, printName } from '../../dns/name.ts'
import { Type } from '../../dns/types.ts'
import type { RequestOrigin, UpdateRequest } from '../threads/messages.ts'
import type { ServingView } from './state.ts'

/**
 * What main is to decide on for an UPDATE (RFC 2136), or RcodeError where the serving thread can refuse by itself. A thread that holds
 * no zone's writer knows enough for that: main's time is not spent on strangers.
 */
export function prepareUpdate(
  message: Message,
  wire: Uint8Array,
  view: ServingView,
  from: RequestOrigin,
): Omit<UpdateRequest, 'id' | 'received'> {
  const zone = zoneSection(message)
  const config = view.configs.get(nameKey(zone.name))
  if (!config)
    throw new RcodeError(Rcode.NOTAUTH, `view ${view.name} has no zone ${printName(zone.name)}`, Ede.NOT_AUTHORITATIVE)
  // What a secondary is asked to change, its primary is (RFC 2136 §6).
  if (!config.dynamic && config.type !== 'secondary')
    throw new RcodeError(Rcode.REFUSED, `${printName(zone.name)} is not dynamic`, Ede.PROHIBITED)
  // RFC 3007 §3 lets the server require a signature: every rule names a key.
  if (!from.key) throw new RcodeError(Rcode.REFUSED, 'the update is not signed', Ede.PROHIBITED)
  return { kind: 'update', wire, zone: config.name, from }
}

/** RFC 2136 §3.1.1: exactly one zone, of type SOA; RFC 1996 §3.7 has the same for NOTIFY. */
export function zoneSection({ question, opcode }: Message): Question {
  const [zone] = question
  const what = opcode === Opcode.NOTIFY ? 'a NOTIFY' : 'an UPDATE'
  if (!zone || question.length !== 1) throw new RcodeError(Rcode.FORMERR, `${what} names ${question.length} zones`)
  if (zone.type !== Type.SOA) throw new RcodeError(Rcode.FORMERR, `the zone section of ${what} is not of type SOA`)
  if (zone.class !== Class.IN) throw new RcodeError(Rcode.NOTAUTH, `class ${zone.class} is not served`)
  return zone
}
