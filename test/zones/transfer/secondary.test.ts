import t from 'tap'
import type { PrimaryServer, ZoneConfig } from '../../../config/schema.ts'
import { Rcode } from '../../../dns/codes.ts'
import { parseName } from '../../../dns/name.ts'
import type { ResourceRecord } from '../../../dns/record.ts'
import { type TsigKey, tsigKey } from '../../../dns/tsig-record.ts'
import { Type } from '../../../dns/types.ts'
import type { Database } from '../../../host/database.ts'
import { openMemoryDatabase } from '../../../server/storage/memory-database.ts'
import { recordsOfVersion } from '../../../zones/history/baseline.ts'
import { createZoneStore, ZONE_MIGRATIONS } from '../../../zones/store/store.ts'
import type { LoadWhole, TransferLimits } from '../../../zones/transfer/refresh.ts'
import { openSecondary, type SecondaryZone } from '../../../zones/transfer/secondary.ts'
import { Gate } from '../../../zones/write/gate.ts'
import { ZoneImage } from '../../../zones/zone.ts'
import { createSimulatedClock, type SimulatedClock } from '../../simulation/clock.ts'
import { createSimulatedNetwork, type SimulatedNetwork } from '../../simulation/network.ts'
import { createSeededRandom } from '../../simulation/random.ts'
import { FaultyDatabase } from '../faulty-database.ts'
import { keepLog } from '../kept-log.ts'
import { lines, NS, ORIGIN, record, records } from '../lines.ts'
import { type Script, servePrimary } from '../peer.ts'

const KEY = tsigKey(parseName('xfr.'), 'hmac-sha256', [Buffer.alloc(32, 7)])
const OTHER = tsigKey(parseName('xfr.'), 'hmac-sha256', [Buffer.alloc(32, 8)])
const FIRST = { address: { address: '192.0.2.1', port: 53 } }
const SECOND = { address: { address: '192.0.2.2', port: 53 } }

const SECOND_S = 1000
const HOUR = 3_600_000
/** Refresh an hour, retry ten minutes, expire a day. */
const soa = (serial: number) => record(`@ 300 IN SOA ns hostmaster ${serial} 3600 600 86400 60`)
const zone = (serial: number, ...rest: string[]) => [soa(serial), ...records([NS, ...rest])]
const hosts = (count: number) => Array.from({ length: count }, (_, i) => `h${i} 60 IN A 10.0.${i >> 8}.${i & 255}`)

interface World {
  clock: SimulatedClock
  network: SimulatedNetwork
  database: Database
}

interface Options {
  primaries?: PrimaryServer[]
  key?: TsigKey
  world?: World
  loadWhole?: LoadWhole
  limits?: Partial<TransferLimits>
  more?: Partial<ZoneConfig>
}

function newWorld(): World {
  const clock = createSimulatedClock()
  const database = openMemoryDatabase(ZONE_MIGRATIONS)
  return { clock, network: createSimulatedNetwork(clock, createSeededRandom(2)), database }
}

/** A secondary, opened and started, with what it has logged and handed to the threads. */
async function secondary({ primaries = [FIRST], key, world = newWorld(), loadWhole, limits, more }: Options = {}) {
  const { log, logged } = keepLog()
  const counts = { done: 0, failed: 0, refused: 0 }
  const served: (number | undefined)[] = []
  const published: number[] = []
  const serialOf = (one: SecondaryZone) => one.image?.latest().serial()
  const config = {
    ...{ name: ORIGIN, type: 'secondary', dynamic: false, update: [], transfer: [], notify: [] },
    ...{ refresh: [5 * SECOND_S, 28 * 24 * HOUR], retry: [5 * SECOND_S, 28 * 24 * HOUR], ...more },
    primaries: primaries.map(primary => ({ ...primary, ...(key && { key: key.name }) })),
  } as unknown as ZoneConfig
  const zone = await openSecondary('inside', config, {
    ...{ clock: world.clock, network: world.network, random: createSeededRandom(3) },
    store: createZoneStore(world.database),
    log,
    findKey: () => key,
    gate: new Gate(8),
    limits: () => ({ octets: 2 ** 24, records: undefined, idle: 30 * SECOND_S, time: 2 * HOUR, ...limits }),
    counts,
    ...(loadWhole && { loadWhole }),
    onReplaced: (one, image) => served.push(image && serialOf(one)),
    onPublished: one => published.push(serialOf(one)!),
  })
  zone.start()
  const shown = () => zone.image && lines(recordsOfVersion(zone.image.latest()))
  const reasons = () => logged.filter(({ level }) => level === 'warn').map(({ fields }) => String(fields['reason']))
  return { ...world, zone, logged, counts, served, published, shown, reasons }
}

