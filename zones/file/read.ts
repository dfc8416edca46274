import type { Name } from '../../dns/name.ts'
import type { ZoneImage } from '../zone.ts'
import { readZoneHere, type ZoneFile } from './file.ts'
import { ZoneLoadError } from './load-error.ts'
import type { LoadDependencies } from './loaded.ts'

/** A zone's file in which nothing is wrong. */
export type ReadFileOfZone = ZoneFile & { image: ZoneImage; wasKept?: true }

/** What reading a zone's file needs. */
export type Reading = Pick<LoadDependencies, 'readFile' | 'readZone' | 'log'>

/** The zone of a master file; its warnings go to the log. Undefined where its digest is `applied`. Rejects with ZoneLoadError. */
export function readZone(file: string, origin: Name, deps: Reading): Promise<ReadFileOfZone>
export function readZone(
  file: string,
  origin: Name,
  deps: Reading,
  applied?: string,
): Promise<ReadFileOfZone | undefined>
export async function readZone(
  file: string,
  origin: Name,
  { readFile, readZone: read = readZoneHere(readFile), log }: Reading,
  applied?: string,
): Promise<ReadFileOfZone | undefined> {
  const zone = await read(file, origin, applied)
  if (!zone) return undefined
  const { image, errors, warnings } = zone
  for (const warning of warnings) log.warn({}, warning.message)
  if (!image) throw new ZoneLoadError(errors)
  return { ...zone, image }
}
