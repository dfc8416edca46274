import { SIGNATURES } from '../hierarchy/keystore.ts'
import type { Profile } from '../issue/profiles.ts'
import { objectIdentifier, Tag, tlv, unsignedInteger } from '../x509/der.ts'
import { keyAlgorithm } from '../x509/public-key.ts'

/**
 * The DER CsrAttrs (RFC 7030 §4.5.2): the kind of key that the profile would rather certify, and what the request is to be signed with. Names are the
 * client's to know.
 */
export function csrAttributes({ keys }: Pick<Profile, 'keys'>): Uint8Array {
  const [kind] = keys
  const { algorithm, curve, bits } = keyAlgorithm(kind!)
  const parameter = curve !== undefined ? objectIdentifier(curve) : bits && unsignedInteger(octetsOf(bits))
  const key = objectIdentifier(algorithm)
  return tlv(
    Tag.SEQUENCE,
    parameter ? tlv(Tag.SEQUENCE, key, tlv(Tag.SET, parameter)) : key,
    ...(algorithm === SIGNATURE[kind!].oid ? [] : [objectIdentifier(SIGNATURE[kind!].oid)]),
  )
}

const SIGNATURE = {
  'ecdsa-p256': SIGNATURES['ecdsa-with-SHA256'],
  'ecdsa-p384': SIGNATURES['ecdsa-with-SHA384'],
  'ecdsa-p521': SIGNATURES['ecdsa-with-SHA512'],
  ed25519: SIGNATURES.Ed25519,
  'rsa-2048': SIGNATURES.sha256WithRSAEncryption,
  'rsa-3072': SIGNATURES.sha256WithRSAEncryption,
  'rsa-4096': SIGNATURES.sha256WithRSAEncryption,
} as const

function octetsOf(number: number): Uint8Array {
  return Uint8Array.of(number >>> 8, number & 255)
}
