import type { Clock, Timer } from '../host/clock.ts'
import type { Log } from '../host/log.ts'
import type { Random } from '../host/random.ts'
import type { CaCertificate } from './ca-certificate.ts'
import type { CertificateStore } from './certificate-store.ts'
import { type Crl, signCrl } from './crl.ts'
import type { Hierarchy } from './hierarchy.ts'
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
  /** The current CRL of the CA certificate with this id; undefined for an unknown id. */
  crl(issuerId: string): Promise<Crl | undefined>
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
  clock: Clock
  random: Random
  log: Log
}

const HOUR = 3_600_000
const DAY = 24 * HOUR

/** How long a CRL may be relied on, and how often the next is signed even where nothing was revoked. */
const CRL_VALIDITY = 7 * DAY
const CRL_EVERY = DAY
/** For clients whose clocks are slow. */
const BACKDATE = 60_000

/** Opens the one door by which certificates are revoked. */
export function createRevocation(deps: RevocationDeps): RevocationService {
  const { hierarchy, store, clock, log } = deps
  const lists = createCrls(deps)
  const ocsp = createOcspService(deps)
  let timer: Timer | undefined

  const refreshAll = async () => {
    timer?.cancel()
    timer = clock.after(HOUR, refreshAll)
    for (const issuer of hierarchy.all())
      await lists
        .current(issuer)
        .catch(error =>
          log.error({ err: error, issuer: issuer.commonName }, 'the CRL could not be signed; tried again in an hour'),
        )
  }
  const revoke = async (serial: string, reason: number = REASONS.unspecified) => {
    if (!isReason(reason)) throw new RangeError(`${reason} is no reason for revocation (RFC 5280 §5.3.1)`)
    const record = await store.certificate(serial)
    if (!record) return false
    // The next one is there before the one that signs goes, so that issuing goes on.
    if (serial === hierarchy.current().serial && !record.revocation) await hierarchy.renewIntermediate()
    const revoked = await store.revokeCertificate(serial, { at: clock.now(), reason })
    if (!revoked) return false
    log.info({ serial, reason, account: record.account }, 'certificate revoked')
    ocsp.forget(serial)
    const issuer = hierarchy.find(record.issuer)
    if (issuer) await lists.refresh(issuer)
    return true
  }
  return {
    revoke,
    async crl(issuerId) {
      const issuer = hierarchy.find(issuerId)
      // What has expired signs no more: its last CRL stays.
      return issuer && (issuer.notAfter < clock.now() ? lists.last(issuerId) : lists.current(issuer))
    },
    ocsp: ocsp.answer,
    start: refreshAll,
    close: () => timer?.cancel(),
  }
}

/** The latest CRL of each issuer. A CRL is replaced by assignment, only by `sign`. */
function createCrls({ store, clock, log }: RevocationDeps) {
  const latest = new Map<string, Crl>()
  const running = new Map<string, Promise<Crl>>()
  const queued = new Map<string, Promise<Crl>>()

  const sign = async (issuer: CaCertificate): Promise<Crl> => {
    const thisUpdate = clock.now()
    const revoked = await store.revokedCertificates(issuer.id, thisUpdate - CRL_VALIDITY)
    const number = await store.nextCrlNumber(issuer.id)
    const nextUpdate = Math.min(thisUpdate + CRL_VALIDITY, issuer.notAfter)
    const crl = await signCrl(issuer, { number, thisUpdate: thisUpdate - BACKDATE, nextUpdate, revoked })
    latest.set(issuer.id, crl)
    log.debug({ issuer: issuer.commonName, number, entries: revoked.length }, 'CRL signed')
    return crl
  }
  const run = (issuer: CaCertificate): Promise<Crl> => {
    const signing = sign(issuer).finally(() => running.delete(issuer.id))
    running.set(issuer.id, signing)
    return signing
  }
  /** A CRL that holds all that was revoked before the call: a thousand revocations at once share two signatures. */
  const refresh = (issuer: CaCertificate): Promise<Crl> => {
    const before = running.get(issuer.id)
    if (!before) return run(issuer)
    const waiting = queued.get(issuer.id)
    if (waiting) return waiting
    const next = before
      .catch(() => {})
      .then(() => {
        queued.delete(issuer.id)
        return run(issuer)
      })
    queued.set(issuer.id, next)
    return next
  }
  return {
    refresh,
    last: (issuerId: string) => latest.get(issuerId),
    async current(issuer: CaCertificate): Promise<Crl> {
      const crl = latest.get(issuer.id)
      const age = crl && clock.now() - crl.thisUpdate
      return crl && age! >= 0 && age! < CRL_EVERY ? crl : (running.get(issuer.id) ?? run(issuer))
    },
  }
}
