import { Rcode } from '../../dns/codes.ts'
import { RcodeError } from '../../dns/errors.ts'
import { printName } from '../../dns/name.ts'
import type { Clock } from '../../host/clock.ts'
import type { Log } from '../../host/log.ts'
import type { Tracer } from '../../host/tracer.ts'
import type { Changeset } from '../change.ts'
import { Additions } from '../history/additions.ts'
import { Holders, type Holding } from '../holders.ts'
import type { PreparedSignatures } from '../sign/prepare.ts'
import type { Stale } from '../sign/scan.ts'
import type { ZoneSigner } from '../sign/sign.ts'
import type { Baseline, JournalEntry, ZoneStore } from '../store/store.ts'
import { publishTogether, type ZoneImage, type ZoneVersion } from '../zone.ts'
import { versionAfter } from './next-version.ts'

/** What is to be done to the version it was decided on. */
export interface Decision {
  change: Changeset
  /** The version that the change leads to, where it is there already. */
  version?: ZoneVersion
  holdings?: readonly Holding[]
  baseline?: Baseline
  /** Of a signer's own change: RRsets to be signed anew. */
  stale?: Stale
  /** Signatures that were made beforehand. */
  prepared?: PreparedSignatures
}

/** What came of a change: the version in which it is, for all to see and on disk. */
export interface Written {
  version: ZoneVersion
  change: Changeset
}

/** What a follower is told of the zone that it follows: one change of it, which is not committed yet. */
export interface Followed {
  /** The zone in this commit; once that is put together, its tip is what will be the zone's. */
  zone: Standing
  before: ZoneVersion
  after: ZoneVersion
  change: Changeset
  holdings: readonly Holding[]
  holders: Holders
}

/** A zone as it stands within a commit that is being put together. */
export interface Standing {
  /** As the commit found it. */
  base: ZoneVersion
  /** With what the commit does to it so far. */
  tip: ZoneVersion
  holders: Holders
}

/** A zone that changes along with another, in the same commit and at the same moment. */
export interface Follower {
  readonly pipeline: Pipeline
  /** What the change comes to here; undefined where nothing. It names the holder of every record that it adds. */
  follow(followed: Followed, own: Standing, standing: (pipeline: Pipeline) => Standing): Decision | undefined
}

export interface PipelineOptions {
  store: ZoneStore
  /** The zone in the store, and the revision that `image` shows. */
  zone: number
  revision: number
  image: ZoneImage
  holders: Holders
  clock: Clock
  log: Log
  tracer?: Tracer
  /** Signs what changes, where the zone is signed. */
  signer?: ZoneSigner
  /** Those that change along with this zone; may differ from one change to the next. */
  followers?: () => readonly Follower[]
  /** Hands a new image to all threads before anyone hears of what is in it; must not read it. */
  onReplaced?: (image: ZoneImage) => void
  /** After a version was published and before its change is answered: NOTIFY, metrics. */
  onPublished?: (written: Written) => void
}

/** A version that is being committed, on top of the one before it. */
export interface Pending {
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
 * The versions of one dynamic zone on their way to disk: each is put on top of the one before, which need not be committed yet, and
 * fails with it. `commit.ts` drives it; whatever the disk holds after a failure is read back here before anything else is decided.
 */
export class Pipeline {
  readonly options: PipelineOptions
  /** As of `tip`. */
  holders: Holders
  /** The image that shows what is committed. Replaced only by `publish`; readers keep the version they took. */
  image: ZoneImage
  /** The newest version, committed or not. */
  tip: ZoneVersion
  tipRevision: number
  closed = false
  readonly additions = new Additions()
  /** The revision that `image` shows. */
  revision: number
  private readonly pending: Pending[] = []
  /** Whether memory may differ from the disk; every change waits until `recover` has brought them together. */
  broken = false
  /** One at a time for all that failed together. */
  private recovery: Promise<void> | undefined
  /** Those that failed in one commit with this zone: what the disk has of it is shown of all at the same moment. */
  private readonly mates = new Set<Pipeline>()

  constructor(options: PipelineOptions) {
    this.options = options
    this.holders = options.holders
    this.image = options.image
    this.tip = options.image.latest()
    this.revision = this.tipRevision = options.revision
  }

  get followers(): readonly Follower[] {
    return this.options.followers?.() ?? []
  }

  /** Throws where no change can be taken now. */
  requireRoom(): void {
    if (this.closed) throw failure('the zone is being closed')
    if (this.pending.length >= MOST_PENDING) throw failure('too many changes wait for the disk')
  }

  /** The newest version that waits for the disk. */
  get newest(): Pending | undefined {
    return this.pending.at(-1)
  }

  /** Puts a version on top that is on its way to disk. */
  push(version: ZoneVersion, change: Changeset, holders: Holders, settled: Promise<void>): Pending {
    const pending = { version, revision: this.tipRevision + 1, change, settled }
    this.holders.accept(holders)
    this.tip = version
    this.tipRevision = pending.revision
    this.pending.push(pending)
    return pending
  }