const AT = '192.0.2.1:53'
const AT2 = '192.0.2.2:53'
const from = (address: string, more: object = {}) => ({
  address: Uint8Array.from(address.split('.').map(Number)),
  ...more,
})

t.test('a new secondary transfers the whole zone, and serves it', async t => {
  const world = newWorld()
  const script: Script = { zone: zone(10, ...hosts(500)) }
  const asked = servePrimary(world.network, world.clock, AT, script)
  const { clock, zone: one, shown, served, published, counts } = await secondary({ world })
  t.equal(one.image, undefined, 'nothing yet')
  await clock.advance(5 * SECOND_S)
  t.same(asked, ['SOA udp', 'AXFR tcp'])
  t.same(shown(), lines(script.zone))
  t.same([served, published, counts.done], [[10], [10], 1])
  t.equal(world.network.open(), 0, 'no connection is left open')
})

t.test('RFC 1034 §4.3.5: it is refreshed as the SOA says, a little early', async t => {
  const world = newWorld()
  const script: Script = { zone: zone(10) }
  const asked = servePrimary(world.network, world.clock, AT, script)
  const { clock } = await secondary({ world })
  await clock.advance(5 * SECOND_S)
  asked.length = 0
  await clock.advance(0.85 * HOUR)
  t.same(asked, [])
  await clock.advance(0.2 * HOUR)
  t.same(asked, ['SOA udp'], 'and where nothing is new, nothing is transferred')
})

t.test('RFC 1995: what is new comes by IXFR', async t => {
  const world = newWorld()
  const script: Script = { zone: zone(10, 'a 60 IN A 192.0.2.1', 'b 60 IN A 192.0.2.1') }
  const asked = servePrimary(world.network, world.clock, AT, script)
  const { clock, shown, published, logged } = await secondary({ world })
  await clock.advance(5 * SECOND_S)
  script.zone = zone(12, 'b 90 IN A 192.0.2.1', 'c 60 IN A 192.0.2.3')
  const [a, b90, c] = records(['A 60 IN A 192.0.2.1', 'b 90 IN A 192.0.2.1', 'c 60 IN A 192.0.2.3'])
  const [b60] = records(['b 60 IN A 192.0.2.1'])
  script.ixfr = [
    [soa(12), soa(10), a!, soa(11)],
    [c!, soa(11), b60!],
    [soa(12), b90!, soa(12)],
  ]
  await clock.advance(HOUR)
  t.same(asked.slice(2), ['SOA udp', 'IXFR tcp'])
  t.same(shown(), lines(script.zone), 'names are found whatever their case')
  t.same(published.at(-1), 12)
  t.match(logged.at(-1), {
    message: 'zone transferred from its primary',
    fields: { kind: 'IXFR', added: 3, deleted: 3 },
  })
})

const IXFR_FALLBACKS: { what: string; ixfr?: ResourceRecord[][] }[] = [
  { what: 'the primary does not know IXFR' },
  { what: 'the primary answers IXFR with the whole zone', ixfr: [[...zone(11, 'new 60 IN A 192.0.2.9'), soa(11)]] },
  {
    what: 'a difference deletes what is not there',
    ixfr: [[soa(11), soa(10), record('gone 60 IN A 192.0.2.1'), soa(11), soa(11)]],
  },
  {
    what: 'a difference adds what is there already',
    ixfr: [[soa(11), soa(10), soa(11), record('a 60 IN A 192.0.2.1'), soa(11)]],
  },
  {
    what: 'a difference does not go on where the one before ended',
    ixfr: [[soa(11), soa(10), soa(12), soa(10), soa(11), soa(11)]],
  },
  { what: 'the serials of a difference go back', ixfr: [[soa(11), soa(10), soa(9), soa(9), soa(11), soa(11)]] },
]

