import type { Clock } from '../../host/clock.ts'
import type { Log } from '../../host/log.ts'
import type { Hierarchy } from '../hierarchy/hierarchy.ts'
import { identifierText } from '../identifier.ts'
import { AcmeError, notFound } from '../problems.ts'
import { REASONS, type RevocationService } from '../revocation/revoke.ts'
import type { CertificateRecord } from '../store/certificate-store.ts'
import type { CaStore } from '../store/store.ts'
import { readCertificate } from '../x509/certificate-facts.ts'
import { fingerprint } from '../x509/x509.ts'
import type { AccountRequest, SignedRequest } from './authenticate.ts'
import { decodeBase64url } from './jws.ts'

/** What a subscriber may give as reason; the others speak of CAs, or can be taken back (RFC 5280 §5.3.1). */
const ALLOWED_REASONS: readonly unknown[] = [
  REASONS.unspecified,
  REASONS.keyCompromise,
  REASONS.affiliationChanged,
  REASONS.superseded,
  REASONS.cessationOfOperation,
  REASONS.privilegeWithdrawn,
]

/** revokeCert (RFC 8555 §7.6). */
export function createRevocationRequests(deps: {
  store: CaStore
  hierarchy: Pick<Hierarchy, 'find'>
  revocation: RevocationService
  clock: Clock
}) {
  const { store, hierarchy, revocation, clock } = deps

  /** The record of a certificate that we issued, octet for octet the one sent. */
  const recordOf = async (der: Uint8Array): Promise<CertificateRecord> => {
    const serial = serialOf(der)
    const record = await store.certificate(serial)
    if (!record || !hierarchy.find(record.issuer) || !Buffer.from(record.der).equals(der))
      throw notFound('certificate of ours')
    return record
  }

  // RFC 8555 §7.6: the account that it was issued to, one authorized for all its identifiers, or the certificate's key.
  const mayRevoke = async (request: AccountRequest | SignedRequest, record: CertificateRecord): Promise<boolean> => {
    if (!('account' in request)) return fingerprint(request.key.spki) === record.keyHash
    if (record.account === request.account.id) return true
    const held = await store.authorized(request.account.id, clock.now())
    const names = new Set(held.map(({ type, value, wildcard }) => `${type}:${wildcard === 1 ? '*.' : ''}${value}`))
    return record.identifiers.length > 0 && record.identifiers.every(each => names.has(identifierText(each)))
  }

  return async (request: AccountRequest | SignedRequest, log: Log): Promise<void> => {
    const { certificate, reason = REASONS.unspecified } = request.payload ?? {}
    const record = await recordOf(decodeBase64url(certificate, '"certificate"'))
    if (!(await mayRevoke(request, record)))
      throw new AcmeError('unauthorized', 'neither this account nor this key may revoke the certificate')
    if (!ALLOWED_REASONS.includes(reason))
      throw new AcmeError('badRevocationReason', `the reason must be one of ${ALLOWED_REASONS.join(', ')}`)
    if (!(await revocation.revoke(record.serial, reason as number)))
      throw new AcmeError('alreadyRevoked', 'the certificate is revoked already')
    const account = 'account' in request ? request.account.id : undefined
    log.info({ serial: record.serial, reason, account }, 'certificate revoked')
  }
}

function serialOf(der: Uint8Array): string {
  try {
    return readCertificate(der).serial
  } catch (cause) {
    throw new AcmeError('malformed', 'the "certificate" is not a DER certificate', { cause })
  }
}
