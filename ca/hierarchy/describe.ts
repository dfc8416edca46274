import { timestamp } from '../acme/states.ts'
import { REASONS } from '../revocation/revoke.ts'
import type { CertificateRecord } from '../store/certificate-store.ts'
import type { CaCertificate } from './ca-certificate.ts'
import { fingerprintText } from './trust.ts'

/** A CA certificate, for operators and programs. */
export function describeAuthority({ commonName, serial, fingerprint, notBefore, notAfter, signer }: CaCertificate) {
  return {
    subject: commonName,
    serial,
    sha256: fingerprintText(fingerprint),
    not_before: timestamp(notBefore),
    not_after: timestamp(notAfter),
    ...(signer.token !== undefined && { token: signer.token }),
  }
}

/** A certificate that was issued, for operators and programs. */
export function describeCertificate(record: CertificateRecord, now: number) {
  const { serial, identifiers, profile, notBefore, notAfter, account, revocation } = record
  return {
    serial,
    names: identifiers.map(({ value }) => value),
    profile,
    status: revocation ? 'revoked' : notAfter < now ? 'expired' : 'valid',
    not_before: timestamp(notBefore),
    not_after: timestamp(notAfter),
    ...(account !== undefined && { account }),
    ...(revocation && { revoked_at: timestamp(revocation.at), reason: reasonName(revocation.reason) }),
  }
}

/** A CRLReason as RFC 5280 §5.3.1 names it. */
export function reasonName(code: number): string {
  return Object.entries(REASONS).find(([, value]) => value === code)?.[0] ?? String(code)
}
