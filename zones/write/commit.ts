import type { ResourceRecord } from '../../dns/record.ts'
import { silentTracer, type Tracer } from '../../host/tracer.ts'
import { type Changeset, isEmptyChange, mergeChanges, rdataKey, recordKey } from '../change.ts'
import type { Holders, Holding } from '../holders.ts'
import type { PreparedSignatures } from '../sign/prepare.ts'
import type { Stale } from '../sign/scan.ts'
import type { AnsweredRequest, Baseline, ZoneCommit, ZoneStore } from '../store/store.ts'
import type { ZoneVersion } from '../zone.ts'
import { versionAfter } from './next-version.ts'
import {
  type Decision,
  type Followed,
  type Follower,
  failure,
  type Pending,
  type Pipeline,
  publishSettled,
  type Standing,
  type Written,
} from './pipeline.ts'

/** Who changes a zone, for its journal. */
export interface Actor {
  /** The TSIG key, as `keyText` has it: holder of what it adds. */
  key: string | undefined
  /** An address, "file", a user. */
  source: string
  /** The signed request by which it is asked for: once that is on disk it is not executed again. */
  request?: AnsweredRequest
}

/** One of the zones to be changed, and how. */
export interface Part {
  pipeline: Pipeline
  /** `standing` gives other zones as they are within this commit. */
  decide: (tip: ZoneVersion, holders: Holders, standing: (pipeline: Pipeline) => Standing) => Decision
}

/**
 * Changes several zones, and those that follow them, in one commit: all or none on disk, and published together before this resolves.
 * Every part is decided on the newest version of its zone. What `decide` throws is thrown here, once what it saw is on disk; where the
 * disk fails it is SERVFAIL, and every zone is as it was.
 */
export async function commitTogether(actor: Actor, parts: readonly Part[]): Promise<Written[]> {
  for (;;) {
    const draft = new CommitDraft(actor)
    // No await from here until the commit is on its way: what is decided is what is put on top.
    try {
      for (const { pipeline, decide } of parts) draft.change(pipeline, decide)
      draft.sign()
    } catch (error) {
      if (!(error instanceof BrokenZone)) {
        await untilSettled(draft.seen)
        throw error
      }
      await error.pipeline.recover()
      continue
    }
    if (draft.isEmpty) await untilSettled(draft.seen)
    else await draft.commit()
    return parts.map(({ pipeline }) => draft.written(pipeline))
  }
}

/** A zone that must be read back first has a say in what is being decided: all is to be decided again then. */
class BrokenZone extends Error {
  override name = 'BrokenZone'
  readonly pipeline: Pipeline
  constructor(pipeline: Pipeline) {
    super('a zone is to be read back')
    this.pipeline = pipeline
  }
}

/** An answer that rests on versions must not go out before they are on disk. */
async function untilSettled(seen: readonly (Pending | undefined)[]): Promise<void> {
  for (const pending of seen) await pending?.settled.catch(error => Promise.reject(failure(String(error.message))))
}

/** A zone within a commit that is being put together. */
interface Draft extends Standing {
  change: Changeset
  /** Holders that differ from what the change says by itself, by `recordKey`. */
  holdings: Map<string, Holding>
  baseline: Baseline | undefined
  stale: Stale | undefined
  prepared: PreparedSignatures | undefined
}

const keyOf = (record: ResourceRecord) => recordKey(record.owner, record.type, record.rdata)

/** What a commit does to each of its zones, nothing of it committed yet. */
class CommitDraft {
  private readonly actor: Actor
  private readonly zones = new Map<Pipeline, Draft>()
  private published = new Map<Pipeline, Written>()

  constructor(actor: Actor) {
    this.actor = actor
  }

  /** The zone as it stands in this commit. */
  readonly standing = (pipeline: Pipeline): Draft => {
    let draft = this.zones.get(pipeline)
    if (!draft) {
      if (pipeline.broken) throw new BrokenZone(pipeline)
      pipeline.requireRoom()
      const { tip, holders } = pipeline
      const change = { deleted: [], added: [] }
      const nothing = { holdings: new Map(), baseline: undefined, stale: undefined, prepared: undefined }
      draft = { base: tip, tip, holders: holders.draft(), change, ...nothing }
      this.zones.set(pipeline, draft)
    }
    return draft
  }

  change(pipeline: Pipeline, decide: Part['decide']): void {
    const draft = this.standing(pipeline)
    this.apply(pipeline, draft, decide(draft.tip, draft.holders, this.standing))
  }

  private apply(pipeline: Pipeline, draft: Draft, decision: Decision): void {
    const { change, version, holdings, baseline, stale, prepared } = decision
    for (const holding of holdings ?? []) draft.holdings.set(keyOf(holding.record), holding)
    draft.baseline = baseline ?? draft.baseline
    draft.stale = stale ?? draft.stale
    draft.prepared = prepared ?? draft.prepared
    const before = draft.tip
    if (!isEmptyChange(change)) {
      draft.tip = version ?? versionAfter(before, change)
      draft.change = isEmptyChange(draft.change) ? change : mergeChanges(draft.change, change)
    }
    draft.holders.follow(change, this.actor.key, holdings)
    if (isEmptyChange(change) && !holdings?.length) return
    const followed = { zone: draft, before, after: draft.tip, change, holdings: holdings ?? [], holders: draft.holders }
    for (const follower of pipeline.followers) this.follow(follower, followed)
  }

