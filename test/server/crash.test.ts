import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import type { Worker } from 'node:worker_threads'
import t from 'tap'
import { Flag, Rcode } from '../../dns/codes.ts'
import { writeMessage } from '../../dns/message.ts'
import { parseName } from '../../dns/name.ts'
import { systemClock } from '../../host/clock.ts'
import { silentLog } from '../../host/log.ts'
import type { SocketAddress } from '../../host/network.ts'
import { loadLibc } from '../../server/listen/libc.ts'
import { openSockets } from '../../server/listen/sockets.ts'
import { startAhead } from '../../server/threads/spawn-serving.ts'
import { type SpawnThread, startWorkers } from '../../server/threads/workers.ts'
import { imageOf, queryMessage, readConfig, servingConfig } from './serving.ts'

const CLIENTS = 8
const QUERIES = 400
/** How often threads are killed while the clients ask. */
const KILLS = 3
/** After so long an answer is missed, and asked for again. Milliseconds. */
const PATIENCE = 1000

const origin = parseName('a.example.')
const WIRE = writeMessage(queryMessage({ name: 'www.a.example.' }))

/** Real threads that can be killed from outside, whatever they are doing. */
function killable() {
  const workers: Worker[] = []
  const threads = startAhead(0)
  const spawn: SpawnThread = (init, onMessage, onExit) => {
    const worker = threads.spawn(init, onMessage, onExit) as Worker
    workers[init.index] = worker
    return worker
  }
  return { workers, spawn }
}

/** Which attempt at this query is answered first; answers to earlier queries, asked again in vain, are passed over. */
function answerTo(socket: Socket, number: number): Promise<number> {
  return new Promise(resolve => {
    const look = (message: Buffer): void => {
      if (message[0] !== number) return
      socket.off('message', look)
      resolve(message[1]!)
    }
    socket.on('message', look)
  })
}

/**
 * Asks one query after the other from a socket of its own; returns how many were lost. What is only late is not: answers come in the order of the
 * questions, so where one that was asked again is answered first, the first was not. The ID tells which query, and which attempt, is answered.
 */
async function askOn(to: SocketAddress, answered: () => void): Promise<number> {
  const socket = createSocket('udp4')
  socket.connect(to.port, to.address)
  await once(socket, 'connect')
  let lost = 0
  for (let i = 0; i < QUERIES; i++) {
    const number = i & 0xff
    const answer = answerTo(socket, number)
    let attempt = 0
    const send = (): void => {
      WIRE[0] = number
      WIRE[1] = attempt++
      socket.send(WIRE.slice())
    }
    const timer = setInterval(send, PATIENCE)
    send()
    if ((await answer) > 0) lost++
    clearInterval(timer)
    answered()
  }
  socket.close()
  return lost
}

t.test('threads that are killed lose what they had in hand, and nothing else', async t => {
  const config = readConfig('name: ns1.example\nviews: [{ name: all, zones: [{ name: a.example, file: a }] }]')
  const sockets = await openSockets({ dns: [{ address: '127.0.0.1', port: 0 }], dot: [], workers: 2, libc: loadLibc() })
  const image = imageOf(origin, '@ 300 SOA ns h 1 2 3 4 5\n@ 300 NS ns\nns 300 A 127.0.0.1\nwww 300 A 192.0.2.1\n')
  const state = {
    epoch: 0,
    config: servingConfig(config),
    zones: [{ view: 'all', origin, image: image.buffer }],
    certificate: null,
  }
  const refuse = async () => ({ rcode: Rcode.REFUSED })
  const main = { update: refuse, notify: refuse, differences: async () => undefined }
  const { workers: threads, spawn } = killable()
  const workers = await startWorkers({ count: 2, sockets, state, main, clock: systemClock, log: silentLog, spawn })
  t.teardown(async () => {
    await workers.stop(1000)
    sockets.close()
  })
  let answers = 0
  let kills = 0
  const answered = (): void => {
    answers++
    // Spread over the run; the thread is replaced meanwhile.
    if (kills < KILLS && answers > ((kills + 1) * CLIENTS * QUERIES) / (KILLS + 2))
      void threads[kills++ % 2]!.terminate()
  }
  const losses = await Promise.all(Array.from({ length: CLIENTS }, () => askOn(sockets.dns[0]!, answered)))
  t.equal(answers, CLIENTS * QUERIES)
  t.equal(kills, KILLS)
  const lost = losses.reduce((sum, one) => sum + one, 0)
  // A client has one query under way: more can't be in a thread's hands.
  t.ok(lost <= KILLS * CLIENTS, `${lost} were lost`)
})

t.test('what a killed thread has opened to ask upstreams is closed', async t => {
  const upstream = createSocket('udp4').bind(0, '127.0.0.1')
  await once(upstream, 'listening')
  const { port } = upstream.address()
  const config = readConfig(`name: ns1.example
views: [{ name: all, recursion: [any], forward: [{ zone: ".", to: ["127.0.0.1:${port}"] }] }]`)
  const sockets = await openSockets({ dns: [{ address: '127.0.0.1', port: 0 }], dot: [], workers: 1, libc: loadLibc() })
  const state = { epoch: 0, config: servingConfig(config), zones: [], certificate: null }
  const refuse = async () => ({ rcode: Rcode.REFUSED })
  const main = { update: refuse, notify: refuse, differences: async () => undefined }
  const { workers: threads, spawn } = killable()
  const workers = await startWorkers({ count: 1, sockets, state, main, clock: systemClock, log: silentLog, spawn })
  t.teardown(async () => {
    await workers.stop(1000)
    sockets.close()
    upstream.close()
  })
  const client = createSocket('udp4')
  const asked = once(upstream, 'message')
  client.send(writeMessage(queryMessage({ name: 'www.b.example.', flags: Flag.RD })), sockets.dns[0]!.port, '127.0.0.1')
  const [, from] = await asked
  const gone = once(threads[0]!, 'exit')
  await threads[0]!.terminate()
  await gone
  const again = createSocket('udp4').bind({ address: '0.0.0.0', port: from.port, exclusive: true })
  await once(again, 'listening')
  t.equal(again.address().port, from.port, 'the port is free')
  again.close()
  client.close()
})
