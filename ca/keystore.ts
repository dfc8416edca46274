/** A private key as its users see it: it signs, and never shows itself (file now, token later). */
export interface Signer {
  readonly algorithm: SignatureAlgorithm
  /** DER SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array
  sign(data: Uint8Array): Promise<Uint8Array>
}

/** A signature algorithm as certificates name it. */
export interface SignatureAlgorithm {
  readonly oid: string
  /** Digest for node:crypto; null where the algorithm has its own (Ed25519). */
  readonly digest: string | null
  /** RFC 4055 §5: RSA's parameters are NULL; all others have none. */
  readonly nullParameters: boolean
}
