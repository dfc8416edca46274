import type { Config, ViewConfig } from '../../config/schema.ts'
import { Ede, Rcode } from '../../dns/codes.ts'
import { RcodeError } from '../../dns/errors.ts'
import { parseMessage } from '../../dns/message.ts'
import { equalNames, type Name, printName } from '../../dns/name.ts'
import type { Log } from '../../host/log.ts'
import type { SocketAddress } from '../../host/network.ts'
import { silentTracer } from '../../host/tracer.ts'
import type { World } from '../../host/world.ts'
import type { CacheMemory } from '../../resolver/cache/cache-memory.ts'
import type { Trust } from '../../resolver/validate/anchors.ts'
import { changesAliases } from '../../zones/derived/alias.ts'
import type { KeyRings } from '../../zones/keys/keys.ts'
import { packRecords } from '../../zones/store/packed.ts'
import type { ZoneStore } from '../../zones/store/store.ts'
import { Notifier } from '../../zones/transfer/notifier.ts'
import type { LoadWhole } from '../../zones/transfer/refresh.ts'
import type { SecondaryZone } from '../../zones/transfer/secondary.ts'
import { ixfrRecords } from '../../zones/transfer/transfer.ts'
import type { Written } from '../../zones/write/pipeline.ts'
import { State } from '../requests/state.ts'
import { ViewSlots } from '../requests/view-slots.ts'
import { createViewResolver } from '../resolver/view-resolver.ts'
import type { Decision, Decisions } from '../threads/decisions.ts'
import type {
  DifferencesRequest,
  NotifyRequest,
  ServingConfig,
  ServingZone,
  UpdateRequest,
} from '../threads/messages.ts'
import type { Workers } from '../threads/workers.ts'
import { traceUpdate } from '../tracing/update.ts'
import { AliasKeeper } from './aliases.ts'
import { createZones, isSecondary, type ServedZone, type Zones } from './zones.ts'

/** What main has of the DNS: the zones with their writers, and the views as a serving thread has them, for questions of our own. */
export interface Authority extends Decisions {
  readonly zones: Zones
  readonly state: State
  /** The names of views by the slots in which their answers are counted. */
  readonly slots: readonly string[]
  /**
   * Takes over views, keys and zones, hands them to the serving threads, and gives what is odd about what changed. Rejects, and nothing
   * changed, where a zone can't be loaded.
   */
  configure(config: Config): Promise<string[]>
  /** Makes a secondary zone its own primary, from what it has. Rejects, and it stays what it was, where that is nothing. */
  promote(zone: SecondaryZone): Promise<void>
  /** Tells the zone's secondaries of it, though they may have heard already. */
  notifySecondaries(zone: ServedZone): void
  /** What `trust` of its dependencies gives has changed: hands it to the serving threads. */
  trustChanged(): void
  /** From now on these threads hear of every change. */
  attach(workers: Workers): void
  close(): Promise<void>
}

export interface AuthorityDeps extends World {
  config: Config
  /** Where we listen ourselves: never forwarded to. */
  own: readonly SocketAddress[]
  /** The resolver cache, and what tells us apart from other daemons. */
  memory: CacheMemory
  id: Uint8Array
  store: ZoneStore
  /** The keys of signed zones. */
  keyRings: KeyRings
  log: Log
  /** What the validation of answers begins with, at this moment. */
  trust?: () => Trust
  /** Transfers large zones in a thread of its own. */
  loadWhole?: LoadWhole
}

/** A resolver that a reload has replaced may still be asked for what was outstanding. */
const RETIREMENT = 10_000

/** A primary's answer to an UPDATE, or why there is none. */
function forwarded(answer: Promise<Uint8Array>): Promise<Decision> {
  return answer.then(
    wire => ({ rcode: (wire[3]! & 15) as Rcode, wire }),
    (error: unknown) => {
      if (!(error instanceof RcodeError)) throw error
      return { rcode: error.rcode, reason: error.message, ...(error.ede !== undefined && { ede: error.ede }) }
    },
  )
}

/** Octets of differences that a serving thread is handed at once. */
const DIFFERENCES_PART = 1 << 17

/** The part of the configuration that serving threads are given; `cookieSecret` is ours where none is configured. */
function servingConfig(config: Config, cookieSecret: Uint8Array, viewSlots: ViewSlots): ServingConfig {
  const { name, keys, cookie_secret, rate_limit, transfers, chaos, proxy_protocol, cache, log, dnstap } = config
  const views = config.views.map(view => withDefaults(view, config))
  const slots = views.map(view => viewSlots.of(view.name))
  const limited = rate_limit && { rate_limit }
  const told = { transfers, chaos, proxy_protocol, cache, log, ...(dnstap && { dnstap }) }
  return { name, views, slots, keys, cookie_secret: cookie_secret ?? [cookieSecret], ...limited, ...told }
}

/** What a view leaves to the top level. Only a view that recurses has stub zones and policies from there. */
function withDefaults(view: ViewConfig, config: Config): ViewConfig {
  const recurses = view.recursion.length > 0
  const own = (zone: Name) => view.zones.some(({ name }) => equalNames(name, zone))
  const ruled = (zone: Name) => view.forward.some(rule => equalNames(rule.zone, zone))
  return {
    ...view,
    empty_zones: view.empty_zones ?? config.empty_zones,
    stub: view.stub ?? (recurses ? config.stub.filter(({ zone }) => !own(zone) && !ruled(zone)) : []),
    rpz: view.rpz ?? (recurses ? config.rpz.filter(({ zone }) => own(zone)) : []),
  }
}

