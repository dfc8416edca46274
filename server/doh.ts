import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { addressBytes } from '../config/address.ts'
import { DOH_PATH } from '../config/view-schema.ts'
import { Rcode } from '../dns/codes.ts'
import { parseMessage } from '../dns/message.ts'
import { DROP, Query, readQuery } from '../dns/query.ts'
import { Type } from '../dns/types.ts'
import type { Workers } from './workers.ts'

const TYPE = 'application/dns-message'
const MOST_MESSAGE = 65535

/** DNS over HTTPS (RFC 8484): GET and POST at /dns-query, and at paths below it by which views can be told apart. */
export function serveDoh(app: FastifyInstance, workers: Pick<Workers, 'request'>): void {
  app.register(async scope => {
    scope.removeAllContentTypeParsers()
    const options = { parseAs: 'buffer', bodyLimit: MOST_MESSAGE } as const
    scope.addContentTypeParser(TYPE, options, (_request, body, done) => done(null, body))
    for (const path of [DOH_PATH, `${DOH_PATH}/*`]) {
      scope.post(path, (request, reply) => answer(request, reply, request.body as Buffer | undefined))
      scope.get(path, (request, reply) => {
        const { dns } = request.query as { dns?: unknown }
        return answer(request, reply, typeof dns === 'string' ? fromBase64url(dns) : undefined)
      })
    }
  })

  async function answer(request: FastifyRequest, reply: FastifyReply, message: Buffer | undefined) {
    if (!message || !isRequest(message))
      return problem(
        reply,
        400,
        `a DNS request is expected: POST it as ${TYPE}, or give it in base64url as "dns" (RFC 8484 §4.1)`,
      )
    const wire = await workers.request({ wire: Uint8Array.from(message), ...originOf(request) })
    if (!wire) return problem(reply.header('retry-after', '1'), 503, 'the request could not be answered now')
    return reply
      .type(TYPE)
      .header('cache-control', `max-age=${freshness(wire)}`)
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

/** Seconds that an HTTP cache may keep the answer: what is no answer, not at all. */
function freshness(wire: Uint8Array): number {
  const { rcode, answer, authority } = parseMessage(wire)
  if (rcode !== Rcode.NOERROR && rcode !== Rcode.NXDOMAIN) return 0
  // RFC 8484 §5.1: no longer than the least TTL in the answer section; of a negative answer, than RFC 2308 §5 lets it be kept: the SOA's TTL,
  // which zones and resolvers have lowered to its MINIMUM. Aliases may lead to such an answer.
  const ttls = [...answer, ...authority.filter(({ type }) => type === Type.SOA)].map(({ ttl }) => ttl)
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
