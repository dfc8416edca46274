import type { RemoteServer, ZoneConfig } from '../config/schema.ts'
import { Rcode } from '../dns/codes.ts'
import { RcodeError } from '../dns/errors.ts'
import type { Message } from '../dns/message.ts'
import { type Name, printName } from '../dns/name.ts'
import type { ResourceRecord } from '../dns/record.ts'
import { type Log, overheard } from '../host/log.ts'
import type { Random } from '../host/random.ts'
import { listedBy, listZones } from './catalog/write.ts'
import type { Changeset } from './change.ts'
import type { SourceZone } from './derived/source.ts'
import { checkLoadable, loadZone } from './file/load.ts'
import {
  continueFrom,
  kindOf,
  type LoadDependencies,
  type LoadedFile,
  type LoadedZone,
  type ZoneNeeds,
} from './file/loaded.ts'
import { differencesSince } from './history/differences.ts'
import type { FileHistory } from './history/file-history.ts'
import type { Holders } from './holders.ts'
import type { KeyRing } from './keys/keys.ts'
import { loadOverlay, readOverlayRules } from './overlay/load.ts'
import type { Overlay, OverlayRules } from './overlay/overlay.ts'
import type { Requestor } from './policy.ts'
import { soaOf } from './transfer/transfer.ts'
import {
  type UpdatedZone,
  type UpdateReply,
  type UpdateRequestor,
  UpdateRequests,
  type UpdateTrial,
} from './update/update-requests.ts'
import type { Follower, Pipeline } from './write/pipeline.ts'
import { type Actor, type Decision, type Written, writeTogether, type ZoneWriter } from './write/writer.ts'
import type { ZoneImage, ZoneVersion } from './zone.ts'

/** What a primary zone needs of the world. */
export interface PrimaryDependencies extends ZoneNeeds {
  /** Those that change along with the zone. */
  followers?: (zone: PrimaryZone) => readonly Follower[]
  /** The zone of this name in another view, for `also_update` and `overlay_of`. */
  sibling?: (view: string, origin: Name) => SourceZone | undefined
  /** Hands a new image to all threads, before anyone hears of what is in it. */
  onReplaced?: (zone: PrimaryZone, image: ZoneImage | undefined) => void
  /** After a version was published and before its change is answered: NOTIFY, metrics. */
  onPublished?: (zone: PrimaryZone, written: Written) => void
}

/** What was loaded as this zone until now, and where it is told what is odd. */
interface LoadedBefore {
  before?: ZoneImage | undefined
  earlier?: LoadedFile | undefined
  log?: Log
}

/** Octets of chance in a label of a catalog. */
const LABEL = 8

/**
 * Opens a zone of type primary: a zone that is not dynamic from its file, a dynamic one as it was left, with what changed in its file
 * since. Rejects with ZoneLoadError, which lists all that is wrong with the file; then nothing was changed.
 */
export async function openPrimary(
  view: string,
  config: ZoneConfig,
  deps: PrimaryDependencies,
  before?: ZoneImage,
): Promise<PrimaryZone> {
  const zone = new PrimaryZone(view, config, deps)
  await zone.open(before)
  return zone
}

/** Throws ZoneLoadError, or what else is wrong with the config or its files, before anything is opened by it. */
export async function checkPrimary(config: ZoneConfig, deps: Omit<PrimaryDependencies, 'onReplaced'>): Promise<void> {
  if (config.overlay_of !== undefined) readOverlayRules(config, deps)
  else await checkLoadable(config, deps)
}

/** A zone whose content is ours. Its image is served by all threads; it changes here alone. */
export class PrimaryZone {
  readonly view: string
  private readonly deps: PrimaryDependencies
  private readonly log: Log
  private readonly requests: UpdateRequests
  /** Both replaced only by `open` and `reload`, by assignment. */
  config: ZoneConfig
  private loaded: LoadedZone | undefined
  /** While the zone becomes another kind; a reload's own, one at a time. */
  private switching: Promise<void> | undefined

  /** Use `openPrimary`. */
  constructor(view: string, config: ZoneConfig, deps: PrimaryDependencies) {
    this.view = view
    this.config = config
    this.deps = deps
    this.log = deps.log.child({ zone: printName(config.name), view })
    this.requests = new UpdateRequests(this.updatedZone(), deps)
  }

  get origin(): Name {
    return this.config.name
  }

  /** What is served: everything in it is on disk. Undefined of an overlay whose base has nothing to be served. */
  get image(): ZoneImage | undefined {
    const { overlay_of: base } = this.config
    return base !== undefined && !this.deps.sibling?.(base, this.origin)?.image ? undefined : this.held
  }

  /** What it has, served or not. */
  get contents(): ZoneVersion {
    return this.held.latest()
  }

