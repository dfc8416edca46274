import { containsAddress, type Prefix } from '../config/address.ts'
import { Class, Rcode } from '../dns/codes.ts'
import type { Question } from '../dns/message.ts'
import { isSubdomain, labelsOf, type Name, parseName } from '../dns/name.ts'
import type { ResourceRecord } from '../dns/record.ts'
import { Type } from '../dns/types.ts'
import type { ResolverAnswer } from './resolver.ts'

/** Synthesis of AAAA records (RFC 6147), as config decodes it. */
export interface Dns64 {
  prefix: Prefix
  /** IPv6 addresses that count as none (§5.1.4). */
  exclude: readonly Prefix[]
}

/** Resolves another question for the same client. */
export type Ask = (question: Question) => Promise<ResolverAnswer>

/** §5.1.7: the most that a synthesized record lives where no SOA says how long the lack of real ones will last. */
const LONGEST_WITHOUT_SOA = 600

/** The answer as a client behind this NAT64 is to have it; `ask` is for what else is needed. */
export async function throughDns64(
  question: Question,
  { prefix, exclude }: Dns64,
  ask: Ask,
): Promise<ResolverAnswer | undefined> {
  if (question.type === Type.PTR) return translatePointer(question, prefix, ask)
  if (question.type !== Type.AAAA) return undefined
  const native = await ask(question)
  // §5.1.2: a name that does not exist has no IPv4 addresses either; any other failure is as if there were no AAAA.
  if (native.rcode === Rcode.NXDOMAIN || native.next) return native
  const real = native.answer.filter(record => record.type !== Type.AAAA || !containsAddress(exclude, record.rdata))
  if (real.some(({ type }) => type === Type.AAAA))
    return real.length === native.answer.length ? native : { ...native, answer: real, ad: false }
  const mapped = await ask({ ...question, type: Type.A })
  if (mapped.rcode !== Rcode.NOERROR || !mapped.answer.some(({ type }) => type === Type.A))
    return native.rcode === Rcode.NOERROR ? { ...native, answer: real } : native
  const soa = native.authority.find(({ type }) => type === Type.SOA)
  const most = soa?.ttl ?? LONGEST_WITHOUT_SOA
  const answer = mapped.answer
    .filter(({ type }) => type !== Type.RRSIG)
    .map(record => (record.type === Type.A ? synthesize(record, prefix, most) : record))
  // What is made here is signed by nobody.
  return { ...mapped, answer, authority: [], ad: false, renewIn: Math.min(mapped.renewIn, most) }
}

function synthesize(record: ResourceRecord, prefix: Prefix, most: number): ResourceRecord {
  return { ...record, type: Type.AAAA, ttl: Math.min(record.ttl, most), rdata: embed(record.rdata, prefix) }
}

/** RFC 6052 §2.2: the IPv4 address behind the prefix, octet 8 being zero. */
export function embed(ipv4: Uint8Array, prefix: Prefix): Uint8Array {
  const address = prefix.bytes.slice()
  for (const [i, at] of placesOf(prefix).entries()) address[at] = ipv4[i]!
  return address
}

/** Where the four octets lie. */
function placesOf({ length }: Prefix): number[] {
  const places: number[] = []
  for (let at = length / 8; places.length < 4; at++) if (at !== 8) places.push(at)
  return places
}

const REVERSE = parseName('ip6.arpa')

/** §5.3.1: the PTR of a synthesized address is that of the IPv4 address in it, reached by a CNAME. */
async function translatePointer(question: Question, prefix: Prefix, ask: Ask): Promise<ResolverAnswer | undefined> {
  const address = addressOf(question.name)
  if (!address || !containsAddress([prefix], address)) return undefined
  const octets = placesOf(prefix).map(at => address[at]!)
  const target = parseName(`${octets.reverse().join('.')}.in-addr.arpa.`)
  const told = await ask({ ...question, name: target })
  const ttl = Math.min(LONGEST_WITHOUT_SOA, ...told.answer.map(({ ttl }) => ttl))
  const alias = { owner: question.name, type: Type.CNAME, class: Class.IN, ttl, rdata: target }
  return { ...told, answer: [alias, ...told.answer], ad: false }
}

/** The IPv6 address that a name below ip6.arpa stands for in full. */
function addressOf(name: Name): Uint8Array | undefined {
  if (!isSubdomain(name, REVERSE)) return undefined
  const labels = labelsOf(name).slice(0, -2)
  const text = labels.map(label => String.fromCharCode(...label)).reverse()
  if (text.length !== 32 || !text.every(digit => /^[0-9a-f]$/i.test(digit))) return undefined
  return Uint8Array.from({ length: 16 }, (_, i) => Number.parseInt(text[2 * i]! + text[2 * i + 1]!, 16))
}