for (const { what, ixfr } of IXFR_FALLBACKS)
  t.test(`the whole zone is transferred where ${what}`, async t => {
    const world = newWorld()
    const script: Script = { zone: zone(10, 'a 60 IN A 192.0.2.1') }
    servePrimary(world.network, world.clock, AT, script)
    const { clock, shown, counts } = await secondary({ world })
    await clock.advance(5 * SECOND_S)
    script.zone = zone(11, 'new 60 IN A 192.0.2.9')
    script.ixfr = ixfr
    await clock.advance(HOUR)
    t.same(shown(), lines(script.zone))
    t.equal(counts.done, 2)
  })

const SIGNED_IN_2060 = 'x 60 IN RRSIG A 13 3 60 20610101000000 20600101000000 1 a.example. AAAA'

/** What a primary sends as serial 11 where we have 10; each must leave the zone as it was, be named in the log, and be counted. */
const HOSTILE: { what: string; reason: RegExp; script: Partial<Script>; key?: TsigKey }[] = [
  { what: 'the transfer breaks off', reason: /ended before/, script: { breaksAfter: 2 } },
  {
    what: 'the transfer breaks off in the middle of a message',
    reason: /ended before/,
    script: { breaksAfter: 2, halves: true },
  },
  {
    what: 'the differences do not follow one another, and there is no whole zone to be had',
    reason: /by IXFR: .*goes on from serial 10, and the difference before led to 12; by AXFR: .*ended before/,
    script: { ixfr: [[soa(11), soa(10), soa(12), soa(10), soa(11), soa(11)]], breaksAfter: 1 },
  },
  {
    what: 'the differences begin elsewhere',
    reason: /ends a transfer that began with another serial/,
    script: { ixfr: [[soa(11), soa(9), soa(11), soa(11)]], axfr: [[soa(11), soa(12)]] },
  },
  {
    what: 'a difference puts a CNAME beside other data',
    reason: /by IXFR: a\.a\.example\. has a CNAME and a record of type A/,
    script: { ixfr: [[soa(11), soa(10), soa(11), record('a 60 IN CNAME b'), soa(11)]], axfr: [[soa(9)]] },
  },
  {
    what: 'a difference has a record outside the zone',
    reason: /by IXFR: www\.victim\.example\. A: is outside the zone/,
    script: {
      ixfr: [[soa(11), soa(10), soa(11), record('www.victim.example. 60 IN A 192.0.2.66'), soa(11)]],
      axfr: [[soa(9)]],
    },
  },
  {
    what: 'a signature begins in the future (RFC 4034 §3.1.5)',
    reason: /x\.a\.example\. A has a signature that begins in the future/,
    script: { axfr: [[...zone(11, 'x 60 IN A 192.0.2.1', SIGNED_IN_2060), soa(11)]] },
  },
  {
    what: 'a difference brings a signature that begins in the future',
    reason: /by IXFR: x\.a\.example\. A has a signature that begins in the future/,
    script: {
      ixfr: [[soa(11), soa(10), soa(11), ...records(['x 60 IN A 192.0.2.1', SIGNED_IN_2060]), soa(11)]],
      axfr: [[soa(9)]],
    },
  },
  {
    what: 'messages are signed in the future (RFC 8945 §5.2.3)',
    reason: /signed too long ago or in the future/,
    key: KEY,
    script: { ahead: 3600 },
  },
  {
    what: 'a record is outside the zone',
    reason: /www\.victim\.example\. A: is outside the zone a\.example\./,
    script: { axfr: [[...zone(11), record('www.victim.example. 60 IN A 192.0.2.66'), soa(11)]] },
  },
  {
    what: 'there is an SOA below the apex',
    reason: /SOA below the apex/,
    script: { axfr: [[...zone(11), record('sub 60 IN SOA a b 1 2 3 4 5'), soa(11)]] },
  },
  {
    what: 'a name has a CNAME and other data',
    reason: /x\.a\.example\. has a CNAME and a record of type A/,
    script: { axfr: [[...zone(11, 'x 60 IN CNAME y', 'x 60 IN A 192.0.2.1'), soa(11)]] },
  },
  { what: 'there is no NS', reason: /no NS record/, script: { axfr: [[soa(11), ...records(hosts(2)), soa(11)]] } },
  {
    what: 'the serial at the end is another than at the beginning',
    reason: /began with another serial/,
    script: { axfr: [[...zone(11), soa(12)]] },
  },
  {
    what: 'what is transferred is older',
    reason: /serial 9, which is older than our 10/,
    script: { axfr: [[...zone(9), soa(9)]] },
  },
  { what: 'the SOA is older', reason: /serial 4, which is older than our 10/, script: { soa: soa(4) } },
  { what: 'the serial is half the number space away (RFC 1982)', reason: /older/, script: { soa: soa(10 + 2 ** 31) } },
  { what: 'records come after the end', reason: /after the end/, script: { axfr: [[...zone(11), soa(11), soa(11)]] } },
  {
    what: 'the first record is no SOA',
    reason: /where the SOA must be/,
    script: { axfr: [[...zone(11).slice(1), soa(11)]] },
  },
  {
    what: 'a record is of another class',
    reason: /class 3/,
    script: { axfr: [[...zone(11), { ...record('x 60 IN A 192.0.2.1'), class: 3 }, soa(11)]] },
  },
  {
    what: 'a record is of a type that no zone holds',
    reason: /no zone can hold/,
    script: { axfr: [[...zone(11), { ...record('x 60 IN A 192.0.2.1'), type: Type.ANY }, soa(11)]] },
  },
  { what: 'the primary refuses', reason: /REFUSED/, script: { rcode: 5 } },
  { what: 'messages are garbage', reason: /breaks the format|another ID/, script: { spoil: () => new Uint8Array(20) } },
  {
    what: 'a signature in the middle does not verify (RFC 8945 §5.3.1)',
    reason: /MAC of the answer does not verify/,
    key: KEY,
    script: { spoil: (signed, _plain, index) => (index === 2 ? flipped(signed) : signed) },
  },
  {
    what: 'the last message is not signed',
    reason: /not signed/,
    key: KEY,
    script: { spoil: (signed, plain, index) => (index === 4 ? plain : signed) },
  },
  {
    what: 'the first message is not signed',
    reason: /not signed/,
    key: KEY,
    script: { spoil: (_signed, plain) => plain },
  },
  { what: 'the primary has another secret', reason: /no answer|no further/, key: KEY, script: { key: OTHER } },
]

