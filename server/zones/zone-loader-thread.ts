import { readFileSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import type { Name } from '../../dns/name.ts'
import type { Place, ZonefileError } from '../../dns/zonefile.ts'
import { readUnlessApplied } from '../../zones/file/file.ts'

/** The file that the thread is to read. */
export interface LoaderData {
  file: string
  origin: Name
  applied?: string
}

/** What a thread found, as it crosses to main; undefined where the file is as it was applied. */
export type LoaderReply =
  | {
      /** With the octets of it that are in use. */
      image: { buffer: SharedArrayBuffer; used: number } | undefined
      digest: string
      errors: { place: Place; reason: string }[]
      warnings: { place: Place; reason: string }[]
    }
  | undefined

/** Reads one file and ends. */
function run({ file, origin, applied }: LoaderData): LoaderReply {
  const zone = readUnlessApplied(file, origin, path => readFileSync(path, 'utf8'), applied)
  return (
    zone && {
      image: zone.image && { buffer: zone.image.buffer, used: zone.image.used() },
      digest: zone.digest,
      errors: zone.errors.map(packed),
      warnings: zone.warnings.map(packed),
    }
  )
}

function packed({ file, line, column, reason }: ZonefileError) {
  return { place: { file, line, column }, reason }
}

parentPort?.postMessage(run(workerData as LoaderData))
