import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { networkOf } from '../../config/address.ts'
import type { VaultConfig } from '../../config/vault-schema.ts'
import { Allowance } from '../../host/allowance.ts'
import type { Clock } from '../../host/clock.ts'
import type { Log } from '../../host/log.ts'
import type { Random } from '../../host/random.ts'
import { VERSION } from '../../host/version.ts'
import type { Authority } from '../authority.ts'
import { VaultError } from './error.ts'
import { type SignSubordinate, signIntermediate } from './intermediate.ts'
import { type Body, type FetchText, type Granted, loginByAppRole, loginByServiceAccount } from './logins.ts'
import { chainOf, signByRole } from './sign.ts'
import { createVaultTokens, type Holder } from './tokens.ts'

/** What the calls act on. */
export interface VaultDeps {
  /** As the configuration has it now; undefined where there is no Vault API: then nobody may anything. */
  config(): VaultConfig | undefined
  authority: Authority
  sign: SignSubordinate
  fetchText: FetchText
  clock: Clock
  random: Random
  log: Log
}

/** Octets of a request: a CSR and its names. */
const BODY_LIMIT = 128 * 1024

/** Wrong tokens from one address, and wrong secrets for one role from there, that are answered as such; one in three seconds from then on. */
const FAILURES = { burst: 20, rate: 1 / 3, most: 10_000 }

/** The calls of Vault that cert-manager's Vault issuer and SPIRE make, below `/v1`. */
export function vaultRoutes(app: FastifyInstance, deps: VaultDeps): void {
  const { clock, random, log } = deps
  const config = (): VaultConfig => {
    const found = deps.config()
    if (!found) throw new VaultError(404, 'there is no Vault API here: ca.vault is not configured')
    return found
  }
  const tokens = createVaultTokens(config, clock, random)
  const failures = new Allowance(clock, FAILURES)
  const tooMany = () => new VaultError(503, 'too many wrong tokens or secrets from this address; wait a minute')
  /** Secrets may be short enough to be guessed: past the allowance not even a right one is looked at, for this role from this address. */
  const login = async (request: FastifyRequest, role: unknown, grant: () => Granted | Promise<Granted>) => {
    const guesser = `${networkOf(request.ip)} ${request.url} ${String(role).slice(0, 100)}`
    if (failures.wait(guesser) > 0) throw tooMany()
    try {
      const { token, holder } = tokens.issue(await grant())
      log.info({ who: holder.who, from: request.ip }, 'logged in by the Vault API')
      return { ...envelope(request), auth: describeAuth(token, holder) }
    } catch (error) {
      failures.spend(guesser)
      throw error
    }
  }
  /** Tokens can't be guessed: who has a right one is not shut out by others behind the same address who have not. */
  const holderOf = (request: FastifyRequest): Holder => {
    try {
      return tokens.find(tokenOf(request))
    } catch (error) {
      throw failures.take(networkOf(request.ip)) ? error : tooMany()
    }
  }

  app.register(async scope => {
    takeJson(scope)
    scope.setErrorHandler((error, request, reply) => sendErrors(error, request, reply, log))
    // Before a login: that we live.
    const state = { initialized: true, sealed: false, standby: false, version: VERSION }
    scope.get('/v1/sys/health', async () => ({ ...state, server_time_utc: Math.floor(clock.now() / 1000) }))

    scope.route({
      method: ['POST', 'PUT'],
      url: '/v1/auth/*',
      handler: async request => {
        const path = (request.params as Record<string, string>)['*']!
        const body = bodyOf(request)
        if (path === 'approle/login') return login(request, body['role_id'], () => loginByAppRole(config(), body))
        if (path === 'token/renew-self') {
          const holder = holderOf(request)
          tokens.renew(holder)
          return { ...envelope(request), auth: describeAuth(tokenOf(request)!, holder) }
        }
        const cluster = config().auth.kubernetes.find(({ mount }) => path === `${mount}/login`)
        if (cluster) return login(request, body['role'], () => loginByServiceAccount(cluster, body, deps))
        throw new VaultError(404, 'no such login is configured')
      },
    })
    scope.get('/v1/auth/token/lookup-self', async request => {
      const { who, roles, expires } = holderOf(request)
      const left = expires === undefined ? 0 : Math.max(0, Math.floor((expires - clock.now()) / 1000))
      const data = { display_name: who, policies: roles, ttl: left, renewable: expires !== undefined, type: 'service' }
      const time = expires === undefined ? null : new Date(expires).toISOString()
      return { ...envelope(request), data: { ...data, expire_time: time } }
    })

    scope.route({
      method: ['POST', 'PUT'],
      url: '/v1/*',
      handler: async request => {
        const current = config()
        const call = callOf(request, current.mount)
        const holder = holderOf(request)
        const body = bodyOf(request)
        const deciding = { ...deps, config: current, hierarchy: deps.authority.hierarchy }
        const [verb, role, ...rest] = call.split('/')
        if (verb === 'issue')
          throw new VaultError(403, `keys are never made here; send a CSR to ${current.mount}/sign/${role ?? 'ROLE'}`)
        const isSign = verb === 'sign' && role !== undefined && rest.length === 0
        const isIntermediate = call === 'root/sign-intermediate'
        if (!isSign && !isIntermediate) throw new VaultError(404, 'no such call')
        const signed = isSign
          ? await signByRole(deciding, holder, role, body)
          : await signIntermediate(deciding, holder, body)
        log.info({ who: holder.who, from: request.ip, serial: signed.serial_number }, 'signed by the Vault API')
        return { ...envelope(request), data: signed }
      },
    })
    scope.get('/v1/*', async (request, reply) => {
      const { hierarchy } = deps.authority
      const call = callOf(request, config().mount)
      const chain = chainOf(deps.authority, hierarchy.current().id)
      if (call === 'ca/pem') return reply.type('application/pem-certificate-chain').send(chain[0])
      if (call === 'ca_chain') return reply.type('application/pem-certificate-chain').send(chain.join(''))
      throw new VaultError(404, 'no such call')
    })
  })
}

