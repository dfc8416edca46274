import fastify, { type FastifyInstance } from 'fastify'
import type { Log } from '../../host/log.ts'
import { lateCompilers } from './late-compilers.ts'

/** Requests are small but for JWS and CSR; 64 KiB holds a finalize with a large RSA CSR several times over. */
const BODY_LIMIT = 64 * 1024

/** An empty fastify application with our limits; errors that no route mapped are an RFC 9457 problem without detail. */
export function createApp(log: Log): FastifyInstance {
  const app = fastify({
    bodyLimit: BODY_LIMIT,
    logger: false,
    routerOptions: { maxParamLength: 512 },
    schemaController: { compilersFactory: lateCompilers },
  })
  // RFC 9113 §8.2.2: HTTP/2 has no such field; fastify sets it where a body is refused.
  app.addHook('onSend', (request, reply, _payload, done) => {
    if (request.raw.httpVersionMajor === 2) reply.removeHeader('connection')
    done()
  })
  app.setErrorHandler((error: Error & { statusCode?: number }, request, reply) => {
    const status = error.statusCode ?? 500
    if (status >= 500) log.error({ requestId: request.id, err: error }, 'request failed')
    const detail = status >= 500 ? 'The server failed; its log has the reason.' : error.message
    return reply.code(status).type('application/problem+json').send({ type: 'about:blank', status, detail })
  })
  app.setNotFoundHandler((request, reply) =>
    reply
      .code(404)
      .type('application/problem+json')
      .send({ type: 'about:blank', status: 404, detail: `There is nothing at ${request.method} ${request.url}` }),
  )
  return app
}
