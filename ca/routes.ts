import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Log } from '../host/log.ts'
import type { AccountRequest, SignedRequest } from './authenticate.ts'
import type { AcmeDirectory } from './directory.ts'
import { AcmeError, notFound, overloaded, problemOf } from './problems.ts'
import type { Publication } from './publications.ts'
import { RENEWAL_INFO_RETRY, readCertificateId, renewalInfo } from './renewal.ts'

/** Octets of a request; a CSR for a hundred long names and a large RSA key takes half of it. */
const BODY_LIMIT = 128 * 1024
/** Requests being worked on at once, over which load is shed. */
const MAX_IN_FLIGHT = 256
/** Seconds after which a client should look again (RFC 8555 §7.4, §7.5.1). */
const POLL_AFTER = 1

/** What a handler makes of a request. */
interface Answer {
  status?: number
  /** Sent as JSON; absent for an empty body. */
  body?: object
  /** A body that is no JSON, with its media type. */
  text?: { type: string; body: string }
  location?: string
  /** Link headers (RFC 8288) beside the directory's. */
  links?: string[]
  retryAfter?: number
}

/** The part of a request that handlers need beside its signed content. */
interface Context {
  id: string
  log: Log
  parameters: Record<string, string>
  query: Record<string, unknown>
}

type Handler<Request> = (request: Request, context: Context) => Promise<Answer>

/** The ACME resources of one directory, below the path of its URLs. `origin` is the CA's URL, for the URL that a JWS must name. */
export function acmeRoutes(app: FastifyInstance, directory: AcmeDirectory, origin: string, log: Log): void {
  const { urls, authenticator } = directory
  app.register(async scope => {
    takeJose(scope)
    shedLoad(scope)
    const index = `<${urls.directory}>;rel="index"`

    scope.addHook('onSend', async (request, reply) => {
      // RFC 8555 §6.5: a nonce in every answer to a POST, errors too; §6.1: for clients in browsers.
      if (request.method === 'POST') reply.header('replay-nonce', directory.nonces.issue())
      reply.header('access-control-allow-origin', '*')
      reply.header('access-control-expose-headers', 'Link, Location, Replay-Nonce, Retry-After')
      if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store')
      // RFC 8555 §7.1: "index" in all answers but the directory's own.
      if (!request.url.endsWith('/directory')) reply.header('link', [...linksOf(reply), index])
    })
    scope.setErrorHandler((error, request, reply) => sendProblem(error, request, reply, log))

    const open = (path: string, handler: (context: Context) => Promise<Answer>) =>
      scope.get(path, async (request, reply) => send(reply, await handler(contextOf(request, log))))
    const post = <Request>(
      path: string,
      read: (body: unknown, url: string) => Promise<Request>,
      handler: Handler<Request>,
    ) => {
      scope.post(`${urls.path}${path}`, async (request, reply) => {
        const context = contextOf(request, log)
        return send(reply, await handler(await read(request.body, origin + request.url), context))
      })
      // RFC 8555 §6.3: what is read by POST-as-GET is not there for GET.
      scope.get(`${urls.path}${path}`, { exposeHeadRoute: true }, async () => {
        throw new AcmeError('malformed', 'this resource is read by POST-as-GET', { status: 405 })
      })
    }

    const directories = directory.plain ? ['/acme/directory', `${urls.path}/directory`] : [`${urls.path}/directory`]
    for (const path of directories) open(path, async () => ({ body: directory.view() }))
    nonceRoutes(scope, directory)
    open(`${urls.path}/renewal-info/:id`, context => readRenewalInfo(directory, context))
    post('/new-account', authenticator.byKey, (request, context) => newAccount(directory, request, context))
    post('/account/:id', authenticator.byAccount, (request, context) => readAccount(directory, request, context))
    post('/account/:id/orders', authenticator.byAccount, (request, context) => listOrders(directory, request, context))
    post('/key-change', authenticator.byAccount, (request, context) => changeKey(directory, request, context))
    post('/new-order', authenticator.byAccount, (request, context) => newOrder(directory, request, context))
    post('/order/:id', authenticator.byAccount, (request, context) => readOrder(directory, request, context))
    post('/order/:id/finalize', authenticator.byAccount, (request, context) => finalize(directory, request, context))
    post('/authorization/:id', authenticator.byAccount, (request, context) =>
      authorization(directory, request, context),
    )
    post('/challenge/:authorization/:id', authenticator.byAccount, (request, context) =>
      challenge(directory, request, context),
    )
    post('/certificate/:serial', authenticator.byAccount, (request, context) =>
      certificate(directory, request, context),
    )
    post('/revoke-cert', authenticator.byEither, async (request, { log }) => {
      await directory.revoke(request, log)
      return {}
    })
  })
}

/** RFC 8555 §6.2: bodies are application/jose+json, and nothing else is read. */
function takeJose(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers()
  const options = { parseAs: 'string', bodyLimit: BODY_LIMIT } as const
  scope.addContentTypeParser('application/jose+json', options, (_request, body, done) => done(null, body))
}

