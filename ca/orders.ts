import type { IssueRule } from '../config/schema.ts'
import { parseName } from '../dns/name.ts'
import type { Clock } from '../host/clock.ts'
import { ConflictError } from '../host/database.ts'
import type { Log } from '../host/log.ts'
import type { Random } from '../host/random.ts'
import type { AccountRequest } from './authenticate.ts'
import type { Challenge } from './challenges/challenge.ts'
import { CsrError, checkNames, readCsr, refuseAccountKey } from './csr.ts'
import type { Fulfilment } from './fulfilment.ts'
import type { Hierarchy } from './hierarchy.ts'
import { parseIdentifier } from './identifier.ts'
import { type AccountKey, decodeBase64url } from './jws.ts'
import { refusals } from './policy.ts'
import { AcmeError, notFound, printable, type RequestedIdentifier } from './problems.ts'
import { chooseProfile, type Profile } from './profiles.ts'
import { checkReplaced, readCertificateId } from './renewal.ts'
import { orderStatus, timestamp } from './states.ts'
import type { NewOrder, StoredOrder } from './store/orders.ts'
import type { AccountRow } from './store/schema.ts'
import type { CaStore } from './store.ts'
import { canonicalIdentifiers, readIdentifiers, refuseEach, subjectsOf } from './subjects.ts'
import type { AcmeUrls } from './urls.ts'

/** Orders of one directory (RFC 8555 §7.4). */
export interface Orders {
  create(request: AccountRequest, requestId: string, log: Log): Promise<StoredOrder>
  /** The account's order. */
  find(account: AccountRow, id: string): Promise<StoredOrder>
  finalize(request: AccountRequest, id: string, requestId: string, log: Log): Promise<StoredOrder>
  /** A page of the account's orders, and where the next begins (RFC 8555 §7.1.2.1). */
  list(account: AccountRow, after?: string): Promise<{ orders: string[]; next?: string }>
  /** The order object (RFC 8555 §7.1.3). */
  view(order: StoredOrder): object
  isProcessing(order: StoredOrder): boolean
}

export interface OrderDeps {
  store: CaStore
  urls: AcmeUrls
  issuer: string
  hierarchy: Pick<Hierarchy, 'permits'>
  /** As the config has them now. */
  rules(): readonly IssueRule[]
  profiles(): readonly Profile[]
  challenges: readonly Challenge[]
  fulfilment: Fulfilment
  clock: Clock
  random: Random
}

/** How long an order and its authorizations last: an open one may be completed, a complete one looked at. */
const ORDER_LIFETIME = 3 * 24 * 3_600_000
const PAGE = 100

export function createOrders(deps: OrderDeps): Orders {
  const { store, urls, issuer, profiles, fulfilment, clock } = deps

  const find = async (account: AccountRow, id: string) => {
    const order = await store.order(id)
    if (!order || order.issuer !== issuer) throw notFound('order')
    if (order.account !== account.id) throw new AcmeError('unauthorized', 'the order belongs to another account')
    return order
  }

  return {
    async create({ account, payload = {} }, requestId, log) {
      const identifiers = readIdentifiers(payload['identifiers'], ['dns'])
      const profile = profileOf(profiles(), payload['profile'])
      const keys = await keysOf(store, account)
      checkPolicy(deps, identifiers, { account: account.id, profile: profile.name, keys })
      const validity = readValidity(payload, profile, clock.now())
      const replaces = await replacedOf(store, payload['replaces'], account, identifiers)
      const added = newOrder(deps, { account, identifiers, profile, validity, replaces, requestId })
      try {
        await store.addOrder(added)
      } catch (error) {
        // RFC 9773 §5.
        if (error instanceof ConflictError && replaces !== null)
          throw new AcmeError('alreadyReplaced', 'the certificate has been replaced by another order')
        throw error
      }
      const names = identifiers.map(identifier => identifier.value)
      log.info({ order: added.order.id, account: account.id, names, profile: profile.name }, 'order created')
      return (await store.order(added.order.id))!
    },

    find,

    async finalize({ account, key, payload }, id, requestId, log) {
      const order = await find(account, id)
      const status = orderStatus(order, clock.now())
      // Finalizing what is being or has been finalized gives it back: a client may not have had the first answer.
      if (status === 'processing' || status === 'valid') return order
      // RFC 8555 §7.4.
      if (status !== 'ready') throw new AcmeError('orderNotReady', `the order is ${status}, not ready`)
      const csr = decodeBase64url(payload?.['csr'], '"csr"')
      checkCsr(csr, order, key)
      checkPolicy(deps, JSON.parse(order.identifiers), {
        account: account.id,
        profile: order.profile,
        keys: await keysOf(store, account),
      })
      fulfilment.admit()
      try {
        await store.startOrder(id, csr, requestId)
      } catch (error) {
        if (error instanceof ConflictError) return find(account, id)
        throw error
      }
      await fulfilment.start((await store.order(id))!, log)
      return find(account, id)
    },

    async list(account, after) {
      const ids = await store.ordersOf(account.id, clock.now(), PAGE + 1, after)
      const orders = ids.slice(0, PAGE)
      return { orders: orders.map(urls.order), ...(ids.length > PAGE && { next: orders.at(-1)! }) }
    },

    view: order => ({
      status: orderStatus(order, clock.now()),
      expires: timestamp(order.expires_at),
      identifiers: JSON.parse(order.identifiers),
      ...(order.not_before !== null && { notBefore: timestamp(order.not_before) }),
      ...(order.not_after !== null && { notAfter: timestamp(order.not_after) }),
      profile: order.profile,
      ...(order.replaces !== null && { replaces: order.replaces }),
      ...(order.error !== null && { error: JSON.parse(order.error) }),
      authorizations: order.authorizations.map(urls.authorization),
      finalize: urls.finalize(order.id),
      ...(order.certificate !== null && { certificate: urls.certificate(order.certificate) }),
    }),

    isProcessing: order => order.status === 'processing',
  }
}

