import { type Delays, type Facet, isEntryPoint, isIn, type KeyRole, type KeyState, signsData } from './state.ts'

/** What keys a zone is to have, and how long each is used. */
export interface KeyPolicy {
  /** The DNSSEC algorithm's number. */
  algorithm: number
  /** A key-signing key and a zone-signing key, instead of one for both. */
  split: boolean
  /** Milliseconds from being in use to being replaced; left out: until somebody asks. */
  lifetime?: Partial<Record<KeyRole, number>>
}

/** What the next step depends on besides the keys. */
export interface Circumstances {
  /** Milliseconds since 1970. */
  now: number
  /** Left out where the zone is not to be signed. */
  policy: KeyPolicy | undefined
  delays: Delays
}

/** The next step in the life of a zone's keys. */
export interface Step<K> {
  keys: readonly K[]
  /** Whether a facet moved, or a key was dropped. */
  changed: boolean
  /** Keys that must be made before the step is complete. */
  create: readonly KeyRole[]
  /** When time alone allows more; undefined where something else must happen first. */
  next: number | undefined
}

/**
 * Moves a zone's keys on as far as is safe now: every set of keys, signatures and DS that a cache may still hold leads on to every other.
 * ZSKs are published before they sign (RFC 7583 §3.2.1), KSKs sign the key set together until the parent's DS has changed (§3.3.1), a
 * CSK does both, and another algorithm brings its signatures before its keys and its DS last, and goes in the other order (RFC 6781
 * §4.1.4). What is decided here is `entering` or `leaving`; `settle` and `observeParent` say when it is so.
 */
export function step<K extends KeyState>(keys: readonly K[], circumstances: Circumstances): Step<K> {
  return new Rollover(keys, circumstances).run()
}

/** What was decided is in every server's zone now. */
export function settle<K extends KeyState>(keys: readonly K[], now: number): K[] {
  return keys.map(key => ({
    ...key,
    publication: settled(key.publication, now),
    signing: settled(key.signing, now),
  }))
}

function settled(facet: Facet, now: number): Facet {
  if (facet.phase === 'entering') return { phase: 'present', since: now }
  return facet.phase === 'leaving' ? { phase: 'gone', since: now } : facet
}

/** Where a DS was seen, of all parents that were asked. */
export type Seen = 'everywhere' | 'somewhere' | 'nowhere'

/** What the parent has; a zone may have several, one for each view. */
export function observeParent<K extends KeyState>(keys: readonly K[], seen: (key: K) => Seen, now: number): K[] {
  return keys.map(key => {
    const phase = isEntryPoint(key) ? phaseSeen(key, seen(key)) : undefined
    return phase ? { ...key, trust: { phase, since: now } } : key
  })
}

/** The phase that a key's DS is in by what was seen of it; undefined where it is in it already. */
function phaseSeen({ trust, retired }: KeyState, seen: Seen): Facet['phase'] | undefined {
  const { phase } = trust
  if (seen === 'nowhere') return phase === 'leaving' ? 'gone' : undefined
  // Somebody was faster than they were asked to be.
  if (phase === 'absent' || phase === 'gone') return retired === undefined ? 'present' : 'leaving'
  return phase === 'entering' && seen === 'everywhere' ? 'present' : undefined
}

/** One step being taken, on copies of the keys. */
class Rollover<K extends KeyState> {
  private keys: K[]
  private readonly now: number
  private readonly policy: KeyPolicy | undefined
  private readonly delays: Delays
  private readonly create: KeyRole[] = []
  private changed = false
  private next: number | undefined

  constructor(keys: readonly K[], { now, policy, delays }: Circumstances) {
    this.keys = keys.map(key => ({ ...key }))
    this.now = now
    this.policy = policy
    this.delays = delays
  }

