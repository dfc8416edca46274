import type { KeyAlgorithm } from '../../config/ca-schema.ts'

/** A private key as its users see it: it signs, and never shows itself. */
export interface Signer {
  readonly kind: KeyAlgorithm
  readonly algorithm: SignatureAlgorithm
  /** DER SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array
  /** Whether the key is at hand; one that is not never signs. */
  readonly present: boolean
  /** The PKCS#11 token that it is in; left out: a file. */
  readonly token?: string
  sign(data: Uint8Array): Promise<Uint8Array>
}

/** A signature algorithm as certificates name it. */
export interface SignatureAlgorithm {
  readonly oid: string
  /** Digest for node:crypto; null where the algorithm has its own (Ed25519). */
  readonly digest: string | null
  /** The AlgorithmIdentifier. */
  readonly der: Uint8Array
}
