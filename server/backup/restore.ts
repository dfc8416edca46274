import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { cp, mkdir, mkdtemp, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import { readDataDir } from '../../config/load.ts'
import { StorageError } from '../../host/database.ts'
import { CommandError, isAnswering } from '../control/control.ts'
import { MIGRATIONS } from '../storage/migrations.ts'
import { SqliteStorage } from '../storage/sqlite.ts'
import { ArchiveError, syncFolder, unpack } from './archive.ts'
import { type Decryption, DecryptionError } from './encryption.ts'
import type { Manifest } from './manifest.ts'
import { LEAP_FILE } from './resume.ts'

/** What is to be restored, and where. */
export interface RestoreOptions {
  file: string
  /** It says where the data goes; where it is not there it is restored, too. */
  configFile: string
  decryption: Decryption
  /** Puts what is in the data directory aside. */
  force: boolean
  /** Milliseconds since 1970. */
  now: number
}

/** What was restored. */
export interface Restored {
  data_dir: string
  /** When the backup was made, ISO 8601, and by which version. */
  taken: string
  version: string
  /** Files of the operator that were missing, and those that are other than in the backup and were left alone. */
  written: string[]
  left_alone: string[]
  /** Whether the CA goes on from what it had here, which is never older, or from the backup. */
  ca: 'went on' | 'from the backup' | 'none'
  /** Where the earlier content of the data directory is. */
  set_aside?: string
}

/** The CA's tables. */
const CA_TABLES = ['ca_', 'acme_']
const STAYS = /^(lost\+found|before-restore-.*|\.restoring-.*)$/
const MARKER = 'namestead.format'
/** Where a restore unpacks, in the data directory. */
const SCRATCH = '.restoring-'

/**
 * Restores a backup while no daemon runs. All is unpacked and verified before anything is touched; the file that makes a directory one of
 * ours is written last, so that none that is half restored is ever served from. Rejects with CommandError.
 */
export async function restore(options: RestoreOptions): Promise<Restored> {
  const { file, configFile, decryption, now } = options
  const scratch = await makeScratch(configFile)
  try {
    const manifest = await unpack(file, scratch, decryption).catch(asCommandError)
    checkDatabase(join(scratch, 'database.db'))
    const operator = await restoreOperatorFiles(scratch, manifest, configFile)
    const dataDir = readDataDir(configFile)
    const setAside = await makeRoom(dataDir, databaseOf(manifest, dataDir), options)
    const ca = await settleCa(scratch, setAside && databaseOf(manifest, setAside), setAside)
    await writeData(scratch, manifest, dataDir, now)
    return {
      ...{ data_dir: dataDir, taken: manifest.at, version: manifest.version, ...operator, ca },
      ...(setAside !== undefined && { set_aside: setAside }),
    }
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** Beside what it is for, where that is known: there is room, and nobody else may read it. */
async function makeScratch(configFile: string): Promise<string> {
  if (!existsSync(configFile)) return mkdtemp(join(tmpdir(), 'namestead-restore-'))
  const dataDir = readDataDir(configFile)
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  return mkdtemp(join(dataDir, SCRATCH))
}

function databaseOf({ files }: Manifest, dataDir: string): string {
  return resolve(dataDir, files.find(({ kind }) => kind === 'database')!.path)
}

/** What an operator can do something about, as such. */
export function asCommandError(error: unknown): never {
  if (error instanceof DecryptionError) throw new CommandError(error.message, 2)
  if (error instanceof ArchiveError || error instanceof StorageError) throw new CommandError(error.message)
  throw error
}

/** Brings its tables up to date, too. Throws CommandError where it is damaged, or of a newer version. */
export function checkDatabase(file: string): void {
  const storage = openStorage(file)
  try {
    const wrong = storage.check()
    if (wrong.length > 0) throw new CommandError(['the database in the backup is damaged', ...wrong])
  } finally {
    storage.close()
  }
}

function openStorage(file: string): SqliteStorage {
  try {
    return new SqliteStorage(file, MIGRATIONS)
  } catch (error) {
    return asCommandError(error)
  }
}

async function restoreOperatorFiles(scratch: string, manifest: Manifest, configFile: string) {
  const [written, leftAlone]: [string[], string[]] = [[], []]
  for (const { entry, path, mode, kind } of manifest.files) {
    if (kind !== 'operator') continue
    const target = entry === manifest.config ? resolve(configFile) : resolve(dirname(configFile), path)
    const content = await readFile(join(scratch, entry))
    if (!existsSync(target)) {
      await mkdir(dirname(target), { recursive: true })
      await writeFile(target, content, { mode, flush: true })
      written.push(target)
    } else if (!(await readFile(target)).equals(content)) leftAlone.push(target)
  }
  return { written, left_alone: leftAlone }
}

/** Empties the data directory; gives the folder into which its content went, if there was any. */
async function makeRoom(
  dataDir: string,
  database: string,
  { force, now }: RestoreOptions,
): Promise<string | undefined> {
  if (await isAnswering(join(dataDir, 'control.sock')))
    throw new CommandError(`a daemon runs on ${dataDir}: stop it first`)
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  const present = (await readdir(dataDir)).filter(name => !STAYS.test(name))
  if (relative(dataDir, database).startsWith('..') && existsSync(database))
    throw new CommandError(`${database} is there, outside of ${dataDir}: move it away first`)
  if (present.length === 0) return undefined
  if (!force) throw new CommandError(`${dataDir} is not empty: --force puts what is in it aside`)
  const stamp = new Date(now).toISOString().replace(/[-:]|\.\d+/g, '')
  const aside = join(dataDir, `before-restore-${stamp}-${randomBytes(2).toString('hex')}`)
  await mkdir(aside, { mode: 0o700 })
  // The marker first: from now on nothing here is a data directory.
  const ordered = [...present.filter(name => name === MARKER), ...present.filter(name => name !== MARKER)]
  for (const name of ordered) await rename(join(dataDir, name), join(aside, name))
  await syncFolder(dataDir)
  return aside
}

/**
 * The CA never goes back: what it has issued and revoked since the backup stays known where it can still be read here. Where not, its lists
 * go on with numbers that they can't have had yet (RFC 5280 §5.2.3).
 */
async function settleCa(
  scratch: string,
  earlier: string | undefined,
  setAside: string | undefined,
): Promise<Restored['ca']> {
  const root = (folder: string) => readFile(join(folder, 'ca', 'root.crt'), 'utf8').catch(() => undefined)
  const [kept, backedUp] = [setAside && (await root(setAside)), await root(join(scratch, 'data'))]
  const storage = openStorage(join(scratch, 'database.db'))
  try {
    if (earlier !== undefined && kept !== undefined && kept === backedUp && bringUpToDate(earlier)) {
      storage.takeTables(earlier, CA_TABLES)
      await cp(join(setAside!, 'ca'), join(scratch, 'data', 'ca'), { recursive: true, force: true })
      return 'went on'
    }
    storage.execute([{ kind: 'commit', statements: [{ sql: LATER_LISTS, parameters: [] }] }])
    return backedUp === undefined ? 'none' : 'from the backup'
  } finally {
    storage.close()
  }
}

const LATER_LISTS = 'UPDATE ca_crl_numbers SET number = number + 1000000'

/** Whether the earlier database can be read, by this version. */
function bringUpToDate(file: string): boolean {
  if (!existsSync(file)) return false
  try {
    const storage = new SqliteStorage(file, MIGRATIONS)
    const whole = storage.check().length === 0
    storage.close()
    return whole
  } catch (error) {
    if (error instanceof StorageError) return false
    throw error
  }
}

async function writeData(scratch: string, manifest: Manifest, dataDir: string, now: number): Promise<void> {
  const from = join(scratch, 'data')
  const database = databaseOf(manifest, dataDir)
  const ours = manifest.files.filter(({ kind, path }) => kind === 'data' && path !== MARKER)
  await cp(from, dataDir, { recursive: true, filter: path => path !== join(from, MARKER) })
  await mkdir(dirname(database), { recursive: true, mode: 0o700 })
  await cp(join(scratch, 'database.db'), database)
  await writeFile(join(dataDir, LEAP_FILE), JSON.stringify({ at: new Date(now).toISOString() }), {
    mode: 0o600,
    flush: true,
  })
  for (const path of [database, ...ours.map(({ path }) => path)]) await syncFile(resolve(dataDir, path))
  await syncFolder(dataDir)
  await writeFile(join(dataDir, MARKER), await readFile(join(from, MARKER)), { mode: 0o600, flush: true })
  await syncFolder(dataDir)
}

async function syncFile(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
