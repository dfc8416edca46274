import { type Name, parseName } from '../../dns/name.ts'
import type { Clock } from '../../host/clock.ts'
import { ConflictError } from '../../host/database.ts'
import type { Log } from '../../host/log.ts'
import type { Random } from '../../host/random.ts'
import type { Challenge } from '../challenges/challenge.ts'
import { identifierText } from '../identifier.ts'
import { boundsOf, chooseProfile, keyRefusal, type Profile } from '../issue/profiles.ts'
import type { Limits } from '../permission/limits.ts'
import type { Permission } from '../permission/permission.ts'
import { canonicalIdentifiers, readIdentifiers, type Subject, subjectsOf } from '../permission/subjects.ts'
import { AcmeError, notFound, printable, type RequestedIdentifier } from '../problems.ts'
import type { Evidence } from '../record/entry.ts'
import type { NewOrder } from '../store/order-statements.ts'
import type { StoredAuthorization, StoredOrder } from '../store/orders.ts'
import type { AccountRow } from '../store/schema.ts'
import type { CaStore } from '../store/store.ts'
import { CsrError, checkNames, readCsr, refuseAccountKey, type SigningRequest } from '../x509/csr.ts'
import type { AccountRequest } from './authenticate.ts'
import type { Fulfilment } from './fulfilment.ts'
import { type AccountKey, decodeBase64url } from './jws.ts'
import { newAuthorization, rowId } from './new-authorization.ts'
import { checkReplaced, readCertificateId } from './renewal.ts'
import { orderStatus, timestamp } from './states.ts'
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
  permission: Permission
  limits: Pick<Limits, 'newOrder'>
  /** As the config has them now. */
  profiles(): readonly Profile[]
  /** Milliseconds for which an authorization serves further orders. */
  authorizationReuse: number
  challenges: readonly Challenge[]
  fulfilment: Fulfilment
  clock: Clock
  random: Random
  log: Log
  /** The order in which a list is shown. */
  inOrder: <T>(list: readonly T[]) => readonly T[]
}

