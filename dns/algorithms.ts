import {
  createPublicKey,
  generateKeyPair,
  type KeyObject,
  sign as signOctets,
  verify as verifyOctets,
} from 'node:crypto'
import { promisify } from 'node:util'

/** One DNSSEC algorithm: how its keys lie in DNSKEY and how its signatures are made. */
export interface DnssecAlgorithm {
  /** Its number (IANA "DNS Security Algorithm Numbers"). */
  readonly code: number
  /** Its mnemonic there. */
  readonly mnemonic: string
  readonly rfc: string
  /** Octets of a signature; RSA's are the modulus'. */
  readonly signatureLength?: number
  /** A new private key. */
  generate(): Promise<KeyObject>
  /** DNSKEY's public key field of a key, private or public (RFC 4034 §2.1.4). */
  publicOctets(key: KeyObject): Uint8Array
  /** The key that the field holds. Throws where it holds none. */
  publicKey(octets: Uint8Array): KeyObject
  sign(data: Uint8Array, key: KeyObject): Uint8Array
  /** The same, on another thread. */
  signAside(data: Uint8Array, key: KeyObject): Promise<Uint8Array>
  verify(data: Uint8Array, key: KeyObject, signature: Uint8Array): boolean
}

const newKeyPair = promisify(generateKeyPair)
const signElsewhere = promisify<string | null, Uint8Array, KeyObject, Buffer>(signOctets)

/** RFC 8624 §3.1 of this time: 2048 bits are enough for RSA, and larger signatures fit UDP badly. */
const RSA_BITS = 2048

/** What we sign and verify with (RFC 8624 §3.1). SHA-1 and older are left out: zones signed with them count as unsigned. */
const ALL: readonly DnssecAlgorithm[] = [
  rsa(8, 'RSASHA256', 'RFC 5702 §2.1', 'sha256'),
  rsa(10, 'RSASHA512', 'RFC 5702 §2.2', 'sha512'),
  ecdsa(13, 'ECDSAP256SHA256', 'P-256', 'sha256', 32),
  ecdsa(14, 'ECDSAP384SHA384', 'P-384', 'sha384', 48),
  edwards(15, 'ED25519', 'Ed25519', 'RFC 8080 §3', 32),
  edwards(16, 'ED448', 'Ed448', 'RFC 8080 §3', 57),
]

const BY_CODE = new Map(ALL.map(one => [one.code, one]))

/** The algorithm of this number, or undefined where we do not have it. */
export function dnssecAlgorithm(code: number): DnssecAlgorithm | undefined {
  return BY_CODE.get(code)
}

/** RFC 6605 §4: the key is x and y, the signature r and s, each of the curve's length. */
function ecdsa(code: number, mnemonic: string, curve: string, digest: string, length: number): DnssecAlgorithm {
  const dsaEncoding = 'ieee-p1363'
  return {
    code,
    mnemonic,
    rfc: 'RFC 6605 §4',
    signatureLength: 2 * length,
    generate: async () => (await newKeyPair('ec', { namedCurve: curve })).privateKey,
    publicOctets(key) {
      const { x, y } = jwkOf(key)
      return Buffer.concat([decoded(x), decoded(y)])
    },
    publicKey(octets) {
      if (octets.length !== 2 * length) throw new RangeError(`a key of ${octets.length} octets for ${mnemonic}`)
      const x = encoded(octets.subarray(0, length))
      const y = encoded(octets.subarray(length))
      return createPublicKey({ key: { kty: 'EC', crv: curve, x, y }, format: 'jwk' })
    },
    // Node takes twice as long where it is asked for this form itself.
    sign: (data, key) => fromDer(signOctets(digest, data, key), length),
    signAside: async (data, key) => fromDer(await signElsewhere(digest, data, key), length),
    verify: (data, key, signature) =>
      signature.length === 2 * length && verifyOctets(digest, data, { key, dsaEncoding }, signature),
  }
}

/** r and s of an ECDSA-Sig-Value in DER (RFC 3279 §2.2.3), each in `length` octets. */
function fromDer(der: Uint8Array, length: number): Uint8Array {
  const signature = new Uint8Array(2 * length)
  // SEQUENCE, whose length is below 128 for both curves, and two INTEGERs: no octets too many, a zero before a first bit that is set.
  let at = 2
  for (let end = length; end <= 2 * length; end += length) {
    const size = der[at + 1]!
    const value = der.subarray(at + 2, at + 2 + size)
    const digits = value[0] === 0 ? value.subarray(1) : value
    signature.set(digits, end - digits.length)
    at += 2 + size
  }
  return signature
}

function edwards(code: number, mnemonic: string, curve: string, rfc: string, length: number): DnssecAlgorithm {
  const type = curve === 'Ed25519' ? 'ed25519' : 'ed448'
  return {
    code,
    mnemonic,
    rfc,
    signatureLength: 2 * length,
    generate: async () => (await (type === 'ed25519' ? newKeyPair('ed25519') : newKeyPair('ed448'))).privateKey,
    publicOctets: key => decoded(jwkOf(key).x),
    publicKey: octets => createPublicKey({ key: { kty: 'OKP', crv: curve, x: encoded(octets) }, format: 'jwk' }),
    sign: (data, key) => signOctets(null, data, key),
    signAside: (data, key) => signElsewhere(null, data, key),
    verify: (data, key, signature) => signature.length === 2 * length && verifyOctets(null, data, key, signature),
  }
}

/** RFC 3110 §2: the exponent's length in one octet, or after a zero in two; the exponent; the modulus. */
function rsa(code: number, mnemonic: string, rfc: string, digest: string): DnssecAlgorithm {
  return {
    code,
    mnemonic,
    rfc,
    generate: async () => (await newKeyPair('rsa', { modulusLength: RSA_BITS })).privateKey,
    publicOctets(key) {
      const { e, n } = jwkOf(key)
      const exponent = decoded(e)
      const length = exponent.length < 256 ? [exponent.length] : [0, exponent.length >>> 8, exponent.length]
      return Buffer.concat([Uint8Array.from(length), exponent, decoded(n)])
    },
    publicKey(octets) {
      const long = octets[0] === 0
      const start = long ? 3 : 1
      const length = long ? (octets[1]! << 8) | octets[2]! : octets[0]!
      if (length === 0 || start + length >= octets.length) throw new RangeError('an RSA key that is cut off')
      const e = encoded(octets.subarray(start, start + length))
      const n = encoded(octets.subarray(start + length))
      return createPublicKey({ key: { kty: 'RSA', e, n }, format: 'jwk' })
    },
    sign: (data, key) => signOctets(digest, data, key),
    signAside: (data, key) => signElsewhere(digest, data, key),
    verify: (data, key, signature) => verifyOctets(digest, data, key, signature),
  }
}

function jwkOf(key: KeyObject): Record<string, string | undefined> {
  const exported = key.type === 'private' ? createPublicKey(key) : key
  return exported.export({ format: 'jwk' }) as Record<string, string | undefined>
}

function decoded(text: string | undefined): Buffer {
  if (text === undefined) throw new RangeError('a key of another kind')
  return Buffer.from(text, 'base64url')
}

function encoded(octets: Uint8Array): string {
  return Buffer.from(octets).toString('base64url')
}
