import { type ExpressionBuilder, sql as raw } from 'kysely'
import type { Statement } from '../../host/database.ts'
import { type AuthorizationRow, type CaTables, type NewRow, prepared, sql, statement } from './schema.ts'

/** What newOrder writes in one commit. */
export interface NewOrder {
  order: Omit<NewRow<'acme_orders'>, 'authorizations'>
  /** Of all its authorizations, new and old, in the order of its identifiers. */
  ids: string[]
  authorizations: NewRow<'acme_authorizations'>[]
  challenges: NewRow<'acme_challenges'>[]
}

type Id = { id: string }
/** States of an authorization that is over. */
const ENDED = ['invalid', 'deactivated', 'revoked'] as const

export const orderById = prepared<Id>(({ id }) => sql.selectFrom('acme_orders').selectAll().where('id', '=', id))
export const authorizationById = prepared<Id>(({ id }) =>
  sql.selectFrom('acme_authorizations').selectAll().where('id', '=', id),
)
/** The challenges of an authorization. */
export const challengesOf = prepared<Id>(({ id }) =>
  sql.selectFrom('acme_challenges').selectAll().where('authorization', '=', id).orderBy('id'),
)
export const authorizedOf = prepared<{ account: string; now: number }>(({ account, now }) => {
  const own = sql.selectFrom('acme_authorizations').selectAll().where('account', '=', account)
  return own.where('status', '=', 'valid').where('expires_at', '>', now)
})

/** What a stop left in the middle. */
export function processing(table: 'acme_orders' | 'acme_challenges'): Statement {
  return statement(sql.selectFrom(table).selectAll().where('status', '=', 'processing'))
}

/** Challenge: pending → processing, where its authorization is pending. */
export const beginChallenge = prepared<Id & { at: number; request: string }>(({ id, at, request }) => {
  const pending = sql.selectFrom('acme_authorizations').select('id').where('status', '=', 'pending')
  const update = sql.updateTable('acme_challenges').set({ status: 'processing', started_at: at, request })
  return update.where('id', '=', id).where('status', '=', 'pending').where('authorization', 'in', pending)
}, 1)

const openChallenge = (id: string) =>
  sql.updateTable('acme_challenges').where('id', '=', id).where('status', 'in', ['pending', 'processing'])
const pendingAuthorization = (id: string) =>
  sql.updateTable('acme_authorizations').where('id', '=', id).where('status', '=', 'pending')

export const passChallenge = prepared<Id & { at: number; proof: string }>(
  ({ id, at, proof }) => openChallenge(id).set({ status: 'valid', validated_at: at, proof }),
  1,
)
export const failChallenge = prepared<Id & { error: string }>(
  ({ id, error }) => openChallenge(id).set({ status: 'invalid', error }),
  1,
)
export const passAuthorization = prepared<Id & { until: number }>(
  ({ id, until }) => pendingAuthorization(id).set({ status: 'valid', expires_at: until }),
  1,
)
export const endAuthorization = prepared<Id>(({ id }) => pendingAuthorization(id).set({ status: 'invalid' }), 1)
export const deactivate = prepared<Id>(({ id }) => {
  const update = sql.updateTable('acme_authorizations').set({ status: 'deactivated' }).where('id', '=', id)
  return update.where('status', 'in', ['pending', 'valid'])
}, 1)

/** Order: ready → processing, with its CSR. */
export const beginOrder = prepared<Id & { csr: Uint8Array; request: string }>(({ id, csr, request }) => {
  const update = sql.updateTable('acme_orders').set({ status: 'processing', csr, request })
  return update.where('id', '=', id).where('status', '=', 'ready')
}, 1)
/** Order: processing → invalid. */
export const endOrder = prepared<Id & { error: string }>(({ id, error }) => {
  const update = sql.updateTable('acme_orders').set({ status: 'invalid', error })
  return update.where('id', '=', id).where('status', '=', 'processing')
}, 1)

const insertAuthorization = prepared<NewRow<'acme_authorizations'>>(
  ({ id, account, type, value, wildcard, status, expires_at }) =>
    sql.insertInto('acme_authorizations').values({ id, account, type, value, wildcard, status, expires_at }),
)
const insertChallenge = prepared<NewRow<'acme_challenges'>>(({ id, authorization, type, token, status }) =>
  sql.insertInto('acme_challenges').values({ id, authorization, type, token, status }),
)

/** Authorizations with their challenges. */
export function insertAuthorizations({ authorizations, challenges }: Pick<NewOrder, 'authorizations' | 'challenges'>) {
  return [...authorizations.map(insertAuthorization), ...challenges.map(insertChallenge)]
}

const insertOrderRow = prepared<NewOrder['order'] & { authorizations: string }>(order =>
  sql.insertInto('acme_orders').values({
    id: order.id,
    issuer: order.issuer,
    account: order.account,
    status: order.status,
    identifiers: order.identifiers,
    names: order.names,
    authorizations: order.authorizations,
    profile: order.profile,
    not_before: order.not_before,
    not_after: order.not_after,
    replaces: order.replaces,
    request: order.request,
    created_at: order.created_at,
    expires_at: order.expires_at,
  }),
)
const link = prepared<{ authorization: string; order_id: string }>(({ authorization, order_id }) =>
  sql.insertInto('acme_order_authorizations').values({ authorization, order_id }),
)

