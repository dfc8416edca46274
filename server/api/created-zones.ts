import { decodeZone } from '../../config/load.ts'
import type { ViewConfig, ZoneConfig } from '../../config/schema.ts'
import { equalNames, type Name, printName } from '../../dns/name.ts'
import type { Clock } from '../../host/clock.ts'
import type { Log } from '../../host/log.ts'
import { keyText } from '../../zones/holders.ts'
import type { ZoneStore } from '../../zones/store/store.ts'
import type { CreatedStore, CreatedZone } from './created-store.ts'
import { ApiError } from './problem.ts'

/** The zones that were made over the API and stand in no file. */
export interface CreatedZones {
  /** The views with these zones in them. A zone of the same name in the configuration goes before. */
  within(views: readonly ViewConfig[]): ViewConfig[]
  has(view: string, origin: Name): boolean
  /** Stores the zone and begins to serve it; where that fails, nothing was made. */
  create(zone: CreatedZone): Promise<void>
  /** Serves the zone no more, and forgets it with all that it held. */
  remove(view: string, origin: Name): Promise<void>
}

export interface CreatedZonesDeps {
  created: CreatedStore
  zones: ZoneStore
  clock: Clock
  log: Log
  /** Takes the configuration over again, with what `within` says now. */
  reconfigure: () => Promise<unknown>
}

interface Known extends CreatedZone {
  config: ZoneConfig
}

/** Opens what is stored. What an older version has made and this one can't serve is left out, and logged. */
export async function openCreatedZones({
  created,
  zones,
  clock,
  log,
  reconfigure,
}: CreatedZonesDeps): Promise<CreatedZones> {
  let known: Known[] = []
  for (const one of await created.all()) {
    const { zone: config, errors } = decodeZone(one.written)
    if (config) known.push({ ...one, config })
    else log.error({ zone: one.name, view: one.view, errors }, 'a zone that was made over the API can not be served')
  }
  const isThis = (view: string, origin: Name) => (one: Known) =>
    one.view === view && equalNames(one.config.name, origin)

  return {
    within: views =>
      views.map(view => {
        const more = known.filter(one => one.view === view.name).map(({ config }) => config)
        const missing = more.filter(({ name }) => !view.zones.some(zone => equalNames(zone.name, name)))
        return missing.length === 0 ? view : { ...view, zones: [...view.zones, ...missing] }
      }),
    has: (view, origin) => known.some(isThis(view, origin)),
    async create(zone) {
      const { zone: config, errors } = decodeZone(zone.written)
      if (!config) throw new ApiError(422, errors.join('; '))
      await created.add(zone, clock.now())
      known = [...known, { ...zone, config }]
      try {
        await reconfigure()
      } catch (error) {
        known = known.filter(one => one.config !== config)
        await created.remove(zone.view, zone.name)
        throw error
      }
      log.info({ zone: printName(config.name), view: zone.view }, 'zone made over the API')
    },
    async remove(view, origin) {
      known = known.filter(one => !isThis(view, origin)(one))
      await created.remove(view, keyText(origin))
      await reconfigure()
      const stored = await zones.find(view, origin)
      if (stored) await zones.remove(stored.id)
      log.info({ zone: printName(origin), view }, 'zone removed over the API')
    },
  }
}