function flipped(wire: Uint8Array): Uint8Array {
  const copy = wire.slice()
  copy[40]! ^= 1
  return copy
}

for (const { what, reason, script: hostile, key } of HOSTILE)
  t.test(`the zone stays as it is where ${what}`, async t => {
    const world = newWorld()
    const script: Script = { zone: zone(10, 'a 60 IN A 192.0.2.1'), ...(key && { key }) }
    servePrimary(world.network, world.clock, AT, script)
    const { clock, shown, reasons, counts, published, network } = await secondary({ world, ...(key && { key }) })
    await clock.advance(5 * SECOND_S)
    const before = shown()
    t.equal(before?.length, 3)
    Object.assign(script, { zone: zone(11, ...hosts(400)) }, hostile)
    await clock.advance(HOUR)
    t.same(shown(), before)
    t.match(reasons().at(-1), reason)
    t.ok(counts.refused + counts.failed > 0, 'it is counted')
    await clock.advance(20 * 60 * SECOND_S)
    t.same(
      published.filter(serial => serial !== 10),
      [],
    )
    await clock.advance(60 * SECOND_S)
    Object.assign(script, {
      axfr: undefined,
      ixfr: undefined,
      halves: undefined,
      ahead: undefined,
      soa: undefined,
      rcode: undefined,
      spoil: undefined,
      breaksAfter: undefined,
    })
    Object.assign(script, { ...(key && { key }), zone: zone(12) })
    await clock.advance(20 * 60 * SECOND_S)
    t.same(shown(), lines(zone(12)), 'and goes on once the primary has come to its senses')
    t.equal(network.open(), 0)
  })

t.test('a transfer signed all through is taken over (RFC 8945)', async t => {
  const world = newWorld()
  const script: Script = { zone: zone(10, ...hosts(1000)), key: KEY }
  servePrimary(world.network, world.clock, AT, script)
  const { clock, shown } = await secondary({ world, key: KEY })
  await clock.advance(5 * SECOND_S)
  t.equal(shown()?.length, 1002)
})

t.test('several primaries are asked in their order', async t => {
  const world = newWorld()
  const one = servePrimary(world.network, world.clock, AT, { zone: zone(10) })
  const two = servePrimary(world.network, world.clock, AT2, { zone: zone(10) })
  const { clock } = await secondary({ world, primaries: [FIRST, SECOND] })
  await clock.advance(5 * SECOND_S)
  t.same([one.length, two.length], [2, 0])
  world.network.condition(AT, 'silent')
  await clock.advance(HOUR + 60 * SECOND_S)
  t.same(two, ['SOA udp'], 'the second where the first is silent')
})