  run(): Step<K> {
    if (this.policy) this.choose(this.policy)
    else for (const key of this.keys) this.retire(key)
    if (this.create.length === 0) {
      if (this.policy) this.replace()
      else this.withdraw()
      this.purge()
    }
    const { keys, changed, create, next } = this
    return { keys, changed, create, next }
  }

  /** Which keys are to stay, and which are to go. */
  private choose(policy: KeyPolicy): void {
    const roles: readonly KeyRole[] = policy.split ? ['ksk', 'zsk'] : ['csk']
    for (const key of this.keys) this.spend(key, policy)
    for (const key of this.keys)
      if (key.spent || key.algorithm !== policy.algorithm || !roles.includes(key.role)) this.retire(key)
    for (const role of roles) {
      const fitting = this.keys.filter(key => key.role === role && key.algorithm === policy.algorithm && !key.spent)
      const staying = fitting.filter(({ retired }) => retired === undefined).sort(mostUsedFirst)
      const [one, ...others] = staying
      for (const other of others) this.retire(other)
      if (one) continue
      const former = fitting.filter(canReturn).sort(mostUsedFirst)[0]
      if (former) this.revive(former)
      else this.create.push(role)
    }
  }

  /** A key whose time is over gives way, unless one of its role is just doing so. */
  private spend(key: K, { lifetime }: KeyPolicy): void {
    const used = isEntryPoint(key) ? key.trust : key.signing
    const time = lifetime?.[key.role]
    if (key.spent || key.retired !== undefined || time === undefined || used.phase !== 'present') return
    if (this.isRolling(key)) return
    // RFC 7583 §3.2.1: the next is published before, so that it can take over in time.
    if (!this.isPast(used.since + time - this.delays.keys)) return
    key.spent = true
    this.changed = true
  }

  private isRolling({ role, algorithm }: K): boolean {
    return this.keys.some(
      key => key.retired !== undefined && key.role === role && key.algorithm === algorithm && isIn(key.publication),
    )
  }

  private retire(key: K): void {
    if (key.retired !== undefined) return
    key.retired = this.now
    this.changed = true
  }

  private revive(key: K): void {
    delete key.retired
    if (key.trust.phase === 'leaving') key.trust = this.facet('entering')
    this.changed = true
  }

  /** The rules by which what is to stay comes, and what is to go leaves. */
  private replace(): void {
    // What no DS leads to, nobody validates.
    const free = this.keys.every(key => this.isUntrusted(key))
    const unknown = new Set(this.keys.map(({ algorithm }) => algorithm).filter(one => this.isUnknown(one)))
    for (const key of this.staying()) {
      if (key.publication.phase === 'absent' && (free || this.isEstablished(key.algorithm)))
        key.publication = this.facet('entering')
      // Whoever sees its signatures has its DNSKEY; or has no key of the algorithm at all, and so needs none of it.
      const maySign = free || unknown.has(key.algorithm) || this.isKnown(key.publication, this.delays.keys)
      if (signsData(key) && key.signing.phase === 'absent' && maySign) key.signing = this.facet('entering')
      if (isEntryPoint(key) && key.trust.phase === 'absent' && this.mayBeTrusted(key))
        key.trust = this.facet('entering')
    }
    const asked = this.staying().some(({ trust }) => isIn(trust))
    for (const key of this.going()) {
      if (asked && isIn(key.trust)) key.trust = this.facet('leaving')
      if (isIn(key.signing) && this.mayStopSigning(key)) key.signing = this.facet('leaving')
    }
    const leaving = this.going().filter(key => key.publication.phase === 'present' && this.mayLeave(key))
    for (const key of leaving) key.publication = this.facet('leaving')
  }

  /** Without a DS at the parent, and none in any cache, the zone is what it says of itself: all may go at once. */
  private withdraw(): void {
    for (const key of this.keys) if (isIn(key.trust)) key.trust = this.facet('leaving')
    // Evaluated for each, so that `next` is right.
    const free = this.keys.map(key => this.isUntrusted(key)).every(Boolean)
    if (!free) return
    for (const key of this.keys) {
      if (isIn(key.publication)) key.publication = this.facet('leaving')
      if (isIn(key.signing)) key.signing = this.facet('leaving')
    }
  }

