import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { addressBytes } from '../../config/address.ts'
import { DOH_PATH } from '../../config/view-schema.ts'
import { freshness } from '../../dns/freshness.ts'
import { DROP, Query, readQuery } from '../../dns/query.ts'
import { DNS_MESSAGE, PROBLEMS, type Problem } from '../listen/http2/doh-response.ts'
import type { Workers } from '../threads/workers.ts'

const MOST_MESSAGE = 65535

/**
 * DNS over HTTPS (RFC 8484) on the connections that serving threads do not serve themselves: HTTP/1.1, and HTTP/2 that began with something
 * else. GET and POST at /dns-query, and at paths below it by which views can be told apart.
 */
export function serveDoh(app: FastifyInstance, workers: Pick<Workers, 'request'>): void {
  app.register(async scope => {
    scope.removeAllContentTypeParsers()
    const options = { parseAs: 'buffer', bodyLimit: MOST_MESSAGE } as const
    scope.addContentTypeParser(DNS_MESSAGE, options, (_request, body, done) => done(null, body))
    for (const path of [DOH_PATH, `${DOH_PATH}/*`]) {
      scope.post(path, (request, reply) => answer(request, reply, request.body as Buffer | undefined))
      scope.get(path, (request, reply) => {
        const { dns } = request.query as { dns?: unknown }
        return answer(request, reply, typeof dns === 'string' ? fromBase64url(dns) : undefined)
      })
    }
  })

  async function answer(request: FastifyRequest, reply: FastifyReply, message: Buffer | undefined) {
    if (!message || !isRequest(message)) return problem(reply, PROBLEMS.notRequest)
    const wire = await workers.request({ wire: Uint8Array.from(message), ...originOf(request) })
    if (!wire) return problem(reply.header('retry-after', '1'), PROBLEMS.unanswered)
    return reply
      .type(DNS_MESSAGE)
      .header('cache-control', `max-age=${freshness(wire, 0, wire.length)}`)
      .send(Buffer.from(wire.buffer, wire.byteOffset, wire.length))
  }
}

/** RFC 8484 §6: base64url, without padding. */
function fromBase64url(text: string): Buffer | undefined {
  return /^[\w-]+$/.test(text) ? Buffer.from(text, 'base64url') : undefined
}

/** Whether it is a message that gets an answer, if only FORMERR. */
function isRequest(message: Buffer): boolean {
  return message.length <= MOST_MESSAGE && readQuery(message, 0, message.length, new Query()) !== DROP
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

function problem(reply: FastifyReply, { status, detail }: Problem) {
  return reply.code(status).type('application/problem+json').send({ type: 'about:blank', status, detail })
}
