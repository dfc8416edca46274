import { type Delays, isEntryPoint, isIn, type KeyState, signsData } from '../../../zones/keys/state.ts'

/** Something that was served for a while; the last is served still. */
interface Served<T> {
  value: T
  from: number
  /** When something else took its place. */
  until: number
}

/** What was served of one RRset, and what of it servers that lag behind and caches may still hand out. */
export class History<T> {
  private versions: Served<T>[]

  constructor(value: T, now: number) {
    this.versions = [{ value, from: now, until: Number.POSITIVE_INFINITY }]
  }

  get current(): T {
    return this.versions.at(-1)!.value
  }

  set(value: T, now: number): void {
    if (JSON.stringify(value) === JSON.stringify(this.current)) return
    this.versions.at(-1)!.until = now
    this.versions.push({ value, from: now, until: Number.POSITIVE_INFINITY })
  }

  /** All that a validator may hold. */
  held(now: number, delay: number): T[] {
    this.versions = this.versions.filter(({ until }) => until > now - delay)
    return this.versions.map(({ value }) => value)
  }
}

/** A DS RRset, by the keys that it names. */
export type Trusted = readonly KeyId[]
/** A DNSKEY RRset: its keys, and those that signed it. */
export interface KeySet {
  keys: readonly KeyId[]
  signers: readonly number[]
}
/** The signatures of an RRset, by their keys. */
export type Signers = readonly KeyId[]

export interface KeyId {
  keyTag: number
  algorithm: number
}

export const idOf = ({ keyTag, algorithm }: KeyId): KeyId => ({ keyTag, algorithm })

/** The key set as it is to be. */
export function keySetOf(keys: readonly KeyState[]): KeySet {
  const published = keys.filter(({ publication }) => isIn(publication))
  return { keys: published.map(idOf), signers: published.filter(isEntryPoint).map(({ keyTag }) => keyTag) }
}

/** The signatures as they are to be. */
export function signersOf(keys: readonly KeyState[]): Signers {
  return keys.filter(key => signsData(key) && isIn(key.signing)).map(idOf)
}

/**
 * What a validator that holds these finds bogus; undefined where it is satisfied (RFC 4035 §5). It is a strict one, that wants every
 * algorithm of the DS to lead on (RFC 4035 §2.2), as some do for fear of a downgrade.
 */
export function bogus(ds: Trusted, keySet: KeySet, signers: Signers): string | undefined {
  for (const algorithm of new Set(ds.map(one => one.algorithm))) {
    const isTrusted = ({ keyTag }: KeyId) =>
      ds.some(one => one.keyTag === keyTag && one.algorithm === algorithm) && keySet.signers.includes(keyTag)
    if (!keySet.keys.some(isTrusted)) return `no DS of algorithm ${algorithm} leads to the key set`
    const holds = (by: KeyId) => by.algorithm === algorithm && keySet.keys.some(({ keyTag }) => keyTag === by.keyTag)
    if (!signers.some(holds)) return `no signature of algorithm ${algorithm} is by a key of the set`
  }
  return undefined
}

/** All that is bogus to anybody with any mix of what may be held now. */
export function faults(
  now: number,
  delays: Delays,
  ds: History<Trusted>,
  keySet: History<KeySet>,
  rrsets: readonly History<Signers>[],
): string[] {
  const found = new Set<string>()
  for (const trusted of ds.held(now, delays.parent))
    for (const keys of keySet.held(now, delays.keys))
      for (const rrset of rrsets)
        for (const signers of rrset.held(now, delays.zone)) {
          const fault = bogus(trusted, keys, signers)
          if (fault) found.add(`${fault}: ${JSON.stringify({ trusted, keys, signers })}`)
        }
  return [...found]
}
