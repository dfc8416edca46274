import { readFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import type { TransfersConfig, ViewConfig, ZoneConfig } from '../../config/schema.ts'
import { Rcode } from '../../dns/codes.ts'
import { RcodeError } from '../../dns/errors.ts'
import { equalNames, type Name, printName } from '../../dns/name.ts'
import type { TsigKey } from '../../dns/tsig-record.ts'
import type { ZonefileError } from '../../dns/zonefile.ts'
import type { Log } from '../../host/log.ts'
import type { World } from '../../host/world.ts'
import { Links } from '../../zones/derived/links.ts'
import { ZoneLoadError } from '../../zones/file/load-error.ts'
import type { KeyRings } from '../../zones/keys/keys.ts'
import { checkPrimary, openPrimary } from '../../zones/primary.ts'
import type { ZoneStore } from '../../zones/store/store.ts'
import { markPromoted, promotedConfig, settledConfig } from '../../zones/transfer/promotion.ts'
import type { LoadWhole } from '../../zones/transfer/refresh.ts'
import { openSecondary, type SecondaryZone, type TransfersIn } from '../../zones/transfer/secondary.ts'
import { Gate } from '../../zones/write/gate.ts'
import type { Written } from '../../zones/write/pipeline.ts'
import type { ZoneImage } from '../../zones/zone.ts'
import type { ServingZone } from '../threads/messages.ts'
import { isSecondary, keyOf, type Members, openMembers, type Prepared, type ServedZone } from './members.ts'
import { createZoneLoader } from './zone-loader.ts'

export { isSecondary, type ServedZone } from './members.ts'

/** What the zones need of the daemon. */
export interface ZonesDeps extends World {
  store: ZoneStore
  log: Log
  findKey: (name: Name) => TsigKey | undefined
  serverName: Name
  /** The keys of signed zones. */
  keyRings: KeyRings
  /** Whether other threads make the signatures of many RRsets at once. */
  signAside?: boolean
  /** A zone has another image: serving threads must have it before anyone hears of what is in it. */
  onReplaced: (zone: ServingZone) => void
  /** `written` says what has changed, of a zone that is changed here. */
  onPublished?: (zone: ServedZone, written?: Written) => void
  /** Limits of transfers from primaries; asked for each time. */
  transfers: () => TransfersConfig
  /** Transfers large zones; left out: this thread does. */
  loadWhole?: LoadWhole
}

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
  /**
   * Opens what is new, takes over what changed, closes what is gone, and gives what is odd about what changed. Rejects with ZoneLoadError
   * before anything that fails is changed.
   */
  configure(views: readonly ViewConfig[]): Promise<string[]>
  /** The views with the configs by which their zones are served, those among them that catalogs bring. */
  configured(views: readonly ViewConfig[]): ViewConfig[]
  /** Opens what catalogs list by now, and closes what they don't list any more; whether there was any such thing. */
  followCatalogs(): Promise<boolean>
  /** Makes a secondary zone its own primary, from what it has. Rejects, and nothing was changed, where that is nothing. */
  promote(zone: SecondaryZone): Promise<void>
  /** Lets secondaries ask their primaries. */
  start(): void
  /** Takes no more changes; resolves when those taken are on disk. */
  close(): Promise<void>
}

const MIB = 1 << 20

const readFile = (path: string): string => readFileSync(path, 'utf8')

