import { Flag } from '../../../dns/codes.ts'
import { type Message, parseMessage, writeMessage } from '../../../dns/message.ts'
import { ancestorName, equalNames, isSubdomain, printName } from '../../../dns/name.ts'
import type { ResourceRecord } from '../../../dns/record.ts'
import { Type, typeName } from '../../../dns/types.ts'
import { record, type World } from '../world.ts'
import type { Said, Tree } from './tree.ts'
import type { TestZone } from './zone.ts'

/** A server that speaks for some zones of a tree, and refers to others for those below. */
export interface Authority {
  tree: Tree
  /** The apexes of its zones. */
  zones: readonly string[]
  /** Where zones below are served: apex → address. */
  below?: Record<string, string>
  tamper?: (said: Said, query: Message) => Said
}

const MADE: ReadonlySet<number> = new Set([Type.RRSIG, Type.NSEC, Type.NSEC3])

/** Serves at an address; gives the questions that come in, as "name type flags". */
export function serveAuthority(world: World, address: string, authority: Authority): string[] {
  const asked: string[] = []
  world.network.serve(`${address}:53`, (bytes, _via, reply) => {
    const query = parseMessage(bytes)
    asked.push(describe(query))
    const cut = cutOf(authority, query)
    reply(writeMessage(cut ? referral(query, cut, authority.below![cut.spec.apex]!) : answer(authority, query)))
  })
  return asked
}

/** The zone, of those that are served elsewhere, that the question is for. */
function cutOf({ tree, below = {} }: Authority, { question: [asked] }: Message): TestZone | undefined {
  const { name, type } = asked!
  const within = type === Type.DS && name.length > 1 ? ancestorName(name) : name
  return tree.zones.find(({ apex, spec }) => below[spec.apex] && isSubdomain(within, apex))
}

function referral(query: Message, { apex, spec }: TestZone, address: string): Message {
  const servers = [record(`${printName(apex)} 300 NS ns.${spec.apex}`)]
  const additional = [record(`ns.${spec.apex} 300 A ${address}`)]
  return { ...query, flags: Flag.QR, answer: [], authority: servers, additional }
}

function answer({ tree, zones, tamper }: Authority, query: Message): Message {
  const { name, type } = query.question[0]!
  const own = (at: ResourceRecord) => zones.some(zone => isSubdomain(at.owner, tree.zone(zone).apex))
  const honest = tree.answer(name, type)
  const said = tamper ? tamper(honest, query) : honest
  const shown = (records: Said['answer']) =>
    records.filter(one => own(one) && (query.edns?.dnssecOk || one.type === type || !MADE.has(one.type)))
  const { rcode } = said
  return { ...query, flags: Flag.QR | Flag.AA, rcode, answer: shown(said.answer), authority: shown(said.authority) }
}

function describe({ question: [asked], edns, flags }: Message): string {
  const { name, type } = asked!
  const said = [edns?.dnssecOk && 'DO', flags & Flag.RD && 'RD'].filter(Boolean)
  return [printName(name).toLowerCase(), typeName(type), ...said].join(' ')
}

/** Changes every address in what is said. */
export function exchanged(said: Said): Said {
  const forged = (one: ResourceRecord) => (one.type === Type.A ? { ...one, rdata: Uint8Array.of(203, 0, 113, 1) } : one)
  return { ...said, answer: said.answer.map(forged) }
}

/** Takes the signatures of answers to everything but what proves keys away. */
export function stripped(said: Said, { question: [asked] }: Message): Said {
  if (asked!.type === Type.DS || asked!.type === Type.DNSKEY) return said
  const unsigned = ({ type }: ResourceRecord) => type !== Type.RRSIG
  return { ...said, answer: said.answer.filter(unsigned), authority: said.authority.filter(unsigned) }
}

/** Says nothing of the keys of a zone. */
export function withoutKeys(said: Said, { question: [asked] }: Message): Said {
  const isKey = (one: ResourceRecord) => asked!.type === Type.DNSKEY && equalNames(one.owner, asked!.name)
  return { ...said, answer: said.answer.filter(one => !isKey(one)) }
}
