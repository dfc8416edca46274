import {
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  generateKeyPairSync,
  type KeyObject,
  sign as signBytes,
} from 'node:crypto'
import { promisify } from 'node:util'
import type { KeyAlgorithm } from '../../config/ca-schema.ts'
import type { TokenKey } from '../../config/pkcs11.ts'
import type { CaFiles } from './files.ts'
import type { SignatureAlgorithm, Signer } from './signer.ts'
import { isReference, type Tokens } from './tokens.ts'

export type { SignatureAlgorithm, Signer } from './signer.ts'

/**
 * Signature algorithms by the names that RFC 5758, RFC 8410 and RFC 4055 give them, with their AlgorithmIdentifier in DER.
 * ECDSA's and Ed25519's have no parameters (RFC 5758 §3.2, RFC 8410 §3); RSA's are NULL (RFC 4055 §5).
 */
export const SIGNATURES = {
  'ecdsa-with-SHA256': signature('1.2.840.10045.4.3.2', 'sha256', '300a06082a8648ce3d040302'),
  'ecdsa-with-SHA384': signature('1.2.840.10045.4.3.3', 'sha384', '300a06082a8648ce3d040303'),
  'ecdsa-with-SHA512': signature('1.2.840.10045.4.3.4', 'sha512', '300a06082a8648ce3d040304'),
  Ed25519: signature('1.3.101.112', null, '300506032b6570'),
  sha256WithRSAEncryption: signature('1.2.840.113549.1.1.11', 'sha256', '300d06092a864886f70d01010b0500'),
  sha384WithRSAEncryption: signature('1.2.840.113549.1.1.12', 'sha384', '300d06092a864886f70d01010c0500'),
  sha512WithRSAEncryption: signature('1.2.840.113549.1.1.13', 'sha512', '300d06092a864886f70d01010d0500'),
} as const

function signature(oid: string, digest: string | null, der: string): SignatureAlgorithm {
  return { oid, digest, der: Buffer.from(der, 'hex') }
}

const generateInPool = promisify(generateKeyPair)
const signInPool = promisify(signBytes)

/** Everything about a kind of key: how it is made and what its signatures are called. */
const KINDS: Record<KeyAlgorithm, { make(): Promise<KeyObject>; signature: SignatureAlgorithm }> = {
  'ecdsa-p256': { make: makeEcdsa('P-256'), signature: SIGNATURES['ecdsa-with-SHA256'] },
  'ecdsa-p384': { make: makeEcdsa('P-384'), signature: SIGNATURES['ecdsa-with-SHA384'] },
  ed25519: { make: async () => generateKeyPairSync('ed25519').privateKey, signature: SIGNATURES.Ed25519 },
  'rsa-2048': { make: makeRsa(2048), signature: SIGNATURES.sha256WithRSAEncryption },
  'rsa-3072': { make: makeRsa(3072), signature: SIGNATURES.sha256WithRSAEncryption },
  'rsa-4096': { make: makeRsa(4096), signature: SIGNATURES.sha256WithRSAEncryption },
}

function makeEcdsa(namedCurve: string) {
  return async () => generateKeyPairSync('ec', { namedCurve }).privateKey
}

/** Takes up to seconds, so it is done in another thread. */
function makeRsa(modulusLength: number) {
  return async () => (await generateInPool('rsa', { modulusLength })).privateKey
}

/** A key file that can't be used; the message says which and what to do. */
export class KeyError extends Error {
  override name = 'KeyError'
  readonly code = 'key'
}

/** What opens the keys that are not plain files. */
export interface Keyring {
  /** What key files are encrypted with; left out: they are not. */
  passphrase?: string | undefined
  /** The tokens that the config names; left out: none. */
  tokens?: Tokens | undefined
}

/** The key in this file of the CA's folder, or in the token that it names; undefined where there is none. Throws KeyError where it can't be used. */
export async function loadKey(
  files: CaFiles,
  name: string,
  { passphrase, tokens }: Keyring,
  publicKey?: Uint8Array,
): Promise<Signer | undefined> {
  const text = await files.read(name)
  if (text === undefined) return undefined
  if (!isReference(text)) return signerOf(text, name, passphrase)
  if (!tokens) throw new KeyError(`${name} is in a token, but the config names none`)
  return tokens.resolve(text, name, publicKey)
}

