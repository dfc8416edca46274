import { printAddress } from '../config/address.ts'
import type { RemoteServer, ZoneConfig } from '../config/schema.ts'
import { Rcode } from '../dns/codes.ts'
import { RcodeError } from '../dns/errors.ts'
import type { Message } from '../dns/message.ts'
import { type Name, printName } from '../dns/name.ts'
import type { ResourceRecord } from '../dns/record.ts'
import { readTsig } from '../dns/tsig.ts'
import type { Clock } from '../host/clock.ts'
import { type Log, overheard } from '../host/log.ts'
import type { Random } from '../host/random.ts'
import { listedBy, listZones } from './catalog/write.ts'
import { type Changeset, isEmptyChange } from './change.ts'
import { DeleteLimits } from './delete-limits.ts'
import { differencesSince } from './differences.ts'
import type { ReadFile, ReadZone } from './file.ts'
import type { FileHistory } from './file-history.ts'
import { type Holders, keyText } from './holders.ts'
import type { KeyRing, KeyRings } from './keys.ts'
import {
  checkLoadable,
  continueFrom,
  kindOf,
  type LoadDependencies,
  type LoadedFile,
  type LoadedZone,
  loadZone,
} from './load.ts'
import { loadOverlay, readOverlayRules } from './overlay/load.ts'
import type { Overlay, OverlayRules } from './overlay.ts'
import type { Follower, Pipeline } from './pipeline.ts'
import { permitRequestor, permitUpdates, type Requestor, type UpdatePolicy } from './policy.ts'
import { ReplayCache } from './replay.ts'
import type { SourceZone } from './source.ts'
import type { AnsweredRequest, ZoneStore } from './store.ts'
import { soaOf } from './transfer.ts'
import { applyUpdate, type UpdateOutcome } from './update.ts'
import { type Actor, type Decision, type Written, writeTogether, type ZoneWriter } from './writer.ts'
import { ZoneError, type ZoneImage, type ZoneVersion } from './zone.ts'

/** What a primary zone needs of the world. */
export interface PrimaryDependencies {
  store: ZoneStore
  clock: Clock
  log: Log
  /** Our own host name: MNAME and NS of a zone without a file. */
  serverName: Name
  readFile: ReadFile
  /** Reads whole zones; by default here. */
  readZone?: ReadZone
  /** Of zones that are signed here. */
  keyRings?: KeyRings
  random?: Random
  /** Whether other threads make the signatures of many RRsets at once. */
  signAside?: boolean
  /** Those that change along with the zone. */
  followers?: (zone: PrimaryZone) => readonly Follower[]
  /** The zone of this name in another view, for `also_update` and `overlay_of`. */
  sibling?: (view: string, origin: Name) => SourceZone | undefined
  /** Hands a new image to all threads, before anyone hears of what is in it. */
  onReplaced?: (zone: PrimaryZone, image: ZoneImage | undefined) => void
  /** After a version was published and before its change is answered: NOTIFY, metrics. */
  onPublished?: (zone: PrimaryZone, written: Written) => void
}

/** The requestor of an update, and the MAC of its signature. */
export interface UpdateRequestor extends Requestor {
  mac?: Uint8Array
  /** On every line of the log that is about this request. */
  requestId?: string
}

/** How an update would be answered. */
export interface UpdateTrial {
  rcode: number
  /** Names the rule that says no; empty with NOERROR. */
  reason: string
  /** The index of the rule that allows each update. */
  permitted: number[]
  outcome: UpdateOutcome | undefined
}

/** How an update is answered. */
export interface UpdateReply {
  rcode: number
  /** For the log, and short for an Extended DNS Error; empty with NOERROR. */
  reason: string
  /** INFO-CODE of RFC 8914, where one fits. */
  ede: number | undefined
}

/** Milliseconds for which an update is remembered on disk, however soon its signature ends by a clock that may be set. */
const LEAST_VALIDITY = 60_000

