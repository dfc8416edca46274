import { isDeepStrictEqual } from 'node:util'
import type { NegativeTrustAnchor as ShownAnchor, Validation } from '../../cli/replies.ts'
import type { Config } from '../../config/schema.ts'
import { keyTag, Rrsig } from '../../dns/dnssec.ts'
import { equalNames, type Name, printName, ROOT } from '../../dns/name.ts'
import { printRdata, typeName } from '../../dns/types.ts'
import type { Clock, Timer } from '../../host/clock.ts'
import type { Log } from '../../host/log.ts'
import type { Resolver } from '../../resolver/resolver.ts'
import { type NegativeTrustAnchor, type Trust, type TrustAnchor, withBuiltIn } from '../../resolver/validate/anchors.ts'
import { dnskeySet, trustKeys, usablePointers } from '../../resolver/validate/delegation.ts'
import type { RootProbe } from '../../resolver/validate/probe.ts'
import { anchorsAfter, follow, seenIn, type TrackedKey, untilNextProbe } from '../../resolver/validate/rollover.ts'
import { type SignedSet, signedSets } from '../../resolver/validate/rrsets.ts'
import { Work } from '../../resolver/validate/work.ts'
import { readTrustState, type TrustFiles, type TrustState, writeTrustState } from './trust-state.ts'

/** What the keeper of trust works with. */
export interface TrustDeps {
  config: Config
  files: TrustFiles
  clock: Clock
  log: Log
  /** Asks every upstream that validation relies on for the root's keys. */
  probe: () => Promise<RootProbe[]>
  /** Trust is not what it was: serving threads are to hear of it. */
  changed: () => void
}

/** RFC 7646 §2 would have negative anchors short: a command's last an hour unless it says otherwise, and a week at most. */
export const NEGATIVE_ANCHOR_LIFE = { usual: 3_600_000, most: 7 * 86_400_000 }
const FIRST_RETRY = 60_000
const HOUR = 3_600_000

/**
 * What is trusted: the configured anchors, the root's keys as they change (RFC 5011), negative anchors (RFC 7646). Kept on disk; changed
 * here alone, in the main thread.
 */
export class TrustKeeper {
  private readonly deps: TrustDeps
  private config: Config
  private state: TrustState
  private problems: string[] = []
  private timer: Timer | undefined
  private failures = 0
  /** Since the start; before, failures are tried again soon. */
  private succeeded = false
  private closed = false

  private constructor(deps: TrustDeps, state: TrustState) {
    this.deps = deps
    this.config = deps.config
    this.state = state
  }

  /** Takes up what was kept. Rejects where the file can't be read. */
  static async open(deps: TrustDeps): Promise<TrustKeeper> {
    const keeper = new TrustKeeper(deps, await readTrustState(deps.files, deps.log))
    await keeper.configure(deps.config)
    return keeper
  }

  /** Plain data for serving threads. */
  get trust(): Trust {
    const configured = withBuiltIn(this.config.trust_anchors)
    const [root, others] = [configured.filter(isRoot), configured.filter(anchor => !isRoot(anchor))]
    const negative = this.negative().map(({ zone, until }) => ({ zone, until }))
    return { anchors: [...anchorsAfter(root, this.state.keys), ...others], negative }
  }

  /** Another configuration: other anchors of the root begin anew. */
  async configure(config: Config): Promise<void> {
    this.config = config
    const root = printAnchors(withBuiltIn(config.trust_anchors).filter(isRoot))
    if (isDeepStrictEqual(root, this.state.configured)) return
    await this.keep({ ...this.state, configured: root, keys: [] })
  }

  /** Begins to follow the root's keys. */
  start(): void {
    void this.refresh()
  }

  /** Asks for the root's keys again, some time from now. */
  private again(ms: number): void {
    if (this.closed) return
    this.timer?.cancel()
    this.timer = this.deps.clock.after(ms, () => void this.refresh())
  }

  /** RFC 5011 §2.3. Never rejects. */
  async refresh(): Promise<void> {
    try {
      const probes = await this.deps.probe()
      if (this.closed) return
      this.judge(probes)
      const wait = probes.length === 0 ? HOUR : await this.takeOver(probes)
      this.again(wait)
    } catch (error) {
      this.deps.log.error({ error: String(error) }, "the root's keys could not be followed")
      this.again(HOUR)
    }
  }

  /** Says once of each upstream that it can't be validated by. */
  private judge(probes: readonly RootProbe[]): void {
    const problems = probes.flatMap(probe => problemOf(probe) ?? [])
    for (const problem of problems) if (!this.problems.includes(problem)) this.deps.log.error({}, problem)
    this.problems = problems
  }

  /** Gives the milliseconds until the next refresh. */
  private async takeOver(probes: readonly RootProbe[]): Promise<number> {
    const set = probes.map(({ answer }) => answer && this.proved(signedSets(answer))).find(found => found !== undefined)
    if (!set) {
      this.failures++
      return this.succeeded ? HOUR : Math.min(HOUR, FIRST_RETRY * 2 ** (this.failures - 1))
    }
    this.succeeded = true
    const { clock, log } = this.deps
    const before = this.trust
    const configured = withBuiltIn(this.config.trust_anchors).filter(isRoot)
    const seen = seenIn(set, Math.floor(clock.now() / 1000))
    const keys = follow(this.state.keys, seen, configured, clock.now())
    if (!isDeepStrictEqual(keys, this.state.keys)) await this.keep({ ...this.state, keys })
    if (!isDeepStrictEqual(before, this.trust)) {
      log.warn({ keys: describeKeys(keys) }, "the root's trust anchors have changed (RFC 5011)")
      this.deps.changed()
    }
    return untilNextProbe(set.ttl, signatureLife(set), true)
  }

