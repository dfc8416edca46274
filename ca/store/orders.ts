import type { Database, Statement } from '../../host/database.ts'
import type { Problem } from '../problems.ts'
import type { OrderStart } from './certificate-store.ts'
import {
  authorizationById,
  authorizedOf,
  beginChallenge,
  beginOrder,
  challengesOf,
  deactivate,
  deleteExpired,
  endAuthorization,
  endOrder,
  failChallenge,
  failOrders,
  insertAuthorizations,
  insertOrder,
  type NewOrder,
  openOrders,
  orderById,
  passAuthorization,
  passChallenge,
  processing,
  readyOrders,
  reusableAuthorizations,
} from './order-statements.ts'
import { appendStatement } from './record.ts'
import type { RowCache } from './row-cache.ts'
import type { AuthorizationRow, ChallengeRow, OrderRow } from './schema.ts'

/** An order with the ids of its authorizations, in the order of its identifiers. */
export interface StoredOrder extends Omit<OrderRow, 'authorizations'> {
  authorizations: string[]
}

/** An authorization with its challenges. */
export interface StoredAuthorization extends AuthorizationRow {
  challenges: ChallengeRow[]
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
  /** The account's authorizations for these names that may serve a new order: valid since then, or made in advance and not used yet. The last for a name is the best. */
  reusable(
    account: string,
    wanted: { now: number; validatedSince: number; values: readonly string[] },
  ): Promise<StoredAuthorization[]>
  /** Challenge: pending → processing, where its authorization is pending. */
  startChallenge(challenge: Pick<ChallengeRow, 'id' | 'authorization'>, at: number, request: string): Promise<void>
  /** Challenge pending or processing → valid, authorization pending → valid, lasting until then; an order all of whose authorizations are valid now becomes ready. */
  passChallenge(
    challenge: Pick<ChallengeRow, 'id' | 'authorization'>,
    passed: { at: number; proof: string; until: number },
  ): Promise<void>
  /** Challenge pending or processing → invalid, authorization pending → invalid, its open orders → invalid with the same problem. */
  failChallenge(challenge: Pick<ChallengeRow, 'id' | 'authorization'>, error: string): Promise<void>
  /** Authorization pending or valid → deactivated, its open orders → invalid. */
  deactivateAuthorization(id: string, error: string): Promise<void>
  /** Challenges that a stop left in the middle. */
  processingChallenges(): Promise<ChallengeRow[]>
  /** Order: ready → processing, with its CSR. `reserveSerial` of `store/certificates.ts` does the same in the commit that takes its serial. */
  startOrder(id: string, csr: Uint8Array, request: string): Promise<void>
  /** Order: processing → invalid, into the record. `store/certificates.ts` makes it valid, in the commit that keeps its certificate. */
  failOrder(order: StoredOrder, problem: Problem, at: number): Promise<void>
  processingOrders(): Promise<StoredOrder[]>
  /** The account's authorizations that are valid now. */
  authorized(account: string, now: number): Promise<AuthorizationRow[]>
  /** Removes at most `limit` expired orders and as many authorizations with all that hangs on them; how many went. */
  removeExpired(before: number, limit: number): Promise<number>
}

/** Rows of orders under way, shared by all that write them. */
export interface OrderRows {
  orders: RowCache<StoredOrder>
  authorizations: RowCache<StoredAuthorization>
}

