import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { networkOf } from '../../config/address.ts'
import type { OidcConfig } from '../../config/schema.ts'
import { Allowance } from '../../host/allowance.ts'
import type { Clock } from '../../host/clock.ts'
import { createFetch, type Fetch } from '../../host/fetch.ts'
import type { Log } from '../../host/log.ts'
import type { Random } from '../../host/random.ts'
import { renderNotice } from '../../web/notice.ts'
import { cookieOf, printCookie } from '../api/cookies.ts'
import type { Sessions } from '../api/sessions.ts'
import type { Token } from '../api/tokens.ts'
import { type Claims, personOf } from './grants.ts'
import { PENDING_SECONDS, PendingLogins } from './pending.ts'
import { createProvider, type Provider } from './provider.ts'
import { AGAIN, ASK, LoginRefusal } from './refusal.ts'

/** What logins need of the daemon. */
export interface OidcDeps {
  /** As the configuration says now; undefined where nobody logs in so. */
  config: () => OidcConfig | undefined
  sessions: Sessions
  /** Keeps who logged in, or tried to; left out: the log alone does. */
  note?: ((call: object) => void) | undefined
  clock: Clock
  random: Random
  log: Log
  /** How the provider is asked, given the roots that its certificate may come from; left out: over the machine's network. */
  fetchFor?: (roots: string | undefined) => Fetch
}

/** The browser's part of a login. Lax: it comes back from another site. */
const COOKIE = '__Host-namestead-login'
/** Requests of one network: each has the provider asked. */
const REQUESTS = { burst: 20, rate: 0.2, most: 10_000 }
const WITHOUT_HEAD = { exposeHeadRoute: false }

/** `/oidc/login` and `/oidc/callback`: browsers go to the provider, and come back to a session (OpenID Connect §3.1, RFC 7636). */
export function serveOidc(app: FastifyInstance, deps: OidcDeps): void {
  const { config, clock, random } = deps
  const pending = new PendingLogins(clock, random)
  const requests = new Allowance(clock, REQUESTS)
  const providerOf = createProviders(deps)

  /** Runs a step of a login for whoever may ask now. */
  const step =
    (run: (oidc: OidcConfig, request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>) =>
    async (request: FastifyRequest, reply: FastifyReply) => {
      const oidc = config()
      if (!oidc) return reply.callNotFound()
      reply.header('cache-control', 'no-store')
      if (!requests.take(networkOf(request.ip)))
        return sendNotice(
          reply.header('retry-after', '5'),
          new LoginRefusal(429, 'too many logins came from there', AGAIN),
        )
      return run(oidc, request, reply).catch(error => refuse(deps, request, reply, error))
    }

  app.get(
    '/oidc/login',
    WITHOUT_HEAD,
    step(async (oidc, _request, reply) => {
      const { secret, login } = pending.begin()
      const url = await providerOf(oidc).authorizationUrl(login)
      return reply.header('set-cookie', printCookie(COOKIE, secret, PENDING_SECONDS, 'Lax')).redirect(url, 303)
    }),
  )
  app.get(
    '/oidc/callback',
    WITHOUT_HEAD,
    step(async (oidc, request, reply) => {
      const login = pending.take(cookieOf(request, COOKIE) ?? '')
      if (!login) throw new LoginRefusal(400, 'this login was not begun here, is over, or has taken too long', AGAIN)
      const at = request.url.indexOf('?')
      const { claims, idToken } = await providerOf(oidc).logIn(login, at < 0 ? '' : request.url.slice(at))
      const person = personOf(oidc, claims, clock.now())
      noteLogin(deps, request, { signed_in: person.name, sub: claims.sub, issuer: oidc.issuer, role: person.roles[0] })
      const onward = oidc.logout ? () => endSession(providerOf(oidc), idToken, deps.log) : undefined
      const session = deps.sessions.openFor(() => personStill(person, oidc, config(), claims), onward)
      return reply.header('set-cookie', [session, printCookie(COOKIE, '', 0, 'Lax')]).redirect('/', 303)
    }),
  )
}

/** The provider of a configuration: another one whenever that changes. */
function createProviders({ clock, fetchFor = createFetch }: OidcDeps): (oidc: OidcConfig) => Provider {
  let current: { oidc: OidcConfig; provider: Provider } | undefined
  return oidc => {
    if (current?.oidc !== oidc)
      current = { oidc, provider: createProvider(oidc, { clock, fetch: fetchFor(oidc.roots) }) }
    return current.provider
  }
}

/** What the person may do by the configuration of now: a reload may take it away. */
function personStill(person: Token, then: OidcConfig, now: OidcConfig | undefined, claims: Claims): Token | undefined {
  if (now === then) return person
  if (now?.issuer !== then.issuer || now.client_id !== then.client_id) return undefined
  try {
    return personOf(now, claims, person.created)
  } catch (error) {
    if (error instanceof LoginRefusal) return undefined
    throw error
  }
}

/** Where the login ends at the provider. Here it is over whatever comes of that. */
function endSession(provider: Provider, idToken: string, log: Log): Promise<string | undefined> {
  return provider.endSessionUrl(idToken).catch((error: Error) => {
    log.warn({ reason: error.message }, 'signed out here, not at the OpenID provider')
    return undefined
  })
}

function noteLogin({ note, log }: OidcDeps, { ip: from }: FastifyRequest, login: object): void {
  note?.({ ...login, from })
  log.info({ audit: true, ...login, from }, 'signed in by OpenID Connect')
}

/** A page for people: browsers come here, not programs. */
function refuse(
  { note, log }: OidcDeps,
  { ip: from }: FastifyRequest,
  reply: FastifyReply,
  error: unknown,
): FastifyReply {
  if (!(error instanceof LoginRefusal)) {
    log.error({ err: error }, 'OpenID Connect login failed')
    return sendNotice(reply, new LoginRefusal(500, 'the server failed', ASK))
  }
  note?.({ refused: 'OpenID Connect login', reason: error.message, from })
  log.warn({ audit: true, from, reason: error.message }, 'OpenID Connect login refused')
  return sendNotice(reply, error)
}

function sendNotice(reply: FastifyReply, { status, message, advice }: LoginRefusal): FastifyReply {
  const { html, headers } = renderNotice('Not signed in', [`${capital(message)}.`, advice])
  return reply.code(status).headers(headers).type('text/html; charset=utf-8').send(html)
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
