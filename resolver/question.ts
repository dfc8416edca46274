import { Class, Flag, OptionCode } from '../dns/codes.ts'
import { type Edns, type EdnsOption, ednsLength, writeEdns } from '../dns/edns.ts'
import type { Question } from '../dns/message.ts'
import { type Name, nameKey } from '../dns/name.ts'
import { Writer } from '../dns/wire.ts'
import type { Random } from '../host/random.ts'

/** A question as it goes upstream. */
export interface UpstreamQuestion extends Question {
  /** RD: clear for authoritative servers. */
  recursionDesired: boolean
  dnssecOk: boolean
  checkingDisabled: boolean
  /** The client's subnet to pass on (RFC 7871). */
  subnet?: Uint8Array
  /** The daemons that have sent it on before us (hops.ts). */
  hops?: Uint8Array
}

/** One query message, and what its response must repeat. */
export interface SentQuery {
  id: number
  /** As sent, letter case included. */
  name: Name
  /** As it was before its letters were mixed. */
  plainName: Name
  type: number
  class: number
  wire: Uint8Array
}

/** How a query is dressed for its server. */
export interface QueryDress {
  edns: boolean
  /** Letters in random case, for the response to repeat (draft-vixie-dnsext-dns0x20). */
  mixedCase: boolean
  /** Padded to a multiple of 128 octets (RFC 8467 §4.1), on encrypted transports. */
  padded: boolean
  /** Who has sent the question on, ourselves included; for servers of our own site. */
  hops?: Uint8Array
}

// RFC 9715 §3.2 allows up to 1400 octets; 1232 pass every IPv6 path unfragmented, and a fragment's tail can be forged.
const UDP_SIZE = 1232
const PADDING_BLOCK = 128
const HEADER = 12
/** Octets of QTYPE and QCLASS. */
const QUESTION_TAIL = 4
const COINS = 32

/** A query message with an unpredictable ID (RFC 5452 §9.2). Of the client's own options only its subnet is passed on, where a rule says so. */
export function buildQuery(question: UpstreamQuestion, dress: QueryDress, id: number, random: Random): SentQuery {
  const name = dress.mixedCase ? mixCase(question.name, random) : question.name
  const bare = HEADER + name.length + QUESTION_TAIL
  const edns = dress.edns ? ednsOf(question, dress, bare) : undefined
  const writer = new Writer({ size: bare + (edns ? ednsLength(edns) : 0) })
  writer.u16(id)
  // RFC 6840 §5.7: AD in a query asks for AD in the response.
  writer.u16((question.recursionDesired ? Flag.RD : 0) | Flag.AD | (question.checkingDisabled ? Flag.CD : 0))
  writer.u16(1)
  writer.u32(0)
  writer.u16(edns ? 1 : 0)
  writer.name(name)
  writer.u16(question.type)
  writer.u16(Class.IN)
  if (edns) writeEdns(writer, edns, 0)
  return { id, name, plainName: question.name, type: question.type, class: Class.IN, wire: writer.take() }
}

/** The OPT of a query that is `length` octets long without it. */
function ednsOf({ dnssecOk, subnet }: UpstreamQuestion, { hops, padded }: QueryDress, length: number): Edns {
  const options: EdnsOption[] = []
  const edns = { udpSize: UDP_SIZE, version: 0, dnssecOk, options }
  if (subnet) options.push({ code: OptionCode.ECS, data: subnet })
  if (hops) options.push({ code: OptionCode.HOPS, data: hops })
  if (padded) options.push(padding(length + ednsLength(edns)))
  return edns
}

/** The option that brings a message of `length` octets to a multiple of the block. */
function padding(length: number): EdnsOption {
  const unpadded = length + 4
  const data = ZEROS.subarray(0, (PADDING_BLOCK - (unpadded % PADDING_BLOCK)) % PADDING_BLOCK)
  return { code: OptionCode.PADDING, data }
}

/** Never written to. */
const ZEROS = new Uint8Array(PADDING_BLOCK)

/** The name with every letter in upper or lower case at random. Length octets are below 64, letters above: they can't be mistaken. */
export function mixCase(name: Name, random: Random): Name {
  const mixed = name.slice()
  // One number has coins for 32 octets: it costs a tenth of as many random octets.
  for (let i = 0, coins = 0; i < mixed.length; i++, coins >>>= 1) {
    if (i % COINS === 0) coins = random.below(2 ** COINS)
    if (coins & 1 && isLetter(mixed[i]!)) mixed[i]! ^= 0x20
  }
  return mixed
}

function isLetter(octet: number): boolean {
  const lower = octet | 0x20
  return lower >= 0x61 && lower <= 0x7a
}

/** Where the name begins in a `questionKey`: after type and flags. */
export const KEY_NAME_AT = 3

/** The same string for questions with the same answer, one character an octet: type, the flags that change what comes back, name in lower case, scope. */
export function questionKey(
  scope: string,
  question: Pick<UpstreamQuestion, 'name' | 'type' | 'dnssecOk' | 'checkingDisabled' | 'subnet'>,
): string {
  const flags = (question.dnssecOk ? 1 : 0) | (question.checkingDisabled ? 2 : 0)
  const subnet = question.subnet ? `/${String.fromCharCode(...question.subnet)}` : ''
  return `${String.fromCharCode(question.type >>> 8, question.type & 255, flags)}${nameKey(question.name)}${scope}${subnet}`
}
