import type { Clock, Timer } from '../../host/clock.ts'
import type { Log } from '../../host/log.ts'
import type { Random } from '../../host/random.ts'
import type { Hierarchy } from '../hierarchy/hierarchy.ts'
import type { CertificateStore } from '../store/certificate-store.ts'
import type { Crl } from './crl.ts'
import { type CrlSettings, createCrls } from './crls.ts'
import { createOcspService, type OcspAnswer } from './ocsp-service.ts'

export type { Crl } from './crl.ts'
export type { OcspAnswer } from './ocsp-service.ts'

/** CRLReason codes by their names in RFC 5280 §5.3.1; certificateHold and removeFromCRL are not for what is revoked for good. */
export const REASONS = {
  unspecified: 0,
  keyCompromise: 1,
  cACompromise: 2,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  privilegeWithdrawn: 9,
  aACompromise: 10,
} as const

/** Whether a certificate may be revoked for this reason. */
export function isReason(code: number): boolean {
  return Object.values<number>(REASONS).includes(code)
}

/** Revocation, and the two ways of telling about it. */
export interface RevocationService {
  /**
   * Revokes for good; once resolved, CRL and OCSP say so. False where it was revoked before (that revocation stands) or was never
   * issued. Rejects with RangeError for a reason that is none.
   */
  revoke(serial: string, reason?: number): Promise<boolean>
  /** The current CRL of the CA certificate with this id, or a part of it; undefined for an unknown id or part. */
  crl(issuerId: string, partition?: number): Promise<Crl | undefined>
  /** The DER OCSPResponse for a DER OCSPRequest; never rejects for bad input. */
  ocsp(request: Uint8Array): Promise<OcspAnswer>
  /** Signs the first CRLs, and from then on every next one long before its predecessor's nextUpdate. */
  start(): Promise<void>
  close(): void
}

/** What revocation needs. */
export interface RevocationDeps {
  hierarchy: Hierarchy
  store: CertificateStore
  /** Base of the URLs of CRLs. */
  httpUrl: string | undefined
  crl: CrlSettings
  clock: Clock
  random: Random
  log: Log
}

const HOUR = 3_600_000

/** Opens the one door by which certificates are revoked. */
export function createRevocation(deps: RevocationDeps): RevocationService {
  const { hierarchy, store, clock, log } = deps
  const lists = createCrls(deps)
  const ocsp = createOcspService(deps)
  let timer: Timer | undefined

  const refreshAll = async () => {
    timer?.cancel()
    timer = clock.after(HOUR, refreshAll)
    // The CRL of an offline root is signed where its key is.
    for (const issuer of hierarchy.all().filter(({ signer }) => signer.present))
      await lists
        .renew(issuer)
        .catch(error =>
          log.error({ err: error, issuer: issuer.commonName }, 'a CRL could not be signed; tried again in an hour'),
        )
    await ocsp.refresh()
  }
  const revoke = async (serial: string, reason: number = REASONS.unspecified) => {
    if (!isReason(reason)) throw new RangeError(`${reason} is no reason for revocation (RFC 5280 §5.3.1)`)
    const record = await store.certificate(serial)
    if (!record) return false
    // The next one is there before the one that signs goes, so that issuing goes on.
    if (serial === hierarchy.standing()?.serial && !record.revocation) await hierarchy.renewIntermediate()
    const revoked = await store.revokeCertificate(serial, { at: clock.now(), reason })
    if (!revoked) return false
    log.info({ serial, reason, account: record.account }, 'certificate revoked')
    ocsp.forget(serial)
    const issuer = hierarchy.find(record.issuer)
    if (issuer?.signer.present)
      await Promise.all([lists.refresh(issuer, record.crlPartition), ocsp.prepare(issuer, serial)])
    return true
  }
  return {
    revoke,
    async crl(issuerId, partition) {
      const issuer = hierarchy.find(issuerId)
      // What has expired signs no more: its last CRL stays.
      return (
        issuer &&
        (issuer.notAfter < clock.now() || !issuer.signer.present
          ? lists.last(issuerId, partition)
          : lists.current(issuer, partition))
      )
    },
    ocsp: ocsp.answer,
    start: refreshAll,
    close: () => timer?.cancel(),
  }
}
