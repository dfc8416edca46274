import { createHash } from 'node:crypto'
import { bitsOf, contentOf, DerError, elementsIn, oidOf, sequence, Tag } from './der.ts'

const EC = '1.2.840.10045.2.1'
const RSA = '1.2.840.113549.1.1.1'

/** Named curves (RFC 5480 §2.1.1.1) and keys without parameters (RFC 8410 §3), as profiles call them. */
const KINDS: Readonly<Record<string, string>> = {
  '1.2.840.10045.3.1.7': 'ecdsa-p256',
  '1.3.132.0.34': 'ecdsa-p384',
  '1.3.132.0.35': 'ecdsa-p521',
  '1.3.101.112': 'ed25519',
}

/** The parts of a DER SubjectPublicKeyInfo (RFC 5280 §4.1.2.7), which has no others. Throws DerError. */
function parts(publicKey: Uint8Array) {
  const [identifier, key, ...more] = sequence(publicKey)
  const [algorithm, parameters, ...rest] = elementsIn(contentOf(identifier, Tag.SEQUENCE))
  if (more.length + rest.length > 0) throw new DerError('a public key has too many parts')
  return { algorithm: oidOf(algorithm), parameters, bits: bitsOf(key) }
}

/** The subjectPublicKey BIT STRING's octets; what OCSP's issuerKeyHash is over. */
export function publicKeyBits(publicKey: Uint8Array): Uint8Array {
  return parts(publicKey).bits
}

/** 20 octets that stand for a public key, in hex: SHA-256 of the key bits, cut to 160 bits (RFC 7093 §2 method 1). */
export function keyIdentifier(publicKey: Uint8Array): string {
  return createHash('sha256').update(publicKeyBits(publicKey)).digest('hex').slice(0, 40)
}

/** Whether it is in DER, its parameters are the name of a curve, and its point is not compressed (RFC 5480 §2.1.1, §2.2). */
export function isPlainEcKey(publicKey: Uint8Array): boolean {
  try {
    const { parameters, bits } = parts(publicKey)
    return parameters?.tag === Tag.OBJECT_IDENTIFIER && bits[0] === 0x04
  } catch (error) {
    if (error instanceof DerError) return false
    throw error
  }
}

/** Whether it is an RSA key (RFC 3279 §2.3.1). */
export function isRsa(publicKey: Uint8Array): boolean {
  return parts(publicKey).algorithm === RSA
}

/** "ecdsa-p256", "rsa-2048", …: what profiles call keys of this kind; the dotted OID of one that none names. */
export function kindOfKey(publicKey: Uint8Array): string {
  const { algorithm, parameters, bits } = parts(publicKey)
  if (algorithm === RSA) return `rsa-${modulusBits(bits)}`
  const oid = algorithm === EC ? oidOf(parameters) : algorithm
  return KINDS[oid] ?? oid
}

/** What a SubjectPublicKeyInfo of this kind of key names: its algorithm, and the curve or the least length of the modulus. */
export function keyAlgorithm(kind: string): { algorithm: string; curve?: string; bits?: number } {
  const bits = /^rsa-(\d+)$/.exec(kind)?.[1]
  if (bits !== undefined) return { algorithm: RSA, bits: Number(bits) }
  const [oid] = Object.entries(KINDS).find(([, name]) => name === kind)!
  return kind.startsWith('ecdsa-') ? { algorithm: EC, curve: oid } : { algorithm: oid }
}

/** RFC 8017 appendix A.1.1: SEQUENCE of modulus and exponent. */
function modulusBits(key: Uint8Array): number {
  const [modulus] = sequence(key)
  const octets = contentOf(modulus, Tag.INTEGER)
  const first = octets.findIndex(octet => octet !== 0)
  return first < 0 ? 0 : (octets.length - first) * 8 - Math.clz32(octets[first]!) + 24
}
