import type { Database } from '../host/database.ts'
import { type AccountStore, createAccountStore } from './store/accounts.ts'
import { type AffairsStore, createAffairsStore } from './store/affairs.ts'
import { type ApprovalStore, createApprovalStore } from './store/approvals.ts'
import { type CertificateArchive, createCertificateStore } from './store/certificates.ts'
import { createEnrolmentStore, type EnrolmentStore } from './store/enrolments.ts'
import { createInventoryStore, type InventoryStore } from './store/inventory.ts'
import { createOrderStore, type OrderRows, type OrderStore } from './store/orders.ts'
import { createRecordStore, type RecordStore } from './store/record.ts'
import { RowCache } from './store/row-cache.ts'
import { createScepStore, type ScepStore } from './store/scep.ts'

export { CA_MIGRATIONS } from './store/schema.ts'

/** Everything of the CA that is on disk, but for its keys. */
export interface CaStore
  extends AccountStore,
    AffairsStore,
    ApprovalStore,
    OrderStore,
    CertificateArchive,
    EnrolmentStore,
    InventoryStore,
    RecordStore,
    ScepStore {}

/** The CA's tables in a database on which CA_MIGRATIONS have been run. `store/` holds this folder's only SQL. */
export function createCaStore(database: Database): CaStore {
  const rows: OrderRows = { orders: new RowCache(), authorizations: new RowCache() }
  return {
    ...createAccountStore(database, rows),
    ...createAffairsStore(database),
    ...createApprovalStore(database),
    ...createOrderStore(database, rows),
    ...createCertificateStore(database, rows),
    ...createEnrolmentStore(database),
    ...createInventoryStore(database),
    ...createRecordStore(database),
    ...createScepStore(database),
  }
}
