import { createPublicKey, type KeyObject } from 'node:crypto'

/** Why a key must not be certified, or undefined where it may; the words may be shown to its holder. */
export function weakness(key: KeyObject): string | undefined {
  switch (key.asymmetricKeyType) {
    case 'ed25519':
      return undefined
    case 'ec':
      return curveWeakness(key)
    case 'rsa':
      return rsaWeakness(key)
    default:
      return `keys of the kind "${key.asymmetricKeyType}" are not certified; use ECDSA, Ed25519 or RSA`
  }
}

const CURVES = ['prime256v1', 'secp384r1', 'secp521r1']

function curveWeakness(key: KeyObject): string | undefined {
  const { namedCurve = 'unnamed' } = key.asymmetricKeyDetails ?? {}
  return CURVES.includes(namedCurve) ? undefined : `the curve ${namedCurve} is not certified; use P-256, P-384 or P-521`
}

/** CA/B BR §6.1.5, §6.1.6: 2048 bits or more in whole octets, an odd exponent above 2^16, no small factors, no known flaw. */
function rsaWeakness(key: KeyObject): string | undefined {
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {}
  if (modulusLength < 2048) return `an RSA key of ${modulusLength} bits is too short; use 2048 or more`
  if (modulusLength > 8192) return `an RSA key of ${modulusLength} bits is too long; use 8192 or fewer`
  if (modulusLength % 8 !== 0) return `the length of an RSA key must be a multiple of 8, not ${modulusLength}`
  if (publicExponent < 65537n || publicExponent >= 1n << 256n || publicExponent % 2n === 0n)
    return 'the public exponent of an RSA key must be odd and from 65537 to 2^256'
  const modulus = modulusOf(key)
  if (SMALL_PRIMES.some(prime => modulus % prime === 0n)) return 'the RSA modulus has a small factor'
  if (isRoca(modulus)) return 'the RSA key was made by a flawed generator (ROCA, CVE-2017-15361)'
  if (hasClosePrimes(modulus)) return 'the primes of the RSA key are too close to each other'
  return undefined
}

function modulusOf(key: KeyObject): bigint {
  const { n = '' } = key.export({ format: 'jwk' })
  return BigInt(`0x${Buffer.from(n, 'base64url').toString('hex')}`)
}

/** Up to 751, as NIST SP 800-89 §5.3.3 has it. */
const SMALL_PRIMES = primesUpTo(751).map(BigInt)

function primesUpTo(limit: number): number[] {
  const primes: number[] = []
  for (let n = 2; n <= limit; n++) if (primes.every(prime => n % prime !== 0)) primes.push(n)
  return primes
}

/** The primes that tell moduli of the flawed library from others: modulo each, those are powers of 65537. */
const ROCA_PRIMES = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157]
const ROCA_RESIDUES = ROCA_PRIMES.map(prime => ({ prime: BigInt(prime), residues: powersOf(65537, prime) }))

function powersOf(base: number, modulus: number): Set<bigint> {
  const powers = new Set<bigint>()
  for (let power = 1; !powers.has(BigInt(power)); power = (power * base) % modulus) powers.add(BigInt(power))
  return powers
}

function isRoca(modulus: bigint): boolean {
  return ROCA_RESIDUES.every(({ prime, residues }) => residues.has(modulus % prime))
}

const FERMAT_ROUNDS = 100

/** Fermat's method finds the factors at once where they are close. */
function hasClosePrimes(modulus: bigint): boolean {
  let a = squareRoot(modulus)
  if (a * a < modulus) a++
  for (let round = 0; round < FERMAT_ROUNDS; round++, a++) if (isSquare(a * a - modulus)) return true
  return false
}

/** Residues of squares modulo 5040: 84 of 5040, so that a root is drawn only where there is likely to be one. */
const SQUARE_RESIDUES = new Set(Array.from({ length: 5040 }, (_, n) => (n * n) % 5040))

function isSquare(value: bigint): boolean {
  if (!SQUARE_RESIDUES.has(Number(value % 5040n))) return false
  const root = squareRoot(value)
  return root * root === value
}

/** The greatest integer whose square is not above `value` (Newton's method). */
function squareRoot(value: bigint): bigint {
  if (value < 2n) return value
  let root = 1n << BigInt(Math.ceil(value.toString(2).length / 2))
  for (;;) {
    const next = (root + value / root) >> 1n
    if (next >= root) return root
    root = next
  }
}

/** The key in a DER SubjectPublicKeyInfo; undefined where it is none, or a point off its curve. */
export function publicKeyOf(spki: Uint8Array): KeyObject | undefined {
  try {
    return createPublicKey({ key: Buffer.from(spki), type: 'spki', format: 'der' })
  } catch {
    return undefined
  }
}
