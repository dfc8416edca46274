import { Ede } from '../../dns/codes.ts'
import { Rrsig, type SignatureFault, type VerifyingKey, verifyWithKey } from '../../dns/dnssec.ts'
import { ancestorName, equalNames, isSubdomain, labelCount, type Name, printName } from '../../dns/name.ts'
import { typeName } from '../../dns/types.ts'
import type { SignedSet } from './rrsets.ts'
import { type Fault, fault } from './security.ts'
import type { Work } from './work.ts'

/** An RRset whose signature holds. */
export interface VerifiedSet {
  status: 'verified'
  set: SignedSet
  /** The zone that signed it. */
  zone: Name
  /** Seconds that it may be kept (RFC 4035 §5.3.3). */
  ttl: number
  /** Of a wildcard's expansion: the name that the wildcard is directly below. That no closer name exists is still to be proved. */
  wildcardAt?: Name
}

/** Keys with the tag that a signature names that are tried: more than two of a zone hardly ever collide, and only by design. */
const MOST_COLLISIONS = 4
/** Signatures of an RRset that are looked at: a zone in the midst of a change of algorithm has four. */
const MOST_SIGNATURES = 8

/** The signers that an RRset's signatures name, those alone that may sign for its owner (RFC 4035 §5.3.1), each once. */
export function signersOf(set: SignedSet): Name[] {
  const signers: Name[] = []
  for (const signature of set.signatures.slice(0, MOST_SIGNATURES)) {
    const signer = Rrsig.signer(signature)
    if (isSubdomain(set.owner, signer) && !signers.some(other => equalNames(other, signer))) signers.push(signer)
  }
  return signers
}

/** Checks an RRset with the keys of `zone`: one signature that holds is enough (RFC 6840 §5.11). `now` is in seconds since 1970. */
export function verifySet(
  set: SignedSet,
  zone: Name,
  keys: readonly VerifyingKey[],
  now: number,
  work: Work,
): VerifiedSet | Fault {
  let worst: SignatureFault | undefined
  for (const signature of set.signatures.slice(0, MOST_SIGNATURES)) {
    if (!equalNames(Rrsig.signer(signature), zone)) continue
    const candidates = keys.filter(
      key => key.keyTag === Rrsig.keyTag(signature) && key.algorithm === Rrsig.algorithm(signature),
    )
    if (candidates.length === 0) worst = moreTelling(worst, 'other-key')
    for (const key of candidates.slice(0, MOST_COLLISIONS)) {
      work.verifying()
      const wrong = verifyWithKey(set, signature, key, now)
      if (!wrong) return verified(set, zone, signature, now)
      if (wrong === 'invalid') work.failed()
      worst = moreTelling(worst, wrong)
    }
  }
  return explain(set, zone, worst)
}

/** RFC 4035 §5.3.3: no longer than the RRset's own TTL, the signed one, and the rest of the signature's life. */
function verified(set: SignedSet, zone: Name, signature: Uint8Array, now: number): VerifiedSet {
  const left = (Rrsig.expiration(signature) - now) | 0
  const ttl = Math.max(0, Math.min(set.ttl, Rrsig.originalTtl(signature), left))
  const labels = Rrsig.labels(signature)
  const surplus = labelCount(set.owner) - labels
  const literal = surplus === 1 && set.owner[0] === 1 && set.owner[1] === 0x2a
  if (surplus <= 0 || literal) return { status: 'verified', set, zone, ttl }
  return { status: 'verified', set, zone, ttl, wildcardAt: ancestorName(set.owner, surplus) }
}

/** From what says least about the zone to what says most. */
const TELLING: readonly SignatureFault[] = [
  'algorithm',
  'not-covering',
  'other-key',
  'invalid',
  'not-yet-valid',
  'expired',
]

function moreTelling(a: SignatureFault | undefined, b: SignatureFault): SignatureFault {
  return a !== undefined && TELLING.indexOf(a) > TELLING.indexOf(b) ? a : b
}

function explain(set: SignedSet, zone: Name, wrong: SignatureFault | undefined): Fault {
  const what = `${printName(set.owner)} ${typeName(set.type)}`
  switch (wrong) {
    case 'expired':
      return fault(Ede.SIGNATURE_EXPIRED, `the signature of ${what} has expired`)
    case 'not-yet-valid':
      return fault(Ede.SIGNATURE_NOT_YET_VALID, `the signature of ${what} is not yet valid`)
    case 'other-key':
      return fault(Ede.DNSKEY_MISSING, `${what} is signed with a key that ${printName(zone)} does not have`)
    case 'invalid':
      return fault(Ede.DNSSEC_BOGUS, `the signature of ${what} does not fit`)
    case 'not-covering':
      return fault(Ede.DNSSEC_BOGUS, `the signature of ${what} is over something else`)
    default:
      return fault(Ede.RRSIGS_MISSING, `${what} has no signature of ${printName(zone)}`)
  }
}
