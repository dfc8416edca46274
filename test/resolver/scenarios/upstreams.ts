import { Flag, Rcode } from '../../../dns/codes.ts'
import { type Message, parseMessage, writeMessage } from '../../../dns/message.ts'
import { equalNames, parseName, printName } from '../../../dns/name.ts'
import type { ResourceRecord } from '../../../dns/record.ts'
import { Type, typeName } from '../../../dns/types.ts'
import type { Tree } from '../validate/tree.ts'
import type { World } from '../world.ts'

/** What an upstream says. */
export interface Saying {
  rcode: number
  /** Beside QR. */
  flags: number
  answer: ResourceRecord[]
  authority: ResourceRecord[]
  additional: ResourceRecord[]
}

/** Changes what is said to some questions: `*` stands for all names, or types. Undefined is silence. */
export interface Script {
  address: string | undefined
  name: string
  type: string
  change(said: Saying, tree: Tree | undefined): Saying | undefined
}

const MADE: ReadonlySet<number> = new Set([Type.RRSIG, Type.NSEC, Type.NSEC3])

/** Every server that is asked: all know the tree of the scenario, and say what scripts make of it. */
export class Upstreams {
  readonly scripts: Script[] = []
  private readonly world: World
  private readonly tree: Tree | undefined
  private asked: string[] = []
  private readonly served = new Set<string>()

  constructor(world: World, tree: Tree | undefined) {
    this.world = world
    this.tree = tree
    for (const { upstream } of world.resolver.upstreams()) this.serve(/[\d.]{7,}/.exec(upstream)![0])
  }

  /** Lets a server answer at the address, on the usual ports. */
  serve(address: string): void {
    if (this.served.has(address)) return
    this.served.add(address)
    for (const port of [53, 853])
      this.world.network.serve(`${address}:${port}`, (bytes, _via, reply) => {
        const query = parseMessage(bytes)
        const said = this.say(address, query)
        if (said) reply(respond(query, said))
      })
  }

  /** The questions since the last time: "name TYPE". */
  takeAsked(): string[] {
    const taken = this.asked
    this.asked = []
    return taken
  }

  private say(address: string, query: Message): Saying | undefined {
    const { name, type } = query.question[0]!
    // The root's NS are what health checks ask for.
    if (!(name.length === 1 && type === Type.NS)) this.asked.push(`${printName(name).toLowerCase()} ${typeName(type)}`)
    const fits = (script: Script) =>
      (script.address === undefined || script.address === address) &&
      (script.name === '*' || equalNames(parseName(script.name), name)) &&
      (script.type === '*' || script.type === typeName(type))
    const honest = this.tree?.answer(name, type) ?? { rcode: Rcode.REFUSED, answer: [], authority: [] }
    let said: Saying | undefined = { ...honest, flags: Flag.RD | Flag.RA, additional: [] }
    for (const script of this.scripts) if (said && fits(script)) said = script.change(said, this.tree)
    return said
  }
}

function respond(query: Message, { flags, ...said }: Saying): Uint8Array {
  const { type } = query.question[0]!
  const dnssecOk = query.edns?.dnssecOk ?? false
  const shown = (records: ResourceRecord[]) =>
    dnssecOk ? records : records.filter(record => record.type === type || !MADE.has(record.type))
  const sections = { answer: shown(said.answer), authority: shown(said.authority), additional: said.additional }
  return writeMessage({ ...query, flags: Flag.QR | flags, rcode: said.rcode as Rcode, ...sections })
}
