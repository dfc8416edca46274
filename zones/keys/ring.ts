import type { KeyObject } from 'node:crypto'
import type { SigningKey } from '../../dns/dnssec.ts'
import { type Name, printName } from '../../dns/name.ts'
import { equalOctets } from '../../dns/record.ts'
import type { Clock, Timer } from '../../host/clock.ts'
import type { Log } from '../../host/log.ts'
import type { ActiveKeys } from '../sign/signatures.ts'
import { type KeyFiles, type StoredRing, writeRing } from './file.ts'
import { type ZoneKey, zoneKey } from './key.ts'
import { isMoving, shownOf, tellMoves } from './moves.ts'
import { type AskParents, seenAt } from './parent.ts'
import { cdnskeyRdatas, cdsRdatas, dnskeyRdatas } from './rdata.ts'
import { type KeyPolicy, observeParent, type Seen, type Step, settle, step } from './roll.ts'
import { type Delays, isEntryPoint, isIn, isInUse, type KeyRole, signsData } from './state.ts'

/** How long what a zone and its parent say takes to be known, in milliseconds (RFC 7583 §3.1). */
export interface Lags {
  /** From a change of the zone to all its servers. */
  propagation: number
  /** From a change of the parent to all its servers. */
  parentPropagation: number
  /** The TTL of the DS at the parent, at the least. */
  dsTtl: number
}

/** One of the zones that a ring's keys sign: that of its name in one view. */
export interface RingMember {
  /** Left out where the zone is not to be signed any more. */
  policy?: KeyPolicy & { lags: Lags }
  /** The zone is to show what the ring has now. */
  wake(): void
}

/** What a ring needs of the world. */
export interface RingDependencies {
  files: KeyFiles
  clock: Clock
  log: Log
  askParents?: AskParents | undefined
  /** A new private key. */
  newKey: (algorithm: number) => Promise<KeyObject>
  /** While true, zones come and go, and nothing is decided. */
  held: () => boolean
}

/** Why a ring can't do what an operator asks. */
export class KeyRequestError extends Error {
  override name = 'KeyRequestError'
  readonly code = 'key-request'
}

/** TTL of DNSKEY, CDS, CDNSKEY and NSEC3PARAM, in seconds. */
export const KEY_TTL = 3600
/** Between two questions to the parent. */
const ASK_EVERY = 3_600_000
const RETRY = 60_000

/**
 * The keys of one zone name, which all views with a zone of that name share: its parent has one DS RRset for all of them. What is decided
 * of them is on disk before any zone shows it, and counts as done once all zones of the name show it.
 */
export class KeyRing {
  readonly origin: Name
  private readonly deps: RingDependencies
  private readonly log: Log
  private readonly members = new Map<string, RingMember & { shown?: number; longestTtl: number }>()
  /** Replaced by `save` alone, by assignment, once it is on disk. */
  private stored: StoredRing
  /** Rises when zones are to show something else. */
  revision = 0
  private turn: Promise<unknown> = Promise.resolve()
  private timer: Timer | undefined
  private next: number | undefined
  private asked: number | undefined
  /** A TTL that came while the file was being written. */
  private raised = 0

  constructor(origin: Name, stored: StoredRing | undefined, deps: RingDependencies) {
    this.origin = origin
    this.deps = deps
    this.log = deps.log.child({ zone: printName(origin) })
    this.stored = stored ?? { keys: [], longestTtl: 0, keyTtl: KEY_TTL, parentKnown: false, lags: NO_LAGS }
  }

  get keys(): readonly ZoneKey[] {
    return this.stored.keys
  }

  /** What the keys do now. */
  active(): ActiveKeys {
    const signing = (keys: readonly ZoneKey[]): SigningKey[] =>
      keys.map(({ algorithm, keyTag, privateKey }) => ({ signer: this.origin, algorithm, keyTag, privateKey }))
    return {
      zone: signing(this.keys.filter(key => signsData(key) && isIn(key.signing))),
      keySet: signing(this.keys.filter(key => isEntryPoint(key) && isIn(key.publication))),
    }
  }

  dnskeys(): Uint8Array[] {
    return dnskeyRdatas(this.keys)
  }

  cdnskeys(): Uint8Array[] {
    return cdnskeyRdatas(this.keys)
  }

  cds(): Uint8Array[] {
    return cdsRdatas(this.origin, this.keys)
  }

  /** Whether the DNSKEY is one of these. */
  has(dnskey: Uint8Array): boolean {
    return this.keys.some(key => equalOctets(key.dnskey, dnskey))
  }

  /** Whether zones with these keys may still be out there. */
  get isUsed(): boolean {
    return this.keys.some(({ publication }) => isIn(publication) || publication.phase === 'leaving')
  }

