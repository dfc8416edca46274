import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { addressBytes } from '../config/address.ts'
import { parseMessage } from '../dns/message.ts'
import type { Workers } from './workers.ts'

const TYPE = 'application/dns-message'
const PATH = '/dns-query'
const MOST_MESSAGE = 65535

/** DNS over HTTPS (RFC 8484): GET and POST at /dns-query, and at paths below it by which views can be told apart. */
export function serveDoh(app: FastifyInstance, workers: Workers): void {
  app.register(async scope => {
    scope.removeAllContentTypeParsers()
    const options = { parseAs: 'buffer', bodyLimit: MOST_MESSAGE } as const
    scope.addContentTypeParser(TYPE, options, (_request, body, done) => done(null, body))
    for (const path of [PATH, `${PATH}/*`]) {
      scope.post(path, (request, reply) => answer(request, reply, request.body as Buffer | undefined))
      scope.get(path, (request, reply) => {
        const { dns } = request.query as { dns?: unknown }
        return answer(request, reply, typeof dns === 'string' ? Buffer.from(dns, 'base64url') : undefined)
      })
    }
  })

  async function answer(request: FastifyRequest, reply: FastifyReply, message: Buffer | undefined) {
    if (!message || message.length === 0 || message.length > MOST_MESSAGE)
      return problem(
        reply,
        400,
        `a DNS message is expected: POST it as ${TYPE}, or give it in base64url as "dns" (RFC 8484 §4.1)`,
      )
    const wire = await workers.request({ wire: Uint8Array.from(message), ...originOf(request) })
    if (!wire) return problem(reply, 400, 'that is no DNS request which could be answered')
    // RFC 8484 §5.1: no longer than the least TTL in the answer.
    return reply
      .type(TYPE)
      .header('cache-control', `max-age=${leastTtl(wire)}`)
      .send(Buffer.from(wire))
  }
}

function leastTtl(wire: Uint8Array): number {
  const { answer, authority } = parseMessage(wire)
  const ttls = [...answer, ...authority].map(({ ttl }) => ttl)
  return ttls.length === 0 ? 0 : Math.min(...ttls)
}

function originOf({ socket, url }: FastifyRequest) {
  return {
    address: addressBytes(socket.remoteAddress ?? '') ?? new Uint8Array(4),
    port: socket.remotePort ?? 0,
    destination: addressBytes(socket.localAddress ?? '') ?? new Uint8Array(4),
    destinationPort: socket.localPort ?? 0,
    dohPath: url.split('?')[0]!,
  }
}

function problem(reply: FastifyReply, status: number, detail: string) {
  return reply.code(status).type('application/problem+json').send({ type: 'about:blank', status, detail })
}
