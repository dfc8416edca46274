import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Flag, Rcode } from '../../../dns/codes.ts'
import { parseMessage, writeMessage } from '../../../dns/message.ts'
import { equalNames, parseName, printName } from '../../../dns/name.ts'
import { Query, readQuery } from '../../../dns/query.ts'
import { systemClock } from '../../../host/clock.ts'
import { silentLog } from '../../../host/log.ts'
import { systemRandom } from '../../../host/random.ts'
import type { Client } from '../../../server/listen/client.ts'
import { Dnstap } from '../../../server/sight/dnstap.ts'
import { Sight } from '../../../server/sight/sight.ts'
import { scratch } from '../../cli/session.ts'
import { createSimulatedClock } from '../../simulation/clock.ts'
import { createSimulatedNetwork } from '../../simulation/network.ts'
import { queryWire } from '../../zones/ask.ts'
import { ask, type Served, serve } from '../serving.ts'

const UP = '198.51.100.80'

/** Names below up.test exist, fail.test fails, others do not exist. */
async function build(t: { teardown(task: () => unknown): void }, more: string): Promise<Served> {
  const network = createSimulatedNetwork(systemClock, systemRandom)
  network.serve(`${UP}:53`, (octets, _via, reply) => {
    const query = parseMessage(octets)
    const { name, type } = query.question[0]!
    const fails = equalNames(name, parseName('fail.test.'))
    const found = printName(name).toLowerCase().endsWith('up.test.')
    const rdata = Uint8Array.of(192, 0, 2, 1)
    const answer = found ? [{ owner: name, type, class: 1, ttl: 60, rdata }] : []
    const rcode = fails ? Rcode.SERVFAIL : found ? 0 : Rcode.NXDOMAIN
    reply(writeMessage({ ...query, flags: Flag.QR | Flag.RD | Flag.RA, rcode, answer }))
  })
  const config = `
name: ns1.example
views:
  - name: all
    recursion: [127.0.0.1]
    zones: [{ name: a.example, file: a }]
    forward: [{ zone: ".", to: [${UP}] }]
${more}
`
  const zones = { 'all a.example.': '$TTL 300\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 127.0.0.1\n' }
  const served = await serve({ config, zones }, { world: { network } })
  t.teardown(() => served.stop())
  return served
}

async function askAll(served: Served): Promise<void> {
  for (const name of ['www.up.test', 'www.up.test', 'ns.a.example', 'fail.test', 'x.internal'])
    await ask(served.dns, { name, flags: Flag.RD })
  // What was logged before has come by then.
  await served.workers.report()
}

const logged = (served: Served) =>
  served.logged.filter(({ message }) => message === 'query').map(({ fields }) => fields)

t.test('each answer is logged with where it came from', async t => {
  const served = await build(t, 'log: { queries: true }')
  await askAll(served)
  const about = { client: '127.0.0.1', transport: 'udp', view: 'all', type: 'A' }
  t.match(logged(served), [
    { ...about, name: 'www.up.test.', rcode: 'NOERROR', from: 'upstream', rule: '.', upstream: `${UP}:53` },
    { ...about, name: 'www.up.test.', from: 'answer cache' },
    { ...about, name: 'ns.a.example.', from: 'zones' },
    { ...about, name: 'fail.test.', rcode: 'SERVFAIL', ede: 22 },
    { ...about, name: 'x.internal.', rcode: 'NXDOMAIN', ede: 15 },
  ])
  t.ok(logged(served).every(({ ms }) => typeof ms === 'number'))
})

t.test('which queries are logged', async t => {
  const rows: [string, string[]][] = [
    ['{ names: [up.test] }', ['www.up.test.', 'www.up.test.']],
    ['{ rcodes: [SERVFAIL, NXDOMAIN] }', ['fail.test.', 'x.internal.']],
    ['{ clients: [127.0.0.2] }', []],
    ['{ sample: 2 }', ['www.up.test.', 'fail.test.']],
    ['{ slower: 1h }', []],
    ['false', []],
  ]
  for (const [queries, names] of rows) {
    const served = await build(t, `log: { queries: ${queries} }`)
    await askAll(served)
    t.same(
      logged(served).map(({ name }) => name),
      names,
      queries,
    )
  }
})

t.test('what is frequent, failed, blocked is told', async t => {
  const served = await build(t, 'log: { queries: { clients: [127.0.0.2] } }')
  await askAll(served)
  const { top, counters, upstreams } = await served.workers.report()
  t.same(top.names[0], { key: 'www.up.test. A', count: 2 })
  t.same(top.clients, [{ key: '127.0.0.1', count: 5 }])
  t.same(top.failures, [{ key: 'fail.test. A', count: 1 }])
  t.same(top.blocked, [{ key: 'x.internal. A', count: 1 }])
  t.match(counters, { guarded: 1, asked: 2 })
  t.match(upstreams, [{ view: 'all', zone: '.', upstream: `${UP}:53`, state: 'up' }])
})