  /** Whether the zone is to be signed, as far as any view's config says. */
  get policy(): RingMember['policy'] {
    for (const { policy } of this.members.values()) if (policy) return policy
    return undefined
  }

  get delays(): Delays {
    const { longestTtl, keyTtl, lags } = this.stored
    const { propagation, parentPropagation, dsTtl } = this.policy?.lags ?? lags
    return {
      zone: longestTtl * 1000 + propagation,
      keys: keyTtl * 1000 + propagation,
      parent: Math.max(dsTtl, lags.dsTtl) + parentPropagation,
    }
  }

  /** When time alone lets the keys move on. */
  get nextStep(): number | undefined {
    return this.next
  }

  /** A zone is signed with these keys from now on; the view's former one is replaced. */
  async join(view: string, member: RingMember): Promise<void> {
    this.members.set(view, { ...member, longestTtl: this.stored.longestTtl })
    // A zone that nobody knows to be signed has nothing to lose.
    await this.advance(!this.isUsed && member.policy !== undefined)
  }

  /** The view's zone is gone, or signed no more. */
  leave(view: string): void {
    this.members.delete(view)
    if (this.members.size === 0) this.timer?.cancel()
  }

  /** The view's zone shows all of this revision, and no TTL in it is longer, in seconds. */
  report(view: string, revision: number, longestTtl: number): Promise<void> {
    const member = this.members.get(view)
    if (!member) return Promise.resolve()
    member.shown = revision
    member.longestTtl = longestTtl
    return this.advance()
  }

  /** A TTL that is longer than all before. */
  noticeTtl(ttl: number): void {
    if (ttl <= this.stored.longestTtl) return
    // At once, for what is decided from here on; on disk before the next decision is.
    this.stored = { ...this.stored, longestTtl: ttl }
    this.raised = ttl
  }

  /** Does what may be done now, and sees to it that the rest is when it may. Rejects where the disk fails. */
  advance(forced = false): Promise<void> {
    return this.exclusive(() => this.go(forced))
  }

  /** Lets other keys take the place of these, or of the one with that tag. Throws KeyRequestError. */
  rollover(tag?: number): Promise<void> {
    return this.exclusive(async () => {
      const chosen = this.keys.filter(key => key.retired === undefined && (tag === undefined || key.keyTag === tag))
      if (chosen.length === 0)
        throw new KeyRequestError(tag === undefined ? 'the zone has no keys' : `no key ${tag} is in use`)
      const going = this.keys.find(key => key.retired !== undefined && isIn(key.publication))
      if (going) throw new KeyRequestError(`the rollover of key ${going.keyTag} is not over yet`)
      const idle = chosen.find(key => !isInUse(key))
      if (idle) throw new KeyRequestError(`key ${idle.keyTag} is not in use yet`)
      await this.save({ keys: this.keys.map(key => (chosen.includes(key) ? { ...key, spent: true } : key)) })
      await this.go()
    })
  }

  /** The parent has, as somebody has seen, just what the zone asks it for. Throws KeyRequestError. */
  dsSeen(): Promise<void> {
    return this.exclusive(async () => {
      if (!this.isWaitingForParent) throw new KeyRequestError('nothing is waiting for the parent')
      await this.observe(key => (isIn(key.trust) ? 'everywhere' : 'nowhere'))
      await this.go()
    })
  }

  /**
   * Takes over keys with which the zone was signed elsewhere, in place of its own, of which nobody knows yet. `keyTtl` is how long caches
   * may have held their DNSKEYs, in seconds. Throws KeyRequestError.
   */
  adopt(keys: readonly ZoneKey[], keyTtl: number): Promise<void> {
    return this.exclusive(async () => {
      if (!this.policy) throw new KeyRequestError('the zone is not to be signed: give it dnssec: { sign: true } first')
      if (this.keys.some(({ trust }) => trust.phase !== 'absent'))
        throw new KeyRequestError('the zone has keys that its parent may know: unsign it first')
      const since = this.deps.clock.now()
      const inUse = (key: ZoneKey): ZoneKey => ({
        ...key,
        publication: { phase: 'entering', since },
        signing: signsData(key) ? { phase: 'entering', since } : key.signing,
        trust: isEntryPoint(key) ? { phase: 'present', since } : key.trust,
      })
      await this.save({ keys: keys.map(inUse), keyTtl: Math.max(keyTtl, KEY_TTL) })
      this.show()
    })
  }

  get isWaitingForParent(): boolean {
    return this.keys.some(({ trust }) => trust.phase === 'entering' || trust.phase === 'leaving')
  }

  /** One after the other: what is decided rests on what is on disk. */
  private exclusive<T>(task: () => Promise<T>): Promise<T> {
    const done = this.turn.then(task)
    this.turn = done.catch(() => {})
    return done
  }

