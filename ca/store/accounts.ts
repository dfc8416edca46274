import { ConflictError, type Database, type Statement } from '../../host/database.ts'
import type { OrderRows } from './orders.ts'
import { appendStatement } from './record.ts'
import { RowCache } from './row-cache.ts'
import { type AccountRow, type BindingRow, sql, statement } from './schema.ts'

/** Accounts (RFC 8555 §7.1.2) and the keys that bind them to somebody we know (§7.3.4). Every promise resolves once the disk has it. */
export interface AccountStore {
  /** ConflictError where the issuer knows the key already. */
  addAccount(account: AccountRow): Promise<void>
  account(id: string): Promise<AccountRow | undefined>
  accountByKey(issuer: string, thumbprint: string): Promise<AccountRow | undefined>
  /** ConflictError where the account is not valid. */
  setContact(id: string, contact: string): Promise<void>
  /** Ends the account and its open orders in one commit; ConflictError where it is not valid. */
  deactivateAccount(id: string): Promise<void>
  /** ConflictError where the account no longer has the old key, or another account of the issuer has the new one. */
  replaceKey(
    id: string,
    old: { thumbprint: string },
    key: Pick<AccountRow, 'jwk' | 'thumbprint' | 'former_thumbprints'>,
  ): Promise<void>
  addBinding(binding: BindingRow): Promise<void>
  binding(kid: string): Promise<BindingRow | undefined>
  bindings(): Promise<BindingRow[]>
  /** False where it is revoked already or unknown. */
  revokeBinding(kid: string, at: number): Promise<boolean>
}

export function createAccountStore(database: Database, { orders }: Pick<OrderRows, 'orders'>): AccountStore {
  const accounts = sql.selectFrom('acme_accounts').selectAll()
  const one = async <Row>(query: Parameters<typeof statement>[0]) =>
    (await database.read(statement(query)))[0] as Row | undefined
  /** Each request asks for its account. */
  const known = new RowCache<AccountRow>()
  const change = (id: string, statements: readonly Statement[]) => known.change(id, () => database.commit(statements))
  const valid = (id: string) => sql.updateTable('acme_accounts').where('id', '=', id).where('status', '=', 'valid')
  return {
    async addAccount(account) {
      const { id, issuer, thumbprint, binding, created_at: at } = account
      const bound = binding !== null && { binding }
      await database.commit([
        statement(sql.insertInto('acme_accounts').values(account)),
        appendStatement({ kind: 'account', at, account: id, issuer, thumbprint, ...bound }),
      ])
    },
    account: id => known.get(id, () => one<AccountRow>(accounts.where('id', '=', id))),
    accountByKey: (issuer, thumbprint) =>
      one<AccountRow>(accounts.where('issuer', '=', issuer).where('thumbprint', '=', thumbprint)),
    setContact: (id, contact) => change(id, [statement(valid(id).set({ contact }), 1)]),
    async deactivateAccount(id) {
      // RFC 8555 §7.3.6: pending operations of the account should be cancelled.
      const own = sql.updateTable('acme_orders').set({ status: 'invalid' }).where('account', '=', id)
      const ended = change(id, [
        statement(valid(id).set({ status: 'deactivated' }), 1),
        statement(own.where('status', 'in', ['pending', 'ready'])),
      ])
      await ended.finally(() => orders.forgetWhere(order => order.account === id))
    },
    replaceKey: (id, old, key) =>
      change(id, [statement(valid(id).set(key).where('thumbprint', '=', old.thumbprint), 1)]),
    async addBinding(binding) {
      const { kid, name, created_at: at } = binding
      await database.commit([
        statement(sql.insertInto('acme_bindings').values(binding)),
        appendStatement({ kind: 'binding', at, kid, name, change: 'created' }),
      ])
    },
    binding: kid => one<BindingRow>(sql.selectFrom('acme_bindings').selectAll().where('kid', '=', kid)),
    async bindings() {
      const query = sql.selectFrom('acme_bindings').selectAll().orderBy('created_at').orderBy('kid')
      return (await database.read(statement(query))) as unknown as BindingRow[]
    },
    async revokeBinding(kid, at) {
      const query = sql.updateTable('acme_bindings').set({ revoked_at: at })
      try {
        await database.commit([
          statement(query.where('kid', '=', kid).where('revoked_at', 'is', null), 1),
          appendStatement({ kind: 'binding', at, kid, change: 'revoked' }),
        ])
        return true
      } catch (error) {
        if (error instanceof ConflictError) return false
        throw error
      }
    },
  }
}
