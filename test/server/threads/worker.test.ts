import { once } from 'node:events'
import { MessageChannel } from 'node:worker_threads'
import t from 'tap'
import { Flag, Rcode } from '../../../dns/codes.ts'
import { parseMessage, writeMessage } from '../../../dns/message.ts'
import { parseName } from '../../../dns/name.ts'
import { printRecord, Type } from '../../../dns/types.ts'
import { systemClock } from '../../../host/clock.ts'
import { silentLog } from '../../../host/log.ts'
import { createCacheBuffer } from '../../../resolver/cache/cache-memory.ts'
import { loadLibc } from '../../../server/listen/libc.ts'
import { openSockets } from '../../../server/listen/sockets.ts'
import { createCounters } from '../../../server/metrics/metrics.ts'
import { createRateTable } from '../../../server/requests/rate-limit.ts'
import { createDescriptorBuffer } from '../../../server/threads/descriptors.ts'
import { CONTROL_WORDS, type ToMain } from '../../../server/threads/messages.ts'
import { createServing } from '../../../server/threads/worker.ts'
import { startWorkers } from '../../../server/threads/workers.ts'
import {
  ask,
  FrameClient,
  imageOf,
  queryMessage,
  readConfig,
  type Served,
  type ServingOptions,
  serve,
  servingConfig,
} from '../serving.ts'

const CONFIG = `
name: ns1.example
views:
  - { name: all, recursion: [localhost], zones: [{ name: a.example, file: a }, { name: b.example, file: b }] }
`
const zone = (address: string, serial = 1): string =>
  `$TTL 300\n@ SOA ns h ${serial} 2 3 4 5\n@ NS ns\nns A 127.0.0.1\nwww A ${address}\n`
const ZONES = { 'all a.example.': zone('192.0.2.1'), 'all b.example.': zone('192.0.2.2') }

async function serveHere(t: { teardown(task: () => unknown): void }, options: ServingOptions = {}): Promise<Served> {
  const served = await serve({ config: CONFIG, zones: ZONES }, options)
  t.teardown(() => served.stop())
  return served
}

/** The RCODE and the address of www in the zone. */
async function www(served: Served, name = 'a.example.'): Promise<string> {
  const { rcode, answer } = await ask(served.dns, { name: `www.${name}` })
  return answer[0] ? printRecord(answer[0]).split(' ').at(-1)! : `${rcode}`
}

const a = parseName('a.example.')
const b = parseName('b.example.')

t.test('what main has changed is seen by the next query, on every thread', async t => {
  const served = await serveHere(t, { workers: 3 })
  const everywhere = async (name?: string): Promise<Set<string>> =>
    new Set(await Promise.all(Array.from({ length: 24 }, () => www(served, name))))
  t.same(await everywhere(), new Set(['192.0.2.1']))

  t.test('another image of a zone, whatever is in the answer caches', async t => {
    served.workers.replaceZone({ view: 'all', origin: a, image: imageOf(a, zone('192.0.2.11')).buffer })
    t.same(await everywhere(), new Set(['192.0.2.11']))
    t.same(await everywhere('b.example.'), new Set(['192.0.2.2']), 'the other zone is as before')
  })

  t.test('a version published in the shared image, without a message', async t => {
    const image = [...served.images.values()][1]!
    t.same(await everywhere('b.example.'), new Set(['192.0.2.2']))
    const version = image.latest()
    const old = {
      owner: parseName('www.b.example.'),
      type: Type.A,
      class: 1,
      ttl: 300,
      rdata: Uint8Array.of(192, 0, 2, 2),
    }
    const soa = version.rrset(b, Type.SOA)!
    const record = { owner: b, type: Type.SOA, class: 1, ttl: soa.ttl, rdata: soa.rdatas[0]! }
    const next = record.rdata.slice()
    next[next.length - 17]! += 1
    const change = {
      deleted: [record, old],
      added: [
        { ...record, rdata: next },
        { ...old, rdata: Uint8Array.of(192, 0, 2, 22) },
      ],
    }
    image.publish(image.apply(version, change)!)
    t.same(await everywhere('b.example.'), new Set(['192.0.2.22']))
  })

  t.test('a zone that is lost is SERVFAIL, and then there again', async t => {
    served.workers.replaceZone({ view: 'all', origin: a, image: null })
    t.same(await everywhere(), new Set([String(Rcode.SERVFAIL)]))
    served.workers.replaceZone({ view: 'all', origin: a, image: imageOf(a, zone('192.0.2.12')).buffer })
    t.same(await everywhere(), new Set(['192.0.2.12']))
  })

  t.test('another configuration as a whole', async t => {
    const next = readConfig('name: x.example\nviews: [{ name: all, zones: [{ name: b.example, file: b }] }]')
    const image = imageOf(b, zone('192.0.2.23')).buffer
    served.workers.configure(servingConfig(next), [{ view: 'all', origin: b, image }])
    t.same(await everywhere('b.example.'), new Set(['192.0.2.23']))
    t.same(await everywhere(), new Set([String(Rcode.REFUSED)]), 'a zone that is gone')
    const { flags } = await ask(served.dns, { name: 'www.b.example.' })
    t.equal(flags & Flag.RA, 0, 'recursion is not offered any more')
  })
})

t.test('a thread that crashes', async t => {
  t.test('is replaced by one that has all changes since, and keeps on counting', async t => {
    const served = await serveHere(t)
    t.equal(await www(served), '192.0.2.1')
    served.workers.replaceZone({ view: 'all', origin: a, image: imageOf(a, zone('192.0.2.13')).buffer })
    served.crash(0)
    t.equal(await www(served), '192.0.2.13')
    t.match(served.workers.metrics(), /requests_total\{transport="udp",opcode="QUERY"\} 2\n/)
    t.match(
      served.logged.find(({ level }) => level === 'error'),
      { message: 'a serving thread has ended and is being replaced' },
    )
  })

  t.test('answers what was asked while there was none', async t => {
    const served = await serveHere(t)
    served.crash(0)
    t.same(await Promise.all([www(served), www(served), www(served)]), Array(3).fill('192.0.2.1'))
  })
})

