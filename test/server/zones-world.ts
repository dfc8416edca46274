import type { ViewConfig } from '../../config/schema.ts'
import { parseName } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { parseZonefile } from '../../dns/zonefile.ts'
import { openMemoryDatabase } from '../../server/storage/memory-database.ts'
import type { ServingZone } from '../../server/threads/messages.ts'
import { createZones } from '../../server/zones/zones.ts'
import { createKeyRings } from '../../zones/keys/keys.ts'
import { createZoneStore, ZONE_MIGRATIONS } from '../../zones/store/store.ts'
import { createSimulatedClock } from '../simulation/clock.ts'
import { createSimulatedNetwork } from '../simulation/network.ts'
import { createSeededRandom } from '../simulation/random.ts'
import { keepLog } from '../zones/kept-log.ts'
import { memoryKeyFiles } from '../zones/signed-zone.ts'

export const at = (address: string) => ({ address: { address, port: 53 } })

/** The records of a zone with these lines after SOA and NS: refresh an hour, retry ten minutes, expire a day. */
export function zoneText(origin: string, serial: number, ...lines: string[]): ResourceRecord[] {
  const text = `$TTL 60\n@ SOA ns.example. h ${serial} 3600 600 86400 60\n@ NS ns.example.\n${lines.join('\n')}\n`
  return parseZonefile(text, { origin: parseName(origin), file: 'zone' }).records
}

/** A view of these zones, with the defaults of the configuration. */
export function view(name: string, ...zones: object[]): ViewConfig[] {
  const defaults = { type: 'primary', dynamic: false, hide_private: false, update: [], transfer: [], notify: [] }
  return [{ name, zones: zones.map(zone => ({ ...defaults, ...zone })) }] as unknown as ViewConfig[]
}

export const secondary = (name: string, address: string, more: object = {}) => ({
  name: parseName(name),
  type: 'secondary',
  primaries: [at(address)],
  ...{ refresh: [5000, 86_400_000], retry: [5000, 86_400_000] },
  ...more,
})

/** A machine whose memory may be lost, and whose disk stays. */
export function world() {
  const clock = createSimulatedClock()
  const network = createSimulatedNetwork(clock, createSeededRandom(1))
  const store = createZoneStore(openMemoryDatabase(ZONE_MIGRATIONS))
  const { log, logged } = keepLog()
  /** What serving threads have, by view and origin: null is SERVFAIL. */
  const served = new Map<string, ServingZone['image']>()
  let starts = 0
  const start = () => {
    const zones = createZones({
      ...{ store, clock, network, log, random: createSeededRandom(++starts) },
      findKey: () => undefined,
      keyRings: createKeyRings(memoryKeyFiles(), clock),
      serverName: parseName('ns.server.example.'),
      transfers: () => ({ in: 8, out: 8, size: 16, idle: 30_000, time: 600_000 }),
      onReplaced: ({ view, origin, image }) => served.set(`${view} ${Buffer.from(origin).toString('latin1')}`, image),
      onPublished: zone => {
        if (zone.config.catalog) void zones.followCatalogs().then(changed => changed && zones.start())
      },
    })
    return zones
  }
  const run = async (zones: ReturnType<typeof start>, seconds = 10) => {
    zones.start()
    await clock.advance(seconds * 1000)
    await zones.followCatalogs()
    zones.start()
    await clock.advance(seconds * 1000)
  }
  return { clock, network, store, logged, served, start, run }
}

export type Zones = ReturnType<ReturnType<typeof world>['start']>
