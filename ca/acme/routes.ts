import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Log } from '../../host/log.ts'
import { AcmeError, overloaded, problemOf } from '../problems.ts'
import type { Publication } from '../publications.ts'
import type { Answer } from './answer.ts'
import type { AcmeDirectory } from './directory.ts'
import { type Context, OPEN_RESOURCES, SIGNED_RESOURCES } from './resources.ts'
import type { TracedRequest } from './traces.ts'

/** Octets of a request; a CSR for a hundred long names and a large RSA key takes half of it. */
const BODY_LIMIT = 128 * 1024
/** Octets of one that is too long that are read all the same. */
const READ_ON = 4 * 1024 * 1024
/** Requests being worked on at once, over which load is shed. */
const MAX_IN_FLIGHT = 256
/** Below the path of its URLs. */
const DIRECTORY = '/directory'

/** The ACME resources of one directory, below the path of its URLs. `origin` is the CA's URL, for the URL that a JWS must name. */
export function acmeRoutes(app: FastifyInstance, directory: AcmeDirectory, origin: string, log: Log): void {
  const { urls } = directory
  app.register(async scope => {
    takeJose(scope)
    shedLoad(scope)
    const index = `<${urls.directory}>;rel="index"`

    scope.addHook('onSend', (request, reply, _payload, done) => {
      // RFC 8555 §6.5: a nonce in every answer to a POST, errors too; §6.1: for clients in browsers.
      if (request.method === 'POST') reply.header('replay-nonce', directory.nonces.issue())
      reply.header('access-control-allow-origin', '*')
      reply.header('access-control-expose-headers', 'Link, Location, Replay-Nonce, Retry-After')
      if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store')
      // RFC 8555 §7.1: "index" in all answers but the directory's own.
      if (!request.url.endsWith('/directory')) reply.header('link', [...linksOf(reply), index])
      done()
    })
    scope.setErrorHandler((error, request, reply) => sendProblem(error, request, reply, log))

    /** The first issuer's directory is the plain one as well. */
    const pathsOf = (path: string) => [
      urls.path + path,
      ...(directory.plain && path === DIRECTORY ? [`/acme${path}`] : []),
    ]
    for (const path of pathsOf(DIRECTORY)) scope.get(path, async () => directory.view())
    nonceRoutes(scope, directory)
    for (const { path, answer } of OPEN_RESOURCES)
      scope.get(`${urls.path}${path}`, async (request, reply) =>
        send(reply, await answer(directory, contextOf(request, log))),
      )
    for (const { path, answer } of SIGNED_RESOURCES)
      for (const url of pathsOf(path)) {
        scope.post(url, async (request, reply) =>
          send(
            reply,
            await directory.traces.answer(tracedRequest(path, request), () =>
              answer(directory, contextOf(request, log), { body: request.body, url: origin + request.url }),
            ),
          ),
        )
        // RFC 8555 §6.3: what is read by POST-as-GET is not there for GET, but for what is asked before there is an account.
        if (scope.hasRoute({ method: 'GET', url })) continue
        scope.get(url, async () => {
          throw new AcmeError('malformed', 'this resource is read by POST-as-GET', { status: 405 })
        })
      }
  })
}

/** RFC 8555 §6.2: bodies are application/jose+json, and nothing else is read. */
function takeJose(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser('application/jose+json', (_request: FastifyRequest, payload: AsyncIterable<Uint8Array>) =>
    readBody(payload),
  )
}

/** The text of a body. One that is too long is read on before it is refused: a client that is still sending would see its connection end, and not why. */
async function readBody(payload: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  let length = 0
  try {
    for await (const chunk of payload) {
      length += chunk.length
      if (length <= BODY_LIMIT) chunks.push(chunk)
      else if (length > READ_ON) break
    }
  } catch (cause) {
    throw new AcmeError('malformed', 'the body was cut short', { cause })
  }
  if (length <= BODY_LIMIT) return Buffer.concat(chunks).toString()
  throw new AcmeError('malformed', `the body is larger than ${BODY_LIMIT} octets`, { status: 413 })
}