t.test('stopping', async t => {
  t.test('lets what is in flight end', async t => {
    let release = (_: { rcode: Rcode }): void => {}
    const config = `
name: ns1.example
keys: []
views: [{ name: all, zones: [{ name: copy.example, type: secondary, primaries: [192.0.2.1] }] }]`
    const served = await serve({ config }, { main: { notify: () => new Promise(resolve => (release = resolve)) } })
    const client = new FrameClient(served.dns)
    const notify = { ...queryMessage({ name: 'copy.example.', type: 'SOA' }), opcode: 4 }
    client.send(writeMessage(notify))
    for (let i = 0; i < 50; i++) await new Promise(setImmediate)
    const stopped = served.stop()
    release({ rcode: Rcode.NOERROR })
    t.equal(parseMessage((await client.messages(1))[0]!).rcode, Rcode.NOERROR)
    await stopped
    await client.messages(2)
    t.ok(client.closed)
  })

  t.test('closes every descriptor', { skip: process.platform === 'linux' ? false : 'no /proc' }, async t => {
    const { readdirSync } = await import('node:fs')
    const open = (): number => readdirSync('/proc/self/fd').length
    const before = open()
    const served = await serve({ config: CONFIG, zones: ZONES }, { workers: 2, address: '0.0.0.0' })
    t.ok(open() > before)
    await served.stop()
    for (let i = 0; i < 20; i++) await new Promise(setImmediate)
    t.equal(open(), before)
  })
})

t.test('a request handed over by main (DoH)', async t => {
  const served = await serveHere(t, { workers: 2 })
  const from = {
    address: Uint8Array.of(127, 0, 0, 1),
    port: 1,
    destination: Uint8Array.of(127, 0, 0, 1),
    destinationPort: 443,
    dohPath: '/dns-query',
  }
  const wire = writeMessage(queryMessage({ name: 'www.a.example.' }))
  for (let i = 0; i < 4; i++) t.equal(parseMessage((await served.workers.request({ ...from, wire }))!).answer.length, 1)
  t.equal(await served.workers.request({ ...from, wire: new Uint8Array(3) }), undefined, 'no answer is told as such')
  t.match(served.workers.metrics(), /requests_total\{transport="https",opcode="QUERY"\} 4\n/)
})

t.test('without the C library', async t => {
  const served = await serveHere(t, { libc: undefined })
  t.equal(await www(served), '192.0.2.1')
  const client = new FrameClient(served.dns)
  client.send(writeMessage(queryMessage({ name: 'www.b.example.' })))
  t.equal(parseMessage((await client.messages(1))[0]!).answer.length, 1)
  await client.end()
})

t.test('real threads', async t => {
  const config = readConfig(CONFIG)
  const sockets = await openSockets({ dns: [{ address: '127.0.0.1', port: 0 }], dot: [], workers: 2, libc: loadLibc() })
  const zones = [{ view: 'all', origin: a, image: imageOf(a, zone('192.0.2.1')).buffer }]
  const state = { epoch: 0, config: servingConfig(config), zones, certificate: null }
  const failed = async () => ({ rcode: Rcode.SERVFAIL })
  const main = { update: failed, notify: failed, differences: async () => undefined }
  const workers = await startWorkers({ count: 2, sockets, state, main, clock: systemClock, log: silentLog })
  t.teardown(async () => {
    await workers.stop(1000)
    sockets.close()
  })
  const dns = sockets.dns[0]!
  const address = async (): Promise<string> =>
    printRecord((await ask(dns, { name: 'www.a.example.' })).answer[0]!)
      .split(' ')
      .at(-1)!
  t.same(new Set(await Promise.all(Array.from({ length: 20 }, address))), new Set(['192.0.2.1']))
  for (let i = 2; i < 20; i++) {
    workers.replaceZone({ view: 'all', origin: a, image: imageOf(a, zone(`192.0.2.${i}`)).buffer })
    t.same(
      new Set(await Promise.all(Array.from({ length: 6 }, address))),
      new Set([`192.0.2.${i}`]),
      'at once, on both',
    )
  }
})

t.test('a forward rule that leads to ourselves is logged, and the thread serves all the same', async t => {
  const own = { address: '127.0.0.1', port: 5353 }
  const config = readConfig(`views: [{ name: v, forward: [{ zone: ".", to: ["127.0.0.1:5353"] }] }]`)
  const { port1, port2 } = new MessageChannel()
  const said: ToMain[] = []
  port1.on('message', (message: ToMain) => said.push(message))
  const state = { epoch: 0, config: servingConfig(config), zones: [], certificate: null }
  const counters = createCounters()
  const control = new SharedArrayBuffer(CONTROL_WORDS * Int32Array.BYTES_PER_ELEMENT)
  const shared = {
    rates: createRateTable(1),
    cache: createCacheBuffer(2 ** 16, 1),
    descriptors: createDescriptorBuffer(),
    id: new Uint8Array(8),
    takeover: '',
  }
  await createServing(port2, { index: 0, control, counters, ...shared, sockets: [], own: [own], state })
  port1.postMessage({ kind: 'stop', grace: 0 })
  await once(port1, 'close')
  t.match(said, [
    { kind: 'log', level: 'error', message: /leads to this server itself/ },
    { kind: 'ready' },
    { kind: 'stopped' },
  ])
})
