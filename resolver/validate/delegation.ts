import { dnssecAlgorithm } from '../../dns/algorithms.ts'
import { Ede } from '../../dns/codes.ts'
import { dsRdata, isKnownDigest, VerifyingKey } from '../../dns/dnssec.ts'
import { equalNames, type Name, printName } from '../../dns/name.ts'
import { equalOctets } from '../../dns/record.ts'
import { type Rdata, readRdata, Type } from '../../dns/types.ts'
import type { KeyPointer } from './anchors.ts'
import type { SignedSet } from './rrsets.ts'
import { type Fault, fault } from './security.ts'
import { type VerifiedSet, verifySet } from './signatures.ts'
import type { Work } from './work.ts'

/** DS records and keys that are looked at: a zone with more is up to something. */
const MOST_POINTERS = 24
const MOST_KEYS = 64
/** SHA-1 (RFC 4509 §3). */
const WEAK_DIGEST = 1

/**
 * The pointers that can be checked: of a known algorithm and digest, those with SHA-1 only where there is none better (RFC 4509 §3). With
 * none the zone counts as unsigned (RFC 4035 §5.2), `ede` says what was not known.
 */
export function usablePointers(pointers: readonly KeyPointer[]): { usable: KeyPointer[]; ede: number } {
  const knownAlgorithm = pointers.filter(pointer => dnssecAlgorithm(algorithmOf(pointer)))
  const usable = knownAlgorithm.filter(pointer => pointer.type === Type.DNSKEY || isKnownDigest(pointer.rdata[3]!))
  const strong = usable.filter(pointer => pointer.type === Type.DNSKEY || pointer.rdata[3] !== WEAK_DIGEST)
  const ede = knownAlgorithm.length > 0 ? Ede.UNSUPPORTED_DS_DIGEST : Ede.UNSUPPORTED_DNSKEY_ALGORITHM
  return { usable: (strong.length > 0 ? strong : usable).slice(0, MOST_POINTERS), ede }
}

/** The fourth octet of DNSKEY, the third of DS. */
function algorithmOf({ type, rdata }: KeyPointer): number {
  return rdata[type === Type.DNSKEY ? 3 : 2]!
}

/** A zone's keys, believed because one of them is pointed at and signs them all. */
export interface TrustedKeys {
  keys: readonly VerifyingKey[]
  verified: VerifiedSet
}

/** RFC 4035 §5.2: checks a zone's DNSKEY RRset by pointers, of which all are usable. */
export function trustKeys(
  zone: Name,
  dnskeys: SignedSet,
  pointers: readonly KeyPointer[],
  now: number,
  work: Work,
): TrustedKeys | Fault {
  const keys = dnskeys.rdatas.slice(0, MOST_KEYS).map(rdata => new VerifyingKey(rdata))
  const able = keys.filter(isUsable)
  const entry = able.filter(key => pointers.some(pointer => pointsAt(pointer, key, zone)))
  if (entry.length === 0) return noEntry(zone, keys, pointers)
  const verified = verifySet(dnskeys, zone, entry, now, work)
  if (verified.status === 'bogus') return verified
  return { keys: able, verified }
}

/** RFC 5011 §2.1: a revoked key signs nothing any more but its own revocation. */
function isUsable(key: VerifyingKey): boolean {
  return key.isZoneKey && !key.isRevoked
}

/** Whether the pointer is to this key. */
export function pointsAt(pointer: KeyPointer, key: VerifyingKey, zone: Name): boolean {
  if (pointer.type === Type.DNSKEY) return equalOctets(pointer.rdata, key.rdata)
  const ds = readRdata('DS', pointer.rdata)
  if (ds.keyTag !== key.keyTag || ds.algorithm !== key.algorithm) return false
  return sameDigest(ds, dsRdata(zone, key.rdata, ds.digestType))
}

function sameDigest(ds: Rdata<'DS'>, made: Uint8Array | undefined): boolean {
  return made !== undefined && equalOctets(ds.digest, readRdata('DS', made).digest)
}

function noEntry(zone: Name, keys: readonly VerifyingKey[], pointers: readonly KeyPointer[]): Fault {
  const zoneless = keys.some(key => !key.isZoneKey && pointers.some(pointer => pointsAt(pointer, key, zone)))
  if (zoneless) return fault(Ede.NO_ZONE_KEY_BIT, `the key of ${printName(zone)} that is pointed at is no zone key`)
  return fault(Ede.DNSKEY_MISSING, `${printName(zone)} has no key that a DS record or trust anchor points at`)
}

/** The DNSKEY RRset of `zone` among the RRsets of an answer. */
export function dnskeySet(sets: readonly SignedSet[], zone: Name): SignedSet | undefined {
  return sets.find(({ owner, type }) => type === Type.DNSKEY && equalNames(owner, zone))
}
