import { Rcode } from '../dns/codes.ts'
import { RcodeError } from '../dns/errors.ts'
import { printName } from '../dns/name.ts'
import type { ResourceRecord } from '../dns/record.ts'
import type { Clock } from '../host/clock.ts'
import type { Log } from '../host/log.ts'
import { applyToRecords, type Changeset, isEmptyChange } from './change.ts'
import { recordsOf } from './draft.ts'
import { Holders } from './holders.ts'
import type { Baseline, NewEntry, ZoneStore } from './store.ts'
import { ZoneImage, type ZoneVersion } from './zone.ts'

/** Who changes a zone, for its journal. */
export interface Actor {
  /** The TSIG key, as `keyText` has it: holder of what it adds. */
  key: string | undefined
  /** An address, "file", a user. */
  source: string
}

/** What is to be done to the version it was decided on. */
export interface Decision {
  change: Changeset
  claims?: readonly ResourceRecord[]
  baseline?: Baseline
}

/** What came of a change: the version in which it is, for all to see and on disk. */
export interface Written {
  version: ZoneVersion
  change: Changeset
}

export interface WriterOptions {
  store: ZoneStore
  /** The zone in the store, and the revision that `image` shows. */
  zone: number
  revision: number
  image: ZoneImage
  holders: Holders
  clock: Clock
  log: Log
  /** Hands a new image to all threads before anyone hears of what is in it. */
  onReplaced?: (image: ZoneImage) => void
  /** After a version was published and before its change is answered: NOTIFY, metrics. */
  onPublished?: (written: Written) => void
}

/** A version that is being committed, on top of the one before it. */
interface Pending {
  version: ZoneVersion
  revision: number
  change: Changeset
  settled: Promise<void>
}

/** Changes that may wait for the disk at once; more are answered SERVFAIL. */
const MOST_PENDING = 4096
/** Journal entries read at once when memory catches up with the disk. */
const CATCH_UP = 1000

/**
 * The one door by which a dynamic zone changes. A change is decided on the newest version, put on top of it, committed, published, and
 * only then answered. Changes need not wait for each other's disk: the next is decided on a version that is not committed yet, and
 * fails with it. Whatever the disk then holds is read back before anything else is decided.
 */
export class ZoneWriter {
  private readonly options: WriterOptions
  private holders: Holders
  /** Replaced only here, by assignment; readers keep the version they took. */
  private current: ZoneImage
  /** The newest version, committed or not. */
  private tip: ZoneVersion
  private tipRevision: number
  /** The revision that `current` shows. */
  private revision: number
  private readonly pending: Pending[] = []
  /** Set while memory may differ from the disk; every change waits for it. */
  private recovery: Promise<void> | undefined
  private mustRecover = false
  private closed = false

  constructor(options: WriterOptions) {
    this.options = options
    this.holders = options.holders
    this.current = options.image
    this.tip = options.image.latest()
    this.revision = this.tipRevision = options.revision
  }

  /** The image that shows what is committed. */
  get image(): ZoneImage {
    return this.current
  }

  /** The key that added the record, as of the newest version. */
  holderOf(record: ResourceRecord): string | undefined {
    return this.holders.of(record)
  }

  /**
   * Decides on the newest version, and resolves once the outcome is on disk and published. What `decide` throws is thrown here, once
   * what it saw is on disk; where the disk fails it is SERVFAIL, and the zone is as it was.
   */
  async write(actor: Actor, decide: (tip: ZoneVersion, holders: Holders) => Decision): Promise<Written> {
    while (this.recovery || this.mustRecover) await (this.recovery ??= this.recover())
    if (this.closed) throw this.failure('the zone is being closed')
    if (this.pending.length >= MOST_PENDING) throw this.failure('too many changes wait for the disk')
    // No await from here until the commit is on its way: what is decided is what is put on top.
    const seen = this.pending.at(-1)
    let decision: Decision
    try {
      decision = decide(this.tip, this.holders)
    } catch (error) {
      await this.untilSettled(seen)
      throw error
    }
    if (isEmptyChange(decision.change) && !decision.baseline && !decision.claims?.length) {
      await this.untilSettled(seen)
      return { version: this.current.latest(), change: decision.change }
    }
    return this.commit(actor, decision)
  }

