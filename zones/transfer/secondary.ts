import { printAddress } from '../../config/address.ts'
import type { PrimaryServer, RemoteServer, ZoneConfig } from '../../config/schema.ts'
import { Rcode } from '../../dns/codes.ts'
import { type Name, printName } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { serialGreater } from '../../dns/serial.ts'
import type { TsigKey } from '../../dns/tsig-record.ts'
import { readRdata } from '../../dns/types.ts'
import type { Timer } from '../../host/clock.ts'
import type { Log } from '../../host/log.ts'
import type { World } from '../../host/world.ts'
import { readCatalog } from '../catalog/read.ts'
import type { Changeset } from '../change.ts'
import { recordsIn } from '../history/baseline.ts'
import { differencesSince } from '../history/differences.ts'
import { Holders } from '../holders.ts'
import { ZoneError } from '../image/errors.ts'
import { permitRequestor, type Requestor } from '../policy.ts'
import type { StoredZone, ZoneStore } from '../store/store.ts'
import { readStored, type StoredImage } from '../store/stored-image.ts'
import type { Gate } from '../write/gate.ts'
import type { Follower, Pipeline } from '../write/pipeline.ts'
import { ZoneWriter } from '../write/writer.ts'
import type { ZoneImage, ZoneVersion } from '../zone.ts'
import { forwardToOne, printServer, remoteOf, senderAmong } from './primaries.ts'
import { type LoadWhole, refreshFrom, type TransferLimits } from './refresh.ts'
import { RefreshSchedule } from './refresh-schedule.ts'
import { RemoteError } from './remote.ts'
import { type Taken, wholeOf, writeTaken } from './taken.ts'
import { soaOf } from './transfer.ts'

/** What secondary zones need of the world. */
export interface SecondaryDependencies extends World {
  store: ZoneStore
  log: Log
  findKey: (name: Name) => TsigKey | undefined
  /** Shared by all zones: how many primaries are asked at once. */
  gate: Gate
  counts: TransfersIn
  /** What a primary may send of one zone; asked for each time. */
  limits: () => TransferLimits
  /** Transfers large zones; left out: this thread does. */
  loadWhole?: LoadWhole
  /** Those that change along with the zone. */
  followers?: (zone: SecondaryZone) => readonly Follower[]
  /** There is another image, or with undefined nothing to be served any more; all threads know when it returns. */
  onReplaced?: (zone: SecondaryZone, image: ZoneImage | undefined) => void
  /** Something new is served: NOTIFY. */
  onPublished?: (zone: SecondaryZone) => void
}

/** How transfers from primaries ended: taken over; not to be had; had, and refused for what they brought. */
export interface TransfersIn {
  done: number
  failed: number
  refused: number
}

/** Who sent a NOTIFY, and the serial that it hints at. */
export interface Notified {
  address: Uint8Array
  key?: Name
  serial?: number
}

/** How a secondary stands, for operators. Times are milliseconds since 1970. */
export interface SecondaryStatus {
  primaries: readonly PrimaryServer[]
  /** When it was last known to be what its primaries have. */
  checked: number | undefined
  /** When it is asked for next. */
  next: number | undefined
  /** When it is not served any more, if no primary is reached until then. */
  expires: number | undefined
  refreshing: boolean
}

/** While there is no SOA that would say how often: from this, doubled with each failure, to that. */
const FIRST_RETRY = { least: 2000, most: 600_000 }
/** After a start the first question comes within this time. */
const START_SPREAD = 500

/**
 * Opens a zone of type secondary, with what was kept of it on disk. It asks its primaries once it is started. What it was `before`, as
 * another kind of zone, is served until one of them has been reached.
 */
export async function openSecondary(
  view: string,
  config: ZoneConfig,
  deps: SecondaryDependencies,
  before?: ZoneVersion,
): Promise<SecondaryZone> {
  const zone = new SecondaryZone(view, config, deps)
  await zone.open(before)
  return zone
}

/** A zone whose content is its primaries': refreshed as its SOA says (RFC 1034 §4.3.5) and when they say so (RFC 1996). */
export class SecondaryZone {
  readonly view: string
  private readonly deps: SecondaryDependencies
  private readonly log: Log
  /** Replaced only by `prepare`'s other half. */
  config: ZoneConfig
  /** What we have, in memory and on disk; served or expired. */
  private writer: ZoneWriter | undefined
  private stored: number | undefined
  private checked: number | undefined
  private served = false
  /** Whether what is served was never its primaries': then whatever they have is right. */
  private inherited = false
  private readonly schedule: RefreshSchedule<PrimaryServer>
  private expiry: Timer | undefined
  private readonly closing = new AbortController()

  /** Use `openSecondary`. */
  constructor(view: string, config: ZoneConfig, deps: SecondaryDependencies) {
    this.view = view
    this.config = config
    this.deps = deps
    this.log = deps.log.child({ zone: printName(config.name), view })
    this.schedule = new RefreshSchedule(deps, {
      ask: first => this.askPrimaries(first),
      pause: (fresh, failures) =>
        this.writer
          ? this.times()[fresh ? 'refresh' : 'retry']
          : Math.min(FIRST_RETRY.least * 2 ** (failures - 1), FIRST_RETRY.most),
    })
  }