export function createOrderStore(database: Database, { orders, authorizations }: OrderRows): OrderStore {
  const read = async <Row>(query: Statement) => (await database.read(query)) as Row[]
  /** Commits a change of an authorization; its last statement gives the orders that follow it, and are in that state then. */
  const settle = async (
    id: string,
    statements: Statement[],
    follow: Partial<StoredOrder>,
    changed?: (row: StoredAuthorization) => StoredAuthorization,
  ) => {
    const commit = async () => {
      try {
        const results = await database.commit(statements)
        for (const row of results.at(-1)!.rows) orders.update(String(row['id']), order => ({ ...order, ...follow }))
      } catch (error) {
        // It may be on disk all the same.
        orders.clear()
        throw error
      }
    }
    await authorizations.change(id, commit, changed)
  }
  return {
    async addOrder(added) {
      await database.commit(insertOrder(added))
      const { replaces } = added.order
      if (replaces) orders.forgetWhere(order => order.replaces === replaces)
      keepNew(added, authorizations)
      keepOrder(added, orders)
    },
    order: id =>
      orders.get(id, async () => {
        const [order] = await read<OrderRow>(orderById({ id }))
        return order && stored(order)
      }),
    async ordersOf(account, now, limit, after) {
      const rows = await read<{ id: string }>(openOrders(account, now, limit, after))
      return rows.map(row => row.id)
    },
    authorization: id =>
      authorizations.get(id, async () => {
        const both = [
          read<AuthorizationRow>(authorizationById({ id })),
          read<ChallengeRow>(challengesOf({ id })),
        ] as const
        const [[authorization], challenges] = await Promise.all(both)
        return authorization && { ...authorization, challenges }
      }),
    async startChallenge({ id, authorization }, at, request) {
      const begun = { status: 'processing', started_at: at, request } as const
      const commit = () => database.commit([beginChallenge({ id, at, request })])
      await authorizations.change(authorization, commit, withChallenge(id, begun))
    },
    async addAuthorization(added) {
      await database.commit(insertAuthorizations(added))
      keepNew(added, authorizations)
    },
    async reusable(account, wanted) {
      const { now, validatedSince, values } = wanted
      const names = JSON.stringify(values)
      const rows = await read<AuthorizationRow>(reusableAuthorizations({ account, now, validatedSince, names }))
      // Not by ORDER BY, for which SQLite compiles the statement anew each time.
      return rows.sort(byWorth).map(row => ({ ...row, challenges: [] }))
    },
    async passChallenge({ id, authorization }, { at, proof, until }) {
      const statements = [
        passChallenge({ id, at, proof }),
        passAuthorization({ id: authorization, until }),
        readyOrders({ authorization }),
      ]
      const passed = withChallenge(id, { status: 'valid', validated_at: at, proof })
      const changed = (row: StoredAuthorization) => ({ ...passed(row), status: 'valid' as const, expires_at: until })
      await settle(authorization, statements, { status: 'ready' }, changed)
    },
    async failChallenge({ id, authorization }, error) {
      const statements = [
        failChallenge({ id, error }),
        endAuthorization({ id: authorization }),
        failOrders({ authorization, error }),
      ]
      await settle(authorization, statements, { status: 'invalid', error })
    },
    deactivateAuthorization(id, error) {
      const statements = [deactivate({ id }), failOrders({ authorization: id, error })]
      return settle(id, statements, { status: 'invalid', error })
    },
    processingChallenges: () => read<ChallengeRow>(processing('acme_challenges')),
    async startOrder(id, csr, request) {
      await startOrder(orders, id, { csr, request }, statements => database.commit(statements))
    },
    async failOrder({ id, account, identifiers }, problem, at) {
      const names = JSON.parse(identifiers)
      const statements = [
        endOrder({ id, error: JSON.stringify(problem) }),
        appendStatement({ kind: 'failed', at, order: id, account, names, problem }),
      ]
      await orders.change(id, () => database.commit(statements))
    },
    processingOrders: async () => (await read<OrderRow>(processing('acme_orders'))).map(stored),
    authorized: (account, now) => read<AuthorizationRow>(authorizedOf({ account, now })),
    async removeExpired(before, limit) {
      orders.clear()
      authorizations.clear()
      const results = await database.commit(deleteExpired(before, limit))
      orders.clear()
      authorizations.clear()
      return results.reduce((sum, result) => sum + result.changes, 0)
    },
  }
}

/** Commits that an order goes from ready to processing, with what else `commit` has. */
export async function startOrder(
  orders: OrderRows['orders'],
  id: string,
  start: OrderStart,
  commit: (statements: Statement[]) => Promise<unknown>,
): Promise<void> {
  const begun = () => commit([beginOrder({ id, ...start })])
  await orders.change(id, begun, order => ({ ...order, ...start, status: 'processing' }))
}

/** Of several for one name the last one serves: one that is valid, and lasts longest. */
function byWorth(a: AuthorizationRow, b: AuthorizationRow): number {
  return Number(a.status === 'valid') - Number(b.status === 'valid') || a.expires_at - b.expires_at
}

function stored(order: OrderRow): StoredOrder {
  return { ...order, authorizations: JSON.parse(order.authorizations) }
}

/** What a challenge has only later. */
const NOT_BEGUN = { started_at: null, validated_at: null, error: null, request: null, proof: null }

function keepNew(added: Pick<NewOrder, 'authorizations' | 'challenges'>, cache: OrderRows['authorizations']): void {
  for (const authorization of added.authorizations) {
    const own = added.challenges.filter(challenge => challenge.authorization === authorization.id)
    const challenges = own.map(challenge => ({ ...NOT_BEGUN, ...challenge })).sort((a, b) => (a.id < b.id ? -1 : 1))
    cache.keep(authorization.id, { ...authorization, challenges })
  }
}

/** What an order has only later. */
const NOTHING_YET = {
  error: null,
  csr: null,
  certificate: null,
  not_before: null,
  not_after: null,
  replaces: null,
  names: null,
}

/** One whose authorizations are all new is pending; what is reused may have moved it already. */
function keepOrder({ order, ids, authorizations }: NewOrder, cache: OrderRows['orders']): void {
  if (authorizations.length < ids.length) return
  cache.keep(order.id, { ...NOTHING_YET, ...order, authorizations: ids })
}

/** The authorization after a change of one of its challenges. */
function withChallenge(id: string, change: Partial<ChallengeRow>): (row: StoredAuthorization) => StoredAuthorization {
  return row => ({
    ...row,
    challenges: row.challenges.map(challenge => (challenge.id === id ? { ...challenge, ...change } : challenge)),
  })
}