  private purge(): void {
    const { zone, keys } = this.delays
    const kept = this.keys.filter(key => {
      if (key.retired === undefined || !this.isUntrusted(key)) return true
      return !(this.isForgotten(key.publication, keys) && this.isForgotten(key.signing, zone))
    })
    if (kept.length === this.keys.length) return
    this.keys = kept
    this.changed = true
  }

  /** Every cached RRset has a signature of the algorithm, so that a key of it may be known (RFC 4035 §2.2). */
  private isEstablished(algorithm: number): boolean {
    return this.of(algorithm).some(key => this.isKnown(key.signing, this.delays.zone))
  }

  /** Nobody knows a key of the algorithm. */
  private isUnknown(algorithm: number): boolean {
    return this.of(algorithm).every(({ publication }) => this.isForgotten(publication, this.delays.keys))
  }

  /** RFC 7344 §4.1: what the DS leads to must work for everybody already. */
  private mayBeTrusted(key: K): boolean {
    const { keys, zone } = this.delays
    return (
      this.isKnown(key.publication, keys) &&
      this.of(key.algorithm).some(one => this.isKnown(one.signing, zone) && this.isKnown(one.publication, keys))
    )
  }

  /** Another key of the algorithm signs in its place; or nobody knows a key of the algorithm any more. */
  private mayStopSigning(key: K): boolean {
    const staying = this.staying().filter(({ algorithm }) => algorithm === key.algorithm)
    if (staying.length > 0) return staying.some(({ signing }) => isIn(signing))
    return this.isUnknown(key.algorithm)
  }

  private mayLeave(key: K): boolean {
    const stays = this.staying().some(({ algorithm }) => algorithm === key.algorithm)
    // Those of an algorithm that goes stay until no DS of it is left: its signatures are still there (RFC 6781 §4.1.4).
    const trusted = (stays ? [key] : this.of(key.algorithm)).some(one => !this.isUntrusted(one))
    if (trusted || (stays && !this.isForgotten(key.signing, this.delays.zone))) return false
    return this.staying().some(other => isEntryPoint(other) && this.mayBeTrusted(other))
  }

  /** No cache holds its DS. */
  private isUntrusted({ trust }: K): boolean {
    return this.isForgotten(trust, this.delays.parent)
  }

  private of(algorithm: number): K[] {
    return this.keys.filter(key => key.algorithm === algorithm)
  }

  private staying(): K[] {
    return this.keys.filter(({ retired }) => retired === undefined)
  }

  private going(): K[] {
    return this.keys.filter(({ retired }) => retired !== undefined)
  }

  private facet(phase: Facet['phase']): Facet {
    this.changed = true
    return { phase, since: this.now }
  }

  /** Whether every cache that holds such a thing holds this one. */
  private isKnown({ phase, since }: Facet, delay: number): boolean {
    return phase === 'present' && this.isPast(since + delay)
  }

  /** Whether no cache holds it. */
  private isForgotten({ phase, since }: Facet, delay: number): boolean {
    return phase === 'absent' || (phase === 'gone' && this.isPast(since + delay))
  }

  private isPast(time: number): boolean {
    if (time <= this.now) return true
    this.next = Math.min(this.next ?? time, time)
    return false
  }
}

/** A key that was to go may stay as long as nothing of it has begun to. */
function canReturn({ publication, signing, trust }: KeyState): boolean {
  return trust.phase !== 'gone' && [publication, signing].every(facet => facet.phase === 'absent' || isIn(facet))
}

function mostUsedFirst(a: KeyState, b: KeyState): number {
  return useOf(b) - useOf(a) || a.created - b.created
}

function useOf(key: KeyState): number {
  return [key.trust, key.signing, key.publication].filter(isIn).length
}