/** How long an order and its authorizations last: an open one may be completed, a complete one looked at. */
export const ORDER_LIFETIME = 3 * 24 * 3_600_000
const PAGE = 100
export function createOrders(deps: OrderDeps): Orders {
  const { store, urls, issuer, permission, limits, profiles, challenges, fulfilment, clock, inOrder } = deps

  const find = async (account: AccountRow, id: string) => {
    const order = await store.order(id)
    if (!order || order.issuer !== issuer) throw notFound('order')
    if (order.account !== account.id) throw new AcmeError('unauthorized', 'the order belongs to another account')
    if (order.status === 'processing') void fulfilment.start(order, deps.log.child({ requestId: order.request }))
    return order
  }

  return {
    async create({ account, payload = {} }, requestId, log) {
      limits.newOrder(account.id)
      const identifiers = readIdentifiers(payload['identifiers'], identifierTypes(challenges))
      const profile = profileOf(profiles(), payload['profile'])
      if (identifiers.length > profile.max_names)
        throw new AcmeError('malformed', `the profile "${profile.name}" takes ${profile.max_names} identifiers at most`)
      await permission.check({ account, profile }, identifiers)
      const validity = readValidity(payload, profile, clock.now())
      const replaces = await replacedOf(store, payload['replaces'], account, identifiers)
      const reused = await reusable(deps, account, identifiers)
      const added = newOrder(deps, { account, identifiers, profile, validity, replaces, requestId, reused })
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
      // What is reused may have made it ready at once.
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
      const profile = profileOf(profiles(), order.profile)
      const { publicKey } = checkedCsr(csr, order, key, profile)
      // Rules may have changed, and by now it is known which keys made the records that proved control.
      const proofs = permission.needsProofs() ? await proofsOf(store, order) : new Map<string, Name>()
      await permission.check({ account, profile, proofs }, JSON.parse(order.identifiers))
      fulfilment.admit()
      try {
        await fulfilment.start({ ...order, csr, request: requestId }, log, publicKey)
      } catch (error) {
        if (!(error instanceof ConflictError)) throw error
      }
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
      authorizations: inOrder(order.authorizations).map(urls.authorization),
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

/** The types of identifiers that some challenge can prove. */
export function identifierTypes(challenges: readonly Challenge[]): string[] {
  const samples = [
    { type: 'dns', value: 'example.com' },
    { type: 'ip', value: '192.0.2.1' },
  ] as const
  const provable = (identifier: Subject['identifier']) =>
    challenges.some(challenge => challenge.appliesTo({ identifier, wildcard: false }))
  return samples.filter(provable).map(({ type }) => type)
}

/** The keys that made the records which proved control, by identifier. */
async function proofsOf(store: CaStore, order: StoredOrder): Promise<Map<string, Name>> {
  const proofs = new Map<string, Name>()
  for (const id of order.authorizations) {
    const authorization = await store.authorization(id)
    const proof = authorization?.challenges.find(({ status }) => status === 'valid')?.proof
    const key = proof ? (JSON.parse(proof) as Evidence).change?.key : undefined
    if (authorization && key !== undefined) proofs.set(textOf(authorization), parseName(key))
  }
  return proofs
}

/** `identifierText` of what was ordered. */
function textOf({ type, value, wildcard }: Pick<StoredAuthorization, 'type' | 'value' | 'wildcard'>): string {
  return identifierText({ type, value: wildcard === 1 ? `*.${value}` : value })
}

/** RFC 8555 §7.1.3: authorizations that the account has already, by identifier. */
async function reusable(
  { store, clock, authorizationReuse }: OrderDeps,
  account: AccountRow,
  identifiers: readonly RequestedIdentifier[],
): Promise<Map<string, StoredAuthorization>> {
  const now = clock.now()
  const wanted = new Set(subjectsOf(identifiers).map(({ identifier }) => identifier.value))
  const found = await store.reusable(account.id, { now, validatedSince: now - authorizationReuse, values: [...wanted] })
  return new Map(found.map(authorization => [textOf(authorization), authorization]))
}

/** How far the clocks of clients may be off: who asks for all that the profile gives, counted from its own now, gets it. */
const CLOCK_SKEW = 300_000

/**
 * RFC 8555 §7.4: notBefore and notAfter as wished, within the profile. What goes beyond it by no more than a clock's error is shown as it will
 * be; what goes further is refused, for nothing is issued that was not asked for.
 */
function readValidity(payload: Record<string, unknown>, profile: Profile, now: number) {
  const notBefore = readTime(payload['notBefore'], 'notBefore')
  const notAfter = readTime(payload['notAfter'], 'notAfter')
  const { earliest, latest } = boundsOf(profile, now)
  const start = Math.max(notBefore ?? now, earliest)
  if (notBefore !== null && notBefore > now + profile.validity)
    throw new AcmeError('malformed', '"notBefore" is too far ahead')
  if (notBefore !== null && notBefore < earliest - CLOCK_SKEW)
    throw new AcmeError(
      'malformed',
      `"notBefore" must be ${timestamp(earliest)} or later in the profile "${profile.name}"`,
    )
  if (notAfter !== null && (notAfter <= start || notAfter <= now))
    throw new AcmeError('malformed', '"notAfter" is over before the certificate would begin')
  if (notAfter !== null && notAfter > now + profile.validity + CLOCK_SKEW)
    throw new AcmeError(
      'malformed',
      `"notAfter" must be ${timestamp(latest)} or sooner in the profile "${profile.name}"`,
    )
  return {
    not_before: notBefore === null ? null : start,
    not_after: notAfter === null ? null : Math.min(notAfter, latest),
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
    reused: ReadonlyMap<string, StoredAuthorization>
  },
): NewOrder {
  const now = clock.now()
  const account = asked.account.id
  const subjects = subjectsOf(asked.identifiers)
  const reusedFor = ({ identifier: { type, value }, wildcard }: Subject) =>
    asked.reused.get(identifierText({ type, value: wildcard ? `*.${value}` : value }))
  const expiresAt = Math.min(
    now + ORDER_LIFETIME,
    ...subjects.map(subject => reusedFor(subject)?.expires_at ?? Infinity),
  )
  const parts = subjects.map(subject => {
    const known = reusedFor(subject)
    if (known) return { id: known.id, made: undefined }
    const made = newAuthorization(subject, { account, challenges, clock, random, expiresAt: now + ORDER_LIFETIME })
    return { id: made.authorization.id, made }
  })
  return {
    order: {
      id: rowId(clock, random),
      issuer,
      account,
      status: 'pending',
      identifiers: JSON.stringify(asked.identifiers),
      names: JSON.stringify(canonicalIdentifiers(asked.identifiers)),
      profile: asked.profile.name,
      ...asked.validity,
      replaces: asked.replaces,
      request: asked.requestId,
      created_at: now,
      expires_at: expiresAt,
    },
    ids: parts.map(({ id }) => id),
    authorizations: parts.flatMap(({ made }) => (made ? [made.authorization] : [])),
    challenges: parts.flatMap(({ made }) => made?.challenges ?? []),
  }
}

// RFC 8555 §7.4: a CSR that is not right for the order is badCSR, and the order stays ready.
function checkedCsr(der: Uint8Array, order: StoredOrder, key: AccountKey, profile: Profile): SigningRequest {
  try {
    const csr = readCsr(der)
    checkNames(csr, canonicalIdentifiers(JSON.parse(order.identifiers)))
    refuseAccountKey(csr, key.spki)
    const unfit = keyRefusal(profile, csr.publicKey)
    if (unfit) throw new CsrError(unfit)
    return csr
  } catch (error) {
    if (error instanceof CsrError) throw new AcmeError('badCSR', `the CSR is refused: ${printable(error.message)}`)
    throw error
  }
}
