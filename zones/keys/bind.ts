import { createPrivateKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import { dnssecAlgorithm } from '../../dns/algorithms.ts'
import { KeyFlag } from '../../dns/dnssec.ts'
import { equalNames, type Name, printName } from '../../dns/name.ts'
import { equalOctets } from '../../dns/record.ts'
import { readRdata, Type } from '../../dns/types.ts'
import { parseZonefile } from '../../dns/zonefile.ts'
import { type ZoneKey, zoneKey } from './key.ts'

/** A file of a key as BIND's tools write it, by its name: `Kzone.+alg+tag.key` has the DNSKEY, `….private` the private key. */
export interface BindKeyFile {
  name: string
  text: string
}

/** Keys that were read, and the longest TTL of their DNSKEYs, in seconds; undefined where none is given. */
export interface BindKeys {
  keys: ZoneKey[]
  ttl: number | undefined
}

/** What is wrong with a file of a key; never with what it holds. */
export class BindKeyError extends Error {
  override name = 'BindKeyError'
  readonly code = 'bind-key'
}

/**
 * Reads pairs of `.key` and `.private` files. A key with the flag SEP is a KSK where there is a ZSK of its algorithm, and a CSK where
 * there is none. Throws BindKeyError, which names the file.
 */
export function readBindKeys(files: readonly BindKeyFile[], origin: Name, now: number): BindKeys {
  const pairs = pairsOf(files).map(({ publicFile, privateFile }) => {
    const { rdata, ttl } = readPublic(publicFile, origin)
    return { rdata, ttl, privateKey: readPrivate(privateFile, rdata), file: privateFile.name }
  })
  const fields = pairs.map(({ rdata }) => readRdata('DNSKEY', rdata))
  const hasZsk = (algorithm: number) => fields.some(one => one.algorithm === algorithm && !(one.flags & KeyFlag.SEP))
  const keys = pairs.map(({ rdata, privateKey, file }, i) => {
    const { flags, algorithm } = fields[i]!
    const role = flags & KeyFlag.SEP ? (hasZsk(algorithm) ? 'ksk' : 'csk') : 'zsk'
    const key = zoneKey(role, algorithm, privateKey, now)
    if (!equalOctets(key.dnskey, rdata)) throw new BindKeyError(`${file}: is not the private key of its .key file`)
    return key
  })
  const ttls = pairs.flatMap(({ ttl }) => ttl ?? [])
  return { keys, ttl: ttls.length > 0 ? Math.max(...ttls) : undefined }
}

function pairsOf(files: readonly BindKeyFile[]): { publicFile: BindKeyFile; privateFile: BindKeyFile }[] {
  const named = (name: string) => files.find(file => file.name === name)
  const stems = new Set(files.map(({ name }) => stemOf(name)))
  return [...stems].map(stem => {
    const [publicFile, privateFile] = [named(`${stem}.key`), named(`${stem}.private`)]
    if (!publicFile) throw new BindKeyError(`${stem}.key: is missing`)
    if (!privateFile) throw new BindKeyError(`${stem}.private: is missing`)
    return { publicFile, privateFile }
  })
}

function stemOf(name: string): string {
  const match = /^(.+)\.(?:key|private)$/.exec(name)
  if (!match) throw new BindKeyError(`${name}: expected the name of a .key or .private file`)
  return match[1]!
}

function readPublic({ name, text }: BindKeyFile, origin: Name): { rdata: Uint8Array; ttl: number | undefined } {
  const { records, errors } = parseZonefile(text, { origin, file: name, defaultTtl: 0 })
  const [record, ...others] = records
  // Who mistakes one file for the other does not find the private key in the log.
  if (errors[0]) throw new BindKeyError(`${name}:${errors[0].line}: expected one DNSKEY record`)
  if (record?.type !== Type.DNSKEY || others.length > 0) throw new BindKeyError(`${name}: expected one DNSKEY record`)
  if (!equalNames(record.owner, origin))
    throw new BindKeyError(`${name}: is a key of another zone than ${printName(origin)}`)
  const { flags, algorithm } = readRdata('DNSKEY', record.rdata)
  if (!(flags & KeyFlag.ZONE) || flags & KeyFlag.REVOKE)
    throw new BindKeyError(`${name}: is no zone key that is in use`)
  if (!dnssecAlgorithm(algorithm)) throw new BindKeyError(`${name}: we do not sign with algorithm ${algorithm}`)
  return { rdata: record.rdata, ttl: record.ttl || undefined }
}

/** Fields of the private key format, and what they are called in a JWK (RFC 7518 §6). */
const RSA_FIELDS = {
  Modulus: 'n',
  PublicExponent: 'e',
  PrivateExponent: 'd',
  Prime1: 'p',
  Prime2: 'q',
  Exponent1: 'dp',
  Exponent2: 'dq',
  Coefficient: 'qi',
} as const
const CURVE_FIELDS = { PrivateKey: 'd' } as const

/** The private key format, version 1: one "Name: value" a line, numbers in base64. */
function readPrivate({ name, text }: BindKeyFile, dnskey: Uint8Array): KeyObject {
  const { algorithm, publicKey } = readRdata('DNSKEY', dnskey)
  const field = (key: string) => new RegExp(`^${key}:[ \\t]*(\\S+)`, 'm').exec(text)?.[1]
  if (!field('Private-key-format')?.startsWith('v1.'))
    throw new BindKeyError(`${name}: expected Private-key-format: v1`)
  if (Number(field('Algorithm')) !== algorithm) throw new BindKeyError(`${name}: is of another algorithm than its .key`)
  const value = (key: string) => {
    const found = field(key)
    if (!found) throw new BindKeyError(`${name}: has no ${key}`)
    return Buffer.from(found, 'base64').toString('base64url')
  }
  const kind = dnssecAlgorithm(algorithm)!
  const rsa = algorithm === 8 || algorithm === 10
  const secret = Object.entries(rsa ? RSA_FIELDS : CURVE_FIELDS).map(([from, to]) => [to, value(from)])
  try {
    const shared = kind.publicKey(publicKey)
    const { kty, crv, x, y } = shared.export({ format: 'jwk' })
    const known = rsa ? { kty } : { kty, crv, x, ...(y !== undefined && { y }) }
    const key = createPrivateKey({ key: { ...known, ...Object.fromEntries(secret) } as JsonWebKey, format: 'jwk' })
    const probe = Buffer.from(name)
    if (kind.verify(probe, shared, kind.sign(probe, key))) return key
  } catch {
    // What was read stays out of the message: it is the key.
  }
  throw new BindKeyError(`${name}: is not the private key of its .key file`)
}
