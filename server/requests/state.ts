import { isDeepStrictEqual } from 'node:util'
import type { ViewConfig, ZoneConfig } from '../../config/schema.ts'
import { ancestorName, isSubdomain, type Name, nameKey, printName } from '../../dns/name.ts'
import { type TsigKey, tsigKey } from '../../dns/tsig-record.ts'
import { Type } from '../../dns/types.ts'
import { Policies } from '../../resolver/policy/policies.ts'
import type { OwnSigners, Resolver } from '../../resolver/resolver.ts'
import { ZoneTable } from '../../zones/lookup/table.ts'
import { ZoneImage } from '../../zones/zone.ts'
import type { TlsSecrets } from '../listen/tls.ts'
import { type OwnZones, type ResolverConfig, resolverConfigOf } from '../resolver/view-resolver.ts'
import type { ServingChange, ServingConfig, ServingState, ServingZone } from '../threads/messages.ts'
import { HomeZones } from './local-zones.ts'

/** A view as a serving thread has it. */
export interface ServingView {
  /** Its number, in the order of the configuration. */
  readonly index: number
  /** Where its answers are counted. */
  readonly slot: number
  readonly name: string
  readonly match: ViewConfig['match']
  readonly recursion: ViewConfig['recursion']
  readonly zones: ZoneTable
  /** These, and for clients it recurses for those that are answered everywhere at home (local-zones.ts). */
  readonly zonesAtHome: ZoneTable
  /** Configured zones that have nothing to serve now; by `nameKey`. */
  readonly missing: Set<string>
  readonly configs: ReadonlyMap<string, ZoneConfig>
  /** As configured. */
  readonly config: ViewConfig
  /** The zones of its forward rules and its stub zones. */
  readonly ruled: readonly Name[]
  /** What its resolver is made from. */
  readonly resolving: ResolverConfig
  readonly resolver: Resolver
  /** Whether some rule passes clients' subnets on (RFC 7871). */
  readonly passesSubnets: boolean
  /** Its response policies, where it has any. */
  readonly policies: Policies | undefined
}

/** Makes the resolver of a view. */
export type ResolverFactory = (config: ResolverConfig, own: OwnZones) => Resolver

/** What a new state of the zones means to those who keep something of the old one. */
export interface StateListener {
  /** There are other zones, numbered in this order. */
  zonesChanged(images: readonly ZoneImage[]): void
  /** The zone of number `before` has another image, and the number `after`. */
  imageChanged(before: number, after: number, image: ZoneImage): void
  /** A resolver is not used any more; questions may be outstanding. */
  retired(resolver: Resolver): void
  certificateChanged(certificate: TlsSecrets): void
  /** There is another configuration, or the first. */
  configured(config: ServingConfig): void
}

/**
 * All that a serving thread answers from. Changed only by `apply`, between two requests; whoever keeps a view over an `await`
 * goes on with the old one.
 */
export class State {
  /** The last change that was applied. */
  epoch = 0
  config: ServingConfig
  views: readonly ServingView[] = []
  /** Our own name as NSID tells it (RFC 5001 §2.3): text without the final dot. */
  identity: Uint8Array = new Uint8Array()
  certificate: TlsSecrets | null
  /** Numbers of the zones' images, for the answer cache. */
  readonly numbers = new Map<ZoneImage, number>()
  private nextNumber = 0
  private keys = new Map<string, TsigKey>()
  private readonly createResolver: ResolverFactory
  private readonly listener: StateListener

  constructor(initial: ServingState, createResolver: ResolverFactory, listener: StateListener) {
    this.config = initial.config
    this.certificate = initial.certificate
    this.createResolver = createResolver
    this.listener = listener
    this.configure(initial.config, initial.zones)
    this.epoch = initial.epoch
  }

  /** The TSIG key of that name (RFC 8945 §5.2.1). */
  readonly findKey = (name: Name): TsigKey | undefined => this.keys.get(nameKey(name))

  apply(change: ServingChange): void {
    this.epoch = change.epoch
    if (change.kind === 'configure') this.configure(change.config, change.zones)
    else if (change.kind === 'zone') this.replace(change.zone)
    else if (change.kind === 'flush') this.flush()
    else {
      this.certificate = change.certificate
      this.listener.certificateChanged(change.certificate)
    }
  }

  /** What was resolved before is not answered with any more. */
  private flush(): void {
    for (const { resolver } of this.views) resolver.forget()
    this.renumber()
  }

  private configure(config: ServingConfig, zones: readonly ServingZone[]): void {
    const before = this.views
    this.config = config
    this.listener.configured(config)
    this.identity = Uint8Array.from(printName(config.name).slice(0, -1), char => char.charCodeAt(0))
    this.keys = new Map(
      config.keys.map(({ name, algorithm, secret }) => [nameKey(name), tsigKey(name, algorithm, secret)]),
    )
    this.views = config.views.map((view, index) => this.view(view, index, zones, before))
    for (const { resolver } of before)
      if (!this.views.some(view => view.resolver === resolver)) this.listener.retired(resolver)
    this.renumber()
  }