function profileOf(profiles: readonly Profile[], name: unknown): Profile {
  if (name !== undefined && typeof name !== 'string') throw new AcmeError('malformed', '"profile" must be a string')
  const profile = chooseProfile(profiles, name)
  // draft-ietf-acme-profiles
  if (!profile) throw new AcmeError('invalidProfile', `there is no profile "${printable(name ?? '')}"`)
  return profile
}

/** Names of the keys that the account is known to belong to. One whose binding key was revoked may order nothing. */
async function keysOf(store: CaStore, account: AccountRow) {
  if (account.binding === null) return []
  const binding = await store.binding(account.binding)
  if (!binding || binding.revoked_at !== null)
    throw new AcmeError('unauthorized', 'the key that binds this account to an external one was revoked')
  return [parseName(binding.name)]
}

/** RFC 8555 §7.4: what policy forbids is refused at newOrder already, and again at finalize, for it may have changed. */
function checkPolicy(
  { hierarchy, rules, challenges }: OrderDeps,
  requested: readonly RequestedIdentifier[],
  asker: Omit<Parameters<typeof refusals>[1], 'identifiers'>,
): void {
  refuseEach('rejectedIdentifier', requested, ({ type, value }) => {
    const identifier = parseIdentifier(type, value)
    const [refused] = refusals(rules(), { ...asker, identifiers: [identifier] })
    if (refused) return refused.reason
    if (!hierarchy.permits(identifier)) return 'the name constraints of our intermediate do not cover this name'
    const [subject] = subjectsOf([identifier])
    return challenges.some(challenge => challenge.appliesTo(subject!)) ? undefined : 'no challenge can prove this name'
  })
}

/** RFC 8555 §7.4: notBefore and notAfter as wished, kept within the profile. */
function readValidity(payload: Record<string, unknown>, profile: Profile, now: number) {
  const notBefore = readTime(payload['notBefore'], 'notBefore')
  const notAfter = readTime(payload['notAfter'], 'notAfter')
  const start = Math.max(notBefore ?? now, now - profile.backdate)
  if (notBefore !== null && notBefore > now + profile.validity)
    throw new AcmeError('malformed', '"notBefore" is too far ahead')
  if (notAfter !== null && (notAfter <= start || notAfter <= now))
    throw new AcmeError('malformed', '"notAfter" is over before the certificate would begin')
  return {
    not_before: notBefore === null ? null : start,
    not_after: notAfter === null ? null : Math.min(notAfter, start + profile.validity),
  }
}

const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i

function readTime(value: unknown, member: string): number | null {
  if (value === undefined) return null
  const time = typeof value === 'string' && RFC3339.test(value) ? Date.parse(value.toUpperCase()) : Number.NaN
  if (Number.isNaN(time)) throw new AcmeError('malformed', `"${member}" is not a time as RFC 3339 has it`)
  return time
}

/** The certificate to be replaced, as the client named it, checked. */
async function replacedOf(
  store: CaStore,
  value: unknown,
  account: AccountRow,
  identifiers: readonly RequestedIdentifier[],
): Promise<string | null> {
  if (value === undefined) return null
  if (typeof value !== 'string') throw new AcmeError('malformed', '"replaces" must be a string')
  const id = readCertificateId(value)
  checkReplaced(await store.certificate(id.serial), id, account.id, identifiers)
  return value
}

function newOrder(
  { issuer, challenges, clock, random }: OrderDeps,
  asked: {
    account: AccountRow
    identifiers: RequestedIdentifier[]
    profile: Profile
    validity: { not_before: number | null; not_after: number | null }
    replaces: string | null
    requestId: string
  },
): NewOrder {
  const now = clock.now()
  const token = (size: number) => Buffer.from(random.bytes(size)).toString('base64url')
  const expires_at = now + ORDER_LIFETIME
  const account = asked.account.id
  const subjects = subjectsOf(asked.identifiers).map(subject => ({ subject, id: token(16) }))
  return {
    order: {
      id: token(16),
      issuer,
      account,
      status: 'pending',
      identifiers: JSON.stringify(asked.identifiers),
      profile: asked.profile.name,
      ...asked.validity,
      replaces: asked.replaces,
      request: asked.requestId,
      created_at: now,
      expires_at,
    },
    authorizations: subjects.map(({ subject: { identifier, wildcard }, id }) => ({
      ...identifier,
      id,
      account,
      wildcard: wildcard ? 1 : 0,
      status: 'pending',
      expires_at,
    })),
    challenges: subjects.flatMap(({ subject, id }) =>
      challenges
        .filter(challenge => challenge.appliesTo(subject))
        // RFC 8555 §8.3, §8.4: a token has at least 128 bits; these have 256.
        .map(({ type }) => ({ id: token(16), authorization: id, type, token: token(32), status: 'pending' })),
    ),
  }
}

// RFC 8555 §7.4: a CSR that is not right for the order is badCSR, and the order stays ready.
function checkCsr(der: Uint8Array, order: StoredOrder, key: AccountKey): void {
  try {
    const csr = readCsr(der)
    checkNames(csr, canonicalIdentifiers(JSON.parse(order.identifiers)))
    refuseAccountKey(csr, key.jwk)
  } catch (error) {
    if (error instanceof CsrError) throw new AcmeError('badCSR', `the CSR is refused: ${printable(error.message)}`)
    throw error
  }
}
