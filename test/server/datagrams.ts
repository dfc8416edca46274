import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import type { Test } from 'tap'
import { Rcode } from '../../dns/codes.ts'
import { printName } from '../../dns/name.ts'
import { Query, readQuery } from '../../dns/query.ts'
import { ResponseWriter, udpLimit } from '../../dns/response.ts'
import { systemClock } from '../../host/clock.ts'
import { silentLog } from '../../host/log.ts'
import { type Libc, loadLibc } from '../../server/listen/libc.ts'
import { openSockets } from '../../server/listen/sockets.ts'
import { startWorkers } from '../../server/threads/workers.ts'
import { Answerer } from '../../zones/lookup/answer.ts'
import type { ZoneTable } from '../../zones/lookup/table.ts'
import { readConfig, servingConfig } from './serving.ts'

/** Questions about the same zones, as messages. */
export interface Asked {
  zones: ZoneTable
  wires: readonly Uint8Array[]
}

/** The ways that a datagram can take to the same code and back. */
const libc = loadLibc()
const WAYS: { name: string; libc: Libc | undefined; skip: string | false }[] = [
  { name: 'in batches', libc, skip: libc ? false : 'the C library can not be called here' },
  { name: 'by dgram alone', libc: undefined, skip: false },
]
const AT_ONCE = 64

/**
 * Asks serving threads the same over UDP, once by each way and so many times, and compares the answers with what the zones say without any server: octet by
 * octet. The second answer to a question is made again and kept, the third is found. Questions that no zone is for are left out.
 */
export function sameByDatagram(t: Test, asked: readonly Asked[], times: number): void {
  const parts = asked.map(ours)
  for (const way of WAYS)
    t.test(`${way.name}, threads answer what the zones say`, { skip: way.skip }, async t => {
      const { port, stop } = await serve(asked, way.libc)
      t.teardown(stop)
      for (const [i, { wires, answers }] of parts.entries()) {
        const socket = await connected(addressOf(i), port)
        t.teardown(() => socket.close())
        for (let time = 0; time < times; time++) {
          const got = await askAll(socket, wires)
          const wrong = got.findIndex((answer, j) => answer !== answers[j])
          t.equal(wrong, -1, `${wires.length} answers`)
          if (wrong >= 0) t.equal(got[wrong], answers[wrong], describe(wires[wrong]!))
        }
      }
    })
}

/** Each group of zones is a view, told by the address of who asks. */
function addressOf(view: number): string {
  return `127.1.${view >> 8}.${(view & 255) + 1}`
}

async function serve(asked: readonly Asked[], way: Libc | undefined) {
  const views = asked.map(({ zones }, i) => {
    const named = [...zones].map(({ origin }) => `{ name: "${printName(origin)}", file: x }`)
    return `{ name: "${i}", match: { clients: ["${addressOf(i)}"] }, zones: [${named.join(', ')}] }`
  })
  const config = readConfig(`name: ns.test\nviews: [${views.join(', ')}]`)
  const sockets = await openSockets({ dns: [{ address: '127.0.0.1', port: 0 }], dot: [], workers: 2, libc: way })
  const zones = asked.flatMap((group, i) =>
    [...group.zones].map(({ origin, buffer }) => ({ view: `${i}`, origin, image: buffer })),
  )
  const state = { epoch: 0, config: servingConfig(config), zones, certificate: null }
  const refuse = async () => ({ rcode: Rcode.REFUSED })
  const main = { update: refuse, notify: refuse, differences: async () => undefined }
  const workers = await startWorkers({ count: 2, sockets, state, main, clock: systemClock, log: silentLog })
  const stop = async (): Promise<void> => {
    await workers.stop(1000)
    sockets.close()
  }
  return { port: sockets.dns[0]!.port, stop }
}

async function connected(from: string, port: number): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 })
  socket.bind(0, from)
  await once(socket, 'listening')
  socket.connect(port, '127.0.0.1')
  await once(socket, 'connect')
  return socket
}

const query = new Query()
const response = new ResponseWriter()
const answerer = new Answerer()

/** The messages with IDs of their own, to know the answers by, and in hexadecimal what the zones say to them. */
function ours({ zones, wires: all }: Asked): { wires: Uint8Array[]; answers: string[] } {
  const wires: Uint8Array[] = []
  const answers: string[] = []
  for (const original of all) {
    const wire = Uint8Array.from(original)
    wire[0] = wires.length >>> 8
    wire[1] = wires.length
    readQuery(wire, 0, wire.length, query)
    response.begin(query, udpLimit(query))
    if (answerer.answer(query, zones, response) === 'notOurs') continue
    response.finish()
    wires.push(wire)
    answers.push(hex(response.message()))
  }
  return { wires, answers }
}

/** Asks all, so many at a time; the answers in hexadecimal, in the order of the questions. */
async function askAll(socket: Socket, wires: readonly Uint8Array[]): Promise<string[]> {
  const answers: string[] = []
  for (let from = 0; from < wires.length; from += AT_ONCE) {
    const batch = wires.slice(from, from + AT_ONCE)
    const byId = new Map<number, string>()
    const done = new Promise<void>(resolve => {
      socket.on('message', message => {
        byId.set(message.readUInt16BE(), hex(message))
        if (byId.size === batch.length) resolve()
      })
    })
    for (const wire of batch) socket.send(wire)
    await done
    socket.removeAllListeners('message')
    answers.push(...batch.map(wire => byId.get((wire[0]! << 8) | wire[1]!)!))
  }
  return answers
}

function hex(octets: Uint8Array): string {
  return Buffer.from(octets).toString('hex')
}

function describe(wire: Uint8Array): string {
  readQuery(wire, 0, wire.length, query)
  return `${printName(query.buf.slice(query.nameAt, query.nameAt + query.nameLength))} ${query.qtype}`
}
