import type { CaConfig } from '../../config/schema.ts'
import { isSubdomain, type Name, parseName } from '../../dns/name.ts'
import type { Clock } from '../../host/clock.ts'
import { ConflictError } from '../../host/database.ts'
import type { Log } from '../../host/log.ts'
import type { Random } from '../../host/random.ts'
import { IdentifierError, isWildcardIdentifier, parseIdentifier } from '../identifier.ts'
import type { Limits } from '../permission/limits.ts'
import { AcmeError, printable } from '../problems.ts'
import type { AccountStore } from '../store/accounts.ts'
import type { AccountRow } from '../store/schema.ts'
import type { AccountRequest, SignedRequest } from './authenticate.ts'
import { BINDING_ALGORITHMS, checkAlgorithm, importKey, parseJws, readPayload, verifyJws, verifyMac } from './jws.ts'
import type { AcmeUrls } from './urls.ts'

/** Accounts of one directory (RFC 8555 §7.3). */
export interface Accounts {
  /** newAccount: the account of the key, made where there is none. */
  register(request: SignedRequest, address: string, log: Log): Promise<{ account: AccountRow; created: boolean }>
  /** POST to the account's URL: contacts replaced, or the account deactivated. */
  update(request: AccountRequest, log: Log): Promise<AccountRow>
  /** keyChange (RFC 8555 §7.3.5). */
  changeKey(request: AccountRequest, log: Log): Promise<AccountRow>
  /** The account object (RFC 8555 §7.1.2). */
  view(account: AccountRow): object
}

const MAX_CONTACTS = 10

export function createAccounts(deps: {
  store: AccountStore
  urls: AcmeUrls
  issuer: string
  settings: CaConfig['accounts']
  limits: Pick<Limits, 'newAccount'>
  clock: Clock
  random: Random
}): Accounts {
  const { store, urls, issuer, settings, limits, clock, random } = deps
  const { external_binding: externalBinding, terms_of_service: terms } = settings

  const existing = async (thumbprint: string) => {
    const account = await store.accountByKey(issuer, thumbprint)
    // RFC 8555 §7.3.6: the key of a deactivated account makes no new one.
    if (account && account.status !== 'valid') throw new AcmeError('unauthorized', `the account is ${account.status}`)
    return account
  }

  /** RFC 8555 §7.3.4: the name of the key that the account is bound by, or null. */
  const bindingOf = async (request: SignedRequest): Promise<string | null> => {
    const binding = request.payload?.['externalAccountBinding']
    if (binding === undefined || externalBinding === 'off') {
      if (externalBinding !== 'required') return null
      throw new AcmeError(
        'externalAccountRequired',
        'an account here must be bound to an external one; ask the CA for a key',
      )
    }
    const jws = parseJws(binding)
    checkAlgorithm(jws.header.alg, BINDING_ALGORITHMS)
    if (jws.header.kid === undefined || jws.header.nonce !== undefined)
      throw new AcmeError('malformed', 'the external account binding must have a "kid" and no "nonce"')
    if (jws.header.url !== request.url)
      throw new AcmeError('malformed', 'the external account binding is made for another "url"')
    const bound = await importKey(readPayload(jws.payload) ?? {})
    if (bound.thumbprint !== request.key.thumbprint)
      throw new AcmeError('malformed', 'the external account binding is made for another account key')
    const key = await store.binding(jws.header.kid)
    // One answer for an unknown, a revoked and a wrong key, so that none of them can be told apart.
    const right =
      key !== undefined && key.revoked_at === null && (await verifyMac(jws, Buffer.from(key.secret, 'base64url')))
    if (!right) throw new AcmeError('unauthorized', 'the external account binding is not signed by a key of ours')
    return key.kid
  }

  const create = async (request: SignedRequest, contact: string[]): Promise<AccountRow> => {
    const account: AccountRow = {
      id: Buffer.from(random.bytes(16)).toString('base64url'),
      issuer,
      thumbprint: request.key.thumbprint,
      former_thumbprints: '[]',
      jwk: JSON.stringify(request.key.jwk),
      status: 'valid',
      contact: JSON.stringify(contact),
      terms_agreed: request.payload?.['termsOfServiceAgreed'] === true ? 1 : 0,
      binding: await bindingOf(request),
      created_at: clock.now(),
    }
    await store.addAccount(account)
    return account
  }

  // RFC 8555 §7.3.5: where another account has the new key, 409 and that account's URL.
  const keyInUse = async (thumbprint: string) => {
    const other = await store.accountByKey(issuer, thumbprint)
    return new AcmeError('malformed', 'the new key belongs to an account already', {
      status: 409,
      ...(other && { location: urls.account(other.id) }),
    })
  }

  return {
    async register(request, address, log) {
      const payload = request.payload
      if (!payload) throw new AcmeError('malformed', 'newAccount needs a payload')
      const known = await existing(request.key.thumbprint)
      if (known) return { account: known, created: false }
      // RFC 8555 §7.3.1.
      if (payload['onlyReturnExisting'] === true) throw new AcmeError('accountDoesNotExist', 'no account has this key')
      // RFC 8555 §7.3.3: nobody registers without agreeing; the Link tells to what.
      if (terms !== undefined && payload['termsOfServiceAgreed'] !== true)
        throw new AcmeError('userActionRequired', `agree to the terms of service at ${terms}`, {
          links: [`<${terms}>;rel="terms-of-service"`],
        })
      limits.newAccount(address)
      try {
        const account = await create(request, readContact(payload['contact'], settings))
        log.info(
          { account: account.id, thumbprint: account.thumbprint, binding: account.binding ?? undefined },
          'account created',
        )
        return { account, created: true }
      } catch (error) {
        // The same key registered twice at once: the first one made it.
        const first = error instanceof ConflictError ? await existing(request.key.thumbprint) : undefined
        if (first) return { account: first, created: false }
        throw error
      }
    },

    async update({ account, payload }, log) {
      // RFC 8555 §7.3.2: an update may change "contact" alone; other members are ignored. §7.3.6: or it deactivates.
      if (payload?.['status'] === 'deactivated') {
        await store.deactivateAccount(account.id).catch(ended)
        log.info({ account: account.id }, 'account deactivated')
        return { ...account, status: 'deactivated' }
      }
      if (payload?.['contact'] === undefined) return account
      const contact = JSON.stringify(readContact(payload['contact'], settings))
      await store.setContact(account.id, contact).catch(ended)
      return { ...account, contact }
    },

    async changeKey(request, log) {
      const { account } = request
      const inner = parseJws(request.payload)
      checkAlgorithm(inner.header.alg)
      // RFC 8555 §7.3.5: signed by the new key, for the same URL, and without a nonce.
      if (inner.header.jwk === undefined) throw new AcmeError('malformed', 'the inner JWS must have a "jwk"')
      if (inner.header.url !== request.url) throw new AcmeError('malformed', 'the inner JWS is made for another "url"')
      if (inner.header.nonce !== undefined) throw new AcmeError('malformed', 'the inner JWS must have no "nonce"')
      const key = await importKey(inner.header.jwk)
      await verifyJws(inner, key)
      const { account: named, oldKey } = readPayload(inner.payload) ?? {}
      if (named !== urls.account(account.id))
        throw new AcmeError('malformed', 'the inner payload names another account')
      const old = typeof oldKey === 'object' && oldKey !== null ? await importKey(oldKey) : undefined
      if (old?.thumbprint !== account.thumbprint)
        throw new AcmeError('malformed', 'the inner payload\'s "oldKey" is not the key of the account')
      // Nor may it be the key that the account has already.
      if (key.thumbprint === account.thumbprint) throw await keyInUse(key.thumbprint)
      const next = { jwk: JSON.stringify(key.jwk), thumbprint: key.thumbprint, former_thumbprints: formerOf(account) }
      try {
        await store.replaceKey(account.id, account, next)
      } catch (error) {
        if (error instanceof ConflictError) throw await keyInUse(key.thumbprint)
        throw error
      }
      log.info({ account: account.id, thumbprint: key.thumbprint }, 'account key changed')
      return { ...account, ...next }
    },

    view: account => ({
      status: account.status,
      ...(account.contact !== '[]' && { contact: JSON.parse(account.contact) }),
      ...(account.terms_agreed === 1 && { termsOfServiceAgreed: true }),
      orders: urls.orders(account.id),
    }),
  }
}