  /** An answer that rests on a version must not go out before that version is on disk. */
  private async untilSettled(seen: Pending | undefined): Promise<void> {
    if (seen) await seen.settled.catch(error => Promise.reject(this.failure(String(error.message))))
  }

  private async commit(actor: Actor, decision: Decision): Promise<Written> {
    const { store, zone, clock } = this.options
    const base = this.tip
    const version = this.withChange(base, decision.change)
    const entry: NewEntry = {
      ...decision,
      serialBefore: base.serial(),
      serialAfter: version.serial(),
      at: clock.now(),
      ...actor,
    }
    const settled = store.commit(zone, this.tipRevision, entry)
    const pending: Pending = { version, revision: this.tipRevision + 1, change: decision.change, settled }
    this.holders.follow(decision.change, actor.key, decision.claims)
    this.tip = version
    this.tipRevision = pending.revision
    this.pending.push(pending)
    try {
      await settled
    } catch (error) {
      this.remove(pending)
      this.mustRecover = true
      throw this.failure(`the change could not be stored: ${error instanceof Error ? error.message : error}`)
    }
    this.remove(pending)
    return this.publish(pending)
  }

  /** The version that follows; in a new image where the old one is full. */
  private withChange(base: ZoneVersion, change: Changeset): ZoneVersion {
    const next = base.image.apply(base, change)
    if (next) return next
    const rebuilt = base.image.rebuild(base)
    const inRebuilt = rebuilt.apply(rebuilt.latest(), change)
    if (inRebuilt) return inRebuilt
    // Even fresh room does not hold a change larger than the zone.
    const records = applyToRecords([...base.rrsets()].flatMap(recordsOf), change)
    return ZoneImage.create(base.origin, records).latest()
  }

  private remove(pending: Pending): void {
    this.pending.splice(this.pending.indexOf(pending), 1)
  }

  /** Commits end in the order in which they began, and one that holds proves those before it. */
  private publish({ version, revision, change }: Pending): Written {
    const { onReplaced, onPublished } = this.options
    if (revision > this.revision) {
      this.revision = revision
      const { image } = version
      const replaced = image !== this.current
      if (replaced) image.succeed(this.current)
      image.publish(version)
      this.current = image
      if (replaced) onReplaced?.(image)
    }
    const written = { version, change }
    onPublished?.(written)
    return written
  }

  /** After a failed commit: waits for those that were built on it, forgets them, and reads what the disk holds after all. */
  private async recover(): Promise<void> {
    const { store, zone, log } = this.options
    try {
      await Promise.allSettled(this.pending.map(({ settled }) => settled))
      // The outcome of the last one reaches `publish` only after it reached us.
      while (this.pending.length > 0) await Promise.resolve()
      const holders = new Holders(await store.holders(zone))
      let missed: Awaited<ReturnType<ZoneStore['journal']>>
      do {
        missed = await store.journal(zone, this.revision, CATCH_UP)
        for (const { change, revision } of missed) {
          const version = this.withChange(this.current.latest(), change)
          this.publish({ version, revision, change, settled: Promise.resolve() })
        }
      } while (missed.length === CATCH_UP)
      this.holders = holders
      this.tip = this.current.latest()
      this.tipRevision = this.revision
      this.mustRecover = false
      log.warn(
        { zone: printName(this.current.origin), serial: this.tip.serial() },
        'zone read back after a failed write',
      )
    } catch (error) {
      throw this.failure(`the zone's stored state can't be read: ${error instanceof Error ? error.message : error}`)
    } finally {
      this.recovery = undefined
    }
  }

  private failure(why: string): RcodeError {
    return new RcodeError(Rcode.SERVFAIL, why)
  }

  /** Takes no more changes, and resolves when those that were taken are settled. */
  async close(): Promise<void> {
    this.closed = true
    await Promise.allSettled(this.pending.map(({ settled }) => settled))
  }
}
