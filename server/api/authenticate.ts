import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { addressBytes, networkOf } from '../../config/address.ts'
import { Allowance } from '../../host/allowance.ts'
import type { Clock } from '../../host/clock.ts'
import type { Log } from '../../host/log.ts'
import { isForeign, isFromPage, requireOwnPage } from './origin.ts'
import { ApiError } from './problem.ts'
import { type Sessions, sessionOf } from './sessions.ts'
import { allowsAddress, hasRole, holderOf, isForAll, type Role, type Token, type Tokens } from './tokens.ts'

/** What the check of tokens needs of the daemon. */
export interface AuthenticationDeps {
  tokens: Tokens
  /** Of browsers, in which a session stands for the token that it was opened with. */
  sessions: Sessions
  /** What stands for a token where the client has shown a certificate in its handshake; left out: nothing does. */
  byCertificate?: ((request: FastifyRequest) => Promise<Token | undefined>) | undefined
  /** Keeps who changed something, or tried to get in; left out: the log alone does. */
  note?: ((call: object) => void) | undefined
  clock: Clock
  log: Log
}

/** What a token may ask for: 200 requests at once, 50 in a second from then on. */
const REQUESTS = { burst: 200, rate: 50, most: 10_000 }
/** Wrong tokens from one address that are answered at all, slowly. */
const FAILURES = { burst: 10, rate: 0.2, most: 10_000 }
/** Milliseconds that the answer to a wrong token takes. */
const DELAY = 1000
/** Answers that are delayed at once; a flood of wrong tokens holds no more memory than this. */
const MOST_DELAYED = 200

const holders = new WeakMap<FastifyRequest, Token>()

/** The token of an authenticated request. */
export function tokenOf(request: FastifyRequest): Token {
  return holders.get(request)!
}

/** Refuses where the token's role does not suffice. */
export function requireRole(request: FastifyRequest, role: Role): void {
  const token = tokenOf(request)
  if (!hasRole(token, role)) throw new ApiError(403, `${holderOf(token)} has no role ${role}`)
}

/** Refuses whoever has not everything: what is of no zone (the CA, tokens, the daemon) is not for holders of some zones. */
export function requireAll(request: FastifyRequest, role: Role): void {
  requireRole(request, role)
  const token = tokenOf(request)
  if (!isForAll(token))
    throw new ApiError(403, `${holderOf(token)} is for some zones; this needs one for all: --zones "**"`)
}

/**
 * Lets only holders of a token into `scope`, before a body is read, and writes every call into the log. A wrong token is answered late, and not
 * looked at where too many came from the same address.
 */
export function authenticate(scope: FastifyInstance, deps: AuthenticationDeps): void {
  const { tokens, sessions, note, clock, log } = deps
  const requests = new Allowance(clock, REQUESTS)
  const failures = new Allowance(clock, FAILURES)
  let delayed = 0

  const late = async (): Promise<void> => {
    delayed++
    await new Promise<void>(resolve => clock.after(DELAY, resolve))
    delayed--
  }
  const refuse = async (request: FastifyRequest, reply: FastifyReply): Promise<never> => {
    const answered = failures.take(networkOf(request.ip)) && delayed < MOST_DELAYED
    log.warn({ audit: true, from: request.ip, method: request.method, path: pathOf(request) }, 'wrong API token')
    if (answered)
      note?.({ refused: 'wrong API token', from: request.ip, method: request.method, path: pathOf(request) })
    if (!answered) throw tooMany(reply, 5, 'too many wrong tokens came from this address')
    await late()
    throw unauthenticated(request, reply, 'the token is not known, or does not hold any more')
  }

  /** Browsers show certificates whoever's page asks, as they send cookies. */
  const byCertificate = async (request: FastifyRequest): Promise<Token | undefined> => {
    const token = await deps.byCertificate?.(request)
    if (token && (isFromPage(request) || request.headers.origin !== undefined)) requireOwnPage(request)
    return token
  }
  const withoutCredential = async (request: FastifyRequest, reply: FastifyReply): Promise<Token> => {
    const secret = sessionOf(request)
    const shown = secret === undefined ? await byCertificate(request) : undefined
    if (shown) return shown
    if (secret === undefined)
      throw unauthenticated(request, reply, 'a token is needed: as X-API-Key, as Bearer, or as password of Basic')
    requireOwnPage(request)
    const token = sessions.tokenOf(secret)
    if (!token) throw unauthenticated(request, reply, 'the session is over: sign in again')
    return token
  }

  scope.addHook('onRequest', async (request, reply) => {
    if (isForeign(request)) throw new ApiError(403, "this was asked for by another site's page")
    const text = credentialOf(request)
    const token = text === undefined ? await withoutCredential(request, reply) : tokens.find(text)
    if (!token) return refuse(request, reply)
    holders.set(request, token)
    if (!allowsAddress(token, addressBytes(request.ip)))
      throw new ApiError(403, `${holderOf(token)} may not be used from ${request.ip}`)
    if (!requests.take(token.id)) throw tooMany(reply, 1, `${holderOf(token)} asks too often`)
  })
  scope.addHook('onResponse', async (request, reply) => {
    const token = holders.get(request)
    if (!token) return
    const { method, ip: from } = request
    const serial = token.kind === 'certificate' && { serial: token.id }
    const who = { [token.kind]: token.name, ...serial, from }
    const call = { audit: true, ...who, method, path: pathOf(request), status: reply.statusCode }
    if (method !== 'GET' && method !== 'HEAD') note?.({ ...who, method, path: call.path, status: call.status })
    log.info({ ...call, ms: Math.round(reply.elapsedTime) }, 'API call')
  })
}

/** RFC 6750 §2.1, RFC 7617 §2; the user name of Basic means nothing. */
function credentialOf({ headers }: FastifyRequest): string | undefined {
  const key = headers['x-api-key']
  if (typeof key === 'string') return key
  const [, scheme, value] = /^(\S+) +(\S+)$/.exec(headers.authorization ?? '') ?? []
  if (scheme?.toLowerCase() === 'bearer') return value
  if (scheme?.toLowerCase() !== 'basic') return undefined
  const text = Buffer.from(value!, 'base64').toString('utf8')
  return text.slice(text.indexOf(':') + 1)
}

/** Without the query: what was searched for is nobody's business who reads the log. */
function pathOf({ url }: FastifyRequest): string {
  return url.split('?')[0]!
}

/** RFC 9110 §11.6.1: which ways there are. A page's own requests are not offered Basic, for which browsers would ask, and remember it. */
function unauthenticated(request: FastifyRequest, reply: FastifyReply, why: string): ApiError {
  const bearer = 'Bearer realm="namestead"'
  const all = `${bearer}, Basic realm="namestead", charset="UTF-8"`
  reply.header('www-authenticate', isFromPage(request) ? bearer : all)
  return new ApiError(401, why)
}

/** RFC 6585 §4. */
function tooMany(reply: FastifyReply, seconds: number, why: string): ApiError {
  reply.header('retry-after', String(seconds))
  return new ApiError(429, why)
}
