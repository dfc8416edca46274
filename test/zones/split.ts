import { compilePattern } from '../../config/pattern.ts'
import type { ShowRule, ViewConfig, ZoneConfig } from '../../config/schema.ts'
import { type Name, nameKey, parseName } from '../../dns/name.ts'
import { typeCode } from '../../dns/types.ts'
import { type Log, silentLog } from '../../host/log.ts'
import { openMemoryDatabase } from '../../server/storage/memory-database.ts'
import { Links } from '../../zones/derived/links.ts'
import { recordsOfVersion } from '../../zones/history/baseline.ts'
import { openPrimary, type PrimaryZone } from '../../zones/primary.ts'
import { createZoneStore, ZONE_MIGRATIONS } from '../../zones/store/store.ts'
import { createSimulatedClock } from '../simulation/clock.ts'
import { FaultyDatabase } from './faulty-database.ts'
import { lines, updateMessage } from './lines.ts'

/** What the tests say of a zone; the rest is as the schema has it by default. */
export type ZoneText = { name: string; show?: { names: string[]; types?: string[]; wildcards?: boolean }[] } & Partial<
  Pick<ZoneConfig, 'file' | 'dynamic' | 'overlay_of' | 'hide_private' | 'also_update' | 'update'>
> & { ptr_from?: string[] }

export const ALLOWED: ZoneConfig['update'] = [
  {
    key: parseName('dns.'),
    names: ['**', 'a.example'].map(compilePattern),
    types: ['A', 'AAAA', 'CNAME', 'TXT', 'MX', 'SRV', 'NS', 'PTR'].map(type => typeCode(type)!),
    own: false,
    wildcards: true,
  },
]

function zoneConfig({ name, show, ptr_from: from, ...more }: ZoneText): ZoneConfig {
  const rules = show?.map(
    ({ names, types, wildcards }): ShowRule => ({
      names: names.map(compilePattern),
      wildcards: wildcards ?? false,
      ...(types && { types: types.map(type => typeCode(type)!) }),
    }),
  )
  return {
    ...{ name: parseName(name), type: 'primary', dynamic: false, transfer: [], notify: [], hide_private: false },
    ...{ refresh: [5000, 86_400_000], retry: [5000, 86_400_000] },
    update: more.dynamic ? ALLOWED : [],
    ...more,
    ...(rules && { show: rules }),
    ...(from && { ptr_from: from.map(origin => parseName(origin)) }),
  } as ZoneConfig
}

/** One machine with several views: its disk, its files, its zones as the daemon links them. `configure` again is a reload. */
export function machine(log: Log = silentLog) {
  const database = new FaultyDatabase(openMemoryDatabase(ZONE_MIGRATIONS))
  const store = createZoneStore(database)
  const files = new Map<string, string>()
  const clock = createSimulatedClock()
  let zones = new Map<string, PrimaryZone>()
  let links = new Links()
  const keyOf = (view: string, origin: Name) => `${view}/${nameKey(origin)}`
  const published: string[] = []
  const deps = {
    ...{ store, clock, log, serverName: parseName('ns1.server.example.') },
    readFile: (path: string) => files.get(path) ?? '',
    followers: (zone: PrimaryZone) => links.of(zone),
    sibling: (view: string, origin: Name) => zones.get(keyOf(view, origin)),
    onPublished: (zone: PrimaryZone) => published.push(zone.view),
  }

  async function configure(texts: Record<string, ZoneText[]>): Promise<void> {
    const views = Object.entries(texts).map(([name, list]) => ({ name, zones: list.map(zoneConfig) }) as ViewConfig)
    for (const overlays of [false, true])
      for (const { name: view, zones: configs } of views)
        for (const config of configs.filter(one => (one.overlay_of !== undefined) === overlays)) {
          const known = zones.get(keyOf(view, config.name))
          await known?.reload(config)
          if (!known) zones.set(keyOf(view, config.name), await openPrimary(view, config, deps))
        }
    links = new Links(views, (view, origin) => zones.get(keyOf(view, origin)))
    await links.synchronize()
  }
  const zone = (view: string, name = 'a.example.') => zones.get(keyOf(view, parseName(name)))!
  return {
    clock,
    database,
    store,
    files,
    configure,
    zone,
    published,
    /** As after a crash: memory is gone, the disk is not. */
    restart() {
      zones = new Map()
      links = new Links()
    },
    update: (view: string, updates: string[], name = 'a.example.') =>
      zone(view, name).update(
        { ...updateMessage({ updates }), question: [{ name: parseName(name), type: 6, class: 1 }] },
        { key: parseName('dns.'), address: Uint8Array.of(192, 0, 2, 7) },
      ),
    shown: (view: string, name?: string) => lines(recordsOfVersion(zone(view, name).contents)),
    serial: (view: string, name?: string) => zone(view, name).contents.serial(),
  }
}

/** The lines but SOA and NS of the apex. */
export const content = (all: readonly string[]) =>
  all.filter(
    line =>
      !/^\S+ \d+ IN SOA /.test(line) &&
      !/^a\.example\. \d+ IN NS /.test(line) &&
      !/^\S+arpa\. \d+ IN NS ns1\.server/.test(line),
  )