t.test('a primary that answers over TCP alone is asked there', async t => {
  const world = newWorld()
  const asked = servePrimary(world.network, world.clock, AT, { zone: zone(10) })
  world.network.serve(AT, () => {})
  const { clock, shown } = await secondary({ world })
  await clock.advance(30 * SECOND_S)
  t.same(asked, ['SOA tcp', 'AXFR tcp'])
  t.equal(shown()?.length, 2)
})

t.test('RFC 9103: a primary with tls:// is asked over TLS alone', async t => {
  const world = newWorld()
  const asked = servePrimary(world.network, world.clock, AT, { zone: zone(10) })
  const { clock, shown } = await secondary({ world, primaries: [{ ...FIRST, tls: { hostname: 'ns.example' } }] })
  await clock.advance(5 * SECOND_S)
  t.same(asked, ['SOA tls', 'AXFR tls'])
  t.equal(shown()?.length, 2)
})

t.test('limits of what a primary may send', async t => {
  for (const [what, limits, reason] of [
    ['more records', { records: 300 }, /has more than 300 records, which is the limit/],
    ['more octets', { octets: 5000 }, /more than 5000 octets/],
  ] as const)
    t.test(what, async t => {
      const world = newWorld()
      const script: Script = { zone: zone(10, ...hosts(10)) }
      servePrimary(world.network, world.clock, AT, script)
      const { clock, shown, reasons } = await secondary({ world, limits })
      await clock.advance(5 * SECOND_S)
      const before = shown()
      t.equal(before?.length, 12)
      script.zone = zone(11, ...hosts(400))
      await clock.advance(HOUR)
      t.same(shown(), before)
      t.match(reasons().at(-1), reason)
    })
  t.test('more records in the end, though the difference is small', async t => {
    const world = newWorld()
    const script: Script = { zone: zone(10, ...hosts(298)) }
    servePrimary(world.network, world.clock, AT, script)
    const { clock, shown, reasons } = await secondary({ world, limits: { records: 300 } })
    await clock.advance(5 * SECOND_S)
    t.equal(shown()?.length, 300)
    script.zone = zone(11, ...hosts(299))
    script.ixfr = [[soa(11), soa(10), soa(11), record(hosts(299).at(-1)!), soa(11)]]
    await clock.advance(HOUR)
    t.equal(shown()?.length, 300)
    t.match(reasons().at(-1), /the zone has more than 300 records/)
  })
})

t.test('ixfr: false: differences are not asked for', async t => {
  const world = newWorld()
  const script: Script = { zone: zone(10) }
  const asked = servePrimary(world.network, world.clock, AT, script)
  const { clock } = await secondary({ world, primaries: [{ ...FIRST, ixfr: false }] })
  await clock.advance(5 * SECOND_S)
  asked.length = 0
  script.zone = zone(11)
  await clock.advance(HOUR)
  t.same(asked, ['SOA udp', 'AXFR tcp'])
})

t.test('refresh and retry keep within the limits of the configuration', async t => {
  const world = newWorld()
  const asked = servePrimary(world.network, world.clock, AT, { zone: zone(10) })
  const more = { refresh: [10 * SECOND_S, 100 * SECOND_S], retry: [5 * SECOND_S, 20 * SECOND_S] } as const
  const { clock } = await secondary({ world, more: more as unknown as Partial<ZoneConfig> })
  await clock.advance(5 * SECOND_S)
  asked.length = 0
  await clock.advance(100 * SECOND_S)
  t.same(asked, ['SOA udp'], 'though its SOA says an hour')
  world.network.condition(AT, 'refusing')
  await clock.advance(100 * SECOND_S)
  world.network.condition(AT, 'up')
  asked.length = 0
  await clock.advance(21 * SECOND_S)
  t.same(asked, ['SOA udp'], 'though its SOA says ten minutes')
})

t.test('a primary that stops in the middle of a transfer does not hold the zone up for ever', async t => {
  const world = newWorld()
  const script: Script = { zone: zone(10, ...hosts(300)), axfr: [zone(10)] }
  servePrimary(world.network, world.clock, AT, script)
  const { clock, zone: one, reasons } = await secondary({ world })
  await clock.advance(40 * SECOND_S)
  t.match(reasons().at(-1), /no further message/)
  script.axfr = undefined
  await clock.advance(600 * SECOND_S)
  t.equal(one.image?.latest().serial(), 10)
})

