import { OptionCode } from '../../dns/codes.ts'
import type { EdnsOption } from '../../dns/edns.ts'
import type { Message } from '../../dns/message.ts'
import { copyOctets } from '../../dns/octets.ts'
import { Query } from '../../dns/query.ts'
import type { TsigContext } from '../../dns/tsig.ts'
import type { Client } from '../listen/client.ts'
import type { ServingView } from './state.ts'

const HEADER = 12

/** A request that needed more than a look at its header: everything known of it, on its own memory, so that it can wait. */
export interface Request {
  client: Client
  query: Query
  wire: Uint8Array
  message: Message
  /** Octets that an answer may have, a signature included. */
  limit: number
  view: ServingView | undefined
  /** Where the request was signed, the answer is. */
  signing: TsigContext | undefined
}

/** A copy of a query on memory of its own, for an answer that has to wait. */
export function keepQuery(query: Query): Query {
  const { start } = query
  const kept = new Query().copyFrom(query)
  kept.buf = copyOctets(query.buf, start, query.end)
  kept.cookieBuf = keepOctets(query.cookieBuf, query.cookieAt, query.cookieAt + query.cookieLength)
  kept.start = 0
  kept.end = query.end - start
  kept.nameAt = query.nameAt - start
  kept.cookieAt = 0
  kept.subnet = keepOctets(query.subnet)
  kept.hops = keepOctets(query.hops)
  kept.tsigAt = query.tsigAt - start
  return kept
}

const NOTHING = new Uint8Array(0)

function keepOctets(octets: Uint8Array, from = 0, to: number = octets.length): Uint8Array {
  return from === to ? NOTHING : copyOctets(octets, from, to)
}

/** The query of a message that `readQuery` has read only in part: with what the whole message says. */
export function completeQuery(wire: Uint8Array, message: Message, partial: Query): Query {
  const query = keepQuery(partial)
  query.buf = wire
  const [question] = message.question
  query.nameLength = question ? plainNameLength(wire, HEADER) : 0
  query.qtype = question?.type ?? 0
  query.qclass = question?.class ?? 0
  const { edns } = message
  query.hasEdns = edns !== undefined
  query.udpSize = Math.max(512, edns?.udpSize ?? 512)
  query.ednsVersion = edns?.version ?? 0
  query.dnssecOk = edns?.dnssecOk ?? false
  noteOptions(edns?.options ?? [], query)
  return query
}

function noteOptions(options: readonly EdnsOption[], query: Query): void {
  const find = (wanted: number) => options.find(({ code }) => code === wanted)
  const cookie = find(OptionCode.COOKIE)
  const keepalive = find(OptionCode.KEEPALIVE)
  query.nsid = find(OptionCode.NSID) !== undefined
  query.hasCookie = cookie !== undefined
  query.cookieBuf = cookie?.data ?? query.buf
  query.cookieAt = 0
  query.cookieLength = cookie?.data.length ?? 0
  query.keepalive = keepalive !== undefined
  query.keepaliveLength = keepalive?.data.length ?? 0
  query.padding = find(OptionCode.PADDING) !== undefined
  query.subnet = find(OptionCode.ECS)?.data ?? new Uint8Array(0)
  query.hops = find(OptionCode.HOPS)?.data ?? new Uint8Array(0)
}

/** Octets of the name at `at`; 0 where it uses compression, and so can't be echoed octet for octet. */
function plainNameLength(wire: Uint8Array, at: number): number {
  let end = at
  while (wire[end] !== 0) {
    if (wire[end]! >= 0xc0) return 0
    end += wire[end]! + 1
  }
  return end + 1 - at
}
