/**
 * Claim: of what a question costs that an upstream has to be asked for, our own code is the smaller part. Printed are the processor time between the
 * octets of a query and those of its answer, without the kernel and the sockets, what is allocated for it, and what of that is taken for old by the collector.
 * A hundred questions are under way all the time, twenty of which come, and are answered, in each turn of the event loop.
 *   node --expose-gc bench/miss-path.ts [--queries N] [--rounds N]
 */
import { constants, PerformanceObserver } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { getHeapSpaceStatistics } from 'node:v8'
import { Class, Flag } from '../dns/codes.ts'
import { writeMessage } from '../dns/message.ts'
import { parseName } from '../dns/name.ts'
import { Type } from '../dns/types.ts'
import { systemClock } from '../host/clock.ts'
import { silentLog } from '../host/log.ts'
import type { Network } from '../host/network.ts'
import { systemRandom } from '../host/random.ts'
import { createResolver } from '../resolver/resolver.ts'
import type { Client } from '../server/listen/client.ts'
import { Handling, UDP_CLIENT } from '../test/server/handling.ts'
import { median } from './contender.ts'

const { values } = parseArgs({
  options: { queries: { type: 'string', default: '50000' }, rounds: { type: 'string', default: '7' } },
})
const queries = Number(values.queries)
const rounds = Number(values.rounds)
const BATCH = 20
/** Turns of the event loop that an upstream takes. */
const AWAY = 5

/** Answers that are due, by the turn that they are due in. */
const due: (() => void)[][] = Array.from({ length: AWAY + 1 }, () => [])
let turn = 0

/** An upstream that knows every name, some turns away. */
const network: Network = {
  connect: () => Promise.reject(new Error('there are no connections here')),
  async udp(_remote, onMessage) {
    return {
      send(query) {
        const response = respond(query)
        due[(turn + AWAY) % due.length]!.push(() => onMessage(response))
      },
      close() {},
    }
  },
}

/** Header, question and an A record that points to the question's name. */
function respond(query: Uint8Array): Uint8Array {
  let end = 12
  while (query[end] !== 0) end += query[end]! + 1
  end += 5
  const response = new Uint8Array(end + 16)
  response.set(query.subarray(0, end))
  response.set([0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0], 2)
  response.set([0xc0, 12, 0, Type.A, 0, Class.IN, 0, 0, 14, 16, 0, 4, 192, 0, 2, 1], end)
  return response
}

const resolver = createResolver({
  rules: [{ zone: parseName('.'), to: [{ transport: 'udp', address: '192.0.2.1', port: 53 }] }],
  network,
  clock: systemClock,
  random: systemRandom,
  log: silentLog,
  id: systemRandom.bytes(8),
  internal: [],
})
const handling = new Handling({
  config: 'name: ns.test\nviews: [{ name: all, recursion: [any] }]\n',
  images: [],
  resolver,
})
let answered = 0
let asked = 0

/** As of a datagram: its octets are copied when the answer is to wait. */
const CLIENT: Client = {
  ...UDP_CLIENT,
  retain: () => ({
    ...UDP_CLIENT,
    address: UDP_CLIENT.address.slice(),
    send() {
      answered++
      return true
    },
  }),
}

const wire = writeMessage({
  ...{ id: 1, flags: Flag.RD, opcode: 0, rcode: 0, answer: [], authority: [], additional: [] },
  question: [{ name: parseName('xxxxxxxx.bench.'), type: Type.A, class: Class.IN }],
})

async function ask(count: number): Promise<void> {
  for (const until = asked + count; asked < until; turn++) {
    for (const answer of due[turn % due.length]!.splice(0)) answer()
    handling.handler.beforeBatch()
    for (let i = 0; i < BATCH; i++, asked++) {
      for (let j = 0, left = asked; j < 8; j++, left = Math.floor(left / 26)) wire[13 + j] = 97 + (left % 26)
      handling.ask(wire, 0, wire.length, CLIENT)
    }
    await new Promise(setImmediate)
  }
}

let scavenges = 0
let major = 0
new PerformanceObserver(list => {
  for (const { detail } of list.getEntries() as unknown as readonly { detail: { kind: number } }[])
    if (detail.kind === constants.NODE_PERFORMANCE_GC_MINOR) scavenges++
    else major++
}).observe({ entryTypes: ['gc'] })

function space(name: string): number {
  return getHeapSpaceStatistics().find(({ space_name: other }) => other === name)!.space_used_size
}

await ask(queries)
const rows: { cpu: number; young: number; old: number }[] = []
for (let round = 0; round < rounds; round++) {
  globalThis.gc?.()
  const old = space('old_space')
  const before = process.cpuUsage()
  await ask(queries)
  const { user, system } = process.cpuUsage(before)
  const grown = space('old_space') - old
  // So few that the young generation is hardly collected meanwhile.
  const few: number[] = []
  for (let i = 0; i < 9; i++) {
    const from = space('new_space')
    await ask(200)
    few.push((space('new_space') - from) / 200)
  }
  rows.push({ cpu: ((user + system) * 1000) / queries, young: median(few), old: grown / queries })
}
const middle = (key: 'cpu' | 'young' | 'old') => Math.round(median(rows.map(row => row[key])))
console.log(
  `${answered} of ${asked} answered\n${middle('cpu')} ns, ${middle('young')} octets allocated, ${middle('old')} of them taken for old, for a question; ${scavenges} scavenges, ${major} full collections`,
)
resolver.close()