/** An order with all that is new of it. */
export function insertOrder(added: NewOrder): Statement[] {
  const { order, ids, authorizations } = added
  return [
    ...(order.replaces ? [statement(freeReplaced(order.replaces, order.created_at))] : []),
    insertOrderRow({ ...order, authorizations: JSON.stringify(ids) }),
    ...insertAuthorizations(added),
    ...ids.map(authorization => link({ authorization, order_id: order.id })),
    // What is reused may have been settled since it was looked up.
    ...(authorizations.length < ids.length ? [settleOrder(order.id), readyOrder(order.id)] : []),
  ]
}

/** Those of the account for these names (JSON) that may serve a new order. */
export const reusableAuthorizations = prepared<{
  account: string
  now: number
  validatedSince: number
  names: string
}>(({ account, now, validatedSince, names }) => {
  const own = sql.selectFrom('acme_authorizations').selectAll().where('account', '=', account)
  const named = own.where('value', 'in', raw<string>`(SELECT value FROM json_each(${names}))`)
  return named.where('expires_at', '>', now).where(({ and, or, eb, exists, not, selectFrom }) => {
    const used = selectFrom('acme_order_authorizations as link')
      .select('link.order_id')
      .whereRef('link.authorization', '=', 'acme_authorizations.id')
    const proved = selectFrom('acme_challenges as challenge')
      .select('challenge.id')
      .whereRef('challenge.authorization', '=', 'acme_authorizations.id')
      .where('challenge.validated_at', '>', validatedSince)
    const fresh = and([eb('status', '=', 'valid'), exists(proved)])
    return or([fresh, and([eb('status', 'in', ['pending', 'valid']), not(exists(used))])])
  })
})

/** An open order past its end has failed, though nobody wrote it down; it must not hold the place of a new one. */
function freeReplaced(replaces: string, now: number) {
  const update = sql.updateTable('acme_orders').set({ status: 'invalid' }).where('replaces', '=', replaces)
  return update.where('status', 'in', ['pending', 'ready']).where('expires_at', '<=', now)
}

/** Orders of the account that have not failed or expired. */
export function openOrders(account: string, now: number, limit: number, after?: string) {
  const query = sql.selectFrom('acme_orders').select('id').where('account', '=', account)
  const open = query.where('status', '<>', 'invalid').where('expires_at', '>', now)
  const rest = after === undefined ? open : open.where('id', '>', after)
  return statement(rest.orderBy('id').limit(limit))
}

const ordersWith = (authorization: string) =>
  sql.selectFrom('acme_order_authorizations').select('order_id').where('authorization', '=', authorization)

/** RFC 8555 §7.1.6: orders of an authorization, pending → ready once all of theirs are valid; gives those that are. */
export const readyOrders = prepared<{ authorization: string }>(({ authorization }) =>
  ready().where('id', 'in', ordersWith(authorization)).returning('id'),
)
const readyOrder = (order: string) => statement(ready().where('id', '=', order))

function ready() {
  const update = sql.updateTable('acme_orders').set({ status: 'ready' }).where('status', '=', 'pending')
  return update.where(eb => eb.not(eb.exists(withAuthorization(eb, ['pending', ...ENDED]))))
}

/** An order for what has failed meanwhile has failed. */
function settleOrder(order: string) {
  const update = sql.updateTable('acme_orders').set({ status: 'invalid' }).where('id', '=', order)
  return statement(update.where(eb => eb.exists(withAuthorization(eb, ENDED))))
}

/** The authorizations of the order that are in one of these states. */
function withAuthorization(
  { selectFrom }: ExpressionBuilder<CaTables, 'acme_orders'>,
  states: readonly AuthorizationRow['status'][],
) {
  return selectFrom('acme_order_authorizations as link')
    .innerJoin('acme_authorizations as other', 'other.id', 'link.authorization')
    .select('other.id')
    .whereRef('link.order_id', '=', 'acme_orders.id')
    .where('other.status', 'in', states)
}

/** The open orders of an authorization that has ended → invalid; gives which. */
export const failOrders = prepared<{ authorization: string; error: string }>(({ authorization, error }) => {
  const update = sql.updateTable('acme_orders').set({ status: 'invalid', error })
  const open = update.where('status', 'in', ['pending', 'ready'])
  return open.where('id', 'in', ordersWith(authorization)).returning('id')
})

/** At most `limit` expired orders and as many authorizations, with all that hangs on them. */
export function deleteExpired(before: number, limit: number) {
  const orders = sql.selectFrom('acme_orders').select('id').where('expires_at', '<', before)
  // An order in the middle of its issuance ends first.
  const ended = orders.where('status', '<>', 'processing').orderBy('expires_at').limit(limit)
  const authorizations = sql.selectFrom('acme_authorizations').select('id').where('expires_at', '<', before)
  // Nor does anything go that an order still stands on.
  const free = authorizations.where(({ not, exists, selectFrom }) =>
    not(
      exists(
        selectFrom('acme_order_authorizations as link')
          .select('link.order_id')
          .whereRef('link.authorization', '=', 'acme_authorizations.id'),
      ),
    ),
  )
  const oldest = free.orderBy('expires_at').limit(limit)
  return [
    statement(sql.deleteFrom('acme_order_authorizations').where('order_id', 'in', ended)),
    statement(sql.deleteFrom('acme_orders').where('id', 'in', ended)),
    statement(sql.deleteFrom('acme_challenges').where('authorization', 'in', oldest)),
    statement(sql.deleteFrom('acme_authorizations').where('id', 'in', oldest)),
  ]
}
