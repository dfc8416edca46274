import type { CertificateRecord } from './certificate-store.ts'
import type { Identifier } from './identifier.ts'
import type { Profile } from './profiles.ts'

/** Who asks for what; policy, authorizations and the CSR have been checked. */
export interface IssueRequest {
  /** DER SubjectPublicKeyInfo, as `readCsr` gives it. */
  publicKey: Uint8Array
  /** What the certificate is for, each once, in the order in which they are listed. */
  identifiers: readonly Identifier[]
  profile: Profile
  /** Wished-for validity (RFC 8555 §7.4), kept within the profile's. */
  notBefore?: number
  notAfter?: number
  account?: string
  order?: string
}

/** A certificate with what a client installs beside it. */
export interface IssuedCertificate {
  record: CertificateRecord
  /** The leaf and the intermediate, PEM (RFC 8555 §9.1). */
  chain: string
}

/** Refused before anything was signed; the message is a sentence for the operator. */
export class IssueError extends Error {
  override name = 'IssueError'
  readonly code: 'clock' | 'lint' | 'expired' | 'validity'
  constructor(code: IssueError['code'], message: string) {
    super(message)
    this.code = code
  }
}

/** Issues certificates: reserve the serial → build → lint → sign → store → log. */
export interface Issuance {
  /** Throws IssueError; where the store refuses, its error. Nothing is handed out that is not stored. */
  issue(request: IssueRequest): Promise<IssuedCertificate>
  /** PEM chain of a stored certificate, as first handed out. */
  chainOf(record: CertificateRecord): string
}
