import { hash, type KeyObject } from 'node:crypto'
import { dnssecAlgorithm } from './algorithms.ts'
import { Class } from './codes.ts'
import { ancestorName, isSubdomain, isWildcard, labelCount, lowerName, type Name } from './name.ts'
import { u32At } from './octets.ts'
import type { RRset } from './rrset.ts'
import { canonicalRdata, makeRdata, type Rdata, readRdata, Type } from './types.ts'

/** Flags of DNSKEY (RFC 4034 §2.1.1, RFC 5011 §7). */
export const KeyFlag = { ZONE: 0x0100, REVOKE: 0x0080, SEP: 0x0001 } as const

/** Digest types of DS (RFC 4509, RFC 6605 §2) by number. SHA-1 is for reading only (RFC 8624 §3.3). */
const DIGESTS: Readonly<Record<number, string>> = { 1: 'sha1', 2: 'sha256', 4: 'sha384' }

/** The key tag of a DNSKEY's RDATA (RFC 4034 §B). */
export function keyTag(dnskey: Uint8Array): number {
  let sum = 0
  for (let i = 0; i < dnskey.length; i++) sum += i & 1 ? dnskey[i]! : dnskey[i]! << 8
  return (sum + (sum >>> 16)) & 0xffff
}

/** DS or CDS of a DNSKEY (RFC 4034 §5.1.4); undefined where the digest type is not known. */
export function dsRdata(owner: Name, dnskey: Uint8Array, digestType = 2): Uint8Array | undefined {
  const name = DIGESTS[digestType]
  if (!name) return undefined
  const digest = hash(name, Buffer.concat([lowerName(owner), dnskey]), 'buffer')
  return makeRdata('DS', { keyTag: keyTag(dnskey), algorithm: dnskey[3]!, digestType, digest })
}

/** Whether DS records of this digest type can be checked. */
export function isKnownDigest(digestType: number): boolean {
  return DIGESTS[digestType] !== undefined
}

/** RRSIG's Labels field (RFC 4034 §3.1.3): without the root, and without the asterisk of a wildcard. */
export function signatureLabels(owner: Name): number {
  return labelCount(owner) - (isWildcard(owner) ? 1 : 0)
}

/** What makes signatures: a zone's private key and what its DNSKEY says of it. */
export interface SigningKey {
  /** The zone's apex. */
  signer: Name
  algorithm: number
  keyTag: number
  privateKey: KeyObject
}

/** When a signature is good, in seconds since 1970. */
export interface SignaturePeriod {
  inception: number
  expiration: number
}

/** The RRSIG of an RRset: its RDATA (RFC 4034 §3.1). */
export function signRRset(rrset: RRset, key: SigningKey, period: SignaturePeriod): Uint8Array {
  const { head, data } = toBeSigned(rrset, key, period)
  return Buffer.concat([head, dnssecAlgorithm(key.algorithm)!.sign(data, key.privateKey)])
}

/** The same, while this thread goes on. */
export async function signRRsetAside(rrset: RRset, key: SigningKey, period: SignaturePeriod): Promise<Uint8Array> {
  const { head, data } = toBeSigned(rrset, key, period)
  return Buffer.concat([head, await dnssecAlgorithm(key.algorithm)!.signAside(data, key.privateKey)])
}

function toBeSigned(rrset: RRset, key: SigningKey, period: SignaturePeriod): { head: Uint8Array; data: Uint8Array } {
  const { algorithm, keyTag, signer } = key
  const head = makeRdata('RRSIG', {
    typeCovered: rrset.type,
    algorithm,
    labels: signatureLabels(rrset.owner),
    originalTtl: rrset.ttl,
    // The field's numbers wrap (RFC 4034 §3.1.5, RFC 1982).
    expiration: period.expiration >>> 0,
    inception: period.inception >>> 0,
    keyTag,
    signer,
    signature: new Uint8Array(),
  })
  return { head, data: signedData(head, lowerName(rrset.owner), rrset) }
}

/** Why a signature does not hold. */
export type SignatureFault = 'not-covering' | 'other-key' | 'algorithm' | 'not-yet-valid' | 'expired' | 'invalid'

/** Checks a signature by RFC 4035 §5.3 with one DNSKEY of the zone; undefined where it holds. `now` is in seconds since 1970. */
export function verifyRRset(
  rrset: RRset,
  rrsig: Uint8Array,
  dnskey: Uint8Array,
  now: number,
): SignatureFault | undefined {
  return verifyWithKey(rrset, rrsig, new VerifyingKey(dnskey), now)
}

/** A DNSKEY that signatures are checked with. Its public key is unpacked once, when it is first needed. */
export class VerifyingKey {
  readonly rdata: Uint8Array
  readonly keyTag: number
  readonly algorithm: number
  readonly flags: number
  private readonly protocol: number
  private readonly octets: Uint8Array
  private unpacked: KeyObject | undefined

  constructor(dnskey: Uint8Array) {
    const { flags, protocol, algorithm, publicKey } = readRdata('DNSKEY', dnskey)
    this.rdata = dnskey
    this.keyTag = keyTag(dnskey)
    this.algorithm = algorithm
    this.flags = flags
    this.protocol = protocol
    this.octets = publicKey
  }

