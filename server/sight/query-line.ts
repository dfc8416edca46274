import { printAddress } from '../../config/address.ts'
import { rcodeName } from '../../dns/codes.ts'
import { printName } from '../../dns/name.ts'
import { typeName } from '../../dns/types.ts'
import { nameOf } from '../query.ts'
import type { Answered } from './sight.ts'

/** An answered query as the query log and whoever watches has it. */
export interface QueryLine {
  client: string
  transport: string
  view?: string
  name: string
  type: string
  rcode: string
  from: Answered['from']
  /** Milliseconds that the answer took. */
  ms: number
  rule?: string
  upstream?: string
  security?: string
  policy?: string
  ede?: number
}

export function queryLine({ query, client, view, rcode, from, took, resolved }: Answered): QueryLine {
  return {
    client: printAddress(client.address),
    transport: client.transport,
    ...(view !== undefined && { view }),
    name: printName(nameOf(query)),
    type: typeName(query.qtype),
    rcode: rcodeName(rcode),
    from,
    ms: Math.round(took * 1000) / 1000,
    ...resolved,
  }
}
