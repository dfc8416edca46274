import type { ExpressionBuilder } from 'kysely'
import type { Database } from '../../host/database.ts'
import type { Problem } from '../problems.ts'
import { appendStatement } from './record.ts'
import {
  type AuthorizationRow,
  type CaTables,
  type ChallengeRow,
  type NewRow,
  type OrderRow,
  sql,
  statement,
} from './schema.ts'

/** An order with the ids of its authorizations, in the order of its identifiers. */
export interface StoredOrder extends Omit<OrderRow, 'authorizations'> {
  authorizations: string[]
}

/** An authorization with its challenges. */
export interface StoredAuthorization extends AuthorizationRow {
  challenges: ChallengeRow[]
}

/** What newOrder writes in one commit. */
export interface NewOrder {
  order: Omit<NewRow<'acme_orders'>, 'authorizations'>
  /** Of all its authorizations, new and old, in the order of its identifiers. */
  ids: string[]
  authorizations: NewRow<'acme_authorizations'>[]
  challenges: NewRow<'acme_challenges'>[]
}

/** Orders, authorizations and challenges (RFC 8555 §7.1.6). Each state moves by compare-and-set: ConflictError where it was another. */
export interface OrderStore {
  /** ConflictError where another order that has not failed replaces the same certificate (RFC 9773 §5). */
  addOrder(order: NewOrder): Promise<void>
  order(id: string): Promise<StoredOrder | undefined>
  /** Ids of the account's orders that have not failed or expired, oldest first, those after `after`. */
  ordersOf(account: string, now: number, limit: number, after?: string): Promise<string[]>
  authorization(id: string): Promise<StoredAuthorization | undefined>
  /** A pre-authorization (RFC 8555 §7.4.1). */
  addAuthorization(added: Pick<NewOrder, 'authorizations' | 'challenges'>): Promise<void>
  /** The account's authorizations for these names that may serve a new order: valid since then, or made in advance and not used yet. */
  reusable(
    account: string,
    wanted: { now: number; validatedSince: number; values: readonly string[] },
  ): Promise<StoredAuthorization[]>
  /** Challenge: pending → processing, where its authorization is pending. */
  startChallenge(id: string, at: number, request: string): Promise<void>
  /** Challenge processing → valid, authorization pending → valid, lasting until then; an order all of whose authorizations are valid now becomes ready. */
  passChallenge(challenge: ChallengeRow, passed: { at: number; proof: string; until: number }): Promise<void>
  /** Challenge processing → invalid, authorization pending → invalid, its open orders → invalid with the same problem. */
  failChallenge(challenge: ChallengeRow, error: string): Promise<void>
  /** Authorization pending or valid → deactivated, its open orders → invalid. */
  deactivateAuthorization(id: string, error: string): Promise<void>
  /** Challenges that a stop left in the middle. */
  processingChallenges(): Promise<ChallengeRow[]>
  /** Order: ready → processing, with its CSR. */
  startOrder(id: string, csr: Uint8Array, request: string): Promise<void>
  /** Order: processing → invalid, into the record. `store/certificates.ts` makes it valid, in the commit that keeps its certificate. */
  failOrder(order: StoredOrder, problem: Problem, at: number): Promise<void>
  processingOrders(): Promise<StoredOrder[]>
  /** The account's authorizations that are valid now. */
  authorized(account: string, now: number): Promise<AuthorizationRow[]>
  /** Removes at most `limit` expired orders and as many authorizations with all that hangs on them; how many went. */
  removeExpired(before: number, limit: number): Promise<number>
}

export function createOrderStore(database: Database): OrderStore {
  const read = async <Row>(query: Parameters<typeof statement>[0]) => (await database.read(statement(query))) as Row[]
  return {
    async addOrder(added) {
      await database.commit(insertOrder(added))
    },
    async order(id) {
      const [order] = await read<OrderRow>(sql.selectFrom('acme_orders').selectAll().where('id', '=', id))
      return order && stored(order)
    },
    async ordersOf(account, now, limit, after) {
      const rows = await read<{ id: string }>(openOrders(account, now, limit, after))
      return rows.map(row => row.id)
    },
    async authorization(id) {
      const query = sql.selectFrom('acme_authorizations').selectAll().where('id', '=', id)
      const challenges = sql.selectFrom('acme_challenges').selectAll().where('authorization', '=', id).orderBy('id')
      const [[authorization], all] = await Promise.all([read<AuthorizationRow>(query), read<ChallengeRow>(challenges)])
      return authorization && { ...authorization, challenges: all }
    },
    async startChallenge(id, at, request) {
      const pending = sql.selectFrom('acme_authorizations').select('id').where('status', '=', 'pending')
      const update = sql.updateTable('acme_challenges').set({ status: 'processing', started_at: at, request })
      const own = update.where('id', '=', id).where('status', '=', 'pending').where('authorization', 'in', pending)
      await database.commit([statement(own, 1)])
    },
    async addAuthorization({ authorizations, challenges }) {
      await database.commit(insertAuthorizations(authorizations, challenges))
    },
    async reusable(account, wanted) {
      const rows = await read<AuthorizationRow>(reusableAuthorizations(account, wanted))
      return rows.map(row => ({ ...row, challenges: [] }))
    },
    async passChallenge(challenge, { at, proof, until }) {
      await database.commit([
        statement(endChallenge(challenge.id).set({ status: 'valid', validated_at: at, proof }), 1),
        statement(endAuthorization(challenge.authorization).set({ status: 'valid', expires_at: until }), 1),
        readyOrders(challenge.authorization),
      ])
    },
    async failChallenge(challenge, error) {
      await database.commit([
        statement(endChallenge(challenge.id).set({ status: 'invalid', error }), 1),
        statement(endAuthorization(challenge.authorization).set({ status: 'invalid' }), 1),
        failOrders(challenge.authorization, error),
      ])
    },
    async deactivateAuthorization(id, error) {
      const update = sql.updateTable('acme_authorizations').set({ status: 'deactivated' }).where('id', '=', id)
      await database.commit([statement(update.where('status', 'in', ['pending', 'valid']), 1), failOrders(id, error)])
    },
    processingChallenges: () =>
      read<ChallengeRow>(sql.selectFrom('acme_challenges').selectAll().where('status', '=', 'processing')),
    async startOrder(id, csr, request) {
      const update = sql.updateTable('acme_orders').set({ status: 'processing', csr, request })
      await database.commit([statement(update.where('id', '=', id).where('status', '=', 'ready'), 1)])
    },
    async failOrder({ id, account, identifiers }, problem, at) {
      const update = sql.updateTable('acme_orders').set({ status: 'invalid', error: JSON.stringify(problem) })
      const names = JSON.parse(identifiers)
      await database.commit([
        statement(update.where('id', '=', id).where('status', '=', 'processing'), 1),
        appendStatement({ kind: 'failed', at, order: id, account, names, problem }),
      ])
    },
    async processingOrders() {
      const query = sql.selectFrom('acme_orders').selectAll().where('status', '=', 'processing')
      return (await read<OrderRow>(query)).map(stored)
    },
    authorized(account, now) {
      const query = sql.selectFrom('acme_authorizations').selectAll().where('account', '=', account)
      return read<AuthorizationRow>(query.where('status', '=', 'valid').where('expires_at', '>', now))
    },
    async removeExpired(before, limit) {
      const results = await database.commit(deleteExpired(before, limit))
      return results.reduce((sum, result) => sum + result.changes, 0)
    },
  }
}

