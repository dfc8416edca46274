import { createPublicKey, type JsonWebKey, type KeyObject, verify } from 'node:crypto'
import { calculateJwkThumbprint, type FlattenedJWSInput, flattenedVerify } from 'jose'
import { AcmeError, printable } from '../problems.ts'
import { ecdsaValue } from '../x509/der.ts'
import { NONCE_SYNTAX } from './nonces.ts'

/** What each signature algorithm asks of its key (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2.2). MACs and "none" are not here: RFC 8555 §6.2. */
const ALGORITHMS: Readonly<Record<string, Algorithm>> = {
  ES256: { kty: 'EC', crv: 'P-256', digest: 'sha256', half: 32 },
  ES384: { kty: 'EC', crv: 'P-384', digest: 'sha384', half: 48 },
  ES512: { kty: 'EC', crv: 'P-521', digest: 'sha512', half: 66 },
  EdDSA: { kty: 'OKP', crv: 'Ed25519', digest: null },
  Ed25519: { kty: 'OKP', crv: 'Ed25519', digest: null },
  RS256: { kty: 'RSA', digest: 'sha256' },
}

interface Algorithm {
  kty: string
  crv?: string
  /** For node:crypto; null where the algorithm has its own. */
  digest: string | null
  /** Octets of each of the two integers that an ECDSA signature is (RFC 7518 §3.4). */
  half?: number
}

/** Algorithms of account keys, as badSignatureAlgorithm lists them. */
export const SIGNATURE_ALGORITHMS = Object.keys(ALGORITHMS)
/** Algorithms of external account bindings (RFC 8555 §7.3.4: MAC-based only). */
export const BINDING_ALGORITHMS = ['HS256', 'HS384', 'HS512']

/** The protected header of a request (RFC 8555 §6.2). */
export interface ProtectedHeader {
  alg: string
  url: string
  nonce?: string
  kid?: string
  jwk?: object
}

/** A flattened JWS whose form is right; nothing in it is to be trusted before `verifyJws`. */
export interface Jws {
  header: ProtectedHeader
  payload: Uint8Array
  input: FlattenedJWSInput
}

/** A public key of an account, checked. */
export interface AccountKey {
  /** Its required members alone (RFC 7638 §3.2). */
  jwk: JsonWebKey
  /** SHA-256 thumbprint (RFC 7638), which key authorizations are made of (RFC 8555 §8.1). */
  thumbprint: string
  key: KeyObject
  /** Its DER SubjectPublicKeyInfo. */
  spki: Uint8Array
}

const BASE64URL = /^[A-Za-z0-9_-]*$/
/** RFC 8555 §6.2: one signature, protected header only; so no "header" and no "signatures" beside these. */
const MEMBERS = ['payload', 'protected', 'signature']

/** Reads a JWS in flattened JSON serialization (RFC 7515 §7.2.2) as RFC 8555 §6.2 narrows it. Takes text or an object (an inner JWS). */
export function parseJws(body: unknown): Jws {
  const input = typeof body === 'string' ? parseJson(body, 'the request body') : body
  if (!isObject(input)) throw new AcmeError('malformed', 'a JWS must be a JSON object')
  const extra = Object.keys(input).find(member => !MEMBERS.includes(member))
  if (extra !== undefined)
    throw new AcmeError('malformed', `a JWS may hold only ${MEMBERS.join(', ')}, not "${printable(extra)}"`)
  const [payload, header, signature] = MEMBERS.map(member => base64url(input[member], `"${member}"`)) as [
    string,
    string,
    string,
  ]
  return {
    header: readHeader(parseJson(decodeUtf8(header, 'the protected header'), 'the protected header')),
    payload: Buffer.from(payload, 'base64url'),
    input: { payload, protected: header, signature },
  }
}

function readHeader(header: unknown): ProtectedHeader {
  if (!isObject(header)) throw new AcmeError('malformed', 'the protected header must be a JSON object')
  const { alg, url, nonce, kid, jwk } = header
  if (typeof alg !== 'string') throw new AcmeError('malformed', 'the protected header has no "alg"')
  if (typeof url !== 'string') throw new AcmeError('malformed', 'the protected header has no "url"')
  // RFC 7515 §4.1.11: an extension that must be understood and is not makes the JWS invalid; RFC 7797's "b64" is one.
  if ('crit' in header || 'b64' in header)
    throw new AcmeError('malformed', 'the protected header asks for extensions that are not supported')
  // RFC 8555 §6.5.2.
  if (nonce !== undefined && !(typeof nonce === 'string' && NONCE_SYNTAX.test(nonce)))
    throw new AcmeError('malformed', 'the "nonce" in the protected header is not base64url')
  // RFC 8555 §6.2: "jwk" and "kid" are mutually exclusive.
  if ((kid === undefined) === (jwk === undefined))
    throw new AcmeError('malformed', 'the protected header must have either "jwk" or "kid"')
  if (kid !== undefined && typeof kid !== 'string')
    throw new AcmeError('malformed', 'the "kid" in the protected header must be a string')
  if (jwk !== undefined && !isObject(jwk))
    throw new AcmeError('malformed', 'the "jwk" in the protected header must be a JSON object')
  return {
    alg,
    url,
    ...(nonce !== undefined && { nonce: nonce as string }),
    ...(kid !== undefined && { kid: kid as string }),
    ...(jwk !== undefined && { jwk }),
  }
}

/** RFC 8555 §6.2: an algorithm that we don't take is refused with the list of those we do. */
export function checkAlgorithm(alg: string, allowed: readonly string[] = SIGNATURE_ALGORITHMS): void {
  if (allowed.includes(alg)) return
  throw new AcmeError('badSignatureAlgorithm', `the signature algorithm "${printable(alg)}" is not supported`, {
    algorithms: allowed,
  })
}

