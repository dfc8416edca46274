import { createPrivateKey, hash } from 'node:crypto'
import { lowerName, type Name, printName } from '../../dns/name.ts'
import { type ZoneKey, zoneKey } from './key.ts'
import type { Facet, KeyRole } from './state.ts'

/** A folder of small text files, each whole or absent. */
export interface KeyFiles {
  read(name: string): Promise<string | undefined>
  /** Once resolved, it survives a power cut. */
  replace(name: string, text: string, mode: number): Promise<void>
}

/** A zone's keys that can't be used; the message says which file. */
export class KeyFileError extends Error {
  override name = 'KeyFileError'
  readonly code = 'key-file'
}

/** What is kept of a zone's keys. */
export interface StoredRing {
  keys: readonly ZoneKey[]
  /** The longest TTL that caches may have of the zone's data, and of its DNSKEY, in seconds. */
  longestTtl: number
  keyTtl: number
  /** Whether asking the parent has shown a DS of ours: then its absence counts as well. */
  parentKnown: boolean
  /** As they were told last: a zone that is not to be signed any more says nothing of them. */
  lags: { propagation: number; parentPropagation: number; dsTtl: number }
}

interface StoredKey {
  role: KeyRole
  algorithm: number
  keyTag: number
  created: string
  retired?: string
  spent?: true
  publication: StoredFacet
  signing: StoredFacet
  trust: StoredFacet
  privateKey: string
}

interface StoredFacet {
  phase: Facet['phase']
  since: string
}

/** Writes the file of a zone's keys; it is readable for its owner alone. */
export async function writeRing(files: KeyFiles, origin: Name, ring: StoredRing): Promise<void> {
  const text = JSON.stringify({ zone: printName(origin), ...ring, keys: ring.keys.map(storedKey) }, null, 2)
  await files.replace(fileOf(origin), `${text}\n`, 0o600)
}

/** The keys that a zone has; undefined where it has never had any. Rejects with KeyFileError. */
export async function readRing(files: KeyFiles, origin: Name): Promise<StoredRing | undefined> {
  const file = fileOf(origin)
  const text = await files.read(file)
  if (text === undefined) return undefined
  try {
    const { zone: _, ...ring } = JSON.parse(text) as Omit<StoredRing, 'keys'> & { zone: string; keys: StoredKey[] }
    const { propagation, parentPropagation, dsTtl } = ring.lags
    for (const value of [ring.longestTtl, ring.keyTtl, propagation, parentPropagation, dsTtl]) number(value)
    return { ...ring, keys: ring.keys.map(readKey) }
  } catch {
    // What was read stays out of the message: it is the key.
    throw new KeyFileError(`${file}: the keys of ${printName(origin)} can't be read; restore the file from a backup`)
  }
}

/** A zone's file in the folder: its name, as it can stand in a path. */
function fileOf(origin: Name): string {
  const text = encodeURIComponent(printName(lowerName(origin)).slice(0, -1) || '@')
  return text.length <= 200 ? `${text}.json` : `${hash('sha256', text)}.json`
}

function storedKey({ dnskey: _, ...key }: ZoneKey): StoredKey {
  return {
    ...key,
    created: printTime(key.created),
    ...(key.retired !== undefined && { retired: printTime(key.retired) }),
    publication: storedFacet(key.publication),
    signing: storedFacet(key.signing),
    trust: storedFacet(key.trust),
    privateKey: key.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  } as StoredKey
}

function readKey(stored: StoredKey): ZoneKey {
  const { role, algorithm, created, retired, spent } = stored
  const key = zoneKey(role, algorithm, createPrivateKey(stored.privateKey), readTime(created))
  if (key.keyTag !== stored.keyTag) throw new RangeError('another key')
  return {
    ...key,
    publication: readFacet(stored.publication),
    signing: readFacet(stored.signing),
    trust: readFacet(stored.trust),
    ...(retired !== undefined && { retired: readTime(retired) }),
    ...(spent && { spent }),
  }
}

function storedFacet({ phase, since }: Facet): StoredFacet {
  return { phase, since: printTime(since) }
}

function readFacet({ phase, since }: StoredFacet): Facet {
  return { phase, since: readTime(since) }
}

function printTime(time: number): string {
  return new Date(time).toISOString()
}

function readTime(text: string): number {
  return number(Date.parse(text))
}

function number(value: number): number {
  if (!Number.isFinite(value)) throw new RangeError('not a number')
  return value
}