  /** The disk refused it, together with what `mates` put into the same commit. */
  fail(pending: Pending, mates: readonly Pipeline[]): void {
    this.remove(pending)
    this.broken = true
    for (const mate of mates) this.mates.add(mate)
  }

  /**
   * The disk has it, and it is to be published by whoever calls this. Undefined where a later one is published already: commits end in the
   * order in which they began, and one that holds proves those before it.
   */
  settle(pending: Pending): { replaced: boolean } | undefined {
    this.remove(pending)
    const { version, revision } = pending
    if (revision <= this.revision) return undefined
    this.revision = revision
    const { image } = version
    const replaced = image !== this.image
    if (replaced) image.succeed(this.image)
    this.image = image
    return { replaced }
  }

  private remove(pending: Pending): void {
    const at = this.pending.indexOf(pending)
    if (at >= 0) this.pending.splice(at, 1)
  }

  /** After a failed commit: waits for those that were built on it, forgets them, and reads what the disk holds after all. */
  recover(): Promise<void> {
    for (const { recovery } of this.group()) if (recovery) return recovery
    return (this.recovery = this.recoverMates())
  }

  private async recoverMates(): Promise<void> {
    try {
      await recoverTogether(this)
    } catch (error) {
      throw failure(`the zone's stored state can't be read: ${error instanceof Error ? error.message : error}`)
    } finally {
      this.recovery = undefined
    }
  }

  /** Resolves when nothing waits for the disk and all that was waiting has heard. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.pending.map(({ settled }) => settled))
    // The outcome of the last one reaches `commit.ts` only after it reached us.
    while (this.pending.length > 0) await Promise.resolve()
  }

  /** This one and those that failed with it, with those that failed with them, and so on. */
  group(into: Set<Pipeline> = new Set()): Set<Pipeline> {
    if (into.has(this)) return into
    into.add(this)
    for (const mate of this.mates) mate.group(into)
    return into
  }

  /** What the disk has that is not shown, and who holds what. */
  async readBack(): Promise<{ holders: Holders; missed: JournalEntry[] }> {
    const { store, zone } = this.options
    const holders = new Holders(await store.holders(zone))
    const missed: JournalEntry[] = []
    let some: JournalEntry[]
    do {
      some = await store.journal(zone, missed.at(-1)?.revision ?? this.revision, CATCH_UP)
      missed.push(...some)
    } while (some.length === CATCH_UP)
    return { holders, missed }
  }

  /** Goes on from what was read back, which is still to be published. */
  resume({ holders, missed }: { holders: Holders; missed: readonly JournalEntry[] }): Pending[] {
    this.tip = this.image.latest()
    const found = missed.map(({ change, revision }) => {
      this.tip = versionAfter(this.tip, change)
      return { version: this.tip, revision, change, settled: Promise.resolve() }
    })
    this.holders = holders
    this.additions.forget()
    this.tipRevision = found.at(-1)?.revision ?? this.revision
    this.broken = false
    this.mates.clear()
    return found
  }
}

/** Shows what the disk has of several zones: all at one moment. */
export function publishSettled(zones: readonly { pipeline: Pipeline; pending: Pending | undefined }[]): void {
  const shown = zones.flatMap(({ pipeline, pending }) => {
    const settled = pending && pipeline.settle(pending)
    return settled ? [{ pipeline, version: pending.version, ...settled }] : []
  })
  publishTogether(
    shown.map(({ version }) => version),
    () => {
      for (const { pipeline, version, replaced } of shown) if (replaced) pipeline.options.onReplaced?.(version.image)
    },
  )
}

/** Brings back a zone whose commit failed and those that failed with it: all are shown at the same moment. */
async function recoverTogether(first: Pipeline): Promise<void> {
  let group = [...first.group()]
  for (let before = 0; before < group.length; group = [...first.group()]) {
    before = group.length
    for (const pipeline of group) await pipeline.idle()
  }
  const read = await Promise.all(group.map(async pipeline => ({ pipeline, found: await pipeline.readBack() })))
  const resumed = read.map(({ pipeline, found }) => ({ pipeline, found: pipeline.resume(found) }))
  publishSettled(resumed.map(({ pipeline, found }) => ({ pipeline, pending: found.at(-1) })))
  for (const { pipeline, found } of resumed) {
    const { log, onPublished } = pipeline.options
    const fields = { zone: printName(pipeline.image.origin), serial: pipeline.tip.serial() }
    log.warn(fields, 'zone read back after a failed write')
    for (const one of found) onPublished?.(one)
  }
}

/** What is answered where the fault is ours: the requestor may try again. */
export function failure(why: string): RcodeError {
  return new RcodeError(Rcode.SERVFAIL, why)
}
