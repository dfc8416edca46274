import type { Clock } from '../../host/clock.ts'
import type { ShownCertificate } from '../../host/network.ts'
import type { Random } from '../../host/random.ts'
import { certificatesOnly } from '../cms/write.ts'
import { enrol } from '../enrolment/enrol.ts'
import type { Enrolments } from '../enrolment/enrolments.ts'
import { identifierText, uniqueIdentifiers } from '../identifier.ts'
import type { Issuer } from '../issuers.ts'
import { AcmeError } from '../problems.ts'
import type { Reissues } from '../reissue/reissue.ts'
import type { CaStore } from '../store/store.ts'
import { createWorkload } from '../workload.ts'
import { CsrError, readCsr, type SigningRequest } from '../x509/csr.ts'
import { csrAttributes } from './csr-attributes.ts'

/** Enrolment over Secure Transport at one issuer (RFC 7030 §3.2.2: a label denotes a CA). What is given and taken is DER. */
export interface EstService {
  /** RFC 7030 §4.1.3: roots, what leads from one to the other, and intermediates. */
  caCertificates(): Uint8Array
  /** RFC 7030 §4.5.2. */
  csrAttributes(): Uint8Array
  /** RFC 7030 §4.2.1: a certificate by an enrolment secret. Rejects with EnrolmentError or AcmeError. */
  enrol(csr: Uint8Array, secret: string, address: string): Promise<Uint8Array>
  /** RFC 7030 §4.2.2: the next certificate of who has shown one. Rejects with EnrolmentError or AcmeError. */
  reenrol(csr: Uint8Array, shown: ShownCertificate): Promise<Uint8Array>
}

/** What enrolling needs. */
export interface EstDeps {
  issuer: Issuer
  store: CaStore
  enrolments: Enrolments
  reissues: Reissues
  clock: Clock
  random: Random
}

const LIMITS = { running: 8, waiting: 256 }

/** Serves one issuer. */
export function createEst(deps: EstDeps): EstService {
  const { enrolments, reissues, issuer } = deps
  const { authority, name } = issuer
  const { hierarchy } = authority
  const workload = createWorkload('devices are enrolling', LIMITS)
  return {
    caCertificates: () =>
      certificatesOnly(
        [...hierarchy.roots(), ...hierarchy.crossCertificates(), ...hierarchy.intermediates()].map(({ der }) => der),
      ),
    csrAttributes: () => csrAttributes(authority.profiles()[0]!),
    async enrol(csr, secret, address) {
      const enrolment = await enrolments.open(secret, address)
      const request = requestIn(csr)
      const { record } = await workload.run(() =>
        enrol({ ...deps, authority, issuer: name }, enrolment, request, { way: 'est' }),
      )
      return certificatesOnly([record.der])
    },
    async reenrol(csr, shown) {
      const holder = await reissues.holder(shown, name)
      const request = requestIn(csr)
      // RFC 7030 §4.2.2: subject and subjectAltName must be those of the certificate; what else a subject says is the profile's.
      if (textOf(request.identifiers) !== textOf(holder.record.identifiers))
        throw new AcmeError('badCSR', 'the CSR must be for the names of the certificate that was shown, and no others')
      const { record } = await reissues.renew(holder, 'est', request.publicKey)
      return certificatesOnly([record.der])
    },
  }
}

function requestIn(der: Uint8Array): SigningRequest {
  try {
    return readCsr(der)
  } catch (error) {
    if (error instanceof CsrError) throw new AcmeError('badCSR', `the CSR is refused: ${error.message}`)
    throw error
  }
}

function textOf(identifiers: SigningRequest['identifiers']): string {
  return uniqueIdentifiers(identifiers).map(identifierText).join()
}