  private get held(): ZoneImage {
    return this.loaded!.writer?.image ?? this.loaded!.image
  }

  /** Whether its signatures are made here. */
  get signed(): boolean {
    return this.keyRing !== undefined
  }

  /** The keys that it is signed with. */
  get keyRing(): KeyRing | undefined {
    return this.loaded?.keyRing
  }

  /** Of an overlay: what makes it follow its base. */
  get overlay(): Overlay | undefined {
    return this.loaded?.overlay
  }

  /** Where its changes come from; undefined of a zone that is not dynamic. */
  get pipeline(): Pipeline | undefined {
    return this.loaded?.writer?.pipeline
  }

  /** `before` is what was served until now under this name. */
  async open(before?: ZoneImage): Promise<void> {
    this.loaded = await this.load(this.config, { before })
    this.loaded.start()
  }

  /** Takes over a changed config and what changed in the file. Rejects with ZoneLoadError, and the zone is as it was. */
  async reload(config: ZoneConfig): Promise<void> {
    const takeOver = await this.prepare(config)
    const before = this.held
    await takeOver()
    if (this.held !== before) this.deps.onReplaced?.(this, this.image)
  }

  /**
   * The first half of `reload`: reads all that the config asks for, and gives the other half. Until that is called the zone is as it
   * was; an image that it then has is for the caller to hand out, together with those of other zones. What is odd is told, beside the log.
   */
  async prepare(config: ZoneConfig, tell: (text: string) => void = () => {}): Promise<() => Promise<void>> {
    const log = overheard(this.log, tell)
    const earlier = this.loaded!
    const { overlay } = earlier
    const same = earlier.kind === kindOf(config)
    if (overlay && same) {
      const rules = this.overlayRules(config)
      return async () => {
        overlay.configure(rules)
        this.config = config
      }
    }
    if (earlier.writer && same) {
      const apply = await earlier.prepareFile(config.file, log)
      return async () => {
        await apply()
        this.config = config
      }
    }
    if (kindOf(config) === 'file' && !earlier.writer) return this.prepareStatic(config, earlier, log)
    await checkPrimary(config, { ...this.deps, log })
    return () => this.become(config, earlier)
  }

  private async prepareStatic(config: ZoneConfig, earlier: LoadedZone, log: Log): Promise<() => Promise<void>> {
    const loaded = await this.load(config, { before: this.held, earlier: earlier.file, log })
    return async () => {
      await earlier.close()
      const before = this.held
      this.loaded = loaded
      this.config = config
      if (loaded.image !== before) continueFrom(loaded.image, before)
    }
  }