  private follow(follower: Follower, followed: Followed): void {
    const own = this.standing(follower.pipeline)
    const decision = follower.follow(followed, own, this.standing)
    if (decision) this.apply(follower.pipeline, own, decision)
  }

  /** Puts on top of every change what it means for the zone's signatures. */
  sign(): void {
    for (const [pipeline, draft] of this.zones) {
      const { signer } = pipeline.options
      if (!signer || isEmptyChange(draft.change)) continue
      const signing = signer.sign(draft.base, draft.tip, draft.change, draft.stale, draft.prepared)
      draft.tip = versionAfter(draft.tip, signing)
      draft.change = mergeChanges(draft.change, signing)
      draft.holders.follow(signing, undefined)
    }
  }

  /** What the zones that were looked at wait for. */
  get seen(): (Pending | undefined)[] {
    return [...this.zones.keys()].map(({ newest }) => newest)
  }

  get isEmpty(): boolean {
    return ![...this.zones.values()].some(isChanged)
  }

  /** Puts every zone's version on top of the one before, commits them all, and publishes them. */
  async commit(): Promise<void> {
    const changed = [...this.zones].filter(([, draft]) => isChanged(draft))
    const pipelines = changed.map(([pipeline]) => pipeline)
    const commits = changed.map(([pipeline, draft]) => this.entry(pipeline, draft))
    const settled = this.store.commitTogether(
      commits,
      // What a zone was only looked at for must be as it was seen.
      [...this.zones]
        .filter(([pipeline, draft]) => !isChanged(draft) && pipeline.newest)
        .map(([pipeline]) => at(pipeline)),
      this.actor.request,
    )
    const pending = changed.map(([pipeline, { tip, change, holders }]) => pipeline.push(tip, change, holders, settled))
    try {
      await this.tracer.span('commit', { attributes: { 'dns.zones': changed.length } }, () => settled)
    } catch (error) {
      for (const [i, pipeline] of pipelines.entries()) pipeline.fail(pending[i]!, pipelines)
      throw failure(`the change could not be stored: ${error instanceof Error ? error.message : error}`)
    }
    this.tracer.span('publish', { attributes: { 'dns.serial': changed[0]![1].tip.serial() } }, () =>
      publishSettled(pipelines.map((pipeline, i) => ({ pipeline, pending: pending[i]! }))),
    )
    for (const [i, pipeline] of pipelines.entries()) {
      pipeline.additions.note(commits[i]!.entry)
      this.published.set(pipeline, pending[i]!)
    }
    for (const [pipeline, written] of this.published) pipeline.options.onPublished?.(written)
  }

  private get tracer(): Tracer {
    return this.zones.keys().next().value!.options.tracer ?? silentTracer
  }

  private get store(): ZoneStore {
    return this.zones.keys().next().value!.options.store
  }

  private entry(pipeline: Pipeline, { base, tip, change, holdings, baseline }: Draft): ZoneCommit {
    const serials = { serialBefore: base.serial(), serialAfter: tip.serial() }
    const entry = {
      change,
      holdings: [...holdings.values()].filter(holding => this.isTold(holding, tip, change)),
      released: change.deleted.map(record => pipeline.holders.of(record)),
      at: pipeline.options.clock.now(),
      ...serials,
      key: this.actor.key,
      source: this.actor.source,
      ...(baseline && { baseline }),
    }
    return { ...at(pipeline), entry }
  }

  /** A record that is gone again by the end of the commit is nobody's; one that is new is the actor's anyway. */
  private isTold({ record, holder }: Holding, tip: ZoneVersion, change: Changeset): boolean {
    if (!holds(tip, record)) return false
    const key = keyOf(record)
    const isNew = change.added.some(one => keyOf(one) === key) && !change.deleted.some(one => keyOf(one) === key)
    return !isNew || holder !== this.actor.key
  }

  /** What came of the zone's part. */
  written(pipeline: Pipeline): Written {
    return this.published.get(pipeline) ?? { version: pipeline.image.latest(), change: { deleted: [], added: [] } }
  }
}

function at({ options, tipRevision }: Pipeline): { zone: number; revision: number } {
  return { zone: options.zone, revision: tipRevision }
}

function isChanged({ change, holdings, baseline }: Draft): boolean {
  return !isEmptyChange(change) || holdings.size > 0 || baseline !== undefined
}

function holds(version: ZoneVersion, { owner, type, rdata }: ResourceRecord): boolean {
  const key = rdataKey(type, rdata)
  return version.rrset(owner, type)?.rdatas.some(one => rdataKey(type, one) === key) ?? false
}
