import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Log } from '../../host/log.ts'
import type { ShownCertificate } from '../../host/network.ts'
import { refusalOf } from '../enrolment/refusal.ts'
import type { IssuedCertificate } from '../issue/issue.ts'
import { AcmeError } from '../problems.ts'
import { CsrError, readCsr } from '../x509/csr.ts'
import { derBlocks, pemOf } from '../x509/x509.ts'
import type { Reissues } from './reissue.ts'

/** What the calls act on. */
export interface StepRenewalDeps {
  reissues: Reissues
  /** What the client of a request has shown in its handshake. */
  shownBy(request: FastifyRequest): ShownCertificate | undefined
  log: Log
}

/** Octets of a request: a CSR. */
const BODY_LIMIT = 128 * 1024

/** The calls of `step ca renew` and `step ca rekey`: who shows a certificate of ours gets the next one. */
export function stepRenewalRoutes(app: FastifyInstance, { reissues, shownBy, log }: StepRenewalDeps): void {
  const renew = async (request: FastifyRequest, reply: FastifyReply, way: string, publicKey?: Uint8Array) => {
    const holder = await reissues.holder(shownBy(request))
    const issued = await reissues.renew(holder, way, publicKey)
    log.info({ from: request.ip, serial: issued.record.serial, replaces: holder.record.serial, way }, 'renewed')
    return reply.code(201).send(describe(issued))
  }

  app.register(async scope => {
    takeJson(scope)
    scope.setErrorHandler((error, request, reply) => sendRefusal(error, request, reply, log))
    for (const prefix of ['', '/1.0']) {
      scope.post(`${prefix}/renew`, (request, reply) => renew(request, reply, 'step ca renew'))
      scope.post(`${prefix}/rekey`, (request, reply) => renew(request, reply, 'step ca rekey', keyOf(request.body)))
    }
  })
}

/** Bodies in JSON, none where there is nothing to say. */
function takeJson(scope: FastifyInstance): void {
  const parse = scope.getDefaultJsonParser('error', 'error')
  scope.removeAllContentTypeParsers()
  const options = { parseAs: 'string', bodyLimit: BODY_LIMIT } as const
  scope.addContentTypeParser('application/json', options, (request, body: string, done) =>
    body === '' ? done(null, undefined) : parse(request, body, done),
  )
}

/** The key of a request's CSR, whose sender has shown to hold it; its names count for nothing. */
function keyOf(body: unknown): Uint8Array {
  const { csr } = (body ?? {}) as { csr?: unknown }
  const [der] = derBlocks('CERTIFICATE REQUEST', String(csr ?? ''))
  if (!der) throw new AcmeError('badCSR', 'csr is missing, or not in PEM')
  try {
    return readCsr(der, { nameless: true }).publicKey
  } catch (error) {
    if (error instanceof CsrError) throw new AcmeError('badCSR', `the CSR is refused: ${error.message}`)
    throw error
  }
}

function describe({ chain }: IssuedCertificate) {
  const certificates = derBlocks('CERTIFICATE', chain).map(der => pemOf('CERTIFICATE', der))
  const [crt, ca] = certificates
  return { crt, ca, certChain: certificates }
}

function sendRefusal(error: unknown, request: FastifyRequest, reply: FastifyReply, log: Log): FastifyReply {
  const { status, message, retryAfter } = refusalOf(error, request, log)
  if (retryAfter !== undefined) reply.header('retry-after', retryAfter)
  return reply.code(status).send({ status, message })
}