/** What was loaded as this zone until now, and where it is told what is odd. */
interface LoadedBefore {
  before?: ZoneImage | undefined
  earlier?: LoadedFile | undefined
  log?: Log
}

/** Ignored updates of one message that the log shows. */
const IGNORED_LOGGED = 5
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
  private readonly replays: ReplayCache<UpdateReply>
  private readonly deleteLimits: DeleteLimits
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
    this.replays = new ReplayCache(deps.clock)
    this.deleteLimits = new DeleteLimits(deps.clock)
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
    await this.recall(loaded)
    return loaded
  }

  /** RFC 8945 §5.2.3: an update that somebody recorded is not executed again, though we were restarted since. */
  private async recall({ writer }: LoadedZone): Promise<void> {
    if (!writer) return
    const { clock, store } = this.deps
    const now = clock.now()
    for (const { mac, rcode, until } of await store.requests(writer.zone, now)) {
      const reason = rcode === Rcode.NOERROR ? '' : 'it was refused before'
      this.replays.recall(mac, { rcode, reason, ede: undefined }, until - now)
    }
  }

  /** What changed nothing is remembered for a restart as well, but nobody waits for the disk. */
  private remember(message: Message, requestor: UpdateRequestor, rcode: number): void {
    const { writer } = this.loaded!
    const request = writer && this.request(message, requestor, writer, rcode)
    if (!request) return
    this.deps.store.remember(request).catch(error => {
      this.log.warn({ ...whoIs(requestor), reason: String(error.message) }, 'an update could not be remembered')
    })
  }

  private request(
    message: Message,
    { mac }: UpdateRequestor,
    { zone }: ZoneWriter,
    rcode: number,
  ): AnsweredRequest | undefined {
    const until = this.deps.clock.now() + Math.max(this.validity(message), LEAST_VALIDITY)
    return mac && { zone, mac, rcode, until }
  }

  private overlayRules(config: ZoneConfig): OverlayRules {
    return { ...readOverlayRules(config, this.deps), base: () => this.sibling(config.overlay_of!) }
  }

  /**
   * Does what an UPDATE asks (RFC 2136 §3), if the rules allow it, and resolves once it is on disk and every query sees it. The message
   * is verified, and for this zone. Never rejects; a repeated message gets its first reply and is not executed again.
   */
  update(message: Message, requestor: UpdateRequestor): Promise<UpdateReply> {
    const execute = () => this.execute(message, requestor)
    const reply = requestor.mac ? this.replays.once(requestor.mac, execute, this.validity(message)) : execute()
    return reply.catch(error => this.refuse(error, requestor))
  }

  /** Milliseconds for which the message's signature could be accepted again (RFC 8945 §5.2.3): the signer chooses the fudge. */
  private validity(message: Message): number {
    if (!message.tsig) return 0
    const { timeSigned, fudge } = readTsig(message.tsig.record.rdata)
    return (timeSigned + fudge) * 1000 - this.deps.clock.now()
  }

  private async execute(message: Message, requestor: UpdateRequestor): Promise<UpdateReply> {
    try {
      await this.change(message, requestor)
      return { rcode: Rcode.NOERROR, reason: '', ede: undefined }
    } catch (error) {
      // What failed for our own reasons may be tried again; what was refused stays refused.
      if (!(error instanceof RcodeError) || error.rcode === Rcode.SERVFAIL) throw error
      this.remember(message, requestor, error.rcode)
      return this.refuse(error, requestor)
    }
  }

  private async change(message: Message, requestor: UpdateRequestor): Promise<void> {
    for (const { switching } of this.updated()) if (switching) await switching
    const zones = this.updated()
    const writers = zones.map(zone => zone.requireWriter())
    permitRequestor(this.config.update, requestor)
    const actor = this.actor(message, requestor, writers[0]!)
    const ignored = new Set<string>()
    let takeBack: (() => void) | undefined
    const decide = (contents: ZoneVersion, holders: Holders) => {
      // Counted once, though it may be decided in several zones, and again.
      takeBack?.()
      const judged = this.judge(message, requestor, contents, holders)
      takeBack = this.deleteLimits.charge(judged.policy, judged.deletes)
      for (const what of judged.outcome.ignored) ignored.add(what)
      return judged.outcome
    }
    const parts = writers.map(writer => ({ writer, decide }))
    const written = await writeTogether(actor, parts).catch(error => {
      takeBack?.()
      throw error
    })
    if (written.every(({ change }) => isEmptyChange(change))) this.remember(message, requestor, Rcode.NOERROR)
    const who = whoIs(requestor)
    for (const [i, { change, version }] of written.entries()) {
      const counts = { added: change.added.length, deleted: change.deleted.length, serial: version.serial() }
      zones[i]!.log.info({ ...who, ...counts }, 'zone updated')
    }
    for (const what of [...ignored].slice(0, IGNORED_LOGGED))
      this.log.warn({ ...who, what, of: ignored.size }, 'update ignored, as RFC 2136 §3.4.2 has it')
  }

  private actor(message: Message, requestor: UpdateRequestor, writer: ZoneWriter): Actor {
    const { key } = requestor
    const request = this.request(message, requestor, writer, Rcode.NOERROR)
    return { key: key && keyText(key), source: describeAddress(requestor), ...(request && { request }) }
  }

  /** This zone, and those that take each of its updates too. */
  private updated(): PrimaryZone[] {
    return [this, ...(this.config.also_update ?? []).map(view => this.sibling(view))].filter(isPrimary)
  }

  /** What an update comes to in a version of one of the zones, by the rules of this one; throws what it is refused with. */
  private judge(message: Message, requestor: Requestor, contents: ZoneVersion, holders: Holders) {
    const { update: rules, reserved } = this.config
    const policy: UpdatePolicy = { rules, reserved, requestor, origin: this.origin, contents, holders }
    let permitted: number[] = []
    const outcome = applyUpdate(contents, this.origin, message, updates => {
      permitted = permitUpdates(policy, updates)
    })
    return { policy, outcome, permitted, deletes: this.deleteLimits.check(policy, outcome.change) }
  }

  /** How an update would be answered now, by the very code that decides, and nothing is changed. */
  tryUpdate(message: Message, requestor: Requestor): UpdateTrial {
    try {
      const writers = this.updated().map(zone => zone.requireWriter().pipeline)
      permitRequestor(this.config.update, requestor)
      const [own] = writers.map(({ tip, holders }) => this.judge(message, requestor, tip, holders))
      return { rcode: Rcode.NOERROR, reason: '', permitted: own!.permitted, outcome: own!.outcome }
    } catch (error) {
      const { rcode, message: reason } = error instanceof RcodeError ? error : unforeseen(error)
      return { rcode, reason, permitted: [], outcome: undefined }
    }
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

  private refuse(error: unknown, requestor: UpdateRequestor): UpdateReply {
    const known = error instanceof RcodeError ? error : unforeseen(error)
    const who = whoIs(requestor)
    const level = known.rcode === Rcode.SERVFAIL ? 'error' : 'warn'
    this.log[level]({ ...who, rcode: known.rcode, reason: known.message }, 'update refused')
    return { rcode: known.rcode, reason: known.message, ede: known.ede }
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
    for (const { switching } of this.updated()) if (switching) await switching
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

function unforeseen(error: unknown): RcodeError {
  if (error instanceof ZoneError) return new RcodeError(Rcode.REFUSED, error.message)
  return new RcodeError(Rcode.SERVFAIL, error instanceof Error ? error.message : String(error))
}

/** The requestor and the request, as the log names them. */
function whoIs(requestor: UpdateRequestor): object {
  const { key, requestId } = requestor
  return { ...(requestId !== undefined && { requestId }), key: key && keyText(key), from: describeAddress(requestor) }
}

function describeAddress({ address }: Requestor): string {
  return address ? printAddress(address) : 'unknown'
}
