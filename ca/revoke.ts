import type { CertificateRecord } from './certificate-store.ts'

/** CRLReason codes by their names in RFC 5280 §5.3.1. */
export const REASONS = {
  unspecified: 0,
  keyCompromise: 1,
  cACompromise: 2,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  certificateHold: 6,
  privilegeWithdrawn: 9,
  aACompromise: 10,
} as const

/** Revocation, and the two ways of telling about it. */
export interface RevocationService {
  /** Revokes for good and refreshes CRL and OCSP; false where it was revoked before (that revocation stands). Rejects with RangeError for a reason that is none. */
  revoke(serial: string, reason?: number): Promise<boolean>
  /** The current DER CRL of the CA certificate with this id; undefined for an unknown id. */
  crl(issuerId: string): Promise<Crl | undefined>
  /** The DER OCSPResponse for a DER OCSPRequest; never rejects for bad input. */
  ocsp(request: Uint8Array): Promise<OcspAnswer>
  /** Signs the first CRLs and every later one before its predecessor's nextUpdate. */
  start(): Promise<void>
  close(): void
}

/** A signed CRL with what HTTP caching needs. */
export interface Crl {
  der: Uint8Array
  number: number
  thisUpdate: number
  nextUpdate: number
}

/** A signed OCSP response with what RFC 5019 §6.2's caching headers need; no times where the status is an error or a nonce was echoed. */
export interface OcspAnswer {
  der: Uint8Array
  thisUpdate?: number
  nextUpdate?: number
}

/** What `revokeCert` may be asked for: the record of a serial, with its key hash for proof by certificate key. */
export type RevocationSubject = Pick<CertificateRecord, 'serial' | 'account' | 'keyHash' | 'identifiers' | 'revocation'>
