import { Ede, Rcode } from '../../dns/codes.ts'
import { RcodeError } from '../../dns/errors.ts'
import type { Message } from '../../dns/message.ts'
import { equalNames, nameKey, printName } from '../../dns/name.ts'
import { readRdata, Type } from '../../dns/types.ts'
import type { NotifyRequest, RequestOrigin } from '../threads/messages.ts'
import type { ServingView } from './state.ts'
import { zoneSection } from './update.ts'

/** What main is to act on for a NOTIFY (RFC 1996 §3.11), or RcodeError where the zone is not a secondary of this view. */
export function prepareNotify(message: Message, view: ServingView, from: RequestOrigin): Omit<NotifyRequest, 'id'> {
  const { name } = zoneSection(message)
  const config = view.configs.get(nameKey(name))
  if (!config)
    throw new RcodeError(Rcode.NOTAUTH, `view ${view.name} has no zone ${printName(name)}`, Ede.NOT_AUTHORITATIVE)
  if (config.type !== 'secondary')
    throw new RcodeError(Rcode.REFUSED, `${printName(name)} is not a secondary zone here`, Ede.PROHIBITED)
  // RFC 1996 §3.7: the answer section may hold the new SOA, as a hint that is not trusted.
  const soa = message.answer.find(({ owner, type }) => type === Type.SOA && equalNames(owner, name))
  const serial = soa && readRdata('SOA', soa.rdata).serial
  return { kind: 'notify', zone: config.name, from, ...(serial !== undefined && { serial }) }
}
