/**
 * The way to an upstream that is made bad: by the kernel (netem), in a network namespace that the upstream has to itself, or, where that needs rights
 * or modules that are not there, by the upstream.
 */
import { spawnSync } from 'node:child_process'
import { Class, Flag } from '../dns/codes.ts'
import { writeMessage } from '../dns/message.ts'
import { parseName } from '../dns/name.ts'
import { Type } from '../dns/types.ts'
import { ask } from './load.ts'

/** A way to an upstream. */
export interface Way {
  /** Who loses and delays. */
  readonly by: string
  /** Where the upstream listens, and what its command begins with. */
  readonly address: string
  readonly within: readonly string[]
  /** From now on so many of a hundred datagrams are lost, and the others take so many milliseconds. */
  set(loss: number, delay: number): Promise<void>
  remove(): void
}

/** Of the block for benchmarks (RFC 2544 appendix C.2.2). */
const [OUTSIDE, INSIDE] = ['198.18.0.1', '198.18.0.2']

/** The way by a namespace of its own where that can be had, else over loopback. @param port of the upstream */
export function openWay(port: number): Way {
  return throughNamespace(`bench${process.pid}`) ?? overLoopback(port)
}

function overLoopback(port: number): Way {
  return {
    by: 'the upstream itself',
    address: '127.0.0.1',
    within: [],
    set: (loss, delay) => tell(port, `${loss}.${delay}.set.`),
    remove() {},
  }
}

/** Tells bench/forward-upstream.ts how to behave. */
async function tell(port: number, name: string): Promise<void> {
  const question = [{ name: parseName(name), type: Type.TXT, class: Class.IN }]
  const query = { id: 1, flags: Flag.RD, opcode: 0, rcode: 0, question, answer: [], authority: [], additional: [] }
  if (!(await ask(port, writeMessage(query), 500))) throw new Error('the upstream does not obey')
}

/** A namespace joined to ours by a pair of interfaces; undefined where we may not, or the kernel has no netem. */
function throughNamespace(name: string): Way | undefined {
  const [near, far] = [`${name}a`, `${name}b`]
  const within = (...command: string[]) => run('ip', 'netns', 'exec', name, ...command)
  const netem = (...qdisc: string[]) => within('tc', 'qdisc', 'replace', 'dev', far, 'root', 'netem', ...qdisc)
  const remove = () => {
    run('ip', 'link', 'del', near)
    run('ip', 'netns', 'del', name)
  }
  const made =
    run('ip', 'netns', 'add', name) &&
    run('ip', 'link', 'add', near, 'type', 'veth', 'peer', 'name', far, 'netns', name) &&
    run('ip', 'addr', 'add', `${OUTSIDE}/30`, 'dev', near) &&
    run('ip', 'link', 'set', near, 'up') &&
    within('ip', 'addr', 'add', `${INSIDE}/30`, 'dev', far) &&
    within('ip', 'link', 'set', far, 'up') &&
    netem('delay', '0ms')
  if (!made) {
    remove()
    return undefined
  }
  return {
    by: 'netem',
    address: INSIDE,
    within: ['ip', 'netns', 'exec', name],
    async set(loss, delay) {
      if (!netem('delay', `${delay}ms`, 'loss', `${loss}%`)) throw new Error('tc does not obey')
    },
    remove,
  }
}

function run(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0
}