  private async go(forced = false): Promise<void> {
    if (this.members.size === 0 || (this.deps.held() && !forced)) return
    await this.settle()
    while (await this.decide());
    this.schedule()
    if (!this.deps.held()) void this.ask().catch(this.retry)
  }

  /** What every zone shows counts from now on. */
  private async settle(): Promise<void> {
    const members = [...this.members.values()]
    const whole = members.every(({ shown }) => shown === this.revision)
    const longestTtl = whole ? Math.max(...members.map(one => one.longestTtl)) : this.stored.longestTtl
    const moving = this.keys.some(isMoving)
    if (whole && moving) await this.save({ keys: settle(this.keys, this.deps.clock.now()), longestTtl })
    else if (longestTtl !== this.stored.longestTtl) await this.save({ longestTtl })
  }

  /** Takes one step; false where there is nothing to do now. */
  private async decide(): Promise<boolean> {
    const circumstances = { now: this.deps.clock.now(), policy: this.policy, delays: this.delays }
    let taken = step(this.keys, circumstances)
    const { create } = taken
    if (create.length > 0) taken = step(await this.withNew(taken), circumstances)
    this.next = taken.next
    if (!taken.changed && create.length === 0) return false
    const before = this.keys
    await this.save({ keys: taken.keys, lags: this.policy?.lags ?? this.stored.lags })
    this.tell(before)
    if (shownOf(before) !== shownOf(this.keys)) this.show()
    return true
  }

  private async withNew({ keys, create }: Step<ZoneKey>): Promise<ZoneKey[]> {
    const all = [...keys]
    for (const role of create) all.push(await this.newKey(role, all))
    return all
  }

  /** A key whose tag none of the others has, for a signature names its key by the tag alone (RFC 4034 §3.1.6). */
  private async newKey(role: KeyRole, others: readonly ZoneKey[]): Promise<ZoneKey> {
    const { algorithm } = this.policy!
    for (;;) {
      const key = zoneKey(role, algorithm, await this.deps.newKey(algorithm), this.deps.clock.now())
      if (!others.some(other => other.keyTag === key.keyTag)) return key
    }
  }

  private show(): void {
    this.revision++
    for (const member of this.members.values()) member.wake()
  }

  private async save(changes: Partial<StoredRing>): Promise<void> {
    const stored = { ...this.stored, ...changes }
    this.raised = 0
    await writeRing(this.deps.files, this.origin, stored)
    this.stored = { ...stored, longestTtl: Math.max(stored.longestTtl, this.raised) }
  }

  private schedule(): void {
    this.timer?.cancel()
    const { clock } = this.deps
    const times = [
      this.next,
      this.deps.askParents && this.isWaitingForParent ? (this.asked ?? 0) + ASK_EVERY : undefined,
    ]
    const next = Math.min(...times.filter(time => time !== undefined))
    if (!Number.isFinite(next)) return
    this.timer = clock.after(Math.max(next - clock.now(), 0), () => void this.advance().catch(this.retry))
  }

  private readonly retry = (error: Error): void => {
    this.log.error({ reason: error.message }, 'the keys could not move on')
    this.timer?.cancel()
    this.timer = this.deps.clock.after(RETRY, () => void this.advance().catch(this.retry))
  }

  private async ask(): Promise<void> {
    const { askParents, clock } = this.deps
    if (!askParents || !this.isWaitingForParent || clock.now() < (this.asked ?? 0) + ASK_EVERY) return
    this.asked = clock.now()
    this.schedule()
    const parents = await askParents(this.origin).catch(() => [])
    const seen = seenAt(this.origin, parents)
    const found = this.keys.some(key => seen(key) !== 'nowhere')
    // That there is no DS counts only where one has been seen from here: others may be asked than those who validate.
    if (!found && (parents.length === 0 || !this.stored.parentKnown)) return
    await this.exclusive(async () => {
      const { lags } = this.stored
      const dsTtl = Math.max(lags.dsTtl, ...parents.map(({ ttl }) => ttl))
      await this.observe(seen, { lags: { ...lags, dsTtl }, parentKnown: true })
      await this.go()
    })
  }

  private async observe(seen: (key: ZoneKey) => Seen, changes: Partial<StoredRing> = {}): Promise<void> {
    const before = this.keys
    await this.save({ ...changes, keys: observeParent(before, seen, this.deps.clock.now()) })
    this.tell(before)
  }

  private tell(before: readonly ZoneKey[]): void {
    tellMoves(this.log, before, this.keys)
    const asked = (keys: readonly ZoneKey[]) => String(cdsRdatas(this.origin, keys))
    if (asked(before) !== asked(this.keys) && this.isWaitingForParent)
      this.log.warn({}, 'the parent zone is to have another DS: see `zone dnssec`, and CDS')
  }
}

const NO_LAGS: Lags = { propagation: 0, parentPropagation: 0, dsTtl: 0 }
