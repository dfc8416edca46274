import { CIPHERS, type Cipher, DIGESTS } from '../cms/algorithms.ts'
import { CmsError, readEnveloped, rsaKeyOf } from '../cms/read.ts'
import { certificatesOnly, envelopedMessage, type Recipient, signedMessage } from '../cms/write.ts'
import { EnrolmentError } from '../enrolment/error.ts'
import type { ScepDeps } from './deps.ts'
import { type Failure, type Outcome, readRequest, replyAttributes, type ScepRequest } from './message.ts'
import { decide } from './operations.ts'
import type { RegistrationAuthority } from './registration.ts'
import { successor } from './successor.ts'

/** SCEP at one issuer (RFC 8894). */
export interface ScepService {
  /** What GetCACaps says (RFC 8894 §3.5.2), a keyword a line. */
  readonly capabilities: string
  /** What GetCACert gives (RFC 8894 §4.2.1.2): the registration authority, its issuer, and what leads to the root; undefined where nothing can be issued. */
  certificates(): Promise<Uint8Array | undefined>
  /**
   * What GetNextCACert gives (RFC 8894 §4.7.1), signed by the registration authority of now: who signs next and its root; undefined where that
   * is who signs now.
   */
  nextCertificates(): Promise<Uint8Array | undefined>
  /**
   * The CertRep to a pkiMessage; undefined where nothing can be issued. Throws CmsError where it is no message that could be answered, and
   * EnrolmentError (`busy`, `unready`) where the client should come again.
   */
  answer(message: Uint8Array, address: string): Promise<Uint8Array | undefined>
}

const CAPABILITIES = ['AES', 'GetNextCACert', 'POSTPKIOperation', 'Renewal', 'SCEPStandard', 'SHA-256', 'SHA-512']
const LEGACY = ['DES3', 'SHA-1']
/** RFC 8894 §3.2.1.5. */
const NONCE = 16

export function createScep(deps: ScepDeps): ScepService {
  const { authority, registration, legacy, clock, random, log } = deps
  return {
    capabilities: [...CAPABILITIES, ...(legacy ? LEGACY : [])].map(one => `${one}\n`).join(''),
    async certificates() {
      const ra = await registration()
      if (!ra) return undefined
      const [chain] = authority.hierarchy.chains(ra.issuer, ra.issuer.notAfter)
      const above = chain ? [...chain.certificates, chain.root] : [ra.issuer]
      return certificatesOnly([ra.signer.certificate, ...above.map(({ der }) => der)])
    },
    async nextCertificates() {
      const ra = await registration()
      const next = ra && successor(authority.hierarchy, ra.issuer, clock.now())
      if (!next) return undefined
      const all = [...next.certificates, next.root].map(({ der }) => der)
      return signedMessage(certificatesOnly(all), [], ra.signer, DIGESTS[0]!)
    },
    async answer(message, address) {
      const ra = await registration()
      if (!ra) return undefined
      const request = readRequest(message)
      const { outcome, reply } = await settle(deps, ra, request, address)
      const fields = { transaction: request.transaction, type: request.type, from: address }
      if (outcome.kind === 'failure')
        log.info({ ...fields, failure: outcome.failure }, `refused by SCEP: ${outcome.text}`)
      else log.info(fields, outcome.kind === 'pending' ? 'a request by SCEP waits for a person' : 'answered by SCEP')
      const content =
        outcome.kind === 'success' && reply
          ? envelopedMessage(outcome.content, reply.to, reply.cipher, random)
          : undefined
      const attributes = replyAttributes(request, outcome, random.bytes(NONCE))
      return signedMessage(content, attributes, ra.signer, request.signed.digest)
    },
  }
}

/** To whom the answer goes, and under which cipher: the client's own. */
interface Reply {
  to: Recipient
  cipher: Cipher
}

async function settle(
  deps: ScepDeps,
  ra: RegistrationAuthority,
  request: ScepRequest,
  address: string,
): Promise<{ outcome: Outcome; reply?: Reply }> {
  const { signed } = request
  try {
    signed.verify(deps.legacy)
    const to = { key: rsaKeyOf(signed.signer.publicKey), id: signed.signer.id }
    const enveloped = readEnveloped(signed.content, deps.legacy)
    const content = enveloped.open(ra.signer.key)
    const outcome = await decide(deps, request, content, address)
    return { outcome, reply: { to, cipher: enveloped.cipher ?? CIPHERS[0]! } }
  } catch (error) {
    if (error instanceof CmsError) return { outcome: failure(FAILURE_OF[error.code], error.message) }
    if (error instanceof EnrolmentError && error.code !== 'busy' && error.code !== 'unready')
      return { outcome: failure('badRequest', error.message) }
    throw error
  }
}

const FAILURE_OF: Record<CmsError['code'], Failure> = {
  malformed: 'badRequest',
  algorithm: 'badAlg',
  signature: 'badMessageCheck',
}

function failure(failure: Failure, text: string): Outcome {
  return { kind: 'failure', failure, text }
}
