import { createPrivateKey, hash, type KeyObject } from 'node:crypto'
import { dnssecAlgorithm } from '../dns/algorithms.ts'
import { dsRdata, KeyFlag, keyTag, type SigningKey } from '../dns/dnssec.ts'
import { lowerName, type Name, nameKey, printName } from '../dns/name.ts'
import { makeRdata } from '../dns/types.ts'
import type { Clock } from '../host/clock.ts'
import type { ActiveKeys } from './sign/signatures.ts'

/** What a key signs: all, the key set, or the zone's data (RFC 6781 §3.1). */
export type KeyRole = 'csk' | 'ksk' | 'zsk'

/** What keys a zone is to have. */
export interface KeyPolicy {
  /** The DNSSEC algorithm's number. */
  algorithm: number
  /** A key-signing key and a zone-signing key, instead of one for both. */
  split: boolean
}

/** A key of a zone. */
export interface ZoneKey {
  role: KeyRole
  algorithm: number
  keyTag: number
  /** RDATA of its DNSKEY. */
  dnskey: Uint8Array
  privateKey: KeyObject
  /** Milliseconds since 1970. */
  created: number
}

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

/** The keys of one zone name, which all views with a zone of that name share: its parent has one DS RRset for all of them. */
export class KeyRing {
  readonly origin: Name
  readonly keys: readonly ZoneKey[]

  constructor(origin: Name, keys: readonly ZoneKey[]) {
    this.origin = origin
    this.keys = keys
  }

  /** What the keys do now. */
  active(): ActiveKeys {
    const signing = (roles: readonly KeyRole[]): SigningKey[] =>
      this.keys
        .filter(({ role }) => roles.includes(role))
        .map(({ algorithm, keyTag, privateKey }) => ({ signer: this.origin, algorithm, keyTag, privateKey }))
    return { zone: signing(['csk', 'zsk']), keySet: signing(['csk', 'ksk']), published: this.keys }
  }

  /** RDATAs of the DNSKEY RRset. */
  dnskeys(): Uint8Array[] {
    return this.keys.map(({ dnskey }) => dnskey)
  }

  /** RDATAs of CDNSKEY: the keys whose DS the parent is to have (RFC 7344 §3.2). */
  cdnskeys(): Uint8Array[] {
    return this.keys.filter(({ role }) => role !== 'zsk').map(({ dnskey }) => dnskey)
  }

  /** RDATAs of CDS, and of the parent's DS: SHA-256 of the same keys (RFC 7344 §3.1, RFC 8624 §3.3). */
  cds(): Uint8Array[] {
    return this.cdnskeys().map(dnskey => dsRdata(this.origin, dnskey)!)
  }

  /** Whether these are the keys that the policy asks for. */
  fits({ algorithm, split }: KeyPolicy): boolean {
    return this.keys.every(key => key.algorithm === algorithm && (key.role !== 'csk') === split)
  }

  /** Whether the DNSKEY is one of these. */
  has(dnskey: Uint8Array): boolean {
    return this.keys.some(key => Buffer.compare(key.dnskey, dnskey) === 0)
  }
}

/** The key rings of all zones that we sign. */
export interface KeyRings {
  /** The zone's keys; they are made where there are none yet. Rejects with KeyFileError. */
  open(origin: Name, policy: KeyPolicy): Promise<KeyRing>
  /** Those that it has already. */
  find(origin: Name): Promise<KeyRing | undefined>
}

/** Key rings in a folder: one file of mode 0600 for each zone name. */
export function createKeyRings(files: KeyFiles, clock: Clock): KeyRings {
  const rings = new Map<string, Promise<KeyRing | undefined>>()
  const find = (origin: Name) => {
    const key = nameKey(origin)
    const known = rings.get(key)
    if (known) return known
    const reading = readRing(files, origin)
    rings.set(key, reading)
    reading.catch(() => rings.delete(key))
    return reading
  }
  const create = async (origin: Name, policy: KeyPolicy): Promise<KeyRing> => {
    const ring = new KeyRing(origin, newKeys(policy, clock.now()))
    await files.replace(fileOf(origin), printRing(ring), 0o600)
    return ring
  }
  return {
    find,
    open(origin, policy) {
      // One at a time for each name: two views that open their zones at once get the same keys.
      const opening = find(origin).then(ring => ring ?? create(origin, policy))
      rings.set(nameKey(origin), opening)
      opening.catch(() => rings.delete(nameKey(origin)))
      return opening
    },
  }
}

function newKeys({ algorithm, split }: KeyPolicy, now: number): ZoneKey[] {
  const keys: ZoneKey[] = []
  for (const role of split ? (['ksk', 'zsk'] as const) : (['csk'] as const))
    keys.push(newKey(role, algorithm, keys, now))
  return keys
}

/** A key whose tag none of the others has, for a signature names its key by the tag alone (RFC 4034 §3.1.6). */
function newKey(role: KeyRole, algorithm: number, others: readonly ZoneKey[], now: number): ZoneKey {
  for (;;) {
    const key = zoneKey(role, algorithm, dnssecAlgorithm(algorithm)!.generate(), now)
    if (!others.some(other => other.keyTag === key.keyTag)) return key
  }
}

function zoneKey(role: KeyRole, algorithm: number, privateKey: KeyObject, created: number): ZoneKey {
  const publicKey = dnssecAlgorithm(algorithm)!.publicOctets(privateKey)
  const flags = role === 'zsk' ? KeyFlag.ZONE : KeyFlag.ZONE | KeyFlag.SEP
  const dnskey = makeRdata('DNSKEY', { flags, protocol: 3, algorithm, publicKey })
  return { role, algorithm, keyTag: keyTag(dnskey), dnskey, privateKey, created }
}

/** A zone's file in the folder: its name, as it can stand in a path. */
function fileOf(origin: Name): string {
  const text = encodeURIComponent(printName(lowerName(origin)).slice(0, -1) || '@')
  return text.length <= 200 ? `${text}.json` : `${hash('sha256', text)}.json`
}

interface StoredKey {
  role: KeyRole
  algorithm: number
  keyTag: number
  created: string
  privateKey: string
}

function printRing({ origin, keys }: KeyRing): string {
  const stored = keys.map(
    ({ role, algorithm, keyTag, created, privateKey }): StoredKey => ({
      role,
      algorithm,
      keyTag,
      created: new Date(created).toISOString(),
      privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    }),
  )
  return `${JSON.stringify({ zone: printName(origin), keys: stored }, null, 2)}\n`
}

async function readRing(files: KeyFiles, origin: Name): Promise<KeyRing | undefined> {
  const file = fileOf(origin)
  const text = await files.read(file)
  if (text === undefined) return undefined
  try {
    const { keys } = JSON.parse(text) as { keys: StoredKey[] }
    return new KeyRing(origin, keys.map(readKey))
  } catch {
    // What was read stays out of the message: it is the key.
    throw new KeyFileError(`${file}: the keys of ${printName(origin)} can't be read; restore the file from a backup`)
  }
}

function readKey({ role, algorithm, keyTag, created, privateKey }: StoredKey): ZoneKey {
  const key = zoneKey(role, algorithm, createPrivateKey(privateKey), Date.parse(created))
  if (key.keyTag !== keyTag) throw new RangeError('another key')
  return key
}
