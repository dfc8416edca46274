import { readFileSync } from 'node:fs'
import type { ViewConfig, ZoneConfig } from '../config/schema.ts'
import { type Name, nameKey, printName } from '../dns/name.ts'
import type { Clock } from '../host/clock.ts'
import type { Log } from '../host/log.ts'
import type { Random } from '../host/random.ts'
import { ZoneLoadError } from '../zones/file.ts'
import type { KeyRings } from '../zones/keys.ts'
import { openPrimary, type PrimaryZone } from '../zones/primary.ts'
import type { ZoneStore } from '../zones/store.ts'
import type { Written } from '../zones/writer.ts'
import type { ServingZone } from './messages.ts'

/** What the zones need of the daemon. */
export interface ZonesDeps {
  store: ZoneStore
  clock: Clock
  log: Log
  serverName: Name
  /** The keys of signed zones. */
  keyRings: KeyRings
  random: Random
  /** A zone has another image: serving threads must have it before anyone hears of what is in it. */
  onReplaced: (zone: ServingZone) => void
  onPublished?: (zone: PrimaryZone, written: Written) => void
}

/** Every zone of every view that is served from here. */
export interface Zones {
  find(view: string, origin: Name): PrimaryZone | undefined
  /** The zones of this name, in the order of the views. */
  named(origin: Name): PrimaryZone[]
  [Symbol.iterator](): Iterator<PrimaryZone>
  /** What serving threads are to know of; a zone that is configured and not served has no image. */
  serving(): ServingZone[]
  /** Opens what is new, takes over what changed, closes what is gone. Rejects with ZoneLoadError before anything that fails is changed. */
  configure(views: readonly ViewConfig[]): Promise<void>
  /** Takes no more changes; resolves when those taken are on disk. */
  close(): Promise<void>
}

const readFile = (path: string): string => readFileSync(path, 'utf8')

/** No zones yet: `configure` opens them. */
export function createZones(deps: ZonesDeps): Zones {
  const { onPublished } = deps
  let zones = new Map<string, PrimaryZone>()
  let views: readonly ViewConfig[] = []
  const keyOf = (view: string, origin: Name) => `${view}/${nameKey(origin)}`

  const open = (view: string, config: ZoneConfig) =>
    openPrimary(view, config, {
      ...deps,
      readFile,
      onReplaced: (zone, image) => deps.onReplaced({ view, origin: zone.origin, image: image.buffer }),
      ...(onPublished && { onPublished }),
    })

  /** Opens a zone that is new, or reads what changed in one that is known: nothing is taken over before all zones are read. */
  const prepare = async (view: string, config: ZoneConfig) => {
    const known = zones.get(keyOf(view, config.name))
    if (known) return { zone: known, takeOver: await known.prepare(config) }
    return { zone: await open(view, config), takeOver: async () => {} }
  }

  return {
    find: (view, origin) => zones.get(keyOf(view, origin)),
    named: origin => views.flatMap(({ name }) => zones.get(keyOf(name, origin)) ?? []),
    [Symbol.iterator]: () => zones.values(),
    serving: () =>
      views.flatMap(view =>
        view.zones.map(({ name }) => ({
          view: view.name,
          origin: name,
          image: zones.get(keyOf(view.name, name))?.image.buffer ?? null,
        })),
      ),
    async configure(next) {
      const wanted = next.flatMap(view => view.zones.filter(isServed).map(config => ({ view: view.name, config })))
      const prepared = await Promise.allSettled(wanted.map(({ view, config }) => prepare(view, config)))
      const ready = prepared.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
      const now = new Map(ready.map(({ zone }) => [keyOf(zone.view, zone.origin), zone]))
      const failed = prepared.filter(result => result.status === 'rejected').map(({ reason }) => reason)
      if (failed.length > 0) {
        for (const [key, zone] of now) if (!zones.has(key)) await zone.close()
        throw joined(failed)
      }
      await Promise.all(ready.map(({ takeOver }) => takeOver()))
      for (const [key, zone] of zones) {
        if (now.has(key)) continue
        await zone.close()
        deps.log.info({ zone: printName(zone.origin), view: zone.view }, 'zone is no longer served')
      }
      zones = now
      views = next
    },
    async close() {
      await Promise.all([...zones.values()].map(zone => zone.close()))
    },
  }
}

/** Zones of the other kinds are accepted in the configuration and not served yet; `check` says so. */
function isServed({ type, overlay_of: base }: ZoneConfig): boolean {
  return type === 'primary' && base === undefined
}

/** One error that says all that is wrong with any of the files. */
function joined(failures: readonly unknown[]): unknown {
  const files = failures.filter(failure => failure instanceof ZoneLoadError)
  return files.length < failures.length
    ? failures.find(failure => !(failure instanceof ZoneLoadError))
    : new ZoneLoadError(files.flatMap(({ errors }) => errors))
}
