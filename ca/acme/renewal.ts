import { identifierText } from '../identifier.ts'
import { canonicalIdentifiers } from '../permission/subjects.ts'
import { AcmeError, type RequestedIdentifier } from '../problems.ts'
import type { CertificateRecord } from '../store/certificate-store.ts'
import { formatSerial, renewalId } from '../x509/x509.ts'
import { timestamp } from './states.ts'

/** What a CertID (RFC 9773 §4.1) says: the issuer's key identifier and the serial, in hex. */
export interface CertificateId {
  issuer: string
  serial: string
}

const CERT_ID = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/

/**
 * base64url(AKI keyIdentifier) "." base64url(serial, the octets of its DER INTEGER) (RFC 9773 §4.1). There is one spelling for each
 * certificate, so that what is stored of it can be compared.
 */
export function readCertificateId(text: string): CertificateId {
  const parts = CERT_ID.exec(text)
  const [keyId, octets] = (parts?.slice(1) ?? []).map(part => Buffer.from(part, 'base64url'))
  const id = keyId && octets && { issuer: keyId.toString('hex'), serial: formatSerial(octets) }
  if (!id || octets.length > 21 || renewalId({ serial: id.serial, authorityKeyId: id.issuer }) !== text)
    throw new AcmeError('malformed', 'a certificate is named by its key identifier and serial number (RFC 9773 §4.1)')
  return id
}

/** Parts of a certificate's life between which clients choose a moment at random: their renewals spread over a tenth of it. */
const WINDOW = { start: 0.6, end: 0.7 }
const HOUR = 3_600_000
/** Seconds: RFC 9773 §4.3.2 has clients take no less than the one, and ours never wait longer than the other. */
const RETRY = { least: 60, most: 6 * 3600 }
/** Of a certificate's life, how much may go by until a client asks again: one for a few hours must not miss its window. */
const RETRY_PART = 1 / 20

/** Seconds until a client should ask for the window again (RFC 9773 §4.3). */
export function renewalInfoRetry({ notBefore, notAfter }: Pick<CertificateRecord, 'notBefore' | 'notAfter'>): number {
  const part = Math.round(((notAfter - notBefore) / 1000) * RETRY_PART)
  return Math.min(RETRY.most, Math.max(RETRY.least, part))
}

/** The renewalInfo resource (RFC 9773 §4.2). What is revoked is to be replaced at once: its window has passed. */
export function renewalInfo({ notBefore, notAfter, revocation }: CertificateRecord): object {
  const life = notAfter - notBefore
  const start = revocation ? revocation.at - HOUR : notBefore + life * WINDOW.start
  const end = revocation ? revocation.at : notBefore + life * WINDOW.end
  return { suggestedWindow: { start: timestamp(start), end: timestamp(end) } }
}

/** RFC 9773 §5: an order may replace a certificate of its own account with which it shares an identifier. */
export function checkReplaced(
  record: CertificateRecord | undefined,
  id: CertificateId,
  account: string,
  identifiers: readonly RequestedIdentifier[],
): void {
  if (!record || record.issuer !== id.issuer)
    throw new AcmeError('malformed', '"replaces" names no certificate of ours')
  if (record.account !== account)
    throw new AcmeError('unauthorized', '"replaces" names a certificate of another account')
  const had = new Set(record.identifiers.map(identifierText))
  if (!canonicalIdentifiers(identifiers).some(identifier => had.has(identifierText(identifier))))
    throw new AcmeError('malformed', '"replaces" names a certificate that shares no identifier with the order')
}