/** Checks a JWK and makes it a key; a weak, private or unusual one is badPublicKey. */
export async function importKey(jwk: object): Promise<AccountKey> {
  const required = requiredMembers(jwk)
  if ('d' in jwk) throw new AcmeError('badPublicKey', 'the JWK holds a private key; consider it compromised')
  let key: KeyObject
  try {
    key = createPublicKey({ key: required, format: 'jwk' })
  } catch (cause) {
    throw new AcmeError('badPublicKey', 'the JWK is not a valid public key', { cause })
  }
  checkStrength(key)
  // Another spelling of the same key would have another thumbprint, and so another account.
  const canonical = key.export({ format: 'jwk' })
  if (Object.keys(required).some(member => required[member] !== canonical[member]))
    throw new AcmeError('badPublicKey', 'the JWK is not in its canonical form (RFC 7518 §6)')
  const spki = key.export({ type: 'spki', format: 'der' })
  return { jwk: required, thumbprint: await calculateJwkThumbprint(required as never), key, spki }
}

const REQUIRED: Readonly<Record<string, readonly string[]>> = {
  EC: ['crv', 'kty', 'x', 'y'],
  OKP: ['crv', 'kty', 'x'],
  RSA: ['e', 'kty', 'n'],
}

function requiredMembers(jwk: object): JsonWebKey {
  const given = jwk as Record<string, unknown>
  const members = typeof given.kty === 'string' && Object.hasOwn(REQUIRED, given.kty) ? REQUIRED[given.kty] : undefined
  if (!members) throw new AcmeError('badPublicKey', 'the JWK must be of type EC, OKP or RSA')
  const required: JsonWebKey = {}
  for (const member of members) {
    if (typeof given[member] !== 'string') throw new AcmeError('badPublicKey', `the JWK has no "${member}"`)
    required[member] = given[member]
  }
  const known = Object.values(ALGORITHMS).some(alg => alg.kty === required.kty && alg.crv === required.crv)
  if (!known) throw new AcmeError('badPublicKey', 'the JWK is on a curve that is not supported')
  return required
}

function checkStrength(key: KeyObject): void {
  const { modulusLength, publicExponent } = key.asymmetricKeyDetails ?? {}
  if (modulusLength !== undefined && (modulusLength < 2048 || modulusLength > 8192))
    throw new AcmeError('badPublicKey', `the RSA key has ${modulusLength} bits; 2048 to 8192 are accepted`)
  // An exponent as long as the modulus makes verification a thousand times dearer; an even one is no key.
  if (
    publicExponent !== undefined &&
    (publicExponent < 3n || publicExponent > 0xffffffffn || publicExponent % 2n === 0n)
  )
    throw new AcmeError('badPublicKey', 'the RSA key has an unsuitable public exponent')
}

/** Throws unless the JWS is signed by `key` with an algorithm that fits it. */
export async function verifyJws(jws: Jws, key: AccountKey): Promise<void> {
  const { alg } = jws.header
  checkAlgorithm(alg)
  const wanted = ALGORITHMS[alg]!
  if (wanted.kty !== key.jwk.kty || wanted.crv !== key.jwk.crv)
    throw new AcmeError('badPublicKey', `the algorithm ${alg} does not fit the key`)
  const { protected: header = '', payload, signature } = jws.input
  // RFC 7515 §5.2: the signature is over both parts as they were sent. Checked here and now: handing a small signature to another
  // thread takes longer than checking it.
  const signed = Buffer.from(`${header}.${String(payload)}`, 'latin1')
  const octets = Buffer.from(signature, 'base64url')
  const { digest, half } = wanted
  // RFC 7518 §3.4: R and S side by side, each as long as the curve's order. node:crypto takes that form only by a way that costs as much
  // again as the verification.
  const isWhole = half === undefined || octets.length === 2 * half
  if (!isWhole || !verify(digest, signed, key.key, half === undefined ? octets : ecdsaValue(octets)))
    throw new AcmeError('malformed', 'the JWS signature does not verify')
}

/** Whether the JWS carries a right MAC under `secret` (RFC 8555 §7.3.4). */
export async function verifyMac(jws: Jws, secret: Uint8Array): Promise<boolean> {
  try {
    await flattenedVerify(jws.input, secret, { algorithms: [jws.header.alg] })
    return true
  } catch {
    return false
  }
}

/** The payload as a JSON object; undefined where it is empty (POST-as-GET, RFC 8555 §6.3). */
export function readPayload(payload: Uint8Array): Record<string, unknown> | undefined {
  if (payload.length === 0) return undefined
  const value = parseJson(decode(payload, 'the payload'), 'the payload')
  if (!isObject(value)) throw new AcmeError('malformed', 'the payload must be a JSON object')
  return value
}

function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new AcmeError('malformed', `${what} is not JSON`)
  }
}

function base64url(value: unknown, what: string): string {
  // RFC 7515 §2: base64url has no padding; RFC 8555 has a server refuse what has some.
  if (typeof value !== 'string' || !BASE64URL.test(value)) throw new AcmeError('malformed', `${what} is not base64url`)
  return value
}

/** The octets of a base64url member of a payload. */
export function decodeBase64url(value: unknown, what: string): Uint8Array {
  return Buffer.from(base64url(value, what), 'base64url')
}

function decodeUtf8(value: string, what: string): string {
  return decode(Buffer.from(value, 'base64url'), what)
}

const UTF8 = new TextDecoder('utf-8', { fatal: true })

function decode(octets: Uint8Array, what: string): string {
  try {
    return UTF8.decode(octets)
  } catch {
    throw new AcmeError('malformed', `${what} is not UTF-8`)
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