  /** What is stored is opened only when what was there before takes no more changes; updates wait until then. */
  private async become(config: ZoneConfig, earlier: LoadedZone): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.switching = promise
    try {
      await earlier.close()
      const before = this.held
      const loadAs = (one: ZoneConfig) => this.load(one, { before, earlier: earlier.file })
      this.loaded = await loadAs(config).catch(async error => {
        this.loaded = await loadAs(this.config)
        throw error
      })
      this.config = config
      if (!this.keyRing) earlier.keyRing?.leave(this.view)
      // Before an update to it is answered.
      if (this.held !== before) this.deps.onReplaced?.(this, this.image)
    } finally {
      this.loaded!.start()
      this.switching = undefined
      resolve()
    }
  }

  private async load(config: ZoneConfig, { before, earlier, log = this.log }: LoadedBefore): Promise<LoadedZone> {
    const { onReplaced, onPublished, followers, ...deps } = this.deps
    // What is published while loading is not served yet.
    let served = false
    const needs: LoadDependencies = {
      ...deps,
      log,
      before,
      earlier,
      followers: followers && (() => followers(this)),
      onReplaced: () => served && onReplaced?.(this, this.image),
      onPublished: written => served && onPublished?.(this, written),
    }
    const loaded = await (config.overlay_of === undefined
      ? loadZone(this.view, config, needs)
      : loadOverlay(this.view, config, this, this.overlayRules(config), needs))
    served = true
    if (loaded.writer) await this.requests.recall(loaded.writer.zone)
    return loaded
  }

  private overlayRules(config: ZoneConfig): OverlayRules {
    return { ...readOverlayRules(config, this.deps), base: () => this.sibling(config.overlay_of!) }
  }

  /**
   * Does what an UPDATE asks (RFC 2136 §3), if the rules allow it, and resolves once it is on disk and every query sees it. The message
   * is verified, and for this zone. Never rejects; a repeated message gets its first reply and is not executed again.
   */
  update(message: Message, requestor: UpdateRequestor): Promise<UpdateReply> {
    return this.requests.answer(message, requestor)
  }

  /** How an update would be answered now, by the very code that decides, and nothing is changed. */
  tryUpdate(message: Message, requestor: Requestor): UpdateTrial {
    return this.requests.try(message, requestor)
  }

  private updatedZone(): UpdatedZone {
    return {
      log: this.log,
      config: () => this.config,
      writer: () => this.loaded!.writer,
      targets: () => this.updated().map(zone => ({ writer: zone.requireWriter(), log: zone.log })),
      settled: () => this.settled(),
    }
  }

  /** Resolves when none of them is becoming another kind of zone any more; undefined where none is. */
  private settled(): Promise<unknown> | undefined {
    const switching = this.updated().flatMap(zone => zone.switching ?? [])
    return switching.length > 0 ? Promise.all(switching) : undefined
  }

  /** This zone, and those that take each of its updates too. */
  private updated(): PrimaryZone[] {
    return [this, ...(this.config.also_update ?? []).map(view => this.sibling(view))].filter(isPrimary)
  }

  /** The zone of this name in another view: base of an overlay, or one that takes each update too, and without which none does. */
  private sibling(view: string): SourceZone {
    const zone = this.deps.sibling?.(view, this.origin)
    if (!zone)
      throw new RcodeError(Rcode.SERVFAIL, `the zone of view ${view}, with which this one goes together, is not loaded`)
    return zone
  }

  private requireWriter(): ZoneWriter {
    const writer = this.loaded!.writer
    if (!writer || !this.config.dynamic) throw new RcodeError(Rcode.REFUSED, 'the zone is not dynamic')
    return writer
  }

  /** The key that added the record, as `keyText` has it; undefined where it came from the file or from us. */
  holderOf(record: ResourceRecord): string | undefined {
    return this.loaded!.writer?.holderOf(record)
  }

  /** A change that is not an UPDATE, by the same door: see `ZoneWriter.write`. Only of a dynamic zone. */
  async write(actor: Actor, decide: (tip: ZoneVersion, holders: Holders) => Decision): Promise<Written> {
    if (this.switching) await this.switching
    return this.requireWriter().write(actor, decide)
  }

  /** What `write` would come to now, and nothing is changed; throws what it would. */
  tryWrite(decide: (tip: ZoneVersion, holders: Holders) => Decision): Decision {
    const { tip, holders } = this.requireWriter().pipeline
    return decide(tip, holders)
  }

  /** Of a catalog: makes it list what its rules say of these zones, and nothing else. */
  async list(zones: readonly Name[], random: Random): Promise<void> {
    const newLabel = () => Buffer.from(random.bytes(LABEL)).toString('hex')
    const listed = listedBy(this.config.catalog_of!, zones)
    await this.loaded!.writer!.write({ key: undefined, source: 'catalog' }, tip => ({
      change: listZones(tip, listed, newLabel),
    }))
  }

  /** The same in this zone and in those that take each of its updates too (`also_update`), all or none; gives what came of it here. */
  async writeAlong(actor: Actor, decide: (tip: ZoneVersion, holders: Holders) => Decision): Promise<Written> {
    const settled = this.settled()
    if (settled) await settled
    const parts = this.updated().map(zone => ({ writer: zone.requireWriter(), decide }))
    const [written] = await writeTogether(actor, parts)
    return written!
  }

  /** What `writeAlong` would come to now, here and in the others, and nothing is changed; throws what it would. */
  tryAlong(decide: (tip: ZoneVersion, holders: Holders) => Decision): Decision[] {
    return this.updated().map(zone => zone.tryWrite(decide))
  }

  /** What has changed since the zone had this serial, for IXFR; undefined where the whole zone is less, or the journal shorter. */
  async differencesSince(serial: number): Promise<Changeset | undefined> {
    const { store } = this.deps
    const { file, writer } = this.loaded!
    if (file) return file.history.since(serial)
    const stored = writer && (await store.find(this.view, this.origin))
    return stored && differencesSince(store, stored.id, serial, this.contents.size())
  }

  /** What a zone that is its file has been lately; undefined of others, which have a journal. */
  get fileHistory(): FileHistory | undefined {
    return this.loaded?.file?.history
  }

  /** The SOA as it is served. */
  soa(): ResourceRecord | undefined {
    return this.image && soaOf(this.image.latest())
  }

  /** Who is told of changes. */
  get notify(): readonly RemoteServer[] {
    return this.config.notify
  }

  /** Takes no more changes, and resolves when those that were taken are on disk. */
  async close(): Promise<void> {
    await this.loaded?.close()
    this.keyRing?.leave(this.view)
  }
}

/** Config sees to it that updates go to primaries alone. */
function isPrimary(zone: SourceZone): zone is PrimaryZone {
  return zone instanceof PrimaryZone
}
