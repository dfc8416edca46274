import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'

/** What a backup holds. It is its last entry: one without it is not whole. */
export interface Manifest {
  /** Raised when an older namestead could not restore it. */
  format: 1
  /** Of the namestead that made it. */
  version: string
  /** ISO 8601. */
  at: string
  /** The config file, as an entry of `files`. */
  config: string
  files: Entry[]
}

/** A file in a backup. */
export interface Entry {
  /** Its path within the backup. */
  entry: string
  /** What it is: the database, a file of the data directory, or one that the operator supplied. */
  kind: 'database' | 'data' | 'operator'
  /** Its own path: relative to the data directory, of operators' files to that of the config file; absolute where it is not below. */
  path: string
  size: number
  sha256: string
  mode: number
}

/** The name of the last entry. */
export const MANIFEST = 'manifest.json'

/** The digest of a file, in hex. */
export async function digestOf(file: string): Promise<string> {
  const digest = createHash('sha256')
  await pipeline(createReadStream(file), digest)
  return digest.digest('hex')
}

/** What is wrong with the extracted files; nothing where all are as the manifest says. */
export async function checkFiles(folder: string, { files }: Manifest): Promise<string[]> {
  const wrong: string[] = []
  for (const { entry, size, sha256 } of files) {
    const found = await stat(join(folder, entry)).catch(() => undefined)
    if (!found) wrong.push(`${entry} is missing`)
    else if (found.size !== size || (await digestOf(join(folder, entry))) !== sha256)
      wrong.push(`${entry} is not what was backed up`)
  }
  return wrong
}

/** Reads the manifest's text; throws Error with a sentence for the operator. */
export function parseManifest(text: string): Manifest {
  const manifest = JSON.parse(text) as Manifest
  if (manifest.format !== 1)
    throw new Error(
      `the backup has the format ${manifest.format}, made by namestead ${manifest.version}: use that version`,
    )
  return manifest
}
