import type { Database } from '../host/database.ts'
import { type AccountStore, createAccountStore } from './store/accounts.ts'
import { type CertificateArchive, createCertificateStore } from './store/certificates.ts'
import { createOrderStore, type OrderStore } from './store/orders.ts'

export { CA_MIGRATIONS } from './store/schema.ts'

/** Everything of the CA that is on disk, but for its keys. */
export interface CaStore extends AccountStore, OrderStore, CertificateArchive {}

/** The CA's tables in a database on which CA_MIGRATIONS have been run. `store/` holds this folder's only SQL. */
export function createCaStore(database: Database): CaStore {
  return { ...createAccountStore(database), ...createOrderStore(database), ...createCertificateStore(database) }
}