  get origin(): Name {
    return this.config.name
  }

  /** What is served; undefined where there is nothing yet, or it has expired. */
  get image(): ZoneImage | undefined {
    return this.served ? this.writer!.image : undefined
  }

  /** What it has, served or expired. */
  get contents(): ZoneVersion | undefined {
    return this.writer?.image.latest()
  }

  /** Where its changes come from. */
  get pipeline(): Pipeline | undefined {
    return this.writer?.pipeline
  }

  /** Who is told of changes. */
  get notify(): readonly RemoteServer[] {
    return this.config.notify
  }

  /** The SOA as it is served. */
  soa(): ResourceRecord | undefined {
    return this.image && soaOf(this.image.latest())
  }

  /** No key holds what was transferred. */
  holderOf(): undefined {}

  get status(): SecondaryStatus {
    const { checked } = this
    const { next, running } = this.schedule
    const expires = checked === undefined ? undefined : checked + this.times().expire
    return { primaries: this.config.primaries!, checked, next, expires, refreshing: running }
  }

  async open(before?: ZoneVersion): Promise<void> {
    const { store, clock } = this.deps
    const stored = await store.find(this.view, this.origin)
    if (stored) this.hold(stored, await readStored(store, stored, this.origin, this.log))
    else if (before) await this.create(before.image.rebuild(before).latest())
    else return
    this.checked = (await store.secondary(this.stored!))?.checked
    this.inherited = before !== undefined && this.checked === undefined
    if (this.inherited) await this.noteChecked()
    this.served = this.checked !== undefined && clock.now() < this.checked + this.times().expire
    if (!this.served) this.log.warn({ serial: this.contents!.serial() }, 'the zone has expired and is not served')
  }

  /** Begins to ask the primaries. */
  start(): void {
    if (this.schedule.started) return
    if (this.served) this.watchExpiry()
    this.writer?.keepImage()
    this.schedule.after(this.deps.random.below(START_SPREAD))
  }

  /** Takes over a changed config. */
  async reload(config: ZoneConfig): Promise<void> {
    const takeOver = await this.prepare(config)
    await takeOver()
  }

  /** As a primary has it; of a secondary there is nothing to be read first. */
  async prepare(config: ZoneConfig): Promise<() => Promise<void>> {
    return async () => {
      this.config = config
      // Whatever changed, the primaries are asked: that is what an operator reloads for.
      if (this.schedule.started) this.refreshSoon()
    }
  }

  private hold({ id: zone, revision }: StoredZone, { image, kept }: StoredImage): void {
    const { store, clock, followers } = this.deps
    this.stored = zone
    this.writer = new ZoneWriter({
      ...{ store, clock, log: this.log, zone, revision, image, kept, holders: new Holders() },
      ...(followers && { followers: () => followers(this) }),
      onReplaced: replaced => this.served && this.deps.onReplaced?.(this, replaced),
    })
  }

  /** Of the SOA that we have, in milliseconds, within limits. */
  private times(): { refresh: number; retry: number; expire: number } {
    const { refresh, retry, expire } = readRdata('SOA', soaOf(this.contents!).rdata)
    const within = (seconds: number, [least, most]: readonly [number, number]) =>
      Math.min(Math.max(seconds * 1000, least), most)
    const waits = { refresh: within(refresh, this.config.refresh), retry: within(retry, this.config.retry) }
    // RFC 1912 §2.2: a zone is not to expire before it was asked for and asked for again.
    return { ...waits, expire: Math.max(expire * 1000, waits.refresh + waits.retry) }
  }

  /** A NOTIFY (RFC 1996 §3.11): heard from a primary's address, or signed with a primary's key. Returns the RCODE. */
  notified({ address, key, serial }: Notified): { rcode: Rcode; reason: string } {
    const primary = senderAmong(this.config.primaries!, address, key)
    const from = printAddress(address)
    if (!primary) {
      this.log.warn({ from }, 'a NOTIFY from somebody who is not a primary was refused')
      return { rcode: Rcode.REFUSED, reason: 'not from a primary of the zone' }
    }
    const news = serial === undefined || !this.served || serialGreater(serial, this.contents!.serial())
    this.log.debug({ from, serial }, news ? 'notified by a primary' : 'notified by a primary of nothing new')
    if (news) this.refreshSoon(primary)
    return { rcode: Rcode.NOERROR, reason: '' }
  }

