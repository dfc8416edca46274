import { readFileSync } from 'node:fs'
import type { ViewConfig, ZoneConfig } from '../config/schema.ts'
import { type Name, nameKey, printName } from '../dns/name.ts'
import type { TsigKey } from '../dns/tsig.ts'
import type { Log } from '../host/log.ts'
import type { World } from '../host/world.ts'
import { ZoneLoadError } from '../zones/file.ts'
import { Gate } from '../zones/gate.ts'
import { openPrimary, type PrimaryZone } from '../zones/primary.ts'
import { openSecondary, SecondaryZone, type TransfersIn } from '../zones/secondary.ts'
import type { ZoneStore } from '../zones/store.ts'
import type { ZoneImage } from '../zones/zone.ts'
import type { ServingZone } from './messages.ts'

/** What the zones need of the daemon. */
export interface ZonesDeps extends World {
  store: ZoneStore
  log: Log
  findKey: (name: Name) => TsigKey | undefined
  serverName: Name
  /** A zone has another image: serving threads must have it before anyone hears of what is in it. */
  onReplaced: (zone: ServingZone) => void
  onPublished?: (zone: ServedZone) => void
}

/** A zone of either kind; a secondary may have nothing to serve. */
export type ServedZone = PrimaryZone | SecondaryZone

/** Every zone of every view that is served from here. */
export interface Zones {
  find(view: string, origin: Name): ServedZone | undefined
  /** The zones of this name, in the order of the views. */
  named(origin: Name): ServedZone[]
  [Symbol.iterator](): Iterator<ServedZone>
  /** How transfers from primaries ended. */
  readonly transfersIn: Readonly<TransfersIn>
  /** What serving threads are to know of; a zone that is configured and not served has no image. */
  serving(): ServingZone[]
  /** Opens what is new, takes over what changed, closes what is gone. Rejects with ZoneLoadError before anything that fails is changed. */
  configure(views: readonly ViewConfig[]): Promise<void>
  /** Lets secondaries ask their primaries. */
  start(): void
  /** Takes no more changes; resolves when those taken are on disk. */
  close(): Promise<void>
}

/** A zone as it will be, and what makes it so. */
interface Prepared {
  zone: ServedZone
  takeOver: () => Promise<void>
}

/** Primaries that are asked at once. */
const MOST_REFRESHES = 32

export function isSecondary(zone: ServedZone): zone is SecondaryZone {
  return zone instanceof SecondaryZone
}

const readFile = (path: string): string => readFileSync(path, 'utf8')

/** No zones yet: `configure` opens them. */
export function createZones(deps: ZonesDeps): Zones {
  const { onPublished } = deps
  let zones = new Map<string, ServedZone>()
  const transfersIn: TransfersIn = { done: 0, failed: 0, refused: 0 }
  const gate = new Gate(MOST_REFRESHES)
  let views: readonly ViewConfig[] = []
  const keyOf = (view: string, origin: Name) => `${view}/${nameKey(origin)}`

  const open = (view: string, config: ZoneConfig): Promise<ServedZone> => {
    const onReplaced = ({ origin }: ServedZone, image: ZoneImage | undefined) =>
      deps.onReplaced({ view, origin, image: image?.buffer ?? null })
    const listeners = { onReplaced, ...(onPublished && { onPublished }) }
    return config.type === 'secondary'
      ? openSecondary(view, config, { ...deps, gate, counts: transfersIn, ...listeners })
      : openPrimary(view, config, { ...deps, readFile, ...listeners })
  }
  /** Opens a zone that is new, or reads what changed in one that is known: nothing is taken over before all zones are read. */
  const prepare = async (view: string, config: ZoneConfig): Promise<Prepared> => {
    const known = zones.get(keyOf(view, config.name))
    if (known && isSecondary(known) === (config.type === 'secondary'))
      return { zone: known, takeOver: await known.prepare(config) }
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
          image: zones.get(keyOf(view.name, name))?.image?.buffer ?? null,
        })),
      ),
    transfersIn,
    start() {
      for (const zone of zones.values()) if (isSecondary(zone)) zone.start()
    },
    async configure(next) {
      const wanted = next.flatMap(view => view.zones.filter(isServed).map(config => ({ view: view.name, config })))
      const prepared = await Promise.allSettled(wanted.map(({ view, config }) => prepare(view, config)))
      const ready = prepared.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
      const now = new Map(ready.map(({ zone }) => [keyOf(zone.view, zone.origin), zone]))
      const failed = prepared.filter(result => result.status === 'rejected').map(({ reason }) => reason)
      if (failed.length > 0) {
        for (const [key, zone] of now) if (zones.get(key) !== zone) await zone.close()
        throw joined(failed)
      }
      await Promise.all(ready.map(({ takeOver }) => takeOver()))
      for (const [key, zone] of zones) {
        if (now.get(key) === zone) continue
        await zone.close()
        if (now.has(key)) continue
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

/** Zones of other kinds are accepted in the configuration and not served yet; `check` says so. */
function isServed({ overlay_of: base }: ZoneConfig): boolean {
  return base === undefined
}

/** One error that says all that is wrong with any of the files. */
function joined(failures: readonly unknown[]): unknown {
  const files = failures.filter(failure => failure instanceof ZoneLoadError)
  return files.length < failures.length
    ? failures.find(failure => !(failure instanceof ZoneLoadError))
    : new ZoneLoadError(files.flatMap(({ errors }) => errors))
}