t.test('RFC 1996: a NOTIFY', async t => {
  const world = newWorld()
  const script: Script = { zone: zone(10), key: KEY }
  const asked = servePrimary(world.network, world.clock, AT, script)
  const { clock, zone: one, shown } = await secondary({ world, key: KEY })
  await clock.advance(5 * SECOND_S)
  asked.length = 0
  t.test('from a primary makes us ask at once', async t => {
    script.zone = zone(11)
    t.equal(one.notified(from('192.0.2.1')).rcode, Rcode.NOERROR)
    await clock.advance(2 * SECOND_S)
    t.same(shown(), lines(zone(11)))
  })
  t.test('from anywhere, signed with a key of a primary, too', async t => {
    script.zone = zone(12)
    t.equal(one.notified(from('198.51.100.1', { key: KEY.name, serial: 12 })).rcode, Rcode.NOERROR)
    await clock.advance(2 * SECOND_S)
    t.same(shown(), lines(zone(12)))
  })
  t.test('from somebody else is refused, and nobody is asked', async t => {
    asked.length = 0
    t.equal(one.notified(from('198.51.100.1')).rcode, Rcode.REFUSED)
    t.equal(one.notified(from('198.51.100.1', { key: parseName('other.') })).rcode, Rcode.REFUSED)
    await clock.advance(2 * SECOND_S)
    t.same(asked, [])
  })
  t.test('that hints at the serial we have makes us ask nobody', async t => {
    t.equal(one.notified(from('192.0.2.1', { serial: 12 })).rcode, Rcode.NOERROR)
    await clock.advance(2 * SECOND_S)
    t.same(asked, [])
  })
  t.test('a flood of them asks a few times', async t => {
    for (let i = 0; i < 1000; i++) {
      one.notified(from('192.0.2.1'))
      await clock.advance(1)
    }
    await clock.advance(2 * SECOND_S)
    t.ok(asked.length <= 8, `${asked.length} questions`)
  })
  t.test('while we ask makes us ask again', async t => {
    script.zone = zone(13)
    one.notified(from('192.0.2.1'))
    await clock.advance(12)
    script.zone = zone(14)
    one.notified(from('192.0.2.1'))
    await clock.advance(3 * SECOND_S)
    t.same(shown(), lines(zone(14)))
  })
})

t.test('RFC 1912 §2.2: a zone does not expire before it was asked for, and asked for again', async t => {
  const world = newWorld()
  const hasty = record('@ 300 IN SOA ns hostmaster 10 3600 600 60 60')
  servePrimary(world.network, world.clock, AT, { zone: [hasty, ...records([NS])] })
  const { clock, zone: one } = await secondary({ world })
  await clock.advance(5 * SECOND_S)
  world.network.condition(AT, 'silent')
  await clock.advance(4200 * SECOND_S - 10 * SECOND_S)
  t.ok(one.image, 'its SOA says a minute')
  await clock.advance(30 * SECOND_S)
  t.notOk(one.image, 'refresh and retry have passed')
})

t.test('RFC 1034 §4.3.5: a zone that could not be refreshed for so long expires, and comes back', async t => {
  const world = newWorld()
  const script: Script = { zone: zone(10) }
  servePrimary(world.network, world.clock, AT, script)
  const { clock, zone: one, served, logged, shown } = await secondary({ world })
  await clock.advance(5 * SECOND_S)
  world.network.condition(AT, 'silent')
  await clock.advance(23 * HOUR)
  t.equal(one.image?.latest().serial(), 10, 'served until then')
  await clock.advance(1.1 * HOUR)
  t.equal(one.image, undefined)
  t.same(served, [10, undefined])
  t.ok(logged.some(({ level, message }) => level === 'error' && message.includes('expired')))
  world.network.condition(AT, 'up')
  script.zone = zone(3, 'restored 60 IN A 192.0.2.1')
  await clock.advance(HOUR)
  t.same(shown(), lines(script.zone), 'then whatever the primary has is right, an older serial too')
  t.same(served.at(-1), 3)
})