function shedLoad(scope: FastifyInstance): void {
  let inFlight = 0
  scope.addHook('onRequest', async (_request, reply) => {
    inFlight++
    reply.raw.once('close', () => inFlight--)
    if (inFlight > MAX_IN_FLIGHT) throw overloaded('the server is busy', 2)
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

async function readRenewalInfo({ authority, store }: AcmeDirectory, { parameters }: Context): Promise<Answer> {
  const id = readCertificateId(parameters['id']!)
  const record = authority.hierarchy.find(id.issuer) && (await store.certificate(id.serial))
  if (record?.issuer !== id.issuer) throw notFound('certificate')
  return { body: renewalInfo(record), retryAfter: RENEWAL_INFO_RETRY }
}

async function newAccount(
  { accounts, urls }: AcmeDirectory,
  request: SignedRequest,
  { log }: Context,
): Promise<Answer> {
  const { account, created } = await accounts.register(request, log)
  return { status: created ? 201 : 200, body: accounts.view(account), location: urls.account(account.id) }
}

async function readAccount(
  { accounts, urls }: AcmeDirectory,
  request: AccountRequest,
  context: Context,
): Promise<Answer> {
  ownAccount(request, context)
  const account = await accounts.update(request, context.log)
  return { body: accounts.view(account), location: urls.account(account.id) }
}

function ownAccount({ account }: AccountRequest, { parameters }: Context): void {
  if (parameters['id'] !== account.id) throw new AcmeError('unauthorized', 'this is the URL of another account')
}

async function listOrders({ orders, urls }: AcmeDirectory, request: AccountRequest, context: Context): Promise<Answer> {
  ownAccount(request, context)
  const after = context.query['after']
  const page = await orders.list(request.account, typeof after === 'string' ? after : undefined)
  const next = page.next === undefined ? [] : [`<${urls.orders(request.account.id, page.next)}>;rel="next"`]
  return { body: { orders: page.orders }, links: next }
}

async function changeKey(
  { accounts, urls }: AcmeDirectory,
  request: AccountRequest,
  { log }: Context,
): Promise<Answer> {
  const account = await accounts.changeKey(request, log)
  return { body: accounts.view(account), location: urls.account(account.id) }
}

async function newOrder(
  { orders, urls }: AcmeDirectory,
  request: AccountRequest,
  { id, log }: Context,
): Promise<Answer> {
  const order = await orders.create(request, id, log)
  return { status: 201, body: orders.view(order), location: urls.order(order.id) }
}

async function readOrder(
  directory: AcmeDirectory,
  { account }: AccountRequest,
  { parameters }: Context,
): Promise<Answer> {
  return orderAnswer(directory, await directory.orders.find(account, parameters['id']!))
}

async function finalize(
  directory: AcmeDirectory,
  request: AccountRequest,
  { id, log, parameters }: Context,
): Promise<Answer> {
  return orderAnswer(directory, await directory.orders.finalize(request, parameters['id']!, id, log))
}

/** With its Location, which cert-manager needs after finalize. */
function orderAnswer(
  { orders, urls }: AcmeDirectory,
  order: Awaited<ReturnType<AcmeDirectory['orders']['find']>>,
): Answer {
  const wait = orders.isProcessing(order) && { retryAfter: POLL_AFTER }
  return { body: orders.view(order), location: urls.order(order.id), ...wait }
}

async function authorization(
  { authorizations }: AcmeDirectory,
  request: AccountRequest,
  context: Context,
): Promise<Answer> {
  const found = await authorizations.read(request, context.parameters['id']!, context.log)
  return { body: authorizations.view(found), ...(authorizations.isProcessing(found) && { retryAfter: POLL_AFTER }) }
}

async function challenge(
  directory: AcmeDirectory,
  request: AccountRequest,
  { id, log, parameters }: Context,
): Promise<Answer> {
  const { authorizations, urls } = directory
  const { authorization: of, id: which } = parameters
  const { challenge } = await authorizations.respond(request, of!, which!, id, log)
  return {
    body: authorizations.viewChallenge(challenge),
    // RFC 8555 §7.5.1.
    links: [`<${urls.authorization(challenge.authorization)}>;rel="up"`],
    ...(challenge.status === 'processing' && { retryAfter: POLL_AFTER }),
  }
}

async function certificate(
  { store, authority }: AcmeDirectory,
  { account }: AccountRequest,
  { parameters }: Context,
): Promise<Answer> {
  const record = await store.certificate(parameters['serial']!)
  if (!record) throw notFound('certificate')
  if (record.account !== account.id) throw new AcmeError('unauthorized', 'the certificate belongs to another account')
  return { text: { type: 'application/pem-certificate-chain', body: authority.issuance.chainOf(record) } }
}

function contextOf(request: FastifyRequest, log: Log): Context {
  return {
    id: request.id,
    log: log.child({ requestId: request.id }),
    parameters: request.params as Record<string, string>,
    query: request.query as Record<string, unknown>,
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
  const { retryAfter, location } = known instanceof AcmeError ? known.options : {}
  if (retryAfter !== undefined) reply.header('retry-after', retryAfter)
  if (location !== undefined) reply.header('location', location)
  return reply.code(problem.status).type('application/problem+json').send(Buffer.from(JSON.stringify(problem)))
}

/** Fastify's own refusals (body too large, media type) are problems of the request. */
function asAcmeError(error: unknown): unknown {
  const { statusCode, code } = error as { statusCode?: number; code?: string }
  if (error instanceof AcmeError || statusCode === undefined || statusCode >= 500) return error
  const detail =
    statusCode === 415
      ? 'the body must be application/jose+json'
      : statusCode === 413
        ? `the body is larger than ${BODY_LIMIT} octets`
        : `the request can't be read (${code ?? statusCode})`
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
          return reply
            .headers(headers)
            .type(type)
            .send(typeof body === 'string' ? body : Buffer.from(body))
        },
      })
  })
}
