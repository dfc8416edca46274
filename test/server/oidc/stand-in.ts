import { createHash } from 'node:crypto'
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose'
import type { Fetch } from '../../../host/fetch.ts'

export const ISSUER = 'https://login.example/realm'

/** A provider that lies as a test wants: what it says in ID tokens, and by whose key. */
export interface StandIn {
  fetch: Fetch
  /** Lets somebody log in who was sent there; gives the query with which the browser comes back. */
  logIn(sentTo: string): string
  /** Claims of ID tokens beside the right ones, or in place of them; undefined leaves one out. */
  claims: Record<string, unknown>
  /** What the userinfo endpoint says; left out: there is no such endpoint. */
  more?: Record<string, unknown>
  /** Where logins end; left out: the provider says no such place. */
  end?: string
  /** Whether ID tokens are signed by a key that is not the provider's. */
  forged: boolean
  /** Seconds since 1970. */
  now: () => number
  /** What was asked, as "METHOD path". */
  asked: string[]
  /** Of the last request for a token. */
  form: URLSearchParams
  authorization: string | undefined
}

interface Issued {
  nonce: string
  challenge: string
}

export async function standIn(now: () => number): Promise<StandIn> {
  const [right, wrong] = [await generateKeyPair('ES256'), await generateKeyPair('ES256')]
  const jwk = { ...(await exportJWK(right.publicKey)), kid: '1', use: 'sig', alg: 'ES256' }
  const codes = new Map<string, Issued>()
  const self: StandIn = {
    ...{ claims: {}, forged: false, now, asked: [], form: new URLSearchParams(), authorization: undefined },
    logIn(sentTo) {
      const { searchParams: asked } = new URL(sentTo)
      const code = `code-${codes.size}`
      codes.set(code, { nonce: asked.get('nonce')!, challenge: asked.get('code_challenge')! })
      return `?${new URLSearchParams({ code, state: asked.get('state')!, iss: ISSUER })}`
    },
    async fetch(url, { method, headers, body } = {}) {
      const { pathname } = new URL(url)
      self.asked.push(`${method} ${pathname}`)
      if (pathname === '/realm/.well-known/openid-configuration') return Response.json(metadata(self))
      if (pathname === '/realm/keys') return Response.json({ keys: [jwk] })
      if (pathname === '/realm/me') return Response.json(self.more)
      if (pathname !== '/realm/token') return new Response(null, { status: 404 })
      self.form = new URLSearchParams(String(body))
      self.authorization = new Headers(headers).get('authorization') ?? undefined
      return exchange(self, codes, (self.forged ? wrong : right).privateKey)
    },
  }
  return self
}

function metadata({ more, end }: StandIn) {
  return {
    issuer: ISSUER,
    authorization_endpoint: `${ISSUER}/login`,
    token_endpoint: `${ISSUER}/token`,
    jwks_uri: `${ISSUER}/keys`,
    ...(end !== undefined && { end_session_endpoint: end }),
    ...(more && { userinfo_endpoint: `${ISSUER}/me` }),
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
    authorization_response_iss_parameter_supported: true,
  }
}

async function exchange({ form, claims, now }: StandIn, codes: Map<string, Issued>, key: CryptoKey): Promise<Response> {
  const code = codes.get(form.get('code') ?? '')
  const challenge = createHash('sha256')
    .update(form.get('code_verifier') ?? '')
    .digest('base64url')
  // RFC 6749 §4.1.2, RFC 7636 §4.6: once, and for whoever began.
  if (!code || code.challenge !== challenge || !codes.delete(form.get('code')!))
    return Response.json({ error: 'invalid_grant', error_description: 'the code is not known' }, { status: 400 })
  const time = Math.floor(now())
  const right = { iss: ISSUER, sub: 'u1', aud: 'namestead', nonce: code.nonce, iat: time, exp: time + 300 }
  const token = await new SignJWT({ ...right, ...claims }).setProtectedHeader({ alg: 'ES256', kid: '1' }).sign(key)
  return Response.json({ access_token: 'access', token_type: 'bearer', id_token: token })
}
