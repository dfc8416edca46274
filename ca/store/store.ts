import type { Database } from '../../host/database.ts'
import { type AccountStore, createAccountStore } from './accounts.ts'
import { type AffairsStore, createAffairsStore } from './affairs.ts'
import { type ApprovalStore, createApprovalStore } from './approvals.ts'
import { type CertificateArchive, createCertificateStore } from './certificates.ts'
import { createEnrolmentStore, type EnrolmentStore } from './enrolments.ts'
import { createInventoryStore, type InventoryStore } from './inventory.ts'
import { createOrderStore, type OrderRows, type OrderStore } from './orders.ts'
import { createRecordStore, type RecordStore } from './record.ts'
import { RowCache } from './row-cache.ts'
import { createScepStore, type ScepStore } from './scep.ts'

export { CA_MIGRATIONS } from './schema.ts'

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
