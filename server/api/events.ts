import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type as T } from 'typebox'
import type { Watcher } from '../live/live.ts'
import { requireAll, tokenOf } from './authenticate.ts'
import type { ApiContext } from './context.ts'
import type { ApiScope } from './openapi.ts'
import { ApiError } from './problem.ts'
import { sessionOf } from './sessions.ts'

/** Octets that may wait for a reader; one that is slower is cut off, and comes again. */
const MOST_WAITING = 1 << 20

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

/** Whether who asked may go on: a token may be revoked, and a session end, while the events come. */
function watchHolder(request: FastifyRequest, { sessions, tokens }: ApiContext): () => boolean {
  const secret = request.headers.authorization || request.headers['x-api-key'] ? undefined : sessionOf(request)
  const { id } = tokenOf(request)
  return () => (secret === undefined ? tokens.holding(id) : sessions.tokenOf(secret)) !== undefined
}

function createWatcher(raw: FastifyReply['raw'], queries: boolean, stillHolds: () => boolean): Watcher {
  return {
    queries,
    send(event, data) {
      if (!stillHolds() || raw.writableLength > MOST_WAITING) raw.end()
      else raw.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
    },
    end: () => raw.end(),
  }
}
