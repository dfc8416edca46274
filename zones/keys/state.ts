/** What a key signs: all, the key set, or the zone's data (RFC 6781 §3.1). */
export type KeyRole = 'csk' | 'ksk' | 'zsk'

/**
 * Where something of a key stands towards validators' caches. `entering` and `leaving`: decided, and not yet so everywhere; `present`
 * and `gone`: so everywhere `since` then, but caches may know it otherwise until what they hold has expired.
 */
export type Phase = 'absent' | 'entering' | 'present' | 'leaving' | 'gone'

/** A phase, and since when (milliseconds since 1970). */
export interface Facet {
  readonly phase: Phase
  readonly since: number
}

/** Of what has never been. */
export const ABSENT: Facet = { phase: 'absent', since: 0 }

/** Where a key stands in its life. */
export interface KeyState {
  role: KeyRole
  /** The DNSSEC algorithm's number. */
  algorithm: number
  keyTag: number
  created: number
  /** Since when it is to go; left out while it is to stay. */
  retired?: number
  /** Its time is over, or somebody asked for another: it does not come back. */
  spent?: true
  /** Its DNSKEY in the zone. */
  publication: Facet
  /** Its signatures of the zone's data. */
  signing: Facet
  /** Its DS at the parent: `entering` is asked for, `present` was seen there. */
  trust: Facet
}

/** How long caches and servers may lag behind, in milliseconds (RFC 7583 §3.1). */
export interface Delays {
  /** Behind a change of the zone's data and signatures: its longest TTL, and what a change takes to reach all its servers. */
  zone: number
  /** Behind a change of the DNSKEY RRset. */
  keys: number
  /** Behind a change of the DS RRset at the parent. */
  parent: number
}

/** Whether the key signs the zone's data. */
export function signsData({ role }: KeyState): boolean {
  return role !== 'ksk'
}

/** Whether the parent's DS names it, and it signs the key set. */
export function isEntryPoint({ role }: KeyState): boolean {
  return role !== 'zsk'
}

/** Whether it is to be there. */
export function isIn({ phase }: Facet): boolean {
  return phase === 'entering' || phase === 'present'
}

/** Whether it does what it is for, so that another may take its place. */
export function isInUse(key: KeyState): boolean {
  return (signsData(key) ? key.signing : key.publication).phase === 'present'
}

/** A key's state by the names of RFC 7583 §3.1. */
export type KeyStage = 'generated' | 'published' | 'ready' | 'active' | 'retired' | 'removed'

export function stageOf(key: KeyState): KeyStage {
  const { publication, signing, trust, retired } = key
  if (publication.phase === 'leaving' || publication.phase === 'gone') return 'removed'
  if (retired !== undefined) return 'retired'
  const used = isEntryPoint(key) ? trust : signing
  if (used.phase === 'present') return 'active'
  if (isIn(used)) return isEntryPoint(key) ? 'ready' : 'active'
  return isIn(publication) ? 'published' : 'generated'
}