/** No zones yet: `configure` opens them. */
export function createZones(deps: ZonesDeps): Zones {
  const { onPublished } = deps
  let zones = new Map<string, ServedZone>()
  const transfersIn: TransfersIn = { done: 0, failed: 0, refused: 0 }
  const gate = new Gate(() => deps.transfers().in)
  const limits = () => {
    const { size, records, idle, time } = deps.transfers()
    return { octets: size * MIB, records, idle, time }
  }
  const readZone = createZoneLoader(readFile)
  let views: readonly ViewConfig[] = []
  let members: Members = new Map()
  /** What changes which zones there are comes one after the other. */
  const turns = new Gate(1)
  let links = new Links()
  /** What the operator is told of the reload that is running. */
  let warnings: string[] | undefined
  /** The zones of the configuration that is being taken over. */
  let opening: Map<string, ServedZone> | undefined
  const known = (view: string, origin: Name) => opening?.get(keyOf(view, origin)) ?? zones.get(keyOf(view, origin))

  const open = (view: string, config: ZoneConfig, before?: ZoneImage): Promise<ServedZone> => {
    const onReplaced = (zone: ServedZone, image: ZoneImage | undefined) => {
      hand(zone)
      // What a secondary has for the first time did not come as a change that others could follow.
      if (isSecondary(zone) && image) queueMicrotask(() => follow(zone).catch(report(zone)))
      else if (isSecondary(zone)) for (const overlay of overlaysOf(zone)) hand(overlay)
    }
    const listeners = {
      onReplaced,
      followers: (zone: ServedZone) => links.of(zone),
      ...(onPublished && { onPublished }),
    }
    return config.type === 'secondary'
      ? openSecondary(view, config, { ...deps, gate, limits, counts: transfersIn, ...listeners }, before?.latest())
      : openPrimary(view, config, { ...primaryDeps, ...listeners }, before)
  }
  const primaryDeps = { ...deps, readFile, readZone, sibling: known }
  const hand = (zone: ServedZone) =>
    deps.onReplaced({ view: zone.view, origin: zone.origin, image: zone.image?.buffer ?? null })
  const overlaysOf = (base: ServedZone) =>
    [...zones.values()].filter(
      zone => zone.config.overlay_of === base.view && equalNames(zone.origin, base.origin) && zone !== base,
    )
  /** Overlays are served with their base, and not without. */
  const follow = async (base: ServedZone): Promise<void> => {
    await links.synchronize(base)
    for (const overlay of overlaysOf(base)) hand(overlay)
  }
  /** All that an operator can get wrong was found before; what fails now is the disk, and stops no other zone. */
  const stays = (zone: ServedZone) => (error: Error) =>
    deps.log.error(
      { zone: printName(zone.origin), view: zone.view, reason: error.message },
      'the zone could not take over its new configuration and stays as it was; reload again',
    )
  const report = (zone: ServedZone) => (error: Error) =>
    deps.log.error(
      { zone: printName(zone.origin), view: zone.view, reason: error.message },
      'others could not follow the zone',
    )

  /** Opens a zone that is new, or reads what changed in one that is known: nothing is taken over before all zones are read. */
  const prepare = async (view: string, written: ZoneConfig): Promise<Prepared> => {
    const config = await settledConfig(deps.store, view, written)
    if (config !== written)
      deps.log.warn(
        { zone: printName(config.name), view },
        'the zone was promoted and is served as a primary: make it type: primary, dynamic: true in the configuration',
      )
    const before = zones.get(keyOf(view, config.name))
    if (!before) {
      const zone = await open(view, config)
      return { zone, takeOver: async () => zone }
    }
    if (isSecondary(before) !== (config.type === 'secondary')) return prepareOther(before, config)
    const name = printName(config.name)
    const takeOver = await before.prepare(config, text => warnings?.push(`${name} in view ${view}: ${text}`))
    return {
      zone: before,
      takeOver: async () => {
        await takeOver()
        return before
      },
    }
  }

  /** A zone whose type changes is opened anew, with what it has, when what it was takes no more changes; until then that is served. */
  const prepareOther = async (before: ServedZone, config: ZoneConfig): Promise<Prepared> => {
    if (config.type === 'primary') await checkPrimary(config, primaryDeps)
    const takeOver = async () => {
      await before.close()
      return open(before.view, config, before.image).catch(error => {
        stays(before)(error)
        return open(before.view, before.config)
      })
    }
    return { zone: before, takeOver }
  }

  /** The configs by which the zones are served. */
  const configured = (all: readonly ViewConfig[]): ViewConfig[] =>
    all.map(view => ({
      ...view,
      zones: [...view.zones, ...(members.get(view.name) ?? [])].map(
        config => zones.get(keyOf(view.name, config.name))?.config ?? config,
      ),
    }))

  const link = async (all: readonly ViewConfig[]): Promise<void> => {
    links = new Links(configured(all), (view, origin) => zones.get(keyOf(view, origin)))
    await links.synchronize()
    for (const view of configured(all)) await writeCatalogs(view)
  }

  const writeCatalogs = async ({ name: view, zones: configs }: ViewConfig): Promise<void> => {
    const listed = configs.filter(config => !config.catalog_of && !config.catalog).map(({ name }) => name)
    for (const { name, catalog_of: lists } of configs) {
      const zone = lists && zones.get(keyOf(view, name))
      if (zone && !isSecondary(zone)) await zone.list(listed, deps.random).catch(stays(zone))
    }
  }

  /** Ends those that are no more among the zones. */
  const closeOthers = async (before: ReadonlyMap<string, ServedZone>): Promise<void> => {
    for (const [key, zone] of before) {
      if (zones.get(key) === zone) continue
      await zone.close()
      if (zones.has(key)) continue
      deps.log.info({ zone: printName(zone.origin), view: zone.view }, 'zone is no longer served')
    }
  }

  const configure = async (next: readonly ViewConfig[]): Promise<void> => {
    const ready: Prepared[] = []
    const failed: unknown[] = []
    const now = new Map<string, ServedZone>()
    const prepareAll = async (wanted: (config: ZoneConfig) => boolean) => {
      const chosen = next.flatMap(({ name: view, zones }) => zones.filter(wanted).map(config => ({ view, config })))
      const results = await Promise.allSettled(chosen.map(({ view, config }) => prepare(view, config)))
      for (const result of results)
        if (result.status === 'fulfilled') ready.push(result.value)
        else failed.push(result.reason)
      for (const { zone } of ready) now.set(keyOf(zone.view, zone.origin), zone)
    }
    opening = now
    await prepareAll(config => !isOverlay(config))
    // An overlay is made from its base.
    if (failed.length === 0) await prepareAll(isOverlay)
    if (failed.length > 0) {
      opening = undefined
      for (const [key, zone] of now) if (zones.get(key) !== zone) await zone.close()
      throw joined(failed)
    }
    const before = new Map(zones)
    await Promise.all(
      ready.map(async ({ zone, takeOver }) => {
        const taken = await takeOver().catch(error => {
          stays(zone)(error)
          return zone
        })
        now.set(keyOf(zone.view, zone.origin), taken)
      }),
    )
    opening = undefined
    members = await openMembers(next, { before: zones, now, prepare }, deps)
    zones = now
    views = next
    await link(next)
    await closeOthers(before)
  }

  const followCatalogs = async (): Promise<boolean> => {
    const before = new Map(zones)
    const written = views.flatMap(view => view.zones.map(({ name }) => keyOf(view.name, name)))
    const now = new Map([...zones].filter(([key]) => written.includes(key)))
    const was = members
    members = await openMembers(views, { before: zones, now, prepare }, deps)
    if (isDeepStrictEqual(was, members) && isSameMap(before, now)) return false
    zones = now
    await link(views)
    await closeOthers(before)
    return true
  }

  const promote = async (zone: SecondaryZone): Promise<void> => {
    const { view, origin, config } = zone
    if (!zone.image)
      throw new RcodeError(Rcode.SERVFAIL, `${printName(origin)} has nothing to serve, so it can't be promoted`)
    if (members.get(view)?.some(({ name }) => equalNames(name, origin)))
      throw new RcodeError(
        Rcode.REFUSED,
        `${printName(origin)} is served because a catalog lists it: to make it a primary, put it into the configuration`,
      )
    await zone.close()
    await markPromoted(deps.store, view, origin, deps.clock.now())
    const promoted = await open(view, promotedConfig(config)).catch(async error => {
      await markPromoted(deps.store, view, origin, deps.clock.now(), false)
      zones.set(keyOf(view, origin), await open(view, config))
      throw error
    })
    zones.set(keyOf(view, origin), promoted)
    await link(views)
    deps.log.warn(
      { zone: printName(origin), view },
      'the secondary zone was promoted: it is its own primary from now on',
    )
  }

  /** Keys that zones of one name share are decided on when all of these are there. */
  const together = async <T>(task: () => Promise<T>): Promise<T> => {
    deps.keyRings.hold()
    try {
      return await task()
    } finally {
      deps.keyRings.release()
    }
  }

  return {
    find: (view, origin) => zones.get(keyOf(view, origin)),
    named: origin => views.flatMap(({ name }) => zones.get(keyOf(name, origin)) ?? []),
    [Symbol.iterator]: () => zones.values(),
    serving: () =>
      configured(views).flatMap(view =>
        view.zones.map(({ name }) => ({
          view: view.name,
          origin: name,
          image: zones.get(keyOf(view.name, name))?.image?.buffer ?? null,
        })),
      ),
    transfersIn,
    configured,
    promote: zone => turns.run(() => promote(zone)),
    start() {
      for (const zone of zones.values()) if (isSecondary(zone)) zone.start()
    },
    configure: next =>
      turns.run(async () => {
        const told: string[] = []
        warnings = told
        await together(() => configure(next)).finally(() => {
          warnings = undefined
        })
        return told
      }),
    followCatalogs: () => turns.run(() => together(followCatalogs)),
    async close() {
      deps.keyRings.hold()
      await Promise.all([...zones.values()].map(zone => zone.close()))
    },
  }
}

function isSameMap<K, V>(one: ReadonlyMap<K, V>, other: ReadonlyMap<K, V>): boolean {
  return one.size === other.size && [...one].every(([key, value]) => other.get(key) === value)
}

function isOverlay({ overlay_of: base }: ZoneConfig): boolean {
  return base !== undefined
}

/** One error that says all that is wrong with any of the files. */
function joined(failures: readonly unknown[]): unknown {
  const files = failures.filter(failure => failure instanceof ZoneLoadError)
  return files.length < failures.length
    ? failures.find(failure => !(failure instanceof ZoneLoadError))
    : new ZoneLoadError(onceEach(files.flatMap(({ errors }) => errors)))
}

/** A file may be that of several zones. */
function onceEach(errors: readonly ZonefileError[]): ZonefileError[] {
  return [...new Map(errors.map(error => [error.message, error])).values()]
}