/** The call below the mount. Throws 404 for one that is elsewhere. */
function callOf(request: FastifyRequest, mount: string): string {
  const path = (request.params as Record<string, string>)['*']!
  if (!path.startsWith(`${mount}/`)) throw new VaultError(404, `nothing is mounted at ${path.slice(0, 100)}`)
  return path.slice(mount.length + 1)
}

/** Clients send JSON, some of them without saying so. */
function takeJson(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser('*', { parseAs: 'string', bodyLimit: BODY_LIMIT }, (_request, body, done) => {
    try {
      done(null, body === '' ? {} : JSON.parse(String(body)))
    } catch {
      done(new VaultError(400, 'the body is no JSON'))
    }
  })
}

function bodyOf(request: FastifyRequest): Body {
  const { body } = request
  if (body === undefined || body === null) return {}
  if (typeof body !== 'object' || Array.isArray(body)) throw new VaultError(400, 'the body is no JSON object')
  return body as Body
}

function tokenOf({ headers }: FastifyRequest): string | undefined {
  const own = headers['x-vault-token']
  if (typeof own === 'string') return own
  return /^Bearer (\S+)$/i.exec(headers.authorization ?? '')?.[1]
}

/** What surrounds every answer of Vault. */
function envelope(request: FastifyRequest) {
  const lease = { lease_id: '', lease_duration: 0, renewable: false }
  return { request_id: request.id, ...lease, data: null, wrap_info: null, warnings: null, auth: null }
}

function describeAuth(token: string, { who, roles, ttl }: Holder) {
  return {
    client_token: token,
    accessor: '',
    policies: roles,
    token_policies: roles,
    metadata: { who },
    lease_duration: Math.floor((ttl ?? 0) / 1000),
    renewable: ttl !== undefined,
    token_type: 'service',
    orphan: true,
  }
}

/** The one place where an error becomes Vault's answer to it. */
function sendErrors(error: unknown, request: FastifyRequest, reply: FastifyReply, log: Log): FastifyReply {
  const fields = { url: request.url, from: request.ip }
  if (error instanceof VaultError) {
    log.info({ ...fields, status: error.status }, `refused: ${error.message}`)
    return reply.code(error.status).send({ errors: [error.message] })
  }
  const { statusCode } = error as { statusCode?: number }
  if (statusCode !== undefined && statusCode < 500)
    return reply.code(statusCode).send({ errors: [`the request can't be read (${statusCode})`] })
  log.error({ ...fields, err: error }, 'request failed')
  return reply.code(500).send({ errors: ['internal error'] })
}
