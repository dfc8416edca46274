import type { Configuration, ServerMetadata } from 'openid-client'
import type { OidcConfig } from '../../config/schema.ts'
import type { Clock } from '../../host/clock.ts'
import type { Fetch } from '../../host/fetch.ts'
import { type Claims, claimOf, claimsWanted } from './grants.ts'
import type { PendingLogin } from './pending.ts'
import { AGAIN, ASK, LoginRefusal } from './refusal.ts'

/** A provider of OpenID Connect. The only file that knows openid-client, which is loaded when somebody first logs in. */
export interface Provider {
  /** Where the browser logs in. Rejects with LoginRefusal where the provider can't be asked. */
  authorizationUrl(login: PendingLogin): Promise<string>
  /** What the provider says of whoever has come back with this query. Rejects with LoginRefusal. */
  logIn(login: PendingLogin, query: string): Promise<LoggedIn>
  /** Where the browser ends that login (RP-Initiated Logout §2); undefined where the provider has no such place. Rejects with LoginRefusal. */
  endSessionUrl(idToken: string): Promise<string | undefined>
}

/** Who has logged in. */
export interface LoggedIn {
  claims: Claims
  /** By which the provider knows the login again. */
  idToken: string
}

/** Milliseconds for which what the provider says of itself is believed. */
const HOUR = 3_600_000

export function createProvider(oidc: OidcConfig, { clock, fetch }: { clock: Clock; fetch: Fetch }): Provider {
  const redirect = `${oidc.url}/oidc/callback`
  let discovered: { metadata: Promise<ServerMetadata>; at: number } | undefined

  const discover = () => {
    const now = clock.monotonic()
    if (discovered && now - discovered.at < HOUR) return discovered.metadata
    const metadata = discoverProvider(oidc, fetch)
    discovered = { metadata, at: now }
    metadata.catch(() => {
      discovered = undefined
    })
    return metadata
  }

  return {
    async authorizationUrl({ state, nonce, verifier }) {
      const openid = await import('openid-client')
      const configuration = await configure(oidc, await discover().catch(asRefusal), { clock, fetch })
      const challenge = await openid.calculatePKCECodeChallenge(verifier)
      const url = openid.buildAuthorizationUrl(configuration, {
        ...{ redirect_uri: redirect, scope: oidc.scopes.join(' '), state, nonce },
        ...{ code_challenge: challenge, code_challenge_method: 'S256' },
      })
      return url.href
    },
    async logIn({ state, nonce, verifier }, query) {
      const openid = await import('openid-client')
      const configuration = await configure(oidc, await discover().catch(asRefusal), { clock, fetch })
      const checks = {
        ...{ expectedState: state, expectedNonce: nonce, pkceCodeVerifier: verifier },
        idTokenExpected: true,
      }
      const answer = await openid
        .authorizationCodeGrant(configuration, new URL(`${redirect}${query}`), checks)
        .catch(asRefusal)
      const claims = answer.claims() as Claims
      const idToken = answer.id_token!
      const lacking = claimsWanted(oidc).some(name => claimOf(claims, name) === undefined)
      if (!lacking || configuration.serverMetadata().userinfo_endpoint === undefined) return { claims, idToken }
      // OpenID Connect §5.4: what scopes ask for may be told there alone.
      const more = await openid.fetchUserInfo(configuration, answer.access_token, claims.sub).catch(asRefusal)
      return { claims: { ...more, ...claims }, idToken }
    },
    async endSessionUrl(idToken) {
      const openid = await import('openid-client')
      const configuration = await configure(oidc, await discover().catch(asRefusal), { clock, fetch })
      if (configuration.serverMetadata().end_session_endpoint === undefined) return undefined
      const parameters = { id_token_hint: idToken, post_logout_redirect_uri: `${oidc.url}/` }
      return openid.buildEndSessionUrl(configuration, parameters).href
    },
  }
}

async function discoverProvider({ issuer, client_id: id }: OidcConfig, fetch: Fetch): Promise<ServerMetadata> {
  const openid = await import('openid-client')
  const options = { [openid.customFetch]: asked(fetch) }
  return (await openid.discovery(new URL(issuer), id, undefined, openid.None(), options)).serverMetadata()
}

async function configure(
  { client_id: id, client_secret: secret }: OidcConfig,
  metadata: ServerMetadata,
  { clock, fetch }: { clock: Clock; fetch: Fetch },
): Promise<Configuration> {
  const openid = await import('openid-client')
  // OpenID Connect Discovery §3: where nothing is said, Basic is what providers take.
  const methods = metadata.token_endpoint_auth_methods_supported ?? ['client_secret_basic']
  const byBasic = methods.includes('client_secret_basic')
  const authenticate =
    secret === undefined ? openid.None() : byBasic ? openid.ClientSecretBasic(secret) : openid.ClientSecretPost(secret)
  // openid-client reads the system's clock; the skew makes it ours.
  const skew = Math.round((clock.now() - Date.now()) / 1000)
  const configuration = new openid.Configuration(metadata, id, { [openid.clockSkew]: skew }, authenticate)
  configuration[openid.customFetch] = asked(fetch)
  // OpenID Connect §3.1.3.7 lets TLS stand for the signature of the ID token; we look at both.
  openid.enableNonRepudiationChecks(configuration)
  return configuration
}

/** openid-client's idea of `fetch`. */
function asked(fetch: Fetch) {
  return (
    url: string,
    { method, headers, body }: { method: string; headers: Record<string, string>; body?: unknown },
  ) => fetch(url, { method, headers, ...(body !== undefined && body !== null && { body: String(body) }) })
}

/** What an error of openid-client means for whoever wanted to log in. */
function asRefusal(error: Error & { code?: string; error?: string; error_description?: string }): never {
  const told = [error.error, error.error_description].filter(Boolean).join(': ').slice(0, 300)
  if (error.code === 'OAUTH_AUTHORIZATION_RESPONSE_ERROR')
    throw new LoginRefusal(403, `the provider did not let you in: ${told}`, AGAIN)
  if (error.error === 'invalid_grant')
    throw new LoginRefusal(400, `the provider does not accept this login any more: ${told}`, AGAIN)
  if (told !== '') throw new LoginRefusal(502, `the provider refuses to tell who you are: ${told}`, ASK)
  const { message } = rootOf(error)
  if (error.code?.startsWith('OAUTH_'))
    throw new LoginRefusal(502, `what the provider says can't be believed: ${message}`, ASK)
  throw new LoginRefusal(502, `the provider does not answer: ${message}`, ASK)
}

function rootOf(error: Error): Error {
  return error.cause instanceof Error ? rootOf(error.cause) : error
}
