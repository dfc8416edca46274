import { certificatesOnly } from '../cms/write.ts'
import { enrol, renew } from '../enrolment/enrol.ts'
import { accountOf } from '../enrolment/enrolments.ts'
import { EnrolmentError } from '../enrolment/error.ts'
import type { IssuedCertificate } from '../issue/issue.ts'
import type { CertificateRecord } from '../store/certificate-store.ts'
import type { EnrolmentRow } from '../store/schema.ts'
import { readCertificate } from '../x509/certificate-facts.ts'
import { CsrError, readCsr, type SigningRequest } from '../x509/csr.ts'
import { DerError } from '../x509/der.ts'
import { derBlocks, formatSerial } from '../x509/x509.ts'
import type { ScepDeps } from './deps.ts'
import { issuerAndSerial, type Outcome, type ScepRequest } from './message.ts'

/**
 * What a request comes to whose signature holds; `content` is what it carried, undefined where it could not be decrypted. Throws EnrolmentError.
 */
export async function decide(
  deps: ScepDeps,
  request: ScepRequest,
  content: Uint8Array | undefined,
  address: string,
): Promise<Outcome> {
  const former = await holderOf(deps, request)
  switch (request.type) {
    case 'PKCSReq':
    case 'RenewalReq':
      return certify(deps, request, content, former, address)
    case 'CertPoll':
      return content ? poll(deps, request) : UNREADABLE
    case 'GetCert':
    case 'GetCRL':
      return content ? fetchFor(deps, request.type, content, former) : UNREADABLE
  }
}

/**
 * The same for what can't be decrypted and for what can't be read then: who changes the messages of others learns from neither what is in them
 * (a padding oracle).
 */
const UNREADABLE: Outcome = {
  kind: 'failure',
  failure: 'badMessageCheck',
  text: 'it is not encrypted to our registration authority, or what is in it is no request of its signer; get the certificates anew (GetCACert)',
}

/** The certificate of ours by which a request is signed; undefined where its signer has certified itself. */
async function holderOf(
  { store }: ScepDeps,
  { signed: { signer } }: ScepRequest,
): Promise<CertificateRecord | undefined> {
  const { issuer, serial } = issuerAndSerial(signer.id)
  const record = await store.certificate(formatSerial(serial))
  if (!record) return undefined
  const facts = readCertificate(record.der)
  return same(facts.issuer, issuer) && same(facts.publicKey, signer.publicKey) ? record : undefined
}

async function certify(
  deps: ScepDeps,
  request: ScepRequest,
  content: Uint8Array | undefined,
  former: CertificateRecord | undefined,
  address: string,
): Promise<Outcome> {
  const { publicKey } = request.signed.signer
  // RFC 8894 §2.3: who has no certificate yet signs with the very key that is to be certified.
  const own = content !== undefined && Buffer.from(content).includes(Buffer.from(publicKey))
  if (!content || (!former && !own)) return UNREADABLE
  const csr = csrIn(content)
  if (csr instanceof CsrError) return own ? refused(`the CSR is refused: ${csr.message}`) : UNREADABLE
  // Clients older than the RFC renew by a PKCSReq that is signed with their certificate.
  if (former && (request.type === 'RenewalReq' || csr.challengePassword === undefined)) {
    const enrolment = await deps.enrolments.behind(former.account)
    if (!enrolment) return refused('its certificate was not had by an enrolment secret that still holds')
    return handOut(await renew(deps, enrolment, former, csr, wayOf(request)))
  }
  if (request.type === 'RenewalReq') return refused('a renewal must be signed with a certificate of ours')
  if (!same(csr.publicKey, publicKey)) return UNREADABLE
  const enrolment = await deps.enrolments.open(csr.challengePassword, address)
  return first(deps, request, enrolment, csr, content)
}

/** A first certificate, or word that a person must approve it. */
async function first(
  deps: ScepDeps,
  request: ScepRequest,
  enrolment: EnrolmentRow,
  csr: SigningRequest,
  octets: Uint8Array,
): Promise<Outcome> {
  try {
    return handOut(await enrol(deps, enrolment, csr, wayOf(request)))
  } catch (error) {
    if (!(error instanceof EnrolmentError) || error.code !== 'waiting') throw error
    await deps.store.keepScepRequest({
      issuer: deps.issuer,
      transaction_id: request.transaction,
      enrolment: enrolment.id,
      csr: octets,
      created_at: deps.clock.now(),
    })
    return { kind: 'pending' }
  }
}

/** RFC 8894 §3.3.3: the client asks again for what was pending; its transaction tells which, its key that it is its own. */
async function poll(deps: ScepDeps, request: ScepRequest): Promise<Outcome> {
  const waiting = await deps.store.scepRequest(deps.issuer, request.transaction)
  const csr = waiting && csrIn(waiting.csr)
  if (!csr || csr instanceof CsrError || !same(csr.publicKey, request.signed.signer.publicKey))
    return { kind: 'failure', failure: 'badCertId', text: 'no request of this key waits under that transactionID' }
  const enrolment = await deps.enrolments.behind(accountOf({ id: waiting.enrolment }))
  if (!enrolment) return refused('the enrolment secret was revoked')
  return first(deps, request, enrolment, csr, waiting.csr)
}

/** RFC 8894 §3.3.4, §3.3.5: for who holds a certificate of ours. */
async function fetchFor(
  { store, authority }: ScepDeps,
  type: 'GetCert' | 'GetCRL',
  content: Uint8Array,
  former: CertificateRecord | undefined,
): Promise<Outcome> {
  const nothing = (text: string): Outcome => ({ kind: 'failure', failure: 'badCertId', text })
  if (!former) return nothing('it must be signed with a certificate of ours')
  const wanted = wantedIn(content)
  const record = wanted && (await store.certificate(formatSerial(wanted.serial)))
  if (!record || !same(readCertificate(record.der).issuer, wanted.issuer))
    return nothing('we have issued no such certificate')
  if (type === 'GetCert') return { kind: 'success', content: certificatesOnly([record.der]) }
  const crl = await authority.revocation.crl(record.issuer, record.crlPartition)
  return crl ? { kind: 'success', content: certificatesOnly([], [crl.der]) } : nothing('its issuer has no CRL')
}

function wantedIn(content: Uint8Array) {
  try {
    return issuerAndSerial(content)
  } catch (error) {
    if (error instanceof DerError) return undefined
    throw error
  }
}

function csrIn(octets: Uint8Array): SigningRequest | CsrError {
  try {
    return readCsr(octets)
  } catch (error) {
    if (error instanceof CsrError) return error
    throw error
  }
}

function wayOf({ transaction }: ScepRequest) {
  return { way: 'scep', transaction }
}

function handOut({ chain }: IssuedCertificate): Outcome {
  return { kind: 'success', content: certificatesOnly(derBlocks('CERTIFICATE', chain)) }
}

function refused(text: string): Outcome {
  return { kind: 'failure', failure: 'badRequest', text }
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}
