import t from 'tap'
import { loadConfig } from '../../../config/load.ts'
import { parseName, printName } from '../../../dns/name.ts'
import { silentLog } from '../../../host/log.ts'
import { systemWorld } from '../../../host/world.ts'
import { CacheMemory, createCacheBuffer } from '../../../resolver/cache/cache-memory.ts'
import { openMemoryDatabase } from '../../../server/storage/memory-database.ts'
import type { Workers } from '../../../server/threads/workers.ts'
import { createAuthority } from '../../../server/zones/authority.ts'
import { createKeyRings } from '../../../zones/keys/keys.ts'
import type { PrimaryZone } from '../../../zones/primary.ts'
import { createZoneStore, ZONE_MIGRATIONS } from '../../../zones/store/store.ts'
import { put, scratch } from '../../cli/session.ts'
import { memoryKeyFiles } from '../../zones/signed-zone.ts'

t.test('an image that is replaced while the threads start reaches them once they have', async t => {
  const cwd = scratch(t, {})
  put(cwd, 'c.yaml', 'views: [{ name: v, zones: [{ name: a.example, dynamic: true }] }]')
  const config = loadConfig(`${cwd}/c.yaml`).config!
  const store = createZoneStore(openMemoryDatabase(ZONE_MIGRATIONS))
  const keyRings = createKeyRings(memoryKeyFiles(), systemWorld.clock)
  const memory = new CacheMemory(createCacheBuffer(2 ** 16, 1), 1)
  const id = new Uint8Array(8)
  const authority = createAuthority({ ...systemWorld, config, own: [], store, keyRings, log: silentLog, memory, id })
  t.teardown(() => authority.close())
  await authority.configure(config)
  const zone = authority.zones.find('v', parseName('a.example.')) as PrimaryZone
  const given = authority.zones.serving()[0]!.image

  const rdata = Uint8Array.from({ length: 200 }, (_, i) => (i === 0 ? 199 : 97))
  for (let round = 0; zone.image!.buffer === given; round++)
    await zone.write({ key: undefined, source: 'test' }, tip => {
      const soa = tip.rrset(zone.origin, 6)!
      const before = { owner: zone.origin, type: 6, class: 1, ttl: soa.ttl, rdata: soa.rdatas[0]! }
      const after = { ...before, rdata: before.rdata.slice() }
      new DataView(after.rdata.buffer).setUint32(after.rdata.length - 20, tip.serial() + 1)
      const texts = Array.from({ length: 100 }, (_, i) => ({
        ...{ owner: parseName(`t${round}-${i}.a.example.`), type: 16, class: 1, ttl: 60, rdata },
      }))
      return { change: { deleted: [before], added: [after, ...texts] } }
    })

  const told: string[] = []
  const workers: Pick<Workers, 'replaceZone'> = {
    replaceZone: ({ view, origin, image }) =>
      told.push(`${view} ${printName(origin)} ${image === zone.image!.buffer ? 'newest' : 'older'}`),
  }
  authority.attach(workers as Workers)
  t.strictSame(told.at(-1), 'v a.example. newest')
})
