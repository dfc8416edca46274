import type { Clock } from '../../host/clock.ts'
import type { ShownCertificate } from '../../host/network.ts'
import type { Random } from '../../host/random.ts'
import { certificatesOnly } from '../cms/write.ts'
import { enrol, profileOf } from '../enrolment/enrol.ts'
import type { Enrolments } from '../enrolment/enrolments.ts'
import { type Identifier, identifierText, uniqueIdentifiers } from '../identifier.ts'
import type { SubjectKey } from '../issue/subject-key.ts'
import type { Issuer } from '../issuers.ts'
import { AcmeError } from '../problems.ts'
import type { Holder, Reissues } from '../reissue/reissue.ts'
import type { EnrolmentRow } from '../store/schema.ts'
import type { CaStore } from '../store/store.ts'
import { createWorkload, type Workload } from '../workload.ts'
import { CsrError, type RequestedContent, readCsr, readKeylessCsr } from '../x509/csr.ts'
import { csrAttributes } from './csr-attributes.ts'
import { serverKey } from './server-key.ts'

/** Enrolment over Secure Transport at one issuer (RFC 7030 §3.2.2: a label denotes a CA). What is given and taken is DER. */
export interface EstService {
  /** RFC 7030 §4.1.3: roots, what leads from one to the other, and intermediates. */
  caCertificates(): Uint8Array
  /** RFC 7030 §4.5.2. */
  csrAttributes(): Uint8Array
  /** RFC 7030 §4.2: a certificate by an enrolment secret, or the next one of who has shown one. Rejects with EnrolmentError or AcmeError. */
  enrol(csr: Uint8Array, credential: Credential): Promise<Uint8Array>
  /** RFC 7030 §4.4: the same for a key that is made here, which comes with it as a DER PrivateKeyInfo. Rejects with EnrolmentError or AcmeError. */
  serverKeygen(csr: Uint8Array, credential: Credential): Promise<{ privateKey: Uint8Array; certificate: Uint8Array }>
}

/** By what a client shows that it may have a certificate: an enrolment secret, from this address, or the certificate that is replaced. */
export type Credential = { secret: string; address: string } | { shown: ShownCertificate }

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
  const { issuer } = deps
  const { authority } = issuer
  const { hierarchy } = authority
  const workload = createWorkload('devices are enrolling', LIMITS)
  return {
    caCertificates: () =>
      certificatesOnly(
        [...hierarchy.roots(), ...hierarchy.crossCertificates(), ...hierarchy.intermediates()].map(({ der }) => der),
      ),
    csrAttributes: () => csrAttributes(authority.profiles()[0]!),
    async enrol(csr, credential) {
      const client = await clientBy(deps, credential)
      const request = requestIn(csr, readCsr)
      return certify(deps, workload, client, request, request.publicKey, 'est')
    },
    async serverKeygen(csr, credential) {
      const client = await clientBy(deps, credential)
      const request = requestIn(csr, readKeylessCsr)
      const { profile } = 'holder' in client ? client.holder.record : client.enrolment
      const key = serverKey(request, profileOf(authority, profile))
      const certificate = await certify(deps, workload, client, request, key.make, 'est serverkeygen')
      return { privateKey: key.privateKey(), certificate }
    },
  }
}

/** Who asks. */
type Client = { enrolment: EnrolmentRow } | { holder: Holder }

async function clientBy({ enrolments, reissues, issuer }: EstDeps, credential: Credential): Promise<Client> {
  return 'shown' in credential
    ? { holder: await reissues.holder(credential.shown, issuer.name) }
    : { enrolment: await enrolments.open(credential.secret, credential.address) }
}

/** The next certificate of a holder, or the first by a secret; DER, with nothing beside it. */
async function certify(
  deps: EstDeps,
  workload: Workload,
  client: Client,
  request: RequestedContent,
  publicKey: SubjectKey,
  way: string,
): Promise<Uint8Array> {
  const { authority, name } = deps.issuer
  const { identifiers } = request
  if ('holder' in client) checkSame(request, client.holder)
  const { record } =
    'holder' in client
      ? await deps.reissues.renew(client.holder, way, publicKey)
      : await workload.run(() =>
          enrol({ ...deps, authority, issuer: name }, client.enrolment, { identifiers, publicKey }, { way }),
        )
  return certificatesOnly([record.der])
}

/** RFC 6402 §2.8. */
const CHANGE_SUBJECT_NAME = '1.3.6.1.5.5.7.7.36'

/** RFC 7030 §4.2.2: subject and subjectAltName must be those of the certificate; what else a subject says is the profile's. */
function checkSame({ identifiers, attributes }: RequestedContent, { record }: Holder): void {
  if (attributes.has(CHANGE_SUBJECT_NAME))
    throw new AcmeError(
      'badCSR',
      'names are not changed by renewal (ChangeSubjectName): enrol by a secret for the new ones',
    )
  if (textOf(identifiers) !== textOf(record.identifiers))
    throw new AcmeError('badCSR', 'the CSR must be for the names of the certificate that was shown, and no others')
}

function requestIn<Request>(der: Uint8Array, read: (der: Uint8Array) => Request): Request {
  try {
    return read(der)
  } catch (error) {
    if (error instanceof CsrError) throw new AcmeError('badCSR', `the CSR is refused: ${error.message}`)
    throw error
  }
}

function textOf(identifiers: readonly Identifier[]): string {
  return uniqueIdentifiers(identifiers).map(identifierText).join()
}
