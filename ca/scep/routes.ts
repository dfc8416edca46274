import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { networkOf } from '../../config/address.ts'
import { Allowance } from '../../host/allowance.ts'
import type { Clock } from '../../host/clock.ts'
import type { Log } from '../../host/log.ts'
import { CmsError } from '../cms/read.ts'
import { EnrolmentError } from '../enrolment/error.ts'
import type { ScepService } from './service.ts'

/** The services by the paths of their URLs. */
export type ScepPaths = ReadonlyMap<string, ScepService>

/** Octets of a message: a CSR with a hundred names and two certificates stay far below. */
const BODY_LIMIT = 64 * 1024
/** Messages from one network, each of which takes three RSA operations. */
const RATE = { burst: 60, rate: 10, most: 10_000 }
const TOO_MANY = 'too many messages from this address'
/** What clients put behind the path that they were given: RFC 8894 §4.1, and older ones. */
const PROGRAM = /\/(?:cgi-bin\/)?pkiclient\.exe$/

/** SCEP over HTTP (RFC 8894 §4), GET and POST, at each of the paths. */
export function scepRoutes(app: FastifyInstance, paths: ScepPaths, { clock, log }: { clock: Clock; log: Log }): void {
  const allowance = new Allowance(clock, RATE)
  const message = async (service: ScepService, octets: Uint8Array, request: FastifyRequest, reply: FastifyReply) => {
    if (!allowance.take(networkOf(request.ip))) return later(reply, TOO_MANY)
    try {
      const answer = await service.answer(octets, request.ip)
      return answer ? send(reply, 'application/x-pki-message', answer) : later(reply, 'there is no intermediate yet')
    } catch (error) {
      if (error instanceof CmsError) return refuse(reply, 400, error.message)
      if (error instanceof EnrolmentError) return later(reply, error.message)
      throw error
    }
  }
  app.register(async scope => {
    scope.removeAllContentTypeParsers()
    // RFC 8894 §4.3 has one media type; clients send others, and none.
    scope.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: BODY_LIMIT }, (_request, body, done) =>
      done(null, body),
    )
    const handler = async (request: FastifyRequest, reply: FastifyReply) => {
      const service = paths.get(request.url.replace(/\?.*$/s, '').replace(PROGRAM, ''))
      if (!service) return reply.callNotFound()
      const { operation, message: text } = request.query as Record<string, unknown>
      switch (operation) {
        case 'GetCACaps':
          return send(reply, 'text/plain', Buffer.from(service.capabilities))
        case 'GetCACert': {
          const certificates = await service.certificates()
          return certificates
            ? send(reply, 'application/x-x509-ca-ra-cert', certificates)
            : later(reply, 'there is no intermediate yet')
        }
        case 'GetNextCACert': {
          // It is signed anew each time.
          if (!allowance.take(networkOf(request.ip))) return later(reply, TOO_MANY)
          const next = await service.nextCertificates()
          return next
            ? send(reply, 'application/x-x509-next-ca-cert', next)
            : refuse(reply, 404, 'there is no next CA certificate yet: GetCACert gives what signs')
        }
        case 'PKIOperation': {
          const octets =
            request.method === 'POST'
              ? ((request.body as Buffer | undefined) ?? Buffer.alloc(0))
              : Buffer.from(String(text ?? ''), 'base64')
          return message(service, octets, request, reply)
        }
        default:
          return refuse(reply, 400, 'operation must be GetCACaps, GetCACert, GetNextCACert or PKIOperation')
      }
    }
    for (const url of ['/scep', '/scep/*']) scope.route({ method: ['GET', 'POST'], url, handler })
  })
  log.info({ paths: [...paths.keys()] }, 'SCEP is served')
}

function send(reply: FastifyReply, type: string, body: Uint8Array): FastifyReply {
  return reply.header('cache-control', 'no-store').type(type).send(Buffer.from(body))
}

function refuse(reply: FastifyReply, status: number, text: string): FastifyReply {
  return reply.code(status).type('text/plain').send(`${text}\n`)
}

function later(reply: FastifyReply, text: string): FastifyReply {
  return refuse(reply.header('retry-after', 60), 503, text)
}
