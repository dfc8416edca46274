import { Flag } from '../../../dns/codes.ts'
import { type Message, parseMessage, writeMessage } from '../../../dns/message.ts'
import { ROOT } from '../../../dns/name.ts'
import { Type } from '../../../dns/types.ts'
import type { Trust } from '../../../resolver/validate/anchors.ts'
import { createSimulatedClock } from '../../simulation/clock.ts'
import { createWorld, type Rules, respond, type World, type WorldOptions } from '../world.ts'
import { type Said, Tree } from './tree.ts'
import type { ZoneSpec } from './zone.ts'

/** A validating resolver in front of an upstream that knows a whole signed tree. */
export interface SignedWorld extends World {
  tree: Tree
  /** The questions that reached the upstream, as "name type". */
  asked: string[]
  /** What an upstream without DNSSEC says to a query. */
  plainReply(query: Uint8Array, answer: string[]): Uint8Array
}

/** Changes what the upstream at this address says. */
export type Tamper = (said: Said, query: Message, at: string) => Said | undefined

/** What validation begins with in this tree: the DS of its root. */
export function trustIn(tree: Tree, more: Partial<Trust> = {}): Trust {
  return { anchors: [{ zone: ROOT, type: Type.DS, rdata: tree.zone('.').ds }], negative: [], ...more }
}

/** How a signed world differs from an honest one with a single upstream. */
export interface SignedOptions extends WorldOptions {
  tamper?: Tamper
  upstreams?: number
  /** Of the rule that validates, in place of the root. */
  zone?: string
  /** Changes the zones before anything is asked. */
  prepare?: (tree: Tree) => void
  /** Of another world, in place of one that is made anew. */
  tree?: Tree
  /** Rules beside that of the root; they are not validated. */
  more?: Rules
}

/** Upstreams at 192.0.2.1 and, where there are to be two, 192.0.2.2. */
export function createSignedWorld(
  specs: readonly ZoneSpec[],
  { tamper, upstreams = 1, trust, more, tree: given, prepare, zone = '.', ...options }: SignedOptions = {},
): SignedWorld {
  const now = Math.floor(createSimulatedClock().now() / 1000)
  const tree = given ?? new Tree(specs, now)
  prepare?.(tree)
  const asked: string[] = []
  const to = ['192.0.2.1', '192.0.2.2'].slice(0, upstreams)
  const world = createWorld({ ...more, [zone]: to }, { trust: trust ?? trustIn(tree), validate: [zone], ...options })
  for (const at of to)
    world.network.serve(`${at}:53`, (bytes, _via, reply) => {
      const query = parseMessage(bytes)
      const { name, type } = query.question[0]!
      asked.push(describe(query))
      const honest = tree.answer(name, type)
      const said = tamper ? tamper(honest, query, at) : honest
      if (!said) return
      const dnssecOk = query.edns?.dnssecOk ?? false
      const shown = (records: Said['answer']) =>
        dnssecOk ? records : records.filter(record => record.type === type || !MADE.has(record.type))
      reply(
        writeMessage({
          ...query,
          flags: Flag.QR | Flag.RD | Flag.RA,
          rcode: said.rcode,
          answer: shown(said.answer),
          authority: shown(said.authority),
        }),
      )
    })
  return { ...world, tree, asked, plainReply: (bytes, answer) => respond(parseMessage(bytes), { answer }) }
}

const MADE: ReadonlySet<number> = new Set([Type.RRSIG, Type.NSEC, Type.NSEC3])

function describe(query: Message): string {
  const { name, type } = query.question[0]!
  return `${Buffer.from(name).toString('latin1').toLowerCase()} ${type}`
}
