import { ConflictError, type Database, type Statement } from '../../host/database.ts'
import { appendStatement } from './record.ts'
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
  replaceKey(id: string, old: { thumbprint: string }, key: { jwk: string; thumbprint: string }): Promise<void>
  addBinding(binding: BindingRow): Promise<void>
  binding(kid: string): Promise<BindingRow | undefined>
  bindings(): Promise<BindingRow[]>
  /** False where it is revoked already or unknown. */
  revokeBinding(kid: string, at: number): Promise<boolean>
}

/** Accounts kept in memory. */
const KEPT = 1000

export function createAccountStore(database: Database): AccountStore {
  const accounts = sql.selectFrom('acme_accounts').selectAll()
  const one = async <Row>(query: Parameters<typeof statement>[0]) =>
    (await database.read(statement(query)))[0] as Row | undefined
  /** Accounts that were asked for lately, the oldest first: each request asks. Forgotten before and after each change of one. */
  const known = new Map<string, AccountRow>()
  /** Grows with every change: what was read across one is not kept. */
  let changes = 0
  const forget = (id: string) => {
    changes++
    known.delete(id)
  }
  const change = async (id: string, statements: readonly Statement[]) => {
    forget(id)
    await database.commit(statements).finally(() => forget(id))
  }
  const fetch = async (id: string) => {
    const begun = changes
    const account = await one<AccountRow>(accounts.where('id', '=', id))
    if (!account || begun !== changes) return account
    known.set(id, account)
    if (known.size > KEPT) known.delete(known.keys().next().value!)
    return account
  }
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
    account: async id => known.get(id) ?? fetch(id),
    accountByKey: (issuer, thumbprint) =>
      one<AccountRow>(accounts.where('issuer', '=', issuer).where('thumbprint', '=', thumbprint)),
    setContact: (id, contact) => change(id, [statement(valid(id).set({ contact }), 1)]),
    async deactivateAccount(id) {
      // RFC 8555 §7.3.6: pending operations of the account should be cancelled.
      const orders = sql.updateTable('acme_orders').set({ status: 'invalid' }).where('account', '=', id)
      await change(id, [
        statement(valid(id).set({ status: 'deactivated' }), 1),
        statement(orders.where('status', 'in', ['pending', 'ready'])),
      ])
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
