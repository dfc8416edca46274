import type { KeyAlgorithm } from '../../config/ca-schema.ts'
import type { TokenKey } from '../../config/pkcs11.ts'
import type { Signer } from './signer.ts'

/** The keys that are in PKCS#11 tokens. Each call throws KeyError, or TokenError where the token can't be used. */
export interface Tokens {
  /** The key that is there; undefined where there is none. Where a certificate says the public key (DER), that is the one it must fit. */
  find(key: TokenKey, publicKey?: Uint8Array): Promise<Signer | undefined>
  /** The key that a reference names, in a token of the config. A token that is away is asked again whenever the key should sign. */
  resolve(reference: string, origin: string, publicKey?: Uint8Array): Promise<Signer>
  /** Finds the key, or makes it; it never leaves the token. `reference` names it from then on. */
  obtain(key: TokenKey, kind: KeyAlgorithm): Promise<{ signer: Signer; reference: string }>
  close(): Promise<void>
}

/** The text by which a key file names a key that is in a token instead. */
export function isReference(text: string): boolean {
  return text.startsWith('pkcs11:')
}
