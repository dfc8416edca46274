import { createHash, createPublicKey, type JsonWebKey, type KeyObject, verify } from 'node:crypto'
import type { KeyAlgorithm } from '../../config/ca-schema.ts'
import { parsePkcs11Uri, printPkcs11Uri, type TokenKey, type TokenObject } from '../../config/pkcs11.ts'
import { CKA, CKK, type Mechanism } from '../../host/pkcs11/codes.ts'
import { linkModule, type ModuleLink } from '../../host/pkcs11/module-link.ts'
import type { Attributes } from '../../host/pkcs11/template.ts'
import { type KeyAddress, keyTitle, openToken, type Token, TokenError } from '../../host/pkcs11/token.ts'
import type { CaDeps } from '../deps.ts'
import { ecdsaValue } from '../x509/der.ts'
import { KeyError, kindOf, signatureOf } from './keystore.ts'
import type { Signer } from './signer.ts'
import type { Tokens } from './tokens.ts'

/** How keys of a kind are made in a token, and sign there. */
interface TokenKind {
  generate: Mechanism
  /** What the public key is to be. */
  shape: Attributes
  sign: Mechanism
  /** What the token gets to see of the data. */
  input(data: Uint8Array): Uint8Array
  /** The signature as certificates have it. */
  output(signature: Uint8Array): Uint8Array
}

const KINDS: Readonly<Record<KeyAlgorithm, TokenKind>> = {
  'ecdsa-p256': ecdsa('06082a8648ce3d030107', 'sha256'),
  'ecdsa-p384': ecdsa('06052b81040022', 'sha384'),
  ed25519: {
    generate: 'CKM_EC_EDWARDS_KEY_PAIR_GEN',
    // RFC 8410 §3: id-Ed25519.
    shape: new Map([[CKA.ecParams, Buffer.from('06032b6570', 'hex')]]),
    sign: 'CKM_EDDSA',
    input: data => data,
    output: signature => signature,
  },
  'rsa-2048': rsa(2048),
  'rsa-3072': rsa(3072),
  'rsa-4096': rsa(4096),
}

function ecdsa(curve: string, digest: string): TokenKind {
  return {
    generate: 'CKM_EC_KEY_PAIR_GEN',
    shape: new Map([[CKA.ecParams, Buffer.from(curve, 'hex')]]),
    // Every token has it; those that hash by themselves are few.
    sign: 'CKM_ECDSA',
    input: data => createHash(digest).update(data).digest(),
    output: ecdsaValue,
  }
}

function rsa(bits: number): TokenKind {
  return {
    generate: 'CKM_RSA_PKCS_KEY_PAIR_GEN',
    shape: new Map<number, bigint | Uint8Array>([
      [CKA.modulusBits, BigInt(bits)],
      [CKA.publicExponent, Uint8Array.of(1, 0, 1)],
    ]),
    sign: 'CKM_SHA256_RSA_PKCS',
    input: data => data,
    output: signature => signature,
  }
}

/** The tokens that the config names, each connected to at first use. */
export function createTokens(
  configured: readonly TokenKey[],
  { random, clock, log }: Pick<CaDeps, 'random' | 'clock' | 'log'>,
): Tokens {
  /** One process for each module, whatever tokens are in its slots. */
  const modules = new Map<string, ModuleLink>()
  const moduleAt = (path: string): ModuleLink => {
    const known = modules.get(path) ?? linkModule(path, clock, log)
    modules.set(path, known)
    return known
  }
  const byAddress = new Map<string, Token>()
  const tokenOf = (key: TokenKey): Token => {
    const { module, token, manufacturer, model, serial, slot } = key
    const address = JSON.stringify([module, token, manufacturer, model, serial, slot])
    const known = byAddress.get(address) ?? openToken(key, key.pin, moduleAt(module))
    byAddress.set(address, known)
    return known
  }
  const find = async (key: TokenKey, publicKey?: Uint8Array) => {
    const token = tokenOf(key)
    const described = await token.describe(addressOf(key))
    if (!described) return undefined
    const shown = publicKeyOf(described)
    const octets = publicKey ?? shown?.export({ type: 'spki', format: 'der' })
    if (!octets)
      throw new KeyError(
        `${token.title} shows no public key ${keyTitle(addressOf(key))} of a kind that a CA can use: put its public key object beside it`,
      )
    const signer = signerIn(token, key, octets)
    await prove(signer, token, key)
    return signer
  }
  return {
    find,
    async resolve(reference, origin, publicKey) {
      const { query: _, ...named } = parsePkcs11Uri(reference.trim())
      const source = configured.find(
        one => sameWhereBoth(one.token, named.token) && sameWhereBoth(one.serial, named.serial),
      )
      if (!source)
        throw new KeyError(
          `the key of ${origin} is in a token that the config no longer names: ${reference.trim()}; name it as ca.root.key or ca.intermediate.key`,
        )
      const key = { ...source, ...named }
      try {
        const found = await find(key, publicKey)
        if (found) return found
      } catch (error) {
        const away = error instanceof TokenError && (error.code === 'token' || error.code === 'device')
        if (!away || !publicKey) throw error
        return signerIn(tokenOf(key), key, publicKey)
      }
      throw new KeyError(`${tokenOf(key).title} no longer has the key of ${origin} (${keyTitle(addressOf(key))})`)
    },
    async obtain(key, kind) {
      const token = tokenOf(key)
      let signer = await find(key)
      if (!signer) {
        const id = key.id ?? Buffer.from(random.bytes(16)).toString('hex')
        const made = { object: key.object ?? '', id: Buffer.from(id, 'hex') }
        await token.generate(KINDS[kind].generate, KINDS[kind].shape, made)
        signer = await find({ ...key, id })
        if (!signer) throw new KeyError(`${token.title} does not find the key that it has just made`)
      }
      if (signer.kind !== kind)
        throw new KeyError(
          `the key ${keyTitle(addressOf(key))} in ${token.title} is ${signer.kind}, but the config says ${kind}`,
        )
      return { signer, reference: `${printPkcs11Uri(key)}\n` }
    },
    async close() {
      for (const token of byAddress.values()) await token.close()
      for (const module of modules.values()) module.end()
    },
  }
}

