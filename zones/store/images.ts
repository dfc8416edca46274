import type { Database } from '../../host/database.ts'
import { VERSION } from '../../host/version.ts'
import type { ZoneImage, ZoneVersion } from '../zone.ts'
import { sql, statement } from './schema.ts'

/** Files with images, each whole or as good as absent. */
export interface ImageFiles {
  /** The image of this name, where it is whole, and was kept as one `of` this with that checksum, if one is given. */
  read(name: string, of: string, checksum?: string): Promise<ZoneImage | undefined>
  /** Keeps the image in place of the one before. Resolves with its checksum once it is on disk. */
  write(name: string, of: string, version: ZoneVersion): Promise<string>
}

/**
 * Images kept beside the database, so that a large zone is there after a start without reading its records one by one. Everything in them is in
 * the database or a zone file too: where one is missing or is not what it should be, that is read.
 */
export interface ImageStore {
  /** An image of a stored zone, and the revision that it shows. */
  find(zone: number): Promise<{ image: ZoneImage; revision: number } | undefined>
  keep(zone: number, revision: number, version: ZoneVersion): Promise<void>
  /** The image of a zone that is its file, as read from one with this digest. */
  findRead(zone: number, digest: string): Promise<ZoneImage | undefined>
  keepRead(zone: number, digest: string, version: ZoneVersion): Promise<void>
}

/** No files: nothing is kept, and nothing found. */
export const NO_IMAGES: ImageFiles = { read: async () => undefined, write: async () => '' }

/** Records of a zone from which on its image is worth a file. */
export const WORTH_KEEPING = 5000

export function createImageStore(database: Database, files: ImageFiles): ImageStore {
  return {
    async find(zone) {
      const query = sql.selectFrom('zone_images').select(['revision', 'checksum']).where('zone', '=', zone)
      const [row] = await database.read(statement(query))
      if (!row) return undefined
      const revision = row['revision'] as number
      const image = await files.read(nameOf(zone), `revision ${revision}`, row['checksum'] as string)
      return image && { image, revision }
    },
    async keep(zone, revision, version) {
      // The row comes last, and says which file it means: without it, or with that of another history, a file counts for nothing.
      const checksum = await files.write(nameOf(zone), `revision ${revision}`, version)
      if (checksum === '') return
      const values = { revision, checksum }
      const query = sql.insertInto('zone_images').values({ zone, ...values })
      await database.commit([statement(query.onConflict(conflict => conflict.column('zone').doUpdateSet(values)))])
    },
    findRead: (zone, digest) => files.read(nameOf(zone), readFrom(digest)),
    async keepRead(zone, digest, version) {
      await files.write(nameOf(zone), readFrom(digest), version)
    },
  }
}

function nameOf(zone: number): string {
  return zone.toString(16).padStart(12, '0')
}

/** Another version of the program may read a file otherwise. */
function readFrom(digest: string): string {
  return `file ${digest} ${VERSION}`
}