  private view(
    config: ViewConfig,
    index: number,
    zones: readonly ServingZone[],
    before: readonly ServingView[],
  ): ServingView {
    const own = zones.filter(zone => zone.view === config.name)
    const table = new ZoneTable(own.flatMap(({ image }) => (image ? [ZoneImage.attach(image)] : [])))
    const resolving = resolverConfigOf(config, this.config)
    const known = before.find(one => isDeepStrictEqual(one.resolving, resolving))
    const ruled = ruledZones(config)
    const atHome = config.recursion.length === 0 ? table : this.homeZones(config, table)
    return {
      index,
      slot: this.config.slots?.[index] ?? index,
      name: config.name,
      match: config.match,
      recursion: config.recursion,
      zones: table,
      zonesAtHome: atHome,
      missing: new Set(own.filter(({ image }) => !image).map(({ origin }) => nameKey(origin))),
      configs: new Map(config.zones.map(zone => [nameKey(zone.name), zone])),
      config,
      ruled,
      passesSubnets: config.forward.some(({ client_subnet: passed }) => passed),
      policies: policiesOf(config, table),
      resolving,
      // One whose rules are the same keeps what it has learned.
      resolver: known?.resolver ?? this.createResolver(resolving, this.ownZones(config.name)),
    }
  }

  private homeZones(config: ViewConfig, own: Iterable<ZoneImage>): ZoneTable {
    const spokenFor = { zones: config.zones.map(({ name }) => name), rules: ruledZones(config) }
    const { empty_zones: emptyZones, dns64 } = config
    return new HomeZones(own, spokenFor, this.config.name, emptyZones === true, dns64?.prefix)
  }

  /** What the zones of a view say, whichever they are at that moment. */
  private ownZones(viewName: string): OwnZones {
    const find = () => this.views.find(({ name }) => name === viewName)
    return {
      ownName(name) {
        const view = find()
        return view !== undefined && isOwnName(view, name)
      },
      ownSigners(cut) {
        const view = find()
        return view && ownSigners(view, cut)
      },
    }
  }

  private replace({ view: viewName, origin, image }: ServingZone): void {
    const view = this.views.find(({ name }) => name === viewName)
    if (!view) return
    const key = nameKey(origin)
    const tables = new Set([view.zones, view.zonesAtHome])
    const before = view.zones.get(origin)
    if (!image) {
      for (const table of tables) table.delete(origin)
      view.missing.add(key)
      this.renumber()
      return
    }
    const attached = ZoneImage.attach(image)
    for (const table of tables) table.set(attached)
    view.missing.delete(key)
    if (before && this.nextNumber < MOST_NUMBERS) this.imageChanged(before, attached)
    else this.renumber()
  }

  private imageChanged(before: ZoneImage, image: ZoneImage): void {
    const number = this.numbers.get(before)!
    this.numbers.delete(before)
    this.numbers.set(image, this.nextNumber)
    this.listener.imageChanged(number, this.nextNumber++, image)
  }

  private renumber(): void {
    const images = this.views.flatMap(({ zonesAtHome }) => [...zonesAtHome])
    this.numbers.clear()
    for (const [number, image] of images.entries()) this.numbers.set(image, number)
    this.nextNumber = images.length
    this.listener.zonesChanged(images)
  }
}

/** A number is not given twice, until there are so many that all begin anew. */
const MOST_NUMBERS = 1 << 20

/** Whether the view's zones say where the name is answered: by themselves, or by the servers that they delegate it to. */
export function isOwnName(view: ServingView, name: Name): boolean {
  if (isMissing(view, name)) return true
  const zone = view.zonesAtHome.find(name, 0)
  if (!zone) return false
  const version = zone.latest()
  for (let at = 0; at < name.length - zone.origin.length; at += name[at]! + 1)
    if (version.rrset(name.subarray(at), Type.NS)) return !isRuled(view, name, zone.origin)
  return true
}

/** What the view's zones say of the keys of a zone below them: the DS is the parent's (RFC 4035 §2.4). */
function ownSigners({ zones }: ServingView, cut: Name): OwnSigners | undefined {
  const parent = cut.length > 1 ? zones.find(ancestorName(cut), 0) : undefined
  if (!parent) return undefined
  const ds = parent.latest().rrset(cut, Type.DS)
  return { ds: ds?.rdatas ?? [], seconds: ds?.ttl ?? 0 }
}

/** Whether a forward rule or stub zone inside a zone of ours is for this name in particular: it goes before the zone's delegation. */
export function isRuled(view: ServingView, name: Name, origin: Name): boolean {
  return view.ruled.some(zone => isSubdomain(name, zone) && isSubdomain(zone, origin))
}

/** The policy zones are zones of the view: what they hold is found where they lie. */
function policiesOf({ rpz = [] }: ViewConfig, zones: ZoneTable): Policies | undefined {
  if (rpz.length === 0) return undefined
  return new Policies(
    rpz.map(({ zone, policy, log }) => ({ origin: zone, policy, log, latest: () => zones.get(zone)?.latest() })),
  )
}

function ruledZones({ forward, stub = [] }: ViewConfig): Name[] {
  return [...forward, ...stub].map(({ zone }) => zone)
}

/** Whether the name is in a zone that is configured and has nothing to serve: not loaded, or expired. */
export function isMissing(view: ServingView, name: Name): boolean {
  if (view.missing.size === 0) return false
  const loaded = view.zones.find(name, 0)?.origin.length ?? 0
  for (let at = 0; name.length - at > loaded; at += name[at]! + 1) {
    if (view.missing.has(nameKey(name.subarray(at)))) return true
    if (name[at] === 0) return false
  }
  return false
}
