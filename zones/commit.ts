import type { ResourceRecord } from '../dns/record.ts'
import { type Changeset, isEmptyChange, mergeChanges, rdataKey, recordKey } from './change.ts'
import type { Holders, Holding } from './holders.ts'
import {
  type Decision,
  type Followed,
  type Follower,
  failure,
  type Pending,
  type Pipeline,
  type Standing,
  type Written,
} from './pipeline.ts'
import type { Baseline, ZoneCommit, ZoneStore } from './store.ts'
import type { ZoneVersion } from './zone.ts'

/** Who changes a zone, for its journal. */
export interface Actor {
  /** The TSIG key, as `keyText` has it: holder of what it adds. */
  key: string | undefined
  /** An address, "file", a user. */
  source: string
}

/** One of the zones to be changed, and how. */
export interface Part {
  pipeline: Pipeline
  decide: (tip: ZoneVersion, holders: Holders) => Decision
}

/**
 * Changes several zones, and those that follow them, in one commit: all or none on disk, and published together before this resolves.
 * Every part is decided on the newest version of its zone. What `decide` throws is thrown here, once what it saw is on disk; where the
 * disk fails it is SERVFAIL, and every zone is as it was.
 */
export async function commitTogether(actor: Actor, parts: readonly Part[]): Promise<Written[]> {
  let reached = reachedBy(parts)
  for (let broken = brokenOf(reached); broken; broken = brokenOf(reached)) {
    await broken.recover()
    reached = reachedBy(parts)
  }
  for (const pipeline of reached) pipeline.requireRoom()
  // No await from here until the commit is on its way: what is decided is what is put on top.
  const seen = reached.map(({ newest }) => newest)
  const draft = new CommitDraft(actor)
  try {
    for (const { pipeline, decide } of parts) draft.change(pipeline, decide)
  } catch (error) {
    await untilSettled(seen)
    throw error
  }
  if (draft.isEmpty) await untilSettled(seen)
  else await draft.commit()
  return parts.map(({ pipeline }) => draft.written(pipeline))
}

/** Every zone that the parts may change. */
function reachedBy(parts: readonly Part[]): Pipeline[] {
  const reached = new Set<Pipeline>()
  for (const { pipeline } of parts) reach(pipeline, reached)
  return [...reached]
}

function reach(pipeline: Pipeline, into: Set<Pipeline>): void {
  if (into.has(pipeline)) return
  into.add(pipeline)
  for (const follower of pipeline.followers) reach(follower.pipeline, into)
}

function brokenOf(pipelines: readonly Pipeline[]): Pipeline | undefined {
  return pipelines.find(({ broken }) => broken)
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
      const { tip, holders } = pipeline
      const change = { deleted: [], added: [] }
      draft = { base: tip, tip, holders: holders.draft(), change, holdings: new Map(), baseline: undefined }
      this.zones.set(pipeline, draft)
    }
    return draft
  }

  change(pipeline: Pipeline, decide: Part['decide']): void {
    const draft = this.standing(pipeline)
    this.apply(pipeline, draft, decide(draft.tip, draft.holders))
  }

  private apply(pipeline: Pipeline, draft: Draft, { change, version, holdings, baseline }: Decision): void {
    for (const holding of holdings ?? []) draft.holdings.set(keyOf(holding.record), holding)
    draft.baseline = baseline ?? draft.baseline
    const before = draft.tip
    if (!isEmptyChange(change)) {
      draft.tip = version ?? pipeline.withChange(before, change)
      draft.change = isEmptyChange(draft.change) ? change : mergeChanges(draft.change, change)
    }
    draft.holders.follow(change, this.actor.key, holdings)
    if (isEmptyChange(change) && !holdings?.length) return
    const followed = { before, after: draft.tip, change, holdings: holdings ?? [], holders: draft.holders }
    for (const follower of pipeline.followers) this.follow(follower, followed)
  }

  private follow(follower: Follower, followed: Followed): void {
    const own = this.standing(follower.pipeline)
    const decision = follower.follow(followed, own, this.standing)
    if (decision) this.apply(follower.pipeline, own, decision)
  }

  get isEmpty(): boolean {
    return ![...this.zones.values()].some(isChanged)
  }

  /** Puts every zone's version on top of the one before, commits them all, and publishes them. */
  async commit(): Promise<void> {
    const changed = [...this.zones].filter(([, draft]) => isChanged(draft))
    const pipelines = changed.map(([pipeline]) => pipeline)
    const settled = this.store.commitTogether(
      changed.map(([pipeline, draft]) => this.entry(pipeline, draft)),
      // What a zone was only looked at for must be as it was seen.
      [...this.zones]
        .filter(([pipeline, draft]) => !isChanged(draft) && pipeline.newest)
        .map(([pipeline]) => at(pipeline)),
    )
    const pending = changed.map(([pipeline, { tip, change, holders }]) => pipeline.push(tip, change, holders, settled))
    try {
      await settled
    } catch (error) {
      for (const [i, pipeline] of pipelines.entries()) pipeline.fail(pending[i]!, pipelines)
      throw failure(`the change could not be stored: ${error instanceof Error ? error.message : error}`)
    }
    for (const [i, pipeline] of pipelines.entries()) this.published.set(pipeline, pipeline.publish(pending[i]!))
    for (const [pipeline, written] of this.published) pipeline.options.onPublished?.(written)
  }

  private get store(): ZoneStore {
    return this.zones.keys().next().value!.options.store
  }

  private entry(pipeline: Pipeline, { base, tip, change, holdings, baseline }: Draft): ZoneCommit {
    const serials = { serialBefore: base.serial(), serialAfter: tip.serial() }
    const entry = {
      change,
      // A record that is gone again by the end of the commit is nobody's.
      holdings: [...holdings.values()].filter(({ record }) => holds(tip, record)),
      released: change.deleted.map(record => pipeline.holders.of(record)),
      at: pipeline.options.clock.now(),
      ...serials,
      ...this.actor,
      ...(baseline && { baseline }),
    }
    return { ...at(pipeline), entry }
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