/** No zones yet: `configure` opens them. */
export function createAuthority(deps: AuthorityDeps): Authority {
  const slots = new ViewSlots()
  const { config, own, memory, id, store, keyRings, clock, random, network, log, tracer = silentTracer } = deps
  let workers: Workers | undefined
  /** Numbers the updates for the log. */
  let updates = 0
  /** Images replaced while the threads are starting: the first may take updates before the last is ready. */
  const early: ServingZone[] = []
  // RFC 7873 §4.2: unpredictable, and new with each start unless several servers share one.
  const cookieSecret = random.bytes(16)
  const empty = {
    epoch: 0,
    config: { ...servingConfig(config, cookieSecret, slots), views: [] },
    zones: [],
    certificate: null,
  }
  const state = new State(
    empty,
    (resolving, zones) => createViewResolver(resolving, zones, { network, clock, random, log, own, memory, id }),
    {
      zonesChanged() {},
      imageChanged() {},
      certificateChanged() {},
      configured() {},
      retired: resolver => void clock.after(RETIREMENT, () => resolver.close()),
    },
  )
  const notifier = new Notifier({ network, clock, random, tracer, log, findKey: state.findKey })
  const notifying = (zone: ServedZone) => {
    const { view, origin, notify } = zone
    return { view, origin, notify, soa: () => zone.soa() }
  }
  const changed = (zone: ServedZone, starting = false) => notifier.changed(notifying(zone), starting)
  const onReplaced = (zone: ServingZone) => {
    state.apply({ kind: 'zone', epoch: 0, zone })
    if (workers) workers.replaceZone(zone)
    else early.push(zone)
  }
  const { findKey } = state
  /** Replaced by `configure`. */
  let { transfers } = config
  const onPublished = (zone: ServedZone, published?: Written) => {
    changed(zone)
    if (published && changesAliases(published.change)) aliases.look(zone)
    if (zone.config.catalog) void followCatalogs()
  }
  const aliases = new AliasKeeper({ view: name => state.views.find(view => view.name === name), clock, log })
  const world = { clock, random, network, tracer }
  const zones = createZones({
    ...world,
    ...(deps.loadWhole && { loadWhole: deps.loadWhole }),
    store,
    keyRings,
    signAside: true,
    log,
    findKey,
    serverName: config.name,
    transfers: () => transfers,
    onReplaced,
    onPublished,
  })

  /** As it stands in the configuration. */
  let written: ServingConfig = empty.config
  const serve = (serving: ServingConfig): void => {
    written = serving
    // A zone may be something else by now than what the configuration says: promoted.
    const trust = deps.trust && { trust: deps.trust() }
    const now = { ...serving, ...trust, views: zones.configured(serving.views) }
    state.apply({ kind: 'configure', epoch: 0, config: now, zones: zones.serving() })
    workers?.configure(now, zones.serving())
  }

  const followCatalogs = async (): Promise<void> => {
    try {
      if (!(await zones.followCatalogs())) return
      serve(written)
      startZones()
    } catch (error) {
      log.error({ reason: (error as Error).message }, 'the zones of a catalog could not be taken over')
    }
  }

  const update = async ({ wire, zone: origin, from }: UpdateRequest): Promise<Decision> => {
    const zone = zones.find(from.view, origin)
    if (!zone) return { rcode: Rcode.SERVFAIL, reason: `${printName(origin)} is not loaded`, ede: Ede.NOT_READY }
    const { key, mac, address } = from
    if (isSecondary(zone)) return forwarded(zone.forward(wire, { address, ...(key && { key }) }))
    const requestId = `update-${++updates}`
    const who = { address, requestId, ...(key && { key }), ...(mac && { mac }) }
    const reply = await zone.update(parseMessage(wire), who)
    return { rcode: reply.rcode as Rcode, reason: reply.reason, ...(reply.ede !== undefined && { ede: reply.ede }) }
  }

  /** Before there are threads that serve, nobody is told of anything, or asked. */
  const startZones = (): void => {
    if (!workers) return
    for (const zone of zones) changed(zone)
    zones.start()
    aliases.follow(zones)
  }

  return {
    zones,
    state,
    slots: slots.names,
    attach(started) {
      workers = started
      for (const zone of early.splice(0)) started.replaceZone(zone)
      for (const zone of zones) changed(zone, true)
      zones.start()
      aliases.follow(zones)
    },
    async configure(next) {
      const warnings = await zones.configure(next.views)
      transfers = next.transfers
      serve(servingConfig(next, cookieSecret, slots))
      startZones()
      return warnings
    },
    async promote(zone) {
      await zones.promote(zone)
      serve(written)
    },
    trustChanged: () => serve(state.config),
    notifySecondaries: zone => notifier.again(notifying(zone)),
    update: request => traceUpdate(tracer, request, () => update(request)),
    async notify({ zone: origin, serial, from: { view, address, key } }: NotifyRequest): Promise<Decision> {
      const zone = zones.find(view, origin)
      if (!zone || !isSecondary(zone))
        return { rcode: Rcode.NOTAUTH, reason: `${printName(origin)} is no secondary here` }
      return zone.notified({ address, ...(key && { key }), ...(serial !== undefined && { serial }) })
    },
    async differences({ view, zone: origin, serial }: DifferencesRequest) {
      const change = await zones.find(view, origin)?.differencesSince(serial)
      return change && change.added.length > 0 ? packRecords(ixfrRecords(change), DIFFERENCES_PART) : undefined
    },
    async close() {
      notifier.close()
      aliases.close()
      await zones.close()
      for (const { resolver } of state.views) resolver.close()
    },
  }
}