t.test('a restart', async t => {
  const world = newWorld()
  const script: Script = { zone: zone(10, ...hosts(50)) }
  servePrimary(world.network, world.clock, AT, script)
  const first = await secondary({ world })
  await world.clock.advance(5 * SECOND_S)
  await first.zone.close()
  world.network.condition(AT, 'silent')
  t.test('serves at once what was kept, without its primary', async t => {
    const again = await secondary({ world })
    t.same(again.shown(), lines(script.zone))
    await again.zone.close()
  })
  t.test('counts the time until it expires from before', async t => {
    await world.clock.advance(20 * HOUR)
    const again = await secondary({ world })
    t.equal(again.zone.image?.latest().serial(), 10)
    await world.clock.advance(5 * HOUR)
    t.equal(again.zone.image, undefined)
    await again.zone.close()
  })
  t.test('does not serve what has expired meanwhile', async t => {
    const again = await secondary({ world })
    t.equal(again.zone.image, undefined)
    world.network.condition(AT, 'up')
    await world.clock.advance(60 * SECOND_S)
    t.same(again.shown(), lines(script.zone), 'until a primary says that it is still right')
    await again.zone.close()
  })
})

t.test('serials wrap (RFC 1982)', async t => {
  const world = newWorld()
  const script: Script = { zone: zone(2 ** 32 - 2) }
  servePrimary(world.network, world.clock, AT, script)
  const { clock, zone: one } = await secondary({ world })
  await clock.advance(5 * SECOND_S)
  script.ixfr = [
    [soa(3), soa(2 ** 32 - 2), soa(2 ** 32 - 1), soa(2 ** 32 - 1), soa(3), record('w 60 IN A 192.0.2.1'), soa(3)],
  ]
  script.zone = zone(3, 'w 60 IN A 192.0.2.1')
  await clock.advance(HOUR)
  t.equal(one.image?.latest().serial(), 3)
  const change = await one.differencesSince(2 ** 32 - 2)
  t.equal(change?.added.length, 2, 'and our own secondaries get the difference')
})

t.test('a disk that is full leaves the zone as it was, and is tried again', async t => {
  const world = newWorld()
  const faulty = new FaultyDatabase(world.database)
  const script: Script = { zone: zone(10) }
  servePrimary(world.network, world.clock, AT, script)
  const { clock, shown, logged } = await secondary({ world: { ...world, database: faulty } })
  await clock.advance(5 * SECOND_S)
  script.zone = zone(11)
  faulty.next('fails')
  await clock.advance(HOUR)
  t.same(shown(), lines(zone(10)))
  t.ok(logged.some(({ message }) => message.includes('could not be stored')))
  await clock.advance(HOUR)
  t.same(shown(), lines(zone(11)))
})

t.test('what is large is left to who reads it elsewhere, at once where it was large before', async t => {
  const world = newWorld()
  const long = 'x'.repeat(250)
  const script: Script = { zone: zone(10, ...Array.from({ length: 9000 }, (_, i) => `t${i} 60 IN TXT "${long}"`)) }
  const asked = servePrimary(world.network, world.clock, AT, script)
  const loaded: string[] = []
  const { clock, zone: one } = await secondary({
    world,
    loadWhole: async (remote, origin) => {
      loaded.push(remote.address.address)
      return ZoneImage.create(origin, script.zone).latest()
    },
  })
  await clock.advance(5 * SECOND_S)
  t.same([asked, loaded], [['SOA udp', 'AXFR tcp'], ['192.0.2.1']])
  t.equal(one.image?.latest().size(), 9002)
  script.zone = zone(11, ...hosts(3))
  await clock.advance(HOUR)
  // A large zone is compared in turns.
  while (one.status.refreshing) await new Promise(setImmediate)
  t.equal(one.image?.latest().size(), 5, 'what is small is not')
  t.equal(loaded.length, 1)
})

t.test('a zone that changes altogether has what the primary has', async t => {
  const world = newWorld()
  const script: Script = { zone: zone(10, ...hosts(600)) }
  servePrimary(world.network, world.clock, AT, script)
  const { clock, shown, zone: one } = await secondary({ world })
  await clock.advance(5 * SECOND_S)
  script.zone = zone(11, ...hosts(900).map(line => line.replace('10.0.', '10.9.')), 'h1.sub 5 IN TXT "x"')
  await clock.advance(HOUR)
  t.same(shown(), lines(script.zone))
  await one.close()
  const again = await secondary({ world })
  t.same(again.shown(), lines(script.zone), 'on disk as well')
})