  /** RFC 4034 §2.1.1, §2.1.2: only a zone key with protocol 3 may be used. */
  get isZoneKey(): boolean {
    return (this.flags & KeyFlag.ZONE) !== 0 && this.protocol === 3
  }

  /** RFC 5011 §2.1: it must not be trusted any more. */
  get isRevoked(): boolean {
    return (this.flags & KeyFlag.REVOKE) !== 0
  }

  /** Throws where the octets are no key of the algorithm, or the algorithm is not known. */
  get publicKey(): KeyObject {
    this.unpacked ??= dnssecAlgorithm(this.algorithm)!.publicKey(this.octets)
    return this.unpacked
  }
}

/** As `verifyRRset`, with a key that is used again and again. */
export function verifyWithKey(
  rrset: RRset,
  rrsig: Uint8Array,
  key: VerifyingKey,
  now: number,
): SignatureFault | undefined {
  const fields = readRdata('RRSIG', rrsig)
  const owner = coveredOwner(rrset, fields)
  if (!owner) return 'not-covering'
  if (!key.isZoneKey || key.algorithm !== fields.algorithm || key.keyTag !== fields.keyTag) return 'other-key'
  const algorithm = dnssecAlgorithm(fields.algorithm)
  if (!algorithm) return 'algorithm'
  if (distance(now, fields.inception) < 0) return 'not-yet-valid'
  if (distance(fields.expiration, now) < 0) return 'expired'
  const head = rrsig.subarray(0, rrsig.length - fields.signature.length)
  const data = signedData(head, owner, rrset)
  try {
    return algorithm.verify(data, key.publicKey, fields.signature) ? undefined : 'invalid'
  } catch {
    return 'invalid'
  }
}

/** The owner that was signed: the name itself, or the wildcard that it was expanded from (RFC 4035 §5.3.2). */
function coveredOwner({ owner, type }: RRset, { typeCovered, labels, signer }: Rdata<'RRSIG'>): Name | undefined {
  if (typeCovered !== type || !isSubdomain(owner, signer)) return undefined
  const surplus = signatureLabels(owner) - labels
  if (surplus < 0) return undefined
  if (surplus === 0) return lowerName(owner)
  const closest = ancestorName(owner, labelCount(owner) - labels)
  return lowerName(Uint8Array.of(1, 0x2a, ...closest))
}

/** Signed distance of two 32-bit times (RFC 1982). */
function distance(a: number, b: number): number {
  return (a - b) | 0
}

/** What a signature is over (RFC 4034 §3.1.8.1): RRSIG's RDATA less the signature, in canonical form, and the RRset in canonical form and order. */
function signedData(head: Uint8Array, owner: Name, { type, rdatas }: RRset): Uint8Array {
  const canonicalHead = Buffer.from(head)
  canonicalHead.set(lowerName(head.subarray(SIGNER)), SIGNER)
  const fixed = Buffer.alloc(8)
  fixed.writeUInt16BE(type, 0)
  fixed.writeUInt16BE(Class.IN, 2)
  // RFC 4034 §6.2 item 5: the TTL is the original one.
  fixed.set(head.subarray(ORIGINAL_TTL, ORIGINAL_TTL + 4), 4)
  const parts: Uint8Array[] = [canonicalHead]
  for (const rdata of canonicalRdatas(type, rdatas))
    parts.push(owner, fixed, Uint8Array.of(rdata.length >>> 8, rdata.length), rdata)
  return Buffer.concat(parts)
}

/** Where in RRSIG's RDATA its fields lie (RFC 4034 §3.1). */
const ORIGINAL_TTL = 4
const SIGNER = 18

/** RDATAs in canonical form and order, each once (RFC 4034 §6.2, §6.3). */
export function canonicalRdatas(type: number, rdatas: readonly Uint8Array[]): Uint8Array[] {
  const sorted = rdatas.map(rdata => canonicalRdata(type, rdata)).sort(Buffer.compare)
  return sorted.filter((rdata, i) => i === 0 || Buffer.compare(rdata, sorted[i - 1]!) !== 0)
}

/** What of an RRSIG is read again and again, without its whole RDATA being decoded. */
export const Rrsig = {
  typeCovered: (rdata: Uint8Array): number => (rdata[0]! << 8) | rdata[1]!,
  algorithm: (rdata: Uint8Array): number => rdata[2]!,
  originalTtl: (rdata: Uint8Array): number => u32At(rdata, ORIGINAL_TTL),
  expiration: (rdata: Uint8Array): number => u32At(rdata, 8),
  inception: (rdata: Uint8Array): number => u32At(rdata, 12),
  labels: (rdata: Uint8Array): number => rdata[3]!,
  keyTag: (rdata: Uint8Array): number => (rdata[16]! << 8) | rdata[17]!,
  /** The Signer's Name field, without what follows it. */
  signer(rdata: Uint8Array): Name {
    let end = SIGNER
    while (rdata[end] !== 0) end += rdata[end]! + 1
    return rdata.subarray(SIGNER, end + 1)
  },
} as const

/** RRSIG, NSEC and NSEC3 follow from the zone's other records and its keys: signing brings them up to date after an update (RFC 3007 §4.3). */
export function isMadeBySigning(type: number): boolean {
  return type === Type.RRSIG || type === Type.NSEC || type === Type.NSEC3
}
