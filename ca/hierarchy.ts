import type { Identifier } from './identifier.ts'
import type { Signer } from './keystore.ts'

/** A certificate of ours that may sign others, with the key that does. */
export interface CaCertificate {
  /** Its subject key identifier in hex: names its files, its URLs and its rows in the store. */
  readonly id: string
  readonly commonName: string
  readonly der: Uint8Array
  readonly pem: string
  /** SHA-256 of the DER certificate in hex: what a human compares. */
  readonly fingerprint: string
  readonly notBefore: number
  readonly notAfter: number
  readonly serial: string
  readonly signer: Signer
}

/** Root and intermediates of one issuer. */
export interface Hierarchy {
  readonly root: CaCertificate
  /** The intermediate that signs now. */
  current(): CaCertificate
  /** Root first, then every intermediate that has not expired, oldest first: all of them still answer for revocation. */
  all(): readonly CaCertificate[]
  find(id: string): CaCertificate | undefined
  /** The certificates a server sends after the leaf (RFC 8555 §9.1): the intermediate, without the root. */
  chain(issuer: CaCertificate): readonly CaCertificate[]
  /** Whether the current intermediate may sign for this name under its name constraints. */
  permits(identifier: Identifier): boolean
  /** Makes the next intermediate now; certificates issued from then on are signed by it. */
  renewIntermediate(): Promise<CaCertificate>
  close(): void
}
