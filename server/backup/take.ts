import { copyFile, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, extname, isAbsolute, join, relative, resolve } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Config } from '../../config/schema.ts'
import type { Clock } from '../../host/clock.ts'
import { type CopyableDatabase, StorageError } from '../../host/database.ts'
import { VERSION } from '../../host/version.ts'
import { CommandError } from '../control/control.ts'
import type { Encryption } from './encryption.ts'
import { digestOf, type Entry, MANIFEST, type Manifest } from './manifest.ts'
import { readOperatorFiles } from './operator-files.ts'
import type { PackThreadData } from './pack-thread.ts'

/** What a backup is taken of. */
export interface BackupSource {
  config: () => Config
  configFile: string
  database: CopyableDatabase
  clock: Clock
}

/** What was taken. */
export interface TakenBackup {
  file: string
  /** Octets. */
  size: number
  encrypted: boolean
}

/** What of a data directory is not kept: it is made anew, or is a copy itself. */
const LEFT_OUT = /^(control\.sock|images|\.backup-.*|\.restoring-.*|before-restore-.*)$/

/**
 * Takes a backup of everything into `file` while all goes on: the database first, then the keys, so that none is missing that the database
 * knows of. Rejects with CommandError, and there is no file.
 */
export async function takeBackup(
  source: BackupSource,
  file: string,
  encryption: Encryption,
  progress: (what: string, share: number) => void = () => {},
): Promise<TakenBackup> {
  const { data_dir, database, backup } = source.config()
  const staging = await mkdtemp(join(data_dir, '.backup-')).catch(failed(`${data_dir} can't be written`))
  try {
    await source.database.copy(join(staging, 'database.db'), share => progress('copying', share))
    const entries: Entry[] = [await entryOf(staging, 'database.db', 'database', wayFrom(data_dir, database.sqlite))]
    const skipped = new Set([database.sqlite, backup?.directory, file].flatMap(path => (path ? [path] : [])))
    for await (const path of filesBelow(data_dir, '', skipped))
      entries.push(await copyEntry(staging, join('data', path), 'data', path, join(data_dir, path)))
    entries.push(...(await operatorEntries(staging, source.configFile)))
    const manifest: Manifest = {
      ...{ format: 1, version: VERSION, at: new Date(source.clock.now()).toISOString() },
      config: entries.find(({ kind }) => kind === 'operator')!.entry,
      files: entries,
    }
    await writeFile(join(staging, MANIFEST), JSON.stringify(manifest, undefined, 1), { mode: 0o600 })
    progress('packing', 0)
    await packInThread({ folder: staging, entries: [...entries.map(({ entry }) => entry), MANIFEST], file, encryption })
    progress('packing', 1)
    const { size } = await stat(file)
    return { file, size, encrypted: encryption.passphrase !== undefined || (encryption.recipients ?? []).length > 0 }
  } catch (error) {
    if (error instanceof CommandError || error instanceof StorageError) throw error
    throw new CommandError(`the backup could not be written to ${file}: ${(error as Error).message}`)
  } finally {
    await rm(staging, { recursive: true, force: true })
  }
}

function failed(what: string): (error: Error) => never {
  return error => {
    throw new CommandError(`${what}: ${error.message}`)
  }
}

async function* filesBelow(root: string, path: string, skipped: ReadonlySet<string>): AsyncGenerator<string> {
  for (const item of await readdir(join(root, path), { withFileTypes: true })) {
    const inner = join(path, item.name)
    const whole = join(root, inner)
    if ((path === '' && LEFT_OUT.test(item.name)) || isSkipped(whole, skipped)) continue
    if (item.isDirectory()) yield* filesBelow(root, inner, skipped)
    else if (item.isFile()) yield inner
  }
}

/** SQLite keeps files of its own beside the database. */
function isSkipped(path: string, skipped: ReadonlySet<string>): boolean {
  return skipped.has(path) || skipped.has(path.replace(/-(wal|shm|journal)$/, ''))
}

async function copyEntry(
  staging: string,
  entry: string,
  kind: Entry['kind'],
  path: string,
  from: string,
): Promise<Entry> {
  await mkdir(dirname(join(staging, entry)), { recursive: true, mode: 0o700 })
  await copyFile(from, join(staging, entry))
  return entryOf(staging, entry, kind, path)
}

async function entryOf(staging: string, entry: string, kind: Entry['kind'], path: string): Promise<Entry> {
  const { size, mode } = await stat(join(staging, entry))
  return { entry, kind, path, size, sha256: await digestOf(join(staging, entry)), mode: mode & 0o777 }
}

/** Those below the config file's folder by their way from there, so that they can be restored elsewhere. */
async function operatorEntries(staging: string, configFile: string): Promise<Entry[]> {
  const base = dirname(resolve(configFile))
  await mkdir(join(staging, 'operator'), { mode: 0o700 })
  const entries: Entry[] = []
  for (const { path, text } of readOperatorFiles(configFile)) {
    const entry = join('operator', String(entries.length))
    const { mode } = await stat(path)
    await writeFile(join(staging, entry), text, { mode: mode & 0o777 })
    entries.push(await entryOf(staging, entry, 'operator', wayFrom(base, path)))
  }
  return entries
}

/** From the folder, for what is below it; else as it is. */
function wayFrom(folder: string, path: string): string {
  const way = relative(folder, path)
  return way.startsWith('..') || isAbsolute(way) ? path : way
}

/** Compressing and encrypting take seconds, and a passphrase by design: nobody who is served waits for that. */
function packInThread(data: PackThreadData): Promise<void> {
  return new Promise((done, reject) => {
    const worker = new Worker(new URL(`./pack-thread${extname(import.meta.url)}`, import.meta.url), {
      workerData: data,
      name: 'packing',
    })
    worker.once('message', () => done())
    worker.once('error', reject)
    worker.once('exit', () => reject(new Error('the packing thread ended')))
  })
}
