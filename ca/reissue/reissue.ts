import type { CaConfig } from '../../config/ca-schema.ts'
import { type Name, parseName } from '../../dns/name.ts'
import type { Clock } from '../../host/clock.ts'
import type { Log } from '../../host/log.ts'
import type { ShownCertificate } from '../../host/network.ts'
import type { Random } from '../../host/random.ts'
import { issueProblem } from '../acme/fulfilment.ts'
import { renew as renewEnrolled } from '../enrolment/enrol.ts'
import type { Enrolments } from '../enrolment/enrolments.ts'
import { identifierText } from '../identifier.ts'
import { type IssuedCertificate, IssueError } from '../issue/issue.ts'
import { chooseProfile, type Profile } from '../issue/profiles.ts'
import { publicKeyFor, type SubjectKey } from '../issue/subject-key.ts'
import type { Issuer } from '../issuers.ts'
import { createLimits } from '../permission/limits.ts'
import { subjectsOf } from '../permission/subjects.ts'
import { AcmeError } from '../problems.ts'
import type { Evidence } from '../record/entry.ts'
import type { CertificateRecord } from '../store/certificate-store.ts'
import type { AccountRow, EnrolmentRow } from '../store/schema.ts'
import type { CaStore } from '../store/store.ts'
import { createWorkload } from '../workload.ts'
import { readCertificate } from '../x509/certificate-facts.ts'

/** A certificate of ours that stands, and whose holder has shown it in the TLS handshake. */
export interface Holder {
  record: CertificateRecord
  issuer: Issuer
  /** The ACME account that it was issued to, or the secret that its holder enrolled by; neither where it came by another way. */
  account?: AccountRow
  enrolment?: EnrolmentRow
}

/** Renewal on the strength of a certificate that is shown: the same names and profile, judged by the rules as they are now. */
export interface Reissues {
  /** Who has shown what, at this issuer where one is named; rejects with `unauthorized` (401) where it is nothing of ours that stands now. */
  holder(shown: ShownCertificate | undefined, issuer?: string): Promise<Holder>
  /** The next certificate, for the same key unless another is given; `way` is for the record. Rejects with AcmeError. */
  renew(holder: Holder, way: string, publicKey?: SubjectKey): Promise<IssuedCertificate>
}

/** What renewing needs. */
export interface ReissueDeps {
  enrolments: Pick<Enrolments, 'behind'>
  /** Those whose certificates may be shown: without staging. */
  issuers: readonly Issuer[]
  store: CaStore
  /** As the config has them now. */
  limits(): CaConfig['limits']
  clock: Clock
  random: Random
  log: Log
}

const LIMITS = { running: 8, waiting: 256 }

export function createReissues(deps: ReissueDeps): Reissues {
  const { issuers, store, enrolments, clock, log } = deps
  const limits = createLimits(deps.limits, clock)
  const workload = createWorkload('certificates are being renewed', LIMITS)

  const issue = async (holder: Holder, profile: Profile, way: string, publicKey: SubjectKey) => {
    const { record, issuer, account, enrolment } = holder
    const { identifiers } = record
    if (enrolment) {
      const enrolling = { ...deps, issuer: issuer.name, authority: issuer.authority }
      return renewEnrolled(enrolling, enrolment, record, { publicKey, identifiers }, { way })
    }
    const evidence = await evidenceOf(store, record.serial)
    await issuer.directory.permission.check({ account, profile, proofs: keysIn(evidence) }, identifiers)
    await checkCaa(holder, evidence, log)
    return issuer.authority.issuance.issue({
      publicKey: await publicKeyFor(publicKey),
      identifiers,
      profile,
      account: record.account,
      circumstances: { way, replaces: record.serial, ...(evidence.length > 0 && { proofs: evidence }) },
    })
  }

  const whoHas = async ({ account: id }: CertificateRecord): Promise<Pick<Holder, 'account' | 'enrolment'>> => {
    if (id === undefined) return {}
    const enrolment = await enrolments.behind(id)
    if (enrolment) return { enrolment }
    const account = await store.account(id)
    if (account?.status === 'valid') return { account }
    throw unauthorized(
      'the account that the certificate was issued to, or the secret that it was enrolled by, holds no more',
    )
  }

  return {
    async holder(shown, at) {
      const record = await recordOf(store, shown)
      const now = clock.now()
      if (record.revocation) throw unauthorized('the certificate that was shown is revoked')
      // The handshake may be long ago.
      if (now < record.notBefore || now > record.notAfter)
        throw unauthorized('the certificate that was shown is not valid at this time')
      const who = await whoHas(record)
      const known = (who.account ?? who.enrolment)?.issuer ?? undefined
      const issuer = issuers.find(
        ({ name, authority }) =>
          [known ?? name, at ?? name].every(one => one === name) && authority.hierarchy.find(record.issuer),
      )
      if (!issuer) throw unauthorized('the certificate that was shown is not of this issuer, or its issuer is gone')
      return { record, issuer, ...who }
    },

    async renew(holder, way, publicKey = readCertificate(holder.record.der).publicKey) {
      const { record, issuer } = holder
      const profile = chooseProfile(issuer.authority.profiles(), record.profile)
      if (!profile?.renewable)
        throw new AcmeError(
          'unauthorized',
          `certificates of the profile "${record.profile}" are not renewed by showing them`,
        )
      limits.newOrder(record.account ?? record.keyHash)
      try {
        return await workload.run(() => issue(holder, profile, way, publicKey))
      } catch (error) {
        throw error instanceof IssueError ? issueProblem(error) : error
      }
    },
  }
}

async function recordOf(store: CaStore, shown: ShownCertificate | undefined): Promise<CertificateRecord> {
  if (!shown) throw unauthorized('show a certificate of ours in the TLS handshake')
  if (!shown.verified)
    throw unauthorized(
      'the certificate that was shown is not valid: it must be one of ours, for TLS clients, at this time',
    )
  const record = await store.certificate(readCertificate(shown.der).serial)
  if (!record || Buffer.compare(record.der, shown.der) !== 0)
    throw unauthorized('the certificate that was shown is not known here')
  return record
}

function unauthorized(detail: string): AcmeError {
  return new AcmeError('unauthorized', detail, { status: 401 })
}

/** What proved control of the names when the first of the line was issued, as the record has it. */
async function evidenceOf(store: CaStore, serial: string): Promise<Evidence[]> {
  const row = await store.issuanceOf(serial)
  return row?.entry == null ? [] : ((JSON.parse(row.entry) as { proofs?: Evidence[] }).proofs ?? [])
}

/** The keys that made the records which proved control: whoever has one must still be allowed to write the name. */
function keysIn(evidence: readonly Evidence[]): Map<string, Name> {
  return new Map(
    evidence.flatMap(({ identifier, change }) =>
      change?.key === undefined ? [] : [[identifier, parseName(change.key)]],
    ),
  )
}

/** RFC 8659 §3: before each issuance. What was proved by no challenge is met by no record that asks for one (RFC 8657 §4). */
async function checkCaa({ record, issuer, account }: Holder, evidence: readonly Evidence[], log: Log): Promise<void> {
  const { caa, urls } = issuer.directory
  const accountUrl = account ? urls.account(account.id) : ''
  for (const named of record.identifiers) {
    if (named.type !== 'dns') continue
    const [subject] = subjectsOf([named])
    const method = evidence.find(({ identifier }) => identifier === identifierText(named))?.method ?? ''
    await caa.check({ subject: subject!, accountUrl, method }, log)
  }
}