function shedLoad(scope: FastifyInstance): void {
  let inFlight = 0
  scope.addHook('onRequest', (_request, reply, done) => {
    inFlight++
    reply.raw.once('close', () => inFlight--)
    if (inFlight > MAX_IN_FLIGHT) done(overloaded('the server is busy', 2))
    else done()
  })
}

// RFC 8555 §7.2: 200 to HEAD, 204 to GET.
function nonceRoutes(scope: FastifyInstance, { urls, nonces }: AcmeDirectory): void {
  const path = `${urls.path}/new-nonce`
  scope.head(path, async (_request, reply) => reply.code(200).header('replay-nonce', nonces.issue()).send())
  scope.get(path, { exposeHeadRoute: false }, async (_request, reply) =>
    reply.code(204).header('replay-nonce', nonces.issue()).send(),
  )
}

function contextOf(request: FastifyRequest, log: Log): Context {
  return {
    id: request.id,
    log: log.child({ requestId: request.id }),
    parameters: request.params as Record<string, string>,
    query: request.query as Record<string, unknown>,
    address: request.ip,
  }
}

function tracedRequest(resource: string, { params, ip: address, headers }: FastifyRequest): TracedRequest {
  const { traceparent } = headers
  return {
    ...{ resource, parameters: params as Record<string, string>, address },
    traceparent: typeof traceparent === 'string' ? traceparent : undefined,
  }
}

function send(reply: FastifyReply, { status = 200, body, text, location, links, retryAfter }: Answer): FastifyReply {
  reply.code(status)
  if (location !== undefined) reply.header('location', location)
  if (links && links.length > 0) reply.header('link', links)
  if (retryAfter !== undefined) reply.header('retry-after', retryAfter)
  if (text) return reply.type(text.type).send(text.body)
  return reply.send(body)
}

function linksOf(reply: FastifyReply): string[] {
  const links = reply.getHeader('link')
  return links === undefined ? [] : [links].flat().map(String)
}

/** The one place where an error becomes a problem document (RFC 8555 §6.7). */
function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply, log: Log): FastifyReply {
  const known = asAcmeError(error)
  const problem = problemOf(known)
  const fields = { requestId: request.id, url: request.url, status: problem.status, problem: problem.type }
  if (known instanceof AcmeError) log.info(fields, `refused: ${problem.detail}`)
  else log.error({ ...fields, err: error }, 'request failed')
  const { retryAfter, location, links } = known instanceof AcmeError ? known.options : {}
  if (links) reply.header('link', [...links])
  if (retryAfter !== undefined) reply.header('retry-after', retryAfter)
  if (location !== undefined) reply.header('location', location)
  return reply
    .code(problem.status)
    .type('application/problem+json')
    .send(Buffer.from(JSON.stringify(problem)))
}

/** Fastify's own refusals (media type) are problems of the request. */
function asAcmeError(error: unknown): unknown {
  const { statusCode, code } = error as { statusCode?: number; code?: string }
  if (error instanceof AcmeError || statusCode === undefined || statusCode >= 500) return error
  const detail =
    statusCode === 415 ? 'the body must be application/jose+json' : `the request can't be read (${code ?? statusCode})`
  return new AcmeError('malformed', detail, { status: statusCode })
}

/** What anybody may read, as `publications.ts` lists it. */
export function publicRoutes(app: FastifyInstance, publications: readonly Publication[]): void {
  app.register(async scope => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
    for (const { method, path, answer } of publications)
      scope.route({
        method,
        url: path,
        async handler(request, reply) {
          const tail = (request.params as Record<string, string>)['*'] ?? ''
          const published = await answer(tail, (request.body as Buffer | undefined) ?? new Uint8Array())
          if (!published) return reply.callNotFound()
          const { type, body, headers = {} } = published
          // RFC 9110 §13.1.2.
          if (headers['etag'] !== undefined && request.headers['if-none-match'] === headers['etag'])
            return reply.code(304).headers(headers).send()
          return reply
            .headers(headers)
            .type(type)
            .send(typeof body === 'string' ? body : Buffer.from(body))
        },
      })
  })
}
