import { finished } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Clock } from '../../host/clock.ts'
import type { Span, SpanContext, Tracer } from '../../host/tracer.ts'

/** Routes of the API, of the Vault API, of EST, SCEP and `step ca renew`. ACME traces its orders by itself, and queries are never traced. */
const TRACED = /^\/(?:api|externaldns|v1|\.well-known\/est|scep|(?:1\.0\/)?(?:renew|rekey))(?:\/|$)/

/**
 * Answers calls as spans: those that may change something, and of all others those whose callers are in a trace that we join (W3C Trace Context §3.2).
 * Whoever is refused at the door has none.
 */
export function traceCalls(app: FastifyInstance, tracer: Tracer, clock: Clock): void {
  const spans = new WeakMap<FastifyRequest, Span>()

  // After the body has been read: what reads it comes from the socket, and would lose the span.
  app.addHook('preHandler', (request, reply, done) => {
    const { method, ip, headers } = request
    const route = request.routeOptions.url ?? ''
    const parent = tracer.accept(ip, textOf(headers['traceparent']))
    if (!isTraced(route, method, parent)) return done()
    const began = clock.monotonic() - reply.elapsedTime
    const options = { kind: 'server', parent, attributes: describe(request, route), began } as const
    tracer.span(`${method} ${route}`, options, span => {
      spans.set(request, span)
      done()
      return answered(reply, span)
    })
  })
  app.addHook('onSend', (request, reply, payload, done) => {
    if (reply.statusCode >= 400) spans.get(request)?.fail(wordsOf(payload))
    done()
  })
}

function isTraced(route: string, method: string, parent: SpanContext | undefined): boolean {
  if (!TRACED.test(route)) return false
  return parent !== undefined || (method !== 'GET' && method !== 'HEAD')
}

function textOf(field: string | string[] | undefined): string | undefined {
  return typeof field === 'string' ? field : undefined
}

/** The zone and the view as the path names them. */
function describe({ method, ip, params }: FastifyRequest, route: string) {
  const { zone, view } = params as Readonly<Record<string, string | undefined>>
  const names = { 'dns.zone': zone, 'dns.view': view }
  return { 'http.request.method': method, 'http.route': route, 'client.address': ip, ...names }
}

/** Resolves when the answer is with the client, or the client is gone. */
function answered(reply: FastifyReply, span: Span): Promise<void> {
  return new Promise(resolve => {
    finished(reply.raw, () => {
      span.set({ 'http.response.status_code': reply.statusCode })
      resolve()
    })
  })
}

/** What the answer says that refuses. */
function wordsOf(payload: unknown): string {
  return typeof payload === 'string' || Buffer.isBuffer(payload) ? payload.toString() : ''
}
