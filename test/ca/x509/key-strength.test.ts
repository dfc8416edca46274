import { createPublicKey, generateKeyPairSync, generatePrimeSync } from 'node:crypto'
import t from 'tap'
import { publicKeyOf, weakness } from '../../../ca/x509/key-strength.ts'

const bytesOf = (value: bigint) => {
  const digits = value.toString(16)
  return Buffer.from(digits.length % 2 ? `0${digits}` : digits, 'hex')
}

/** A public key that nobody need hold the private half of. */
function rsa(modulus: bigint, exponent = 65537n) {
  const [n, e] = [modulus, exponent].map(value => bytesOf(value).toString('base64url'))
  return createPublicKey({ key: { kty: 'RSA', n: n!, e: e! }, format: 'jwk' })
}

const ec = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve }).publicKey
const prime = (bits: number) => generatePrimeSync(bits, { bigint: true })
const goodModulus = prime(1024) * prime(1024)

t.test('keys that may be certified', async t => {
  for (const curve of ['P-256', 'P-384', 'P-521']) t.equal(weakness(ec(curve)), undefined, curve)
  t.equal(weakness(generateKeyPairSync('ed25519').publicKey), undefined, 'Ed25519')
  for (const modulusLength of [2048, 3072])
    t.equal(weakness(generateKeyPairSync('rsa', { modulusLength }).publicKey), undefined, `RSA ${modulusLength}`)
})

t.test('keys that may not, and why (CA/B BR §6.1.5, §6.1.6)', async t => {
  const p = prime(1024)
  let q = p + 2n
  while (hasSmallFactor(q)) q += 2n
  // A modulus of the flawed generator is 1 modulo the product of many primes, or a power of 65537 modulo each of them.
  const markers = [11n, 13n, 17n, 19n, 37n, 53n, 61n, 71n, 73n, 79n, 97n, 103n, 107n, 109n, 127n, 151n, 157n]
  const product = markers.reduce((all, one) => all * one, 1n)
  let roca = (goodModulus / product) * product + 1n
  while (hasSmallFactor(roca)) roca += product
  const cases: [string, ReturnType<typeof rsa>, RegExp][] = [
    ['1024 bits', rsa(prime(512) * prime(512)), /1024 bits is too short/],
    ['16384 bits', rsa((1n << 16383n) + 1n), /too long/],
    ['a length of odd bits', rsa(((goodModulus >> 3n) << 4n) | 1n), /multiple of 8|factor/],
    ['an exponent of 3', rsa(goodModulus, 3n), /public exponent/],
    ['an even exponent', rsa(goodModulus, 65538n), /public exponent/],
    ['an exponent above 2^256', rsa(goodModulus, (1n << 256n) + 1n), /public exponent/],
    ['a modulus that 751 divides', rsa((751n * (goodModulus / 751n)) | 0n), /small factor/],
    ['primes close to each other', rsa(p * q), /too close/],
    ['a modulus of the ROCA kind', rsa(roca), /ROCA/],
    ['another curve', ec('secp256k1'), /secp256k1/],
    ['X25519', generateKeyPairSync('x25519').publicKey, /"x25519"/],
  ]
  for (const [name, key, expected] of cases) t.match(weakness(key), expected, name)
})

function hasSmallFactor(value: bigint): boolean {
  for (let factor = 2n; factor <= 751n; factor++) if (value % factor === 0n) return true
  return false
}

t.test('what is no key is none', async t => {
  t.equal(publicKeyOf(new Uint8Array(5)), undefined)
  const der = ec('P-256').export({ type: 'spki', format: 'der' })
  t.ok(publicKeyOf(der))
  der[40]! ^= 1
  t.equal(publicKeyOf(der), undefined, 'a point off its curve')
})