  /**
   * Hands an UPDATE to the first primary that can be reached (RFC 2136 §6), and gives its answer as it came. Throws REFUSED where update
   * rules of our own keep the requestor out, and SERVFAIL where no primary has answered.
   */
  async forward(wire: Uint8Array, requestor: Requestor): Promise<Uint8Array> {
    const { update: rules, primaries } = this.config
    if (rules.length > 0) permitRequestor(rules, requestor)
    const log = this.log.child({ key: requestor.key && printName(requestor.key) })
    const { server, answer } = await forwardToOne(primaries!, wire, { ...this.deps, log })
    if ((answer[3]! & 15) === Rcode.NOERROR) this.refreshSoon(server)
    return answer
  }

  /** Asks the primaries now, this one first. */
  refreshSoon(primary: PrimaryServer = this.config.primaries![0]!): void {
    this.schedule.soon(primary)
  }

  /** In their order, until one has answered; whether one has. */
  private async askPrimaries(first: PrimaryServer | undefined): Promise<boolean> {
    const { gate, counts } = this.deps
    const others = this.config.primaries!.filter(one => one !== first)
    for (const server of first ? [first, ...others] : others) {
      try {
        await gate.run(() => this.ask(server))
        return true
      } catch (error) {
        if (this.closing.signal.aborted) return false
        const refused = error instanceof ZoneError
        counts[refused ? 'refused' : 'failed']++
        this.log.warn({ primary: printServer(server), reason: (error as Error).message }, describeFailure(error))
      }
    }
    return false
  }

  private async ask(server: PrimaryServer): Promise<void> {
    const { signal } = this.closing
    signal.throwIfAborted()
    const { origin, contents: version } = this
    const held = { origin, version, expired: !this.served || this.inherited }
    const { limits, loadWhole } = this.deps
    const asking = { limits: limits(), signal, ixfr: server.ixfr !== false, loadWhole }
    const refreshed = await refreshFrom(this.deps, remoteOf(server, this.deps.findKey), held, asking)
    signal.throwIfAborted()
    if (refreshed.kind !== 'current') await this.take(refreshed, version, server)
    await this.confirm()
  }

  /** Stores and publishes what has come; until it is on disk, the zone is as it was. */
  private async take(refreshed: Taken, base: ZoneVersion | undefined, server: PrimaryServer): Promise<void> {
    const require = (version: ZoneVersion) => this.requireCatalog(version)
    const change = base
      ? await writeTaken(this.writer!, refreshed, base, printServer(server), require)
      : await this.create(wholeOf(refreshed))
    this.deps.counts.done++
    const counts = change && { added: change.added.length, deleted: change.deleted.length }
    const kind = refreshed.kind === 'whole' ? 'AXFR' : 'IXFR'
    const fields = {
      primary: printServer(server),
      kind,
      serial: this.contents!.serial(),
      records: this.contents!.size(),
    }
    this.log.info({ ...fields, ...counts }, 'zone transferred from its primary')
  }

  private async create(version: ZoneVersion): Promise<undefined> {
    this.requireCatalog(version)
    // Read out one by one, twice, rather than held in memory beside the image.
    const records = { [Symbol.iterator]: () => recordsIn(version) }
    const stored = await this.deps.store.create(this.view, this.origin, records)
    this.hold(stored, { image: version.image, kept: undefined })
  }

  /** RFC 9432 §5.1 lets a broken catalog in, and nothing come of it; here it is not let in, so that what we have is good. */
  private requireCatalog(version: ZoneVersion): void {
    if (this.config.catalog) readCatalog(version)
  }

  /** It is what a primary has: served from now on, if it was not, and for as long as the SOA says. */
  private async confirm(): Promise<void> {
    const { onReplaced, onPublished } = this.deps
    await this.noteChecked()
    this.inherited = false
    if (this.closing.signal.aborted) return
    if (!this.served) {
      this.served = true
      onReplaced?.(this, this.writer!.image)
    }
    this.watchExpiry()
    onPublished?.(this)
  }

  private async noteChecked(): Promise<void> {
    const { store, clock } = this.deps
    this.checked = clock.now()
    await store.setSecondary(this.stored!, { checked: this.checked, promoted: false })
  }

  private watchExpiry(): void {
    const { clock } = this.deps
    this.expiry?.cancel()
    this.expiry = clock.after(this.checked! + this.times().expire - clock.now(), () => {
      this.served = false
      this.log.error(
        { serial: this.contents!.serial() },
        'the zone has expired: no primary was reached for too long; it is not served',
      )
      this.deps.onReplaced?.(this, undefined)
    })
  }

  /** What has changed since the zone had this serial, for IXFR to our own secondaries. */
  async differencesSince(serial: number): Promise<Changeset | undefined> {
    return this.image && differencesSince(this.deps.store, this.stored!, serial, this.image.latest().size())
  }

  /** Asks nobody any more, and resolves when what was taken is on disk. */
  async close(): Promise<void> {
    this.closing.abort()
    this.schedule.stop()
    this.expiry?.cancel()
    await this.writer?.close()
  }
}

function describeFailure(error: unknown): string {
  if (error instanceof ZoneError) return 'what a primary has was refused; the zone stays as it is'
  return error instanceof RemoteError ? 'a primary could not be asked' : 'what a primary has could not be stored'
}