/** A reader of Frame Streams: says ACCEPT to READY, and collects data frames. */
function readFrames(t: Test, socket: Socket, onFrame: (frame: Buffer) => void): void {
  let buffer = Buffer.alloc(0)
  socket.on('data', chunk => {
    buffer = Buffer.concat([buffer, chunk])
    while (buffer.length >= 4) {
      const isControl = buffer.readUInt32BE(0) === 0
      if (buffer.length < 8) return
      const end = isControl ? 8 + buffer.readUInt32BE(4) : 4 + buffer.readUInt32BE(0)
      if (buffer.length < end) return
      const body = buffer.subarray(isControl ? 8 : 4, end)
      buffer = buffer.subarray(end)
      if (!isControl) onFrame(body)
      else if (body.readUInt32BE(0) === 4) {
        t.equal(body.subarray(12).toString(), 'protobuf:dnstap.Dnstap')
        const accept = Buffer.concat([Buffer.from([0, 0, 0, 0, 0, 0, 0, body.length]), body])
        accept.writeUInt32BE(1, 8)
        socket.write(accept)
      }
    }
  })
}

/** The fields of a protocol buffer by number; varints as numbers. */
function fieldsOf(octets: Buffer): Map<number, number | Buffer> {
  const fields = new Map<number, number | Buffer>()
  let at = 0
  const varint = () => {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const octet = octets[at++]!
      value += (octet & 127) * scale
      if (octet < 128) return value
    }
  }
  while (at < octets.length) {
    const tag = varint()
    if ((tag & 7) === 0) fields.set(tag >> 3, varint())
    else if ((tag & 7) === 5) {
      fields.set(tag >> 3, octets.readUInt32LE(at))
      at += 4
    } else {
      const length = varint()
      fields.set(tag >> 3, octets.subarray(at, at + length))
      at += length
    }
  }
  return fields
}

t.test('a dnstap reader is told of queries and their answers', async t => {
  const path = join(scratch(t, {}), 'tap')
  const frames: Buffer[] = []
  const waiting: (() => void)[] = []
  const server = createServer(socket =>
    readFrames(t, socket, frame => {
      frames.push(frame)
      for (const wake of waiting.splice(0)) wake()
    }),
  )
  await new Promise<void>(resolve => server.listen(path, resolve))
  t.teardown(() => server.close())
  const served = await build(t, `dnstap: { socket: ${path} }`)
  while (!served.logged.some(({ message }) => message === 'dnstap is connected'))
    await new Promise(resolve => setImmediate(resolve))
  await ask(served.dns, { name: 'www.up.test', flags: Flag.RD, id: 77 })
  while (frames.length < 2) await new Promise<void>(resolve => waiting.push(resolve))
  const [query, response] = frames.map(frame => {
    const outer = fieldsOf(frame)
    t.equal(`${outer.get(1)}`, 'ns1.example')
    t.match(`${outer.get(2)}`, /^namestead /)
    t.equal(outer.get(15), 1)
    return fieldsOf(outer.get(14) as Buffer)
  })
  t.match(Object.fromEntries(query!), { 1: 5, 2: 1, 3: 1, 7: served.dns.port })
  t.same(query!.get(4), Buffer.from([127, 0, 0, 1]))
  t.match(parseMessage(query!.get(10) as Buffer), { id: 77, answer: [] })
  t.equal(response!.get(1), 6)
  t.match(parseMessage(response!.get(14) as Buffer), { id: 77, answer: [{ ttl: 60 }] })
  const seconds = response!.get(12) as number
  t.ok(Math.abs(seconds - Date.now() / 1000) < 60)
})

t.test('a busy thread looks at fewer answers, and counts them for as many more', async t => {
  const clock = createSimulatedClock()
  const sight = new Sight(clock, silentLog, new Dnstap(clock, silentLog))
  const query = new Query()
  const wire = queryWire(parseName('www.a.example.'), 1)
  readQuery(wire, 0, wire.length, query)
  const client = { transport: 'udp', address: Uint8Array.of(192, 0, 2, 1) } as Client
  const event = { query, client, view: 'all', rcode: 0, from: 'zones', took: 0, response: wire } as const
  /** Answers so many in a second; how many were looked at. */
  const second = async (answers: number): Promise<number> => {
    let seen = 0
    for (let i = 0; i < answers; i++) {
      if (i % 100 === 0) await clock.advance(100_000 / answers)
      if (!sight.wants()) continue
      seen++
      sight.answered(event)
    }
    return seen
  }
  for (let i = 0; i < 3; i++) await second(100_000)
  const seen = await second(100_000)
  t.ok(seen > 50 && seen < 1000, `${seen} of 100,000`)
  const [top] = sight.top().names
  t.ok(Math.abs(top!.count - 400_000) < 20_000, `about 400,000, and not ${top!.count}`)
  await second(500)
  await second(2000)
  t.ok((await second(1000)) > 50, 'at leisure again one of sixteen')
})