function addressOf({ object, id }: TokenObject): KeyAddress {
  return { object, ...(id !== undefined && { id: Buffer.from(id, 'hex') }) }
}

function sameWhereBoth(a: string | undefined, b: string | undefined): boolean {
  return a === undefined || b === undefined || a === b
}

function signerIn(token: Token, key: TokenKey, publicKey: Uint8Array): Signer {
  const kind = kindOf(createPublicKey({ key: Buffer.from(publicKey), type: 'spki', format: 'der' }))
  if (!kind)
    throw new KeyError(`the key ${keyTitle(addressOf(key))} in ${token.title} is of a kind that a CA can't use`)
  const { sign, input, output } = KINDS[kind]
  return {
    kind,
    algorithm: signatureOf(kind),
    publicKey,
    present: true,
    token: token.title,
    sign: async data => output(await token.sign(addressOf(key), sign, input(data))),
  }
}

/** That the private key is the public one's other half is seen by what it signs, before it signs anything that counts. */
async function prove(signer: Signer, token: Token, key: TokenKey): Promise<void> {
  const probe = Buffer.from('namestead tries out a key')
  const fits = verify(
    signer.algorithm.digest,
    probe,
    { key: Buffer.from(signer.publicKey), type: 'spki', format: 'der' } as never,
    await signer.sign(probe),
  )
  if (!fits)
    throw new KeyError(
      `the key ${keyTitle(addressOf(key))} in ${token.title} is not the one of the certificate: don't belong together`,
    )
}

const EDWARDS_OCTETS = 32

/** The public key that a token describes; undefined where it is of another kind, or not shown. */
function publicKeyOf(described: ReadonlyMap<number, Uint8Array>): KeyObject | undefined {
  const jwk = jwkOf(described)
  return jwk && createPublicKey({ key: jwk, format: 'jwk' })
}

function jwkOf(described: ReadonlyMap<number, Uint8Array>): JsonWebKey | undefined {
  const type = Buffer.from(described.get(CKA.keyType) ?? []).readBigUInt64LE()
  const [n, e] = [described.get(CKA.modulus), described.get(CKA.publicExponent)]
  if (type === CKK.rsa) return n && e && { kty: 'RSA', n: base64url(n), e: base64url(e) }
  const point = described.get(CKA.ecPoint)
  if (!point) return undefined
  // The standard wraps the point into an OCTET STRING, which some tokens leave out: it is what stands last.
  if (type === CKK.edwards) return { kty: 'OKP', crv: 'Ed25519', x: base64url(point.subarray(-EDWARDS_OCTETS)) }
  const params = Buffer.from(described.get(CKA.ecParams) ?? [])
  const curve = CURVES.find(({ kind }) => params.equals(KINDS[kind].shape.get(CKA.ecParams) as Buffer))
  if (type !== CKK.ec || !curve) return undefined
  const { name, octets } = curve
  const [x, y] = [point.subarray(-2 * octets, -octets), point.subarray(-octets)]
  return { kty: 'EC', crv: name, x: base64url(x), y: base64url(y) }
}

const CURVES = [
  { kind: 'ecdsa-p256', name: 'P-256', octets: 32 },
  { kind: 'ecdsa-p384', name: 'P-384', octets: 48 },
] as const

function base64url(octets: Uint8Array): string {
  return Buffer.from(octets).toString('base64url')
}
