import type { FastifyRequest } from 'fastify'
import { Type as T } from 'typebox'
import { requireAll, tokenOf } from './authenticate.ts'
import type { ApiContext } from './context.ts'
import { createWatcher } from './event-stream.ts'
import type { ApiScope } from './openapi.ts'
import { ApiError } from './problem.ts'
import { sessionOf } from './sessions.ts'

/** What goes on, as it happens: server-sent events, for whoever may know of everything. */
export function eventRoutes(scope: ApiScope, context: ApiContext): void {
  const { live } = context
  scope.get(
    '/api/v1/events',
    {
      schema: {
        tags: ['daemon'],
        summary: 'Rates, upstreams, certificates and, if wanted, answered queries, as server-sent events',
        querystring: T.Object({ queries: T.Optional(T.Boolean()) }),
      },
    },
    async (request, reply) => {
      requireAll(request, 'read')
      if (!live.hasRoom) throw new ApiError(503, 'too many are watching already')
      reply.hijack()
      const { raw } = reply
      raw.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store' })
      const stillHolds = watchHolder(request, context)
      const watcher = createWatcher(raw, request.query.queries === true, stillHolds)
      raw.once('close', live.watch(watcher))
    },
  )
}

/** Whether who asked may go on: a token may be revoked, a session end and a certificate go out of date while the events come. */
function watchHolder(request: FastifyRequest, context: ApiContext): () => boolean {
  const { sessions, tokens } = context
  const { id, kind } = tokenOf(request)
  if (kind === 'certificate') return watchCertificate(request, context)
  const secret = request.headers.authorization || request.headers['x-api-key'] ? undefined : sessionOf(request)
  return () => (secret === undefined ? tokens.holding(id) : sessions.tokenOf(secret)) !== undefined
}

/** Looking a certificate up takes a moment: each look tells of the one before. */
function watchCertificate(request: FastifyRequest, { byCertificate, log }: ApiContext): () => boolean {
  let holds = true
  let looking = false
  const look = async (): Promise<void> => {
    looking = true
    try {
      holds = (await byCertificate(request)) !== undefined
    } catch (error) {
      log.error({ err: error }, 'a certificate could not be looked up')
    } finally {
      looking = false
    }
  }
  return () => {
    if (holds && !looking) void look()
    return holds
  }
}
