import type { Clock } from '../../host/clock.ts'
import type { Log } from '../../host/log.ts'
import type { Random } from '../../host/random.ts'
import type { CaCertificate } from '../hierarchy/ca-certificate.ts'
import type { Hierarchy } from '../hierarchy/hierarchy.ts'
import type { CertificateStore } from '../store/certificate-store.ts'
import {
  issuerKeys,
  OcspError,
  type OcspFailure,
  ocspFailure,
  readOcspRequest,
  type Status,
  type StatusQuestion,
  type StatusRequest,
  signOcspResponse,
  usualRequests,
} from './ocsp.ts'
import { createResponders } from './responder.ts'

/** A response with what RFC 5019 §6.2's caching headers need; no times where it is an error or repeats a nonce. */
export interface OcspAnswer {
  der: Uint8Array
  /** Why it is an error response, where it is one. */
  failure?: OcspFailure
  thisUpdate?: number
  nextUpdate?: number
}

/** An answer that caches may keep. */
type SignedAnswer = Required<Omit<OcspAnswer, 'failure'>>

/** What answering needs. */
export interface OcspDeps {
  hierarchy: Hierarchy
  store: CertificateStore
  clock: Clock
  random: Random
  log: Log
}

/** Answers about certificates; the same question is signed once in an hour. */
export interface OcspService {
  /** Never rejects: what can't be answered gets an error response. */
  answer(request: Uint8Array): Promise<OcspAnswer>
  /** The status of this certificate has changed. */
  forget(serial: string): void
  /** Signs the answers about a certificate to the questions that clients usually ask, before they do. */
  prepare(issuer: CaCertificate, serial: string): Promise<void>
  /** Signs anew, before they get old, the answers that were asked for since they were signed. */
  refresh(): Promise<void>
}

const HOUR = 3_600_000
/** How long an answer may be relied on: what a revocation takes at most to be seen by who caches. */
const VALIDITY = 4 * HOUR
const SIGN_AGAIN_AFTER = HOUR
const BACKDATE = 60_000
/** Of about a kilobyte each. */
const MAX_CACHED = 20_000

/** Makes the responder for all issuers of the hierarchy. */
export function createOcspService(deps: OcspDeps): OcspService {
  const { clock, log, store } = deps
  const responderFor = createResponders(deps)
  const findIssuer = issuerFinder(deps.hierarchy)
  /** By the request's bytes; oldest first. Entries are dropped by `forget`, by age and by number. */
  const cache = new Map<string, { serial: string; request: Uint8Array; answer: SignedAnswer; asked: boolean }>()
  /** Grows with every revocation: an answer that was begun before is not kept. */
  let generation = 0

  const cached = (key: string): OcspAnswer | undefined => {
    const entry = cache.get(key)
    const age = entry && clock.now() - entry.answer.thisUpdate
    if (entry) entry.asked = true
    return age !== undefined && age >= 0 && age < SIGN_AGAIN_AFTER ? entry?.answer : undefined
  }
  const keep = (key: string, serial: string, request: Uint8Array, answer: SignedAnswer) => {
    cache.delete(key)
    if (cache.size >= MAX_CACHED) cache.delete(cache.keys().next().value!)
    cache.set(key, { serial, request, answer, asked: false })
  }
  const sign = async ({ questions, nonce }: StatusRequest) => {
    const issuer = questions.map(question => findIssuer(question.issuer)).find(found => found !== undefined)
    // RFC 6960 §2.3: unauthorized is for what the responder can't answer with authority.
    if (!issuer) throw new OcspError('unauthorized', 'the issuer is not one of ours')
    const statuses = await Promise.all(questions.map(question => statusOf(store, question, issuer, findIssuer)))
    const answers = questions.map(({ certId }, i) => ({ certId, status: statuses[i]! }))
    const producedAt = clock.now()
    const times = { producedAt, thisUpdate: producedAt - BACKDATE, nextUpdate: producedAt + VALIDITY }
    const der = await signOcspResponse(await responderFor(issuer), answers, times, nonce)
    const { thisUpdate, nextUpdate } = times
    const isKept = questions.length === 1 && nonce === undefined && statuses[0]!.kind !== 'unknown'
    return { answer: { der, thisUpdate, nextUpdate }, isKept }
  }
  const answer = (der: Uint8Array): OcspAnswer | Promise<OcspAnswer> =>
    cached(Buffer.from(der).toString('latin1')) ?? signAnew(der)
  const signAnew = async (der: Uint8Array): Promise<OcspAnswer> => {
    const key = Buffer.from(der).toString('latin1')
    const begun = generation
    const request = readOcspRequest(der)
    const signed = await sign(request)
    if (!signed.isKept) return { der: signed.answer.der }
    if (begun === generation) keep(key, request.questions[0]!.serial, der, signed.answer)
    return signed.answer
  }
  return {
    async answer(der) {
      try {
        return await answer(der)
      } catch (error) {
        if (error instanceof OcspError) return failed(error.status)
        log.error({ err: error }, 'an OCSP request could not be answered')
        return failed('internalError')
      }
    },
    async prepare(issuer, serial) {
      await Promise.all(usualRequests(issuer, serial).map(signAnew))
    },
    async refresh() {
      const due = [...cache.values()].filter(
        ({ asked, answer }) => asked && clock.now() - answer.thisUpdate > SIGN_AGAIN_AFTER / 2,
      )
      for (const { request } of due)
        await signAnew(request).catch(error => log.warn({ err: error }, 'an OCSP answer could not be signed anew'))
    },
    forget(serial) {
      generation++
      for (const [key, entry] of cache) if (entry.serial === serial) cache.delete(key)
    },
  }
}

function failed(failure: OcspFailure): OcspAnswer {
  return { der: ocspFailure(failure), failure }
}

/** Finds issuers by name and key hash; intermediates that come later are found, too. */
function issuerFinder(hierarchy: Hierarchy): (key: string) => CaCertificate | undefined {
  const byKey = new Map<string, CaCertificate>()
  const add = (issuer: CaCertificate) => {
    for (const key of issuerKeys(issuer)) byKey.set(key, issuer)
  }
  const addAll = () => {
    for (const issuer of hierarchy.all()) if (issuer.signer.present) add(issuer)
  }
  addAll()
  // With a new intermediate there may be a new root.
  hierarchy.onRenewal(addAll)
  return key => byKey.get(key)
}

async function statusOf(
  store: CertificateStore,
  question: StatusQuestion,
  issuer: CaCertificate,
  findIssuer: (key: string) => CaCertificate | undefined,
): Promise<Status> {
  // A response speaks for the issuer that it is signed for, and for no other.
  if (findIssuer(question.issuer) !== issuer) return { kind: 'unknown' }
  const record = await store.certificate(question.serial)
  if (!record || record.issuer !== issuer.id) return { kind: 'unknown' }
  return record.revocation ? { kind: 'revoked', revocation: record.revocation } : { kind: 'good' }
}
