import { KeyFlag, VerifyingKey, verifyWithKey } from '../../dns/dnssec.ts'
import { type Name, ROOT } from '../../dns/name.ts'
import { equalOctets } from '../../dns/record.ts'
import { Type } from '../../dns/types.ts'
import type { KeyPointer, TrustAnchor } from './anchors.ts'
import { pointsAt } from './delegation.ts'
import type { SignedSet } from './rrsets.ts'

/** Where a key of the root stands (RFC 5011 §4.2; "Start" is a key that is not tracked). */
export type KeyState = 'pending' | 'valid' | 'missing' | 'revoked' | 'removed'

/** A key of the root, its REVOKE flag clear, and since when it stands there, in milliseconds since 1970. */
export interface TrackedKey {
  dnskey: Uint8Array
  state: KeyState
  since: number
}

/** The keys of a validated DNSKEY RRset that could be trust anchors; those revoked with their flag cleared. */
export interface SeenKeys {
  present: readonly Uint8Array[]
  revoked: readonly Uint8Array[]
}

const DAY = 86_400_000
/** RFC 5011 §2.4.1, §2.4.2: 30 days, or the TTL of the keys where that is longer; no TTL here is. */
export const HOLD_DOWN = 30 * DAY
const HOUR = 3_600_000

/** RFC 5011 §2.1, §3: entry points, and revocations that the key itself has signed. `now` is in seconds since 1970. */
export function seenIn(set: SignedSet, now: number): SeenKeys {
  const keys = set.rdatas.map(rdata => new VerifyingKey(rdata)).filter(key => key.isZoneKey && key.flags & KeyFlag.SEP)
  const signsItself = (key: VerifyingKey) =>
    set.signatures.some(signature => verifyWithKey(set, signature, key, now) === undefined)
  return {
    present: keys.filter(key => !key.isRevoked).map(key => key.rdata),
    revoked: keys.filter(key => key.isRevoked && signsItself(key)).map(key => unrevoked(key.rdata)),
  }
}

/** DNSKEY's flags are its first two octets. */
function unrevoked(dnskey: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(dnskey)
  copy[1] = copy[1]! & ~KeyFlag.REVOKE
  return copy
}

/** The next states, by RFC 5011 §4.1, of the keys tracked so far. Those that `anchors` point at are valid at once. */
export function follow(
  tracked: readonly TrackedKey[],
  seen: SeenKeys,
  anchors: readonly KeyPointer[],
  now: number,
): TrackedKey[] {
  const has = (keys: readonly Uint8Array[], dnskey: Uint8Array) => keys.some(other => equalOctets(other, dnskey))
  const known = tracked.flatMap(key => {
    const state = nextState(key, has(seen.present, key.dnskey), has(seen.revoked, key.dnskey), now)
    if (state === undefined) return []
    return [state === key.state ? key : { ...key, state, since: now }]
  })
  const isNew = (dnskey: Uint8Array) => !tracked.some(key => equalOctets(key.dnskey, dnskey))
  const added = seen.present.filter(isNew).map(dnskey => {
    const trusted = anchors.some(anchor => pointsAt(anchor, new VerifyingKey(dnskey), ROOT))
    return { dnskey, state: trusted ? 'valid' : 'pending', since: now } as const
  })
  const revoked = seen.revoked.filter(isNew).map(dnskey => ({ dnskey, state: 'revoked', since: now }) as const)
  return [...known, ...added, ...revoked]
}

/** Undefined where the key is forgotten (Start). */
function nextState(
  { state, since }: TrackedKey,
  present: boolean,
  revoked: boolean,
  now: number,
): KeyState | undefined {
  switch (state) {
    case 'pending':
      if (revoked || !present) return undefined
      return now - since >= HOLD_DOWN ? 'valid' : 'pending'
    case 'valid':
    case 'missing':
      if (revoked) return 'revoked'
      return present ? 'valid' : 'missing'
    case 'revoked':
      return !revoked && now - since >= HOLD_DOWN ? 'removed' : 'revoked'
    case 'removed':
      return 'removed'
  }
}

/** The root's anchors: those configured that were not revoked, and the keys that have become valid since. */
export function anchorsAfter(configured: readonly TrustAnchor[], tracked: readonly TrackedKey[]): TrustAnchor[] {
  const gone = tracked.filter(({ state }) => state === 'revoked' || state === 'removed')
  const isGone = (anchor: TrustAnchor) =>
    gone.some(({ dnskey }) => pointsAt(anchor, new VerifyingKey(dnskey), anchor.zone))
  const kept = configured.filter(anchor => !isGone(anchor))
  const isKept = (dnskey: Uint8Array) => kept.some(anchor => pointsAt(anchor, new VerifyingKey(dnskey), ROOT))
  const learned = tracked.filter(({ state, dnskey }) => (state === 'valid' || state === 'missing') && !isKept(dnskey))
  return [...kept, ...learned.map(({ dnskey }) => anchor(ROOT, dnskey))]
}

function anchor(zone: Name, dnskey: Uint8Array): TrustAnchor {
  return { zone, type: Type.DNSKEY, rdata: dnskey }
}

/**
 * Milliseconds until the root's keys are asked for again (RFC 5011 §2.3): after success half of what TTL or signatures last, at most 15
 * days; after a failure a tenth, at most a day; never less than an hour. Both arguments in seconds.
 */
export function untilNextProbe(ttl: number, signatureLife: number, succeeded: boolean): number {
  const [share, most] = succeeded ? [0.5, 15 * DAY] : [0.1, DAY]
  return Math.max(HOUR, Math.min(most, share * ttl * 1000, share * signatureLife * 1000))
}
