import { Class, Flag, Rcode } from '../../dns/codes.ts'
import { type Message, parseMessage, writeMessage } from '../../dns/message.ts'
import { type Name, parseName } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { parseRdataText, printRecord, typeCode } from '../../dns/types.ts'
import { silentLog } from '../../host/log.ts'
import {
  createResolver,
  type ResolveOptions,
  type Resolver,
  type ResolverAnswer,
  type ResolverOptions,
} from '../../resolver/resolver.ts'
import type { ServerAddress } from '../../resolver/upstreams/server.ts'
import { createSimulatedClock, type SimulatedClock } from '../simulation/clock.ts'
import { createSimulatedNetwork, type SimulatedNetwork, type Via } from '../simulation/network.ts'
import { createSeededRandom } from '../simulation/random.ts'

/** A resolver with a simulated clock and network around it. */
export interface World {
  clock: SimulatedClock
  network: SimulatedNetwork
  resolver: Resolver
  /** Asks, moves time on until there is an answer, and tells it as text. */
  ask(name: string, type?: string, options?: ResolveOptions): Promise<Told>
  /** The question as a promise, for when time is moved by hand. */
  begin(name: string, type?: string, options?: ResolveOptions): Promise<Told>
}

/** An answer as text, and how long it took on the simulated clock. */
export interface Told {
  rcode: number
  answer: string[]
  authority: string[]
  additional: number
  from: ResolverAnswer['from']
  ede: number | undefined
  text: string | undefined
  ad: boolean
  security: ResolverAnswer['security']
  next: Name | undefined
  took: number
}

/** "zone" → upstreams, as a config would list them. */
export type Rules = Record<string, string | string[]>

/** A resolver's options, and of which of its rules the answers are validated. */
export type WorldOptions = Partial<ResolverOptions> & { validate?: readonly string[] }

/** A world in which nobody listens yet. */
export function createWorld(rules: Rules, { validate = [], ...options }: WorldOptions = {}, seed = 1): World {
  const clock = createSimulatedClock()
  const random = createSeededRandom(seed)
  const network = createSimulatedNetwork(clock, random)
  const resolver = createResolver({
    rules: Object.entries(rules).map(([zone, to]) => ({
      zone: parseName(zone),
      to: [to].flat().map(upstream),
      dnssec: validate.includes(zone) ? 'validate' : 'off',
    })),
    network,
    clock,
    random,
    log: silentLog,
    ...options,
  })
  const begin = async (name: string, type = 'A', asked?: ResolveOptions): Promise<Told> => {
    const started = clock.monotonic()
    const question = { name: parseName(name), type: typeCode(type)!, class: Class.IN }
    return told(await resolver.resolve(question, asked), clock.monotonic() - started)
  }
  return { clock, network, resolver, begin, ask: (name, type, asked) => clock.until(begin(name, type, asked)) }
}

/** "192.0.2.1" or "tls://192.0.2.1#name"; the ports are the usual ones. */
export function upstream(text: string): ServerAddress {
  const [, scheme, address, hostname] = /^(?:(\w+):\/\/)?([^#]+)(?:#(.+))?$/.exec(text)!
  const transport = (scheme ?? 'udp') as ServerAddress['transport']
  const port = { udp: 53, tls: 853, https: 443 }[transport]
  return {
    transport,
    address: address!,
    port,
    ...(hostname && { hostname }),
    ...(scheme === 'https' && { path: '/dns-query' }),
  }
}

function told(answer: ResolverAnswer, took: number): Told {
  return {
    rcode: answer.rcode,
    answer: answer.answer.map(printRecord),
    authority: answer.authority.map(printRecord),
    additional: answer.additional.length,
    from: answer.from,
    ede: answer.ede?.code,
    text: answer.ede?.text,
    ad: answer.ad,
    security: answer.security,
    next: answer.next,
    took,
  }
}

/** "name ttl type rdata" as a record. */
export function record(text: string): ResourceRecord {
  const [, owner, ttl, type, rdata] = /^(\S+) (\d+) (\S+) (.*)$/.exec(text)!
  const code = typeCode(type!)!
  return {
    owner: parseName(owner!),
    type: code,
    class: Class.IN,
    ttl: Number(ttl),
    rdata: parseRdataText(code, rdata!),
  }
}

/** What a scripted upstream says to a query. */
export interface Reply extends Partial<Omit<Message, 'answer' | 'authority' | 'additional'>> {
  answer?: string[]
  authority?: string[]
  additional?: string[]
}

/** A response to `query` in wire form; what `reply` leaves out is as an honest recursive server has it. */
export function respond(query: Message, reply: Reply): Uint8Array {
  const { answer = [], authority = [], additional = [], ...rest } = reply
  return writeMessage({
    ...query,
    flags: Flag.QR | Flag.RD | Flag.RA,
    rcode: Rcode.NOERROR,
    ...rest,
    answer: answer.map(record),
    authority: authority.map(record),
    additional: additional.map(record),
  })
}

/** An upstream that answers as a function of the query says; `undefined` is silence. */
export function serve(world: World, at: string, script: (query: Message, via: Via) => Reply | undefined): void {
  world.network.serve(at, (bytes, via, reply) => {
    const query = parseMessage(bytes)
    const said = script(query, via)
    if (said) reply(respond(query, said))
  })
}
