import { AcmeError } from '../problems.ts'
import type { AccountStore } from '../store/accounts.ts'
import type { AccountRow } from '../store/schema.ts'
import { type AccountKey, checkAlgorithm, importKey, type Jws, parseJws, readPayload, verifyJws } from './jws.ts'
import type { Nonces } from './nonces.ts'
import type { AcmeUrls } from './urls.ts'

/** A request whose signature and nonce hold. */
export interface SignedRequest {
  /** The URL it was made for. */
  url: string
  key: AccountKey
  /** Undefined for POST-as-GET (RFC 8555 §6.3). */
  payload: Record<string, unknown> | undefined
}

/** A request of an account that may act. */
export interface AccountRequest extends SignedRequest {
  account: AccountRow
}

/** Proves who sent a request (RFC 8555 §6.2 to §6.5). The nonce is used up only where all else holds. */
export interface Authenticator {
  /** Signed by an account, named by "kid". */
  byAccount(body: unknown, url: string): Promise<AccountRequest>
  /** Signed by the key in "jwk": newAccount. */
  byKey(body: unknown, url: string): Promise<SignedRequest>
  /** revokeCert takes either (RFC 8555 §7.6). */
  byEither(body: unknown, url: string): Promise<AccountRequest | SignedRequest>
}

/** Keys of accounts kept imported: the import costs as much as the verification. */
const KEYS_KEPT = 1000

export function createAuthenticator(deps: {
  store: Pick<AccountStore, 'account'>
  nonces: Nonces
  urls: AcmeUrls
  issuer: string
}): Authenticator {
  const { store, nonces, urls, issuer } = deps
  /** By account's stored JWK, least recently used first; changed only in `keyOf`. */
  const keys = new Map<string, AccountKey>()

  const keyOf = async (account: AccountRow) => {
    const key = keys.get(account.jwk) ?? (await importKey(JSON.parse(account.jwk)))
    keys.delete(account.jwk)
    keys.set(account.jwk, key)
    if (keys.size > KEYS_KEPT) keys.delete(keys.keys().next().value!)
    return key
  }

  const finish = async (jws: Jws, key: AccountKey): Promise<SignedRequest> => {
    await verifyJws(jws, key)
    // RFC 8555 §6.5: a request without a nonce, or with one that is not ours or was used, is badNonce.
    if (jws.header.nonce === undefined) throw new AcmeError('badNonce', 'the protected header has no "nonce"')
    if (!nonces.redeem(jws.header.nonce)) throw new AcmeError('badNonce', 'the nonce is unknown or was used before')
    return { url: jws.header.url, key, payload: readPayload(jws.payload) }
  }

  const byKid = async (jws: Jws, kid: string): Promise<AccountRequest> => {
    const id = urls.accountId(kid)
    const account = id === undefined ? undefined : await store.account(id)
    if (!account || account.issuer !== issuer) throw new AcmeError('accountDoesNotExist', 'no account has this URL')
    const request = await finish(jws, await keyOf(account))
    // RFC 8555 §7.3.6: an account that is deactivated or revoked may do nothing more.
    if (account.status !== 'valid') throw new AcmeError('unauthorized', `the account is ${account.status}`)
    return { ...request, account }
  }

  return {
    async byAccount(body, url) {
      const jws = checked(body, url)
      if (jws.header.kid === undefined)
        throw new AcmeError('malformed', 'this resource takes requests signed with "kid", not "jwk"')
      return byKid(jws, jws.header.kid)
    },
    async byKey(body, url) {
      const jws = checked(body, url)
      if (jws.header.jwk === undefined)
        throw new AcmeError('malformed', 'this resource takes requests signed with "jwk", not "kid"')
      return finish(jws, await importKey(jws.header.jwk))
    },
    async byEither(body, url) {
      const jws = checked(body, url)
      return jws.header.kid === undefined ? finish(jws, await importKey(jws.header.jwk!)) : byKid(jws, jws.header.kid)
    },
  }
}

function checked(body: unknown, url: string): Jws {
  const jws = parseJws(body)
  checkAlgorithm(jws.header.alg)
  // RFC 8555 §6.4: the "url" must be the URL asked, else the request was meant for another resource.
  if (jws.header.url !== url)
    throw new AcmeError('unauthorized', 'the "url" in the protected header is not the URL of the request')
  return jws
}
