import t from 'tap'
import { loadConfig } from '../../../config/load.ts'
import { Flag, Rcode } from '../../../dns/codes.ts'
import { parseMessage, writeMessage } from '../../../dns/message.ts'
import { equalNames, parseName } from '../../../dns/name.ts'
import { parseRdataText, printRecord, Type } from '../../../dns/types.ts'
import { silentLog } from '../../../host/log.ts'
import { systemRandom } from '../../../host/random.ts'
import { CacheMemory, createCacheBuffer } from '../../../resolver/cache/cache-memory.ts'
import { openMemoryDatabase } from '../../../server/storage/memory-database.ts'
import type { Workers } from '../../../server/threads/workers.ts'
import { createAuthority } from '../../../server/zones/authority.ts'
import { recordsOf } from '../../../zones/draft.ts'
import { createKeyRings } from '../../../zones/keys/keys.ts'
import type { PrimaryZone } from '../../../zones/primary.ts'
import { createZoneStore, ZONE_MIGRATIONS } from '../../../zones/store/store.ts'
import { put, scratch } from '../../cli/session.ts'
import { createSimulatedClock } from '../../simulation/clock.ts'
import { createSimulatedNetwork } from '../../simulation/network.ts'
import { memoryKeyFiles } from '../../zones/signed-zone.ts'

const CONFIG = `
views:
  - name: v
    zones:
      - { name: a.example, dynamic: true, file: a.zone, dnssec: { sign: true } }
      - { name: s.example, file: s.zone }
    forward: [{ zone: ".", to: [198.51.100.53] }]
`
const ZONE = `$TTL 300
@ SOA ns h 1 2 3 4 5
@ NS ns
ns A 127.0.0.1
@ 120 ALIAS lb.cloud.test.
w ALIAS lb.cloud.test.
own ALIAS lb.cloud.test.
own A 192.0.2.99
`

async function build(t: { teardown(task: () => unknown): void }) {
  const cwd = scratch(t as never, {})
  put(cwd, 'c.yaml', CONFIG)
  for (const file of ['a.zone', 's.zone']) put(cwd, file, ZONE)
  const clock = createSimulatedClock()
  const network = createSimulatedNetwork(clock, systemRandom)
  const world = { records: ['A 203.0.113.1', 'AAAA 2001:db8::1'], rcode: 0 as number }
  network.serve('198.51.100.53:53', (octets, _via, reply) => {
    const query = parseMessage(octets)
    const { name, type } = query.question[0]!
    const known = equalNames(name, parseName('lb.cloud.test.')) ? world.records : []
    const answer = known.flatMap(line => {
      const [mnemonic, rdata] = line.split(' ') as ['A' | 'AAAA', string]
      return Type[mnemonic] === type
        ? [{ owner: name, type, class: 1, ttl: 60, rdata: parseRdataText(type, rdata) }]
        : []
    })
    reply(writeMessage({ ...query, flags: Flag.QR | Flag.RA, rcode: world.rcode, answer: world.rcode ? [] : answer }))
  })
  const config = loadConfig(`${cwd}/c.yaml`).config!
  const logged: string[] = []
  const log = { ...silentLog, warn: (_fields: object, message: string) => void logged.push(message) }
  const authority = createAuthority({
    ...{ clock, network, random: systemRandom, config, own: [], log, id: new Uint8Array(8) },
    store: createZoneStore(openMemoryDatabase(ZONE_MIGRATIONS)),
    keyRings: createKeyRings(memoryKeyFiles(), clock),
    memory: new CacheMemory(createCacheBuffer(2 ** 16, 1), 1),
  })
  t.teardown(() => authority.close())
  await authority.configure(config)
  authority.attach({ configure() {}, replaceZone() {}, replaceZones() {} } as unknown as Workers)
  const zone = authority.zones.find('v', parseName('a.example.')) as PrimaryZone
  const addresses = (owner: string) =>
    [Type.A, Type.AAAA].flatMap(type => {
      const rrset = zone.contents.rrset(parseName(owner), type)
      return rrset ? recordsOf(rrset).map(printRecord) : []
    })
  /** Moves time on, and waits for what is written then. */
  const later = async (ms: number, until: () => boolean) => {
    await clock.advance(ms)
    for (let i = 0; i < 2000 && !until(); i++) {
      await clock.advance(1)
      await new Promise(resolve => setImmediate(resolve))
    }
  }
  return { zone, addresses, later, world, logged }
}

t.test('an ALIAS has the addresses of its target, with its own TTL, also at the apex', async t => {
  const { zone, addresses, later, world, logged } = await build(t)
  const apex = ['a.example. 120 IN A 203.0.113.1', 'a.example. 120 IN AAAA 2001:db8::1']
  await later(0, () => addresses('a.example.').length === 2 && addresses('w.a.example.').length === 2)
  t.same(addresses('a.example.'), apex)
  const signatures = zone.contents.rrset(parseName('a.example.'), Type.RRSIG)!.rdatas
  t.ok(
    [Type.A, Type.AAAA].every(type => signatures.some(([, covered]) => covered === type)),
    'they are signed',
  )
  t.same(addresses('w.a.example.'), ['w.a.example. 300 IN A 203.0.113.1', 'w.a.example. 300 IN AAAA 2001:db8::1'])
  t.same(addresses('own.a.example.'), ['own.a.example. 300 IN A 192.0.2.99'], 'what is held otherwise stays')
  t.ok(logged.some(message => message.startsWith('the zone has ALIAS records and is not dynamic')))

  const serial = zone.contents.serial()
  world.records = ['A 203.0.113.2', 'A 203.0.113.3']
  await later(61_000, () => addresses('a.example.').length === 2 && !addresses('a.example.').includes(apex[0]!))
  t.same(addresses('a.example.').sort(), ['a.example. 120 IN A 203.0.113.2', 'a.example. 120 IN A 203.0.113.3'])
  t.ok(zone.contents.serial() > serial)

  world.rcode = Rcode.SERVFAIL
  await later(61_000, () => logged.includes('the target of an ALIAS could not be resolved'))
  t.equal(addresses('a.example.').length, 2, 'what can not be resolved stays')

  await zone.write({ key: undefined, source: 'test' }, tip => {
    const alias = tip.rrset(parseName('a.example.'), Type.ALIAS)!
    return { change: { deleted: recordsOf(alias), added: [] } }
  })
  await later(0, () => addresses('a.example.').length === 0)
  t.same(addresses('a.example.'), [], 'and goes with the ALIAS')
})
