import type { Clock } from '../../host/clock.ts'
import type { Database, Migration } from '../../host/database.ts'
import type { Log } from '../../host/log.ts'
import type { Random } from '../../host/random.ts'
import type { ZoneStore } from '../../zones/store/store.ts'
import { CREATED_MIGRATIONS, createCreatedStore } from './created-store.ts'
import { type CreatedZones, openCreatedZones } from './created-zones.ts'
import { createNoteStore, NOTE_MIGRATIONS, type NoteStore } from './note-store.ts'
import { Sessions } from './sessions.ts'
import { createTokenStore, TOKEN_MIGRATIONS } from './token-store.ts'
import { openTokens, type Tokens } from './tokens.ts'

/** The tables of the HTTP API, in the order in which they came to be. */
export const API_MIGRATIONS: readonly Migration[] = [...TOKEN_MIGRATIONS, ...NOTE_MIGRATIONS, ...CREATED_MIGRATIONS]

/** What the HTTP API keeps. */
export interface ApiState {
  tokens: Tokens
  sessions: Sessions
  notes: NoteStore
  created: CreatedZones
}

/** Opens what is stored; the database has API_MIGRATIONS. `reconfigure` takes over the configuration anew. */
export async function openApiState(deps: {
  database: Database
  zones: ZoneStore
  clock: Clock
  random: Random
  log: Log
  reconfigure: () => Promise<unknown>
}): Promise<ApiState> {
  const { database, clock, random } = deps
  const tokens = await openTokens(createTokenStore(database), clock, random)
  return {
    tokens,
    sessions: new Sessions(tokens, clock, random),
    notes: createNoteStore(database),
    created: await openCreatedZones({ ...deps, created: createCreatedStore(database) }),
  }
}
