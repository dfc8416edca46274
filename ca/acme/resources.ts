import type { Log } from '../../host/log.ts'
import { AcmeError, notFound } from '../problems.ts'
import type { Answer } from './answer.ts'
import type { AccountRequest, Authenticator, SignedRequest } from './authenticate.ts'
import type { AcmeDirectory } from './directory.ts'
import { readCertificateId, renewalInfo, renewalInfoRetry } from './renewal.ts'

/** The part of a request that handlers need beside its signed content. */
export interface Context {
  id: string
  log: Log
  parameters: Record<string, string>
  query: Record<string, unknown>
  /** Where it came from. */
  address: string
}

/** A request as it came: its body, and the URL that its JWS must name. */
export interface Signed {
  body: unknown
  url: string
}

/** A resource that is read with GET; its path is below the directory's. */
export interface OpenResource {
  path: string
  answer(directory: AcmeDirectory, context: Context): Promise<Answer>
}

/** A resource that takes signed POSTs. */
export interface SignedResource {
  path: string
  answer(directory: AcmeDirectory, context: Context, signed: Signed): Promise<Answer>
}

/** Seconds after which a client should look again (RFC 8555 §7.4, §7.5.1). */
const POLL_AFTER = 1

export const OPEN_RESOURCES: readonly OpenResource[] = [{ path: '/renewal-info/:id', answer: readRenewalInfo }]

/** RFC 8555 §7.1; each with who must have signed. */
export const SIGNED_RESOURCES: readonly SignedResource[] = [
  // RFC 8555 §6.3: both are read by POST-as-GET, too.
  signed('/directory', 'byAccount', async directory => ({ body: directory.view() })),
  signed('/new-nonce', 'byAccount', async () => ({ status: 204 })),
  signed('/new-account', 'byKey', newAccount),
  signed('/account/:id', 'byAccount', readAccount),
  signed('/account/:id/orders', 'byAccount', listOrders),
  signed('/key-change', 'byAccount', changeKey),
  signed('/new-order', 'byAccount', newOrder),
  signed('/new-authz', 'byAccount', newAuthorization),
  signed('/order/:id', 'byAccount', readOrder),
  signed('/order/:id/finalize', 'byAccount', finalize),
  signed('/authorization/:id', 'byAccount', authorization),
  signed('/challenge/:authorization/:id', 'byAccount', challenge),
  signed('/certificate/:serial', 'byAccount', certificate),
  signed('/certificate/:serial/:chain', 'byAccount', certificate),
  signed('/revoke-cert', 'byEither', revoke),
]

/** The resource whose handler is called with the request once its signature and nonce hold. */
function signed<By extends keyof Authenticator>(
  path: string,
  by: By,
  handler: (
    directory: AcmeDirectory,
    request: Awaited<ReturnType<Authenticator[By]>>,
    context: Context,
  ) => Promise<Answer>,
): SignedResource {
  return {
    path,
    async answer(directory, context, { body, url }) {
      const authenticate = directory.authenticator[by] as (body: unknown, url: string) => ReturnType<Authenticator[By]>
      return handler(directory, await authenticate(body, url), context)
    },
  }
}

async function readRenewalInfo({ authority, store }: AcmeDirectory, { parameters }: Context): Promise<Answer> {
  const id = readCertificateId(parameters['id']!)
  const record = authority.hierarchy.find(id.issuer) && (await store.certificate(id.serial))
  if (record?.issuer !== id.issuer) throw notFound('certificate')
  return { body: renewalInfo(record), retryAfter: renewalInfoRetry(record) }
}

async function newAccount(
  { accounts, urls }: AcmeDirectory,
  request: SignedRequest,
  { log, address }: Context,
): Promise<Answer> {
  const { account, created } = await accounts.register(request, address, log)
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

async function newAuthorization(
  { authorizations, urls }: AcmeDirectory,
  request: AccountRequest,
  { log }: Context,
): Promise<Answer> {
  const made = await authorizations.create(request, log)
  return { status: 201, body: authorizations.view(made), location: urls.authorization(made.id) }
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
    body: authorizations.viewChallenge(challenge, request.account.id),
    // RFC 8555 §7.5.1.
    links: [`<${urls.authorization(challenge.authorization)}>;rel="up"`],
    ...(challenge.status === 'processing' && { retryAfter: POLL_AFTER }),
  }
}

async function certificate(
  { store, authority, urls }: AcmeDirectory,
  { account }: AccountRequest,
  { parameters }: Context,
): Promise<Answer> {
  const record = await store.certificate(parameters['serial']!)
  if (!record) throw notFound('certificate')
  if (record.account !== account.id) throw new AcmeError('unauthorized', 'the certificate belongs to another account')
  const chains = authority.issuance.chainsOf(record)
  const which = /^\d{1,2}$/.test(parameters['chain'] ?? '0') ? Number(parameters['chain'] ?? 0) : -1
  const body = chains[which]
  if (body === undefined) throw notFound('chain')
  // RFC 8555 §7.4.2: each chain names the others.
  const others = [...chains.keys()].filter(one => one !== which)
  const links = others.map(one => `<${urls.certificate(record.serial, one)}>;rel="alternate"`)
  return { text: { type: 'application/pem-certificate-chain', body }, links }
}

async function revoke(
  directory: AcmeDirectory,
  request: AccountRequest | SignedRequest,
  { log }: Context,
): Promise<Answer> {
  await directory.revoke(request, log)
  return {}
}
