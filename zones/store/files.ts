import { lowerName, type Name, printName } from '../../dns/name.ts'
import type { Database } from '../../host/database.ts'
import { sql, statement } from './schema.ts'

/** What zones that are their files have been lately, on disk. */
export interface FileStore {
  find(view: string, origin: Name): Promise<StoredFile | undefined>
  /** In place of what was stored of the zone before. */
  keep(view: string, origin: Name, file: StoredFile): Promise<void>
}

/** A zone's file as it was last read. */
export interface StoredFile {
  /** Of the file, as `readZoneFile` has it. */
  digest: string
  serial: number
  /** As `FileHistory` encodes it. */
  history: Uint8Array
}

export function createFileStore(database: Database): FileStore {
  const nameOf = (origin: Name) => printName(lowerName(origin))
  return {
    async find(view, origin) {
      const query = sql.selectFrom('zone_files').select(['digest', 'serial', 'history'])
      const [row] = await database.read(statement(query.where('view', '=', view).where('name', '=', nameOf(origin))))
      return row as unknown as StoredFile | undefined
    },
    async keep(view, origin, file) {
      const query = sql.insertInto('zone_files').values({ view, name: nameOf(origin), ...file })
      await database.commit([
        statement(query.onConflict(conflict => conflict.columns(['view', 'name']).doUpdateSet(file))),
      ])
    },
  }
}