/** Makes a key and keeps it before it is used for anything: in a file (mode 0600), encrypted where there is a passphrase, or in a token, named by the file. */
export async function createKey(
  files: CaFiles,
  name: string,
  kind: KeyAlgorithm,
  { passphrase, tokens }: Keyring,
  place?: TokenKey,
): Promise<Signer> {
  if (place && !tokens) throw new KeyError(`${name} should be in a token, but there is none`)
  const made = place ? await tokens!.obtain(place, kind) : await makeKey(kind, passphrase)
  await files.create(name, 'pem' in made ? made.pem : made.reference, 0o600)
  return made.signer
}

/** A new key with its PKCS#8 PEM (RFC 5958), kept nowhere. */
export async function makeKey(kind: KeyAlgorithm, passphrase?: string): Promise<{ pem: string; signer: Signer }> {
  const privateKey = await KINDS[kind].make()
  return { pem: pemOfKey(privateKey, passphrase), signer: signerFrom(privateKey, kind) }
}

/** PKCS#8 PEM of a private key, encrypted where there is a passphrase. */
export function pemOfKey(key: KeyObject, passphrase?: string): string {
  const encryption = passphrase === undefined ? {} : { cipher: 'aes-256-cbc', passphrase }
  return key.export({ type: 'pkcs8', format: 'pem', ...encryption }).toString()
}

/** A PEM private key, for what signing alone does not do; `origin` names it in errors. Throws KeyError. */
export function privateKeyOf(pem: string, origin: string, passphrase?: string): KeyObject {
  const encrypted = pem.includes('ENCRYPTED')
  if (encrypted && passphrase === undefined)
    throw new KeyError(`${origin} is encrypted: give its passphrase as ca.key_passphrase`)
  try {
    return createPrivateKey({ key: pem, ...(encrypted && { passphrase }) })
  } catch {
    if (encrypted) throw new KeyError(`${origin} is encrypted, and ca.key_passphrase does not open it`)
    // The library's message may quote the file: it is not passed on.
    throw new KeyError(`${origin} holds no private key in PEM that can be read; restore it from a backup`)
  }
}

/** The signer of a PEM private key; `origin` names it in errors. Throws KeyError. */
export function signerOf(pem: string, origin: string, passphrase?: string): Signer {
  const key = privateKeyOf(pem, origin, passphrase)
  const kind = kindOf(key)
  if (!kind)
    throw new KeyError(
      `${origin} is a key that a CA can't use; use ECDSA P-256 or P-384, Ed25519, or RSA of 2048 to 4096 bits`,
    )
  return signerFrom(key, kind)
}

/** The kind of a private or public key; undefined for one that no CA of ours has. */
export function kindOf(key: KeyObject): KeyAlgorithm | undefined {
  const details = key.asymmetricKeyDetails
  const name =
    key.asymmetricKeyType === 'ec'
      ? { prime256v1: 'ecdsa-p256', secp384r1: 'ecdsa-p384' }[details?.namedCurve ?? '']
      : key.asymmetricKeyType === 'rsa'
        ? `rsa-${details?.modulusLength}`
        : key.asymmetricKeyType
  return name !== undefined && name in KINDS ? (name as KeyAlgorithm) : undefined
}

/** Whether keys of this kind are made here. */
export function isMade(kind: string): kind is KeyAlgorithm {
  return kind in KINDS
}

/** What signatures of such a key are called. */
export function signatureOf(kind: KeyAlgorithm): SignatureAlgorithm {
  return KINDS[kind].signature
}

function signerFrom(key: KeyObject, kind: KeyAlgorithm): Signer {
  const { signature } = KINDS[kind]
  // A P-256 or Ed25519 signature takes less time than handing it to another thread; the others would hold up the main thread.
  const isQuick = kind === 'ecdsa-p256' || kind === 'ed25519'
  return {
    kind,
    algorithm: signature,
    publicKey: createPublicKey(key).export({ type: 'spki', format: 'der' }),
    present: true,
    sign: async data => (isQuick ? signBytes(signature.digest, data, key) : signInPool(signature.digest, data, key)),
  }
}

/** Stands for a key that is somewhere else: it tells `why` whenever it should sign. Throws KeyError for a key that no CA can use. */
export function absentSigner(publicKey: Uint8Array, why: string): Signer {
  const kind = kindOf(createPublicKey({ key: Buffer.from(publicKey), type: 'spki', format: 'der' }))
  if (!kind) throw new KeyError('the key of the certificate is one that a CA can not use')
  const sign = () => Promise.reject(new KeyError(why))
  return { kind, algorithm: KINDS[kind].signature, publicKey, present: false, sign }
}
