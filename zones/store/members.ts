import type { Database, Statement } from '../../host/database.ts'
import { sql, statement } from './schema.ts'

/** A zone that is or was served because a catalog lists it; names by `keyText`. */
export interface Owned {
  zone: string
  catalog: string
  /** Of its node in the catalog, when it was last looked at. */
  label: string
}

/** Which zones are served because a catalog lists them, on disk. Names by `keyText`. */
export interface MemberStore {
  of(view: string): Promise<Owned[]>
  /** All or nothing: forgets zones with all that is stored of them, takes others out of their catalogs, and notes who owns what. */
  settle(view: string, changes: MemberChanges): Promise<void>
}

export interface MemberChanges {
  /** Zones whose content goes. */
  forgotten: readonly string[]
  /** Zones that are no catalog's any more. */
  released: readonly string[]
  owned: readonly Owned[]
}

export function createMemberStore(database: Database): MemberStore {
  return {
    async of(view) {
      const query = sql.selectFrom('zone_members').select(['zone', 'catalog', 'label']).where('view', '=', view)
      return (await database.read(statement(query))) as unknown as Owned[]
    },
    async settle(view, changes) {
      await database.commit([...statements(view, changes)])
    },
  }
}

function* statements(view: string, { forgotten, released, owned }: MemberChanges): Generator<Statement> {
  for (const name of forgotten)
    yield statement(sql.deleteFrom('zones').where('view', '=', view).where('name', '=', name))
  for (const zone of released)
    yield statement(sql.deleteFrom('zone_members').where('view', '=', view).where('zone', '=', zone))
  for (const { zone, catalog, label } of owned) {
    const values = { catalog, label }
    const query = sql.insertInto('zone_members').values({ view, zone, ...values })
    yield statement(query.onConflict(conflict => conflict.columns(['view', 'zone']).doUpdateSet(values)))
  }
}
