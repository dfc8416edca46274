import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import t from 'tap'
import { Rcode } from '../../dns/codes.ts'
import { parseName, printName } from '../../dns/name.ts'
import { Query, readQuery } from '../../dns/query.ts'
import { ResponseWriter, udpLimit } from '../../dns/response.ts'
import { typeCode } from '../../dns/types.ts'
import { systemClock } from '../../host/clock.ts'
import { silentLog } from '../../host/log.ts'
import { type Libc, loadLibc } from '../../server/listen/libc.ts'
import { openSockets } from '../../server/listen/sockets.ts'
import { startWorkers } from '../../server/workers.ts'
import { Answerer } from '../../zones/answer.ts'
import { ZoneTable } from '../../zones/table.ts'
import { type NastyZone, nastyZones } from '../interop/differential/generator.ts'
import { imageOf, queryWire } from '../zones/ask.ts'
import { readConfig, servingConfig } from './serving.ts'

/**
 * The suites that compare us with others, and those of the RFCs, ask the zones without a socket. Here the same zones are asked through
 * each way that a datagram can take, and the answers are the same octets: when they are made, and when they come from the answer cache.
 */
const ZONES = Array.from({ length: 10 }, (_, seed) => nastyZones(seed)).flat()
const TYPES = ['A', 'NS', 'CNAME', 'MX', 'TXT', 'DNAME', 'DS', 'SOA', 'ANY'].map(type => typeCode(type)!)
const OPTIONS = [{}, { udpSize: 1232, dnssecOk: true }]
/** Made, made again and kept, found. */
const TIMES = 3
const AT_ONCE = 64

const images = ZONES.map(({ origin, text }) => imageOf(origin, text))
const table = new ZoneTable(images)
const [query, response, answerer] = [new Query(), new ResponseWriter(), new Answerer()]

/** What the zones say, without any server. */
function expected(wire: Uint8Array): string {
  readQuery(wire, 0, wire.length, query)
  response.begin(query, udpLimit(query))
  answerer.answer(query, table, response)
  response.finish()
  return hex(response.message())
}

function hex(octets: Uint8Array): string {
  return Buffer.from(octets).toString('hex')
}

/** Every name with every type. */
function questions(zones: readonly NastyZone[]): Uint8Array[] {
  const wires = zones.flatMap(({ names }) =>
    names.flatMap(name => TYPES.flatMap(type => OPTIONS.map(options => queryWire(parseName(name), type, options)))),
  )
  // Each with an ID of its own, to know the answers by.
  for (const [i, wire] of wires.entries()) new DataView(wire.buffer, wire.byteOffset).setUint16(0, i & 0xffff)
  return wires.filter(wire => {
    readQuery(wire, 0, wire.length, query)
    return table.find(query.buf, query.nameAt) !== undefined
  })
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

const libc = loadLibc()
const WAYS: { name: string; libc: Libc | undefined; skip?: string }[] = [
  { name: 'in batches', libc, ...(!libc && { skip: 'the C library can not be called here' }) },
  { name: 'by dgram alone', libc: undefined },
]

for (const way of WAYS)
  t.test(`${way.name}, threads answer what the zones say`, { skip: way.skip ?? false }, async t => {
    const names = ZONES.map(({ origin }) => `{ name: "${origin}", file: x }`)
    const config = readConfig(`name: ns.test\nviews: [{ name: all, zones: [${names.join(', ')}] }]`)
    const sockets = await openSockets({ dns: [{ address: '127.0.0.1', port: 0 }], dot: [], workers: 2, libc: way.libc })
    const zones = images.map(({ origin, buffer }) => ({ view: 'all', origin, image: buffer }))
    const state = { epoch: 0, config: servingConfig(config), zones, certificate: null }
    const refuse = async () => ({ rcode: Rcode.REFUSED })
    const main = { update: refuse, notify: refuse, differences: async () => undefined }
    const workers = await startWorkers({ count: 2, sockets, state, main, clock: systemClock, log: silentLog })
    const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 })
    socket.connect(sockets.dns[0]!.port, '127.0.0.1')
    await once(socket, 'connect')
    t.teardown(async () => {
      socket.close()
      await workers.stop(1000)
      sockets.close()
    })
    const wires = questions(ZONES)
    const wanted = wires.map(expected)
    for (let time = 0; time < TIMES; time++) {
      const answers = await askAll(socket, wires)
      const wrong = answers.findIndex((answer, i) => answer !== wanted[i])
      t.equal(wrong, -1, `${wires.length} answers`)
      if (wrong >= 0) t.equal(answers[wrong], wanted[wrong], describe(wires[wrong]!))
    }
  })

function describe(wire: Uint8Array): string {
  readQuery(wire, 0, wire.length, query)
  return `${printName(query.buf.slice(query.nameAt, query.nameAt + query.nameLength))} ${query.qtype}`
}
