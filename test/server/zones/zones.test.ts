import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { ViewConfig, ZoneConfig } from '../../../config/schema.ts'
import { parseName } from '../../../dns/name.ts'
import { Type } from '../../../dns/types.ts'
import { openMemoryDatabase } from '../../../server/storage/memory-database.ts'
import { createZones } from '../../../server/zones/zones.ts'
import { ZoneLoadError } from '../../../zones/file/load-error.ts'
import { createKeyRings } from '../../../zones/keys/keys.ts'
import { createZoneStore, ZONE_MIGRATIONS } from '../../../zones/store/store.ts'
import { createSimulatedClock } from '../../simulation/clock.ts'
import { createSimulatedNetwork } from '../../simulation/network.ts'
import { createSeededRandom } from '../../simulation/random.ts'
import { memoryKeyFiles } from '../../zones/signed-zone.ts'

const text = (serial: number, address: string) =>
  `$TTL 60\n@ SOA ns1 h ${serial} 1 1 1 1\n@ NS ns1\nns1 A 192.0.2.1\nwww A ${address}\n`

const view = (...zones: Partial<ZoneConfig>[]) =>
  [
    {
      name: 'v',
      zones: zones.map(zone => ({ type: 'primary', dynamic: false, update: [], transfer: [], notify: [], ...zone })),
    },
  ] as unknown as ViewConfig[]

function machine(folder: string) {
  const log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log }
  const replaced: string[] = []
  const clock = createSimulatedClock()
  const random = createSeededRandom(1)
  const zones = createZones({
    store: createZoneStore(openMemoryDatabase(ZONE_MIGRATIONS)),
    clock,
    random,
    network: createSimulatedNetwork(clock, random),
    findKey: () => undefined,
    keyRings: createKeyRings(memoryKeyFiles(), clock),
    log,
    serverName: parseName('ns.server.example.'),
    transfers: () => ({ in: 8, out: 8, size: 16, idle: 30_000, time: 600_000 }),
    onReplaced: ({ origin }) => replaced.push(Buffer.from(origin).toString('latin1', 1, 2)),
  })
  const put = (name: string, content: string) => writeFileSync(join(folder, name), content)
  const addressOf = (origin: string) => {
    const owner = parseName(`www.${origin}`)
    const rdata = zones.find('v', parseName(origin))!.image!.latest().rrset(owner, Type.A)!.rdatas[0]!
    return [...rdata].join('.')
  }
  return { zones, replaced, put, addressOf }
}

t.test('where one zone file is broken, no other zone takes over what changed', async t => {
  const folder = t.testdir()
  const { zones, replaced, put, addressOf } = machine(folder)
  for (const name of ['a', 'b', 'c']) put(name, text(1, '192.0.2.10'))
  const files = (name: string) => ({ name: parseName(`${name}.example.`), file: join(folder, name) })
  const config = view(files('a'), { ...files('b'), dynamic: true }, files('c'))
  await zones.configure(config)

  put('a', text(2, '192.0.2.20'))
  put('b', text(2, '192.0.2.20'))
  put('c', text(2, 'not an address'))
  await t.rejects(zones.configure(config), ZoneLoadError)
  t.equal(addressOf('a.example.'), '192.0.2.10', 'the zone that is its file')
  t.equal(addressOf('b.example.'), '192.0.2.10', 'the dynamic zone')
  t.strictSame(replaced, [])

  put('c', text(2, '192.0.2.20'))
  await zones.configure(config)
  for (const name of ['a', 'b', 'c']) t.equal(addressOf(`${name}.example.`), '192.0.2.20', name)
  t.strictSame(replaced, [], 'images are handed out together, by whoever asks for what is served')
  t.strictSame(
    zones.serving().map(({ origin, image }) => image === zones.find('v', origin)!.image!.buffer),
    [true, true, true],
  )
})

t.test('where a dynamic zone gets a broken file, the others stay too', async t => {
  const folder = t.testdir()
  const { zones, put, addressOf } = machine(folder)
  for (const name of ['a', 'b']) put(name, text(1, '192.0.2.10'))
  const files = (name: string) => ({ name: parseName(`${name}.example.`), file: join(folder, name) })
  const config = view(files('a'), { ...files('b'), dynamic: true })
  await zones.configure(config)
  put('a', text(2, '192.0.2.20'))
  put('b', text(2, 'not an address'))
  await t.rejects(zones.configure(config), ZoneLoadError)
  t.equal(addressOf('a.example.'), '192.0.2.10')
})