/** Of an account, how many of the keys that it had are known: records that name it by one of them go on to hold. */
const MAX_FORMER = 100

function formerOf({ thumbprint, former_thumbprints: former }: AccountRow): string {
  return JSON.stringify([thumbprint, ...JSON.parse(former)].slice(0, MAX_FORMER))
}

/** Another request has deactivated the account since this one was let in. */
function ended(error: unknown): never {
  throw error instanceof ConflictError ? new AcmeError('unauthorized', 'the account is deactivated') : error
}

/** RFC 8555 §7.3: `mailto:` alone is supported, with one address and no header fields. */
export function readContact(
  value: unknown,
  { contact: need, contact_domains: domains }: Pick<CaConfig['accounts'], 'contact' | 'contact_domains'>,
): string[] {
  const given = value ?? []
  if (Array.isArray(given) && given.length === 0 && need === 'required')
    throw new AcmeError('invalidContact', 'an account here must have a contact')
  if (value === undefined) return []
  if (!Array.isArray(value) || value.some(contact => typeof contact !== 'string'))
    throw new AcmeError('invalidContact', '"contact" must be a list of URLs')
  if (value.length > MAX_CONTACTS) throw new AcmeError('invalidContact', `an account may have ${MAX_CONTACTS} contacts`)
  for (const contact of value as string[]) {
    if (!/^mailto:/i.test(contact))
      throw new AcmeError('unsupportedContact', `"${printable(contact)}" is not a mailto: URL`)
    if (!/^mailto:[^\s,?@]{1,64}@[^\s@]{1,253}$/i.test(contact) || !isDnsName(domainOf(contact)))
      throw new AcmeError('invalidContact', `"${printable(contact)}" is not the mailto: URL of one address`)
    if (domains && !isAtOneOf(contact, domains))
      throw new AcmeError('invalidContact', `"${printable(contact)}" is at no domain that is accepted here`)
  }
  return value as string[]
}

function domainOf(contact: string): string {
  return contact.slice(contact.indexOf('@') + 1)
}

/** Such as mail can be sent to: letters, digits and hyphens, no wildcard. */
function isDnsName(text: string): boolean {
  try {
    return !isWildcardIdentifier(parseIdentifier('dns', text))
  } catch (error) {
    if (error instanceof IdentifierError) return false
    throw error
  }
}

function isAtOneOf(contact: string, domains: readonly Name[]): boolean {
  const name = parseName(domainOf(contact))
  return domains.some(domain => isSubdomain(name, domain))
}