  /** The DNSKEY RRset, where the present anchors prove it. */
  private proved(sets: readonly SignedSet[]): SignedSet | undefined {
    const set = dnskeySet(sets, ROOT)
    const { usable } = usablePointers(this.trust.anchors.filter(isRoot))
    if (!set || usable.length === 0) return undefined
    const now = Math.floor(this.deps.clock.now() / 1000)
    const trusted = trustKeys(ROOT, set, usable, now, new Work())
    if (!('status' in trusted)) return set
    this.problems.push(`the root's keys are not proved by any trust anchor: ${trusted.reason}`)
    return undefined
  }

  /** The negative anchors that stand. */
  private negative(): (NegativeTrustAnchor & { why?: string; source: ShownAnchor['source'] })[] {
    const now = this.deps.clock.now()
    const configured = this.config.negative_trust_anchors.map(({ name, until, why }) => ({
      ...{ zone: name, until, source: 'config' as const },
      ...(why !== undefined && { why }),
    }))
    const commanded = this.state.negative.map(one => ({ ...one, source: 'command' as const }))
    return [...configured, ...commanded].filter(({ until }) => now < until)
  }

  listNegative(): ShownAnchor[] {
    return this.negative().map(({ zone, until, why, source }) => ({
      ...{ zone: printName(zone), until: new Date(until).toISOString() },
      ...(why !== undefined && { why }),
      source,
    }))
  }

  /** A zone is taken for unsigned for `ms` from now; in place of what a command said of it before. */
  async addNegative(zone: Name, ms: number, why?: string): Promise<ShownAnchor> {
    const until = this.deps.clock.now() + Math.min(ms, NEGATIVE_ANCHOR_LIFE.most)
    const others = this.state.negative.filter(one => !equalNames(one.zone, zone))
    await this.keep({ ...this.state, negative: [...others, { zone, until, ...(why !== undefined && { why }) }] })
    this.deps.log.warn(
      { zone: printName(zone), until: new Date(until).toISOString() },
      'a negative trust anchor begins',
    )
    this.deps.changed()
    return this.listNegative().findLast(one => one.zone === printName(zone))!
  }

  /** Whether there was one that a command has made. */
  async removeNegative(zone: Name): Promise<boolean> {
    const others = this.state.negative.filter(one => !equalNames(one.zone, zone))
    if (others.length === this.state.negative.length) return false
    await this.keep({ ...this.state, negative: others })
    this.deps.log.info({ zone: printName(zone) }, 'a negative trust anchor ends')
    this.deps.changed()
    return true
  }

  report(): Validation {
    return {
      anchors: printAnchors(this.trust.anchors),
      root_keys: describeKeys(this.state.keys),
      negative: this.listNegative(),
      problems: this.problems,
    }
  }

  /** Durable first, then in force. */
  private async keep(state: TrustState): Promise<void> {
    const now = this.deps.clock.now()
    const kept = { ...state, negative: state.negative.filter(({ until }) => now < until) }
    await writeTrustState(this.deps.files, kept)
    this.state = kept
  }

  close(): void {
    this.closed = true
    this.timer?.cancel()
  }
}

/** Every upstream that the views' validation relies on is asked once, whatever the number of views. */
export async function probeRootOnce(views: Iterable<{ resolver: Pick<Resolver, 'probeRoot'> }>): Promise<RootProbe[]> {
  const probes = await Promise.all(Array.from(views, ({ resolver }) => resolver.probeRoot()))
  return [...new Map(probes.flat().map(probe => [probe.upstream, probe])).values()]
}

function isRoot({ zone }: TrustAnchor): boolean {
  return zone.length === ROOT.length
}

function printAnchors(anchors: readonly TrustAnchor[]): string[] {
  return anchors.map(({ zone, type, rdata }) => `${printName(zone)} ${typeName(type)} ${printRdata(type, rdata)}`)
}

function describeKeys(keys: readonly TrackedKey[]): string[] {
  return keys.map(({ dnskey, state, since }) => `${keyTag(dnskey)} ${state} since ${new Date(since).toISOString()}`)
}

/** Seconds from the beginning to the end of the signatures over the keys. */
function signatureLife({ signatures }: SignedSet): number {
  return Math.min(...signatures.map(rrsig => Rrsig.expiration(rrsig) - Rrsig.inception(rrsig)))
}

function problemOf({ upstream, answer }: RootProbe): string | undefined {
  if (!answer) return undefined
  const set = dnskeySet(signedSets(answer), ROOT)
  if (!set) return `upstream ${upstream} does not tell the root's keys: nothing that it answers can be validated`
  if (set.signatures.length > 0) return undefined
  return `upstream ${upstream} strips DNSSEC: the root's keys come without signatures, so nothing that it answers can be validated`
}
