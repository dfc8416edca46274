import { CA_MIGRATIONS } from '../../ca/store/schema.ts'
import type { Migration } from '../../host/database.ts'
import { ZONE_MIGRATIONS } from '../../zones/store/store.ts'
import { API_MIGRATIONS } from '../api/state.ts'
import { QUARANTINE_MIGRATIONS } from '../quarantine/quarantine-store.ts'

/** Every table of the daemon's database, room by room. */
export const MIGRATIONS: readonly Migration[] = [
  ...ZONE_MIGRATIONS,
  ...CA_MIGRATIONS,
  ...API_MIGRATIONS,
  ...QUARANTINE_MIGRATIONS,
]
