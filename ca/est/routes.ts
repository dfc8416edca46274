import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Log } from '../../host/log.ts'
import type { ShownCertificate } from '../../host/network.ts'
import { refusalOf } from '../enrolment/refusal.ts'
import { AcmeError } from '../problems.ts'
import { MULTIPART_TYPE, multipartOf } from './multipart.ts'
import type { Credential, EstService } from './service.ts'

/** What the routes act on. */
export interface EstRoutesDeps {
  /** The service of a label, as the configuration has it now; undefined where there is none. Without a label, the first issuer's. */
  service(label: string | undefined): EstService | undefined
  /** What the client of a request has shown in its handshake. */
  shownBy(request: FastifyRequest): ShownCertificate | undefined
  log: Log
}

/** Octets of a request: the longest CSR in base64. */
const BODY_LIMIT = 96 * 1024

const CERTIFICATE = 'application/pkcs7-mime; smime-type=certs-only'

/** EST (RFC 7030), below the CA's URL; with a label, which is the name of an issuer, and without. */
export function estRoutes(app: FastifyInstance, deps: EstRoutesDeps): void {
  const { shownBy, log } = deps
  const served = (request: FastifyRequest): EstService => {
    const found = deps.service((request.params as { label?: string }).label)
    if (!found) throw new AcmeError('malformed', 'there is no EST at this path', { status: 404 })
    return found
  }
  const done = (request: FastifyRequest, what: string) =>
    log.info({ from: request.ip, url: request.url }, `${what} by EST`)
  const enrol = async (
    request: FastifyRequest,
    reply: FastifyReply,
    credentialOf: (_: FastifyRequest) => Credential,
  ) => {
    const certificate = await served(request).enrol(bodyOf(request), credentialOf(request))
    done(request, 'enrolled')
    return send(reply, CERTIFICATE, certificate)
  }
  /** RFC 7030 §3.2.3: who shows no certificate that is good may have another credential. */
  const shownOrSecret = (request: FastifyRequest): Credential => {
    const shown = shownBy(request)
    const byCertificate = shown && (shown.verified || request.headers.authorization === undefined)
    return byCertificate ? { shown } : secretOf(request)
  }

  app.register(async scope => {
    scope.removeAllContentTypeParsers()
    const options = { parseAs: 'string', bodyLimit: BODY_LIMIT } as const
    scope.addContentTypeParser('application/pkcs10', options, (_request, body, done) => done(null, body))
    scope.setErrorHandler((error, request, reply) => sendRefusal(error, request, reply, log))
    for (const path of ['/.well-known/est', '/.well-known/est/:label']) {
      scope.get(`${path}/cacerts`, async (request, reply) =>
        send(reply, 'application/pkcs7-mime', served(request).caCertificates()),
      )
      scope.get(`${path}/csrattrs`, async (request, reply) =>
        send(reply, 'application/csrattrs', served(request).csrAttributes()),
      )
      scope.post(`${path}/simpleenroll`, (request, reply) => enrol(request, reply, secretOf))
      scope.post(`${path}/simplereenroll`, (request, reply) => enrol(request, reply, shownOrSecret))
      scope.post(`${path}/serverkeygen`, async (request, reply) => {
        const made = await served(request).serverKeygen(bodyOf(request), shownOrSecret(request))
        done(request, 'enrolled with a key of our making')
        // RFC 7030 §4.4.2.
        const parts = [
          { type: 'application/pkcs8', der: made.privateKey },
          { type: CERTIFICATE, der: made.certificate },
        ]
        return reply.header('cache-control', 'no-store').type(MULTIPART_TYPE).send(multipartOf(parts))
      })
      // RFC 7030 §4.3: optional for servers. Whatever comes is refused before its body is read.
      const onRequest = async (request: FastifyRequest) => {
        served(request)
        throw new AcmeError('malformed', 'full CMC is not spoken here: use simpleenroll', { status: 501 })
      }
      scope.post(`${path}/fullcmc`, { onRequest }, async () => {})
    }
  })
}

/** RFC 8951 §3: base64 in which white space is passed over, whatever Content-Transfer-Encoding says. */
function bodyOf({ body }: FastifyRequest): Uint8Array {
  const text = String(body ?? '').replace(/\s+/g, '')
  if (text === '' || !/^[A-Za-z0-9+/]+={0,2}$/.test(text))
    throw new AcmeError('malformed', 'the body must be a CSR in base64, as application/pkcs10')
  return Buffer.from(text, 'base64')
}

/** The password of Basic (RFC 7617 §2); the user name means nothing. */
function secretOf({ headers, ip }: FastifyRequest): Credential {
  const [, value] = /^basic +(\S+)$/i.exec(headers.authorization ?? '') ?? []
  if (value === undefined)
    throw new AcmeError(
      'unauthorized',
      'show an enrolment secret as the password of HTTP Basic, or to re-enrol a certificate',
      { status: 401 },
    )
  const text = Buffer.from(value, 'base64').toString('utf8')
  return { secret: text.slice(text.indexOf(':') + 1), address: ip }
}

function send(reply: FastifyReply, type: string, der: Uint8Array): FastifyReply {
  // RFC 8951 §3 has given the field up; clients older than that look for it.
  reply.header('content-transfer-encoding', 'base64').header('cache-control', 'no-store')
  return reply.type(type).send(Buffer.from(Buffer.from(der).toString('base64')))
}

/** RFC 7030 §4.2.3: an error is text for humans; who waits for a person is told 202, and when to ask again. */
function sendRefusal(error: unknown, request: FastifyRequest, reply: FastifyReply, log: Log): FastifyReply {
  const { status, message, retryAfter, waiting } = refusalOf(error, request, log)
  if (retryAfter !== undefined) reply.header('retry-after', retryAfter)
  // RFC 7030 §3.2.3, RFC 9110 §11.6.1.
  if (status === 401) reply.header('www-authenticate', 'Basic realm="enrolment", charset="UTF-8"')
  return reply
    .code(waiting ? 202 : status)
    .type('text/plain; charset=utf-8')
    .send(`${message}\n`)
}
