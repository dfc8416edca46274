import type { Identifier } from '../identifier.ts'

/** A certificate as it is kept for good: what was issued, to whom, and whether it still stands. */
export interface CertificateRecord {
  /** The serial number as 32 hex digits in lower case, as `formatSerial` gives it; unique among all our issuers. */
  serial: string
  /** `CaCertificate.id` of the CA certificate that signed it. */
  issuer: string
  /** Name of the profile, or "ca", "ocsp", "https" for our own. */
  profile: string
  identifiers: Identifier[]
  /** First and last moment of validity, in milliseconds, as the certificate has them. */
  notBefore: number
  notAfter: number
  /** When it was signed. */
  issuedAt: number
  /** The DER certificate. */
  der: Uint8Array
  /** SHA-256 of the SubjectPublicKeyInfo in hex: finds every certificate of a compromised key. */
  keyHash: string
  /** ACME account and order it was issued to; absent for break-glass and our own. */
  account?: string
  order?: string
  revocation?: Revocation
  /** The part of its issuer's CRLs in which it would be listed; absent where there is only the whole. */
  crlPartition?: number
}

/** Why a certificate was issued: into the record with it, and nowhere else. */
export type Circumstances = Readonly<Record<string, unknown>>

/** When and why a certificate was revoked. */
export interface Revocation {
  at: number
  /** CRLReason code (RFC 5280 §5.3.1). */
  reason: number
}

/** One line of a CRL. */
export interface RevokedCertificate extends Revocation {
  serial: string
}

/** A serial number with what it is taken for. */
export interface SerialReservation {
  serial: string
  issuer: string
  reservedAt: number
  order?: string
  keyHash?: string
  /** Moves the order ready → processing in the same commit: what finalize was sent, and the request that sent it. */
  start?: OrderStart
}

/** What an order keeps of the finalize that started it. */
export interface OrderStart {
  csr: Uint8Array
  request: string
}

/** What must be durable before a certificate leaves the house. Every promise resolves only once the disk has it. */
export interface CertificateStore {
  /**
   * Takes a serial number before anything is signed with it. Rejects with ConflictError where it was ever taken, where the key with this
   * hash is compromised, or where the order that it is to start is not ready.
   */
  reserveSerial(reservation: SerialReservation): Promise<void>
  /**
   * Moves a reserved serial to issued and keeps the certificate, by compare-and-set: ConflictError where it is not reserved or is issued already.
   * Where the record names an order, the order may be moved in the same commit; where an enrolment secret is named, that is one of its uses,
   * and ConflictError where it has none left. None is kept without its line in the record.
   */
  storeCertificate(record: CertificateRecord, circumstances?: Circumstances, enrolment?: string): Promise<void>
  /** The issued certificate with this serial; undefined where none is (a serial merely reserved counts as none). */
  certificate(serial: string): Promise<CertificateRecord | undefined>
  /** The greatest `issuedAt` of all certificates that are not revoked, or 0: shows a clock that was set back. */
  latestIssuance(): Promise<number>
  /** Moves issued to revoked by compare-and-set; false where it is revoked already (the first revocation stands) or unknown. */
  revokeCertificate(serial: string, revocation: Revocation): Promise<boolean>
  /** What this issuer revoked of the certificates whose notAfter is `since` or later, in one part of its CRLs or all, ordered by serial. */
  revokedCertificates(issuer: string, since: number, partition?: number): Promise<RevokedCertificate[]>
  /** Whether a certificate with this key hash was ever revoked for keyCompromise: such a key is never certified again. */
  isCompromised(keyHash: string): Promise<boolean>
  /** The greatest number of a part of this issuer's CRLs in which a certificate is or would be; undefined where there are no parts. */
  lastPartition(issuer: string): Promise<number | undefined>
  /**
   * The next CRL number of this issuer, or of a part ("issuer/1"), committed before it is returned with its line in the record: 1, 2, 3 …
   * never twice.
   */
  nextCrlNumber(list: string, at: number): Promise<number>
}