function stored(order: OrderRow): StoredOrder {
  return { ...order, authorizations: JSON.parse(order.authorizations) }
}

function insertAuthorizations(authorizations: NewOrder['authorizations'], challenges: NewOrder['challenges']) {
  return [
    ...authorizations.map(row => statement(sql.insertInto('acme_authorizations').values(row))),
    ...challenges.map(row => statement(sql.insertInto('acme_challenges').values(row))),
  ]
}

function reusableAuthorizations(
  account: string,
  { now, validatedSince, values }: { now: number; validatedSince: number; values: readonly string[] },
) {
  const own = sql.selectFrom('acme_authorizations').selectAll().where('account', '=', account)
  const standing = own.where('value', 'in', values).where('expires_at', '>', now)
  const usable = standing.where(({ and, or, eb, exists, not, selectFrom }) => {
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
  // Of several the last one wins: one that is valid, and lasts longest.
  return usable.orderBy('status').orderBy('expires_at')
}

function insertOrder({ order, ids, authorizations, challenges }: NewOrder) {
  const links = ids.map(authorization => ({ authorization, order_id: order.id }))
  return [
    ...(order.replaces ? [statement(freeReplaced(order.replaces, order.created_at))] : []),
    statement(sql.insertInto('acme_orders').values({ ...order, authorizations: JSON.stringify(ids) })),
    ...insertAuthorizations(authorizations, challenges),
    ...links.map(row => statement(sql.insertInto('acme_order_authorizations').values(row))),
    // What is reused may have been settled since it was looked up.
    ...(authorizations.length < ids.length ? [settleOrder(order.id), readyOrder(order.id)] : []),
  ]
}

/** An open order past its end has failed, though nobody wrote it down; it must not hold the place of a new one. */
function freeReplaced(replaces: string, now: number) {
  const update = sql.updateTable('acme_orders').set({ status: 'invalid' }).where('replaces', '=', replaces)
  return update.where('status', 'in', ['pending', 'ready']).where('expires_at', '<=', now)
}

function openOrders(account: string, now: number, limit: number, after?: string) {
  const query = sql.selectFrom('acme_orders').select('id').where('account', '=', account)
  const open = query.where('status', '<>', 'invalid').where('expires_at', '>', now)
  const rest = after === undefined ? open : open.where('id', '>', after)
  return rest.orderBy('id').limit(limit)
}

const endChallenge = (id: string) =>
  sql.updateTable('acme_challenges').where('id', '=', id).where('status', '=', 'processing')
const endAuthorization = (id: string) =>
  sql.updateTable('acme_authorizations').where('id', '=', id).where('status', '=', 'pending')
const ordersWith = (authorization: string) =>
  sql.selectFrom('acme_order_authorizations').select('order_id').where('authorization', '=', authorization)

// RFC 8555 §7.1.6: pending → ready once all authorizations are valid.
const readyOrders = (authorization: string) => statement(ready().where('id', 'in', ordersWith(authorization)))
const readyOrder = (order: string) => statement(ready().where('id', '=', order))

function ready() {
  const update = sql.updateTable('acme_orders').set({ status: 'ready' }).where('status', '=', 'pending')
  return update.where(eb => eb.not(eb.exists(withAuthorization(eb, ['pending', ...ENDED]))))
}

const ENDED = ['invalid', 'deactivated', 'revoked'] as const

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

function failOrders(authorization: string, error: string) {
  const update = sql.updateTable('acme_orders').set({ status: 'invalid', error })
  return statement(update.where('status', 'in', ['pending', 'ready']).where('id', 'in', ordersWith(authorization)))
}

function deleteExpired(before: number, limit: number) {
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
