import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isReference } from '../../ca/hierarchy/tokens.ts'
import { verifyRecord } from '../../ca/record/record.ts'
import { createCaStore } from '../../ca/store/store.ts'
import { parseName, printName } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import type { Database } from '../../host/database.ts'
import { createZoneStore } from '../../zones/store/store.ts'
import { ZoneImage } from '../../zones/zone.ts'
import { CommandError } from '../control/control.ts'
import { openDatabase } from '../storage/database.ts'
import { MIGRATIONS } from '../storage/migrations.ts'
import { unpack } from './archive.ts'
import type { Decryption } from './encryption.ts'
import { asCommandError, checkDatabase } from './restore.ts'

/** What a rehearsal found in a backup. */
export interface Rehearsal {
  /** ISO 8601. */
  taken: string
  version: string
  files: number
  zones: { view: string; zone: string; serial: number; records: number }[]
  /** The CA's certificates, by their subjects. */
  authorities: string[]
  certificates: number
  /** Entries of the record of what the CA did. */
  recorded: number
}

/**
 * Restores a backup to a scratch place, and looks whether it could be served from: every digest, the database, every zone as an image, every key of
 * the CA with its certificate up to the root, and the whole record of what it did. Rejects with CommandError that says all that is wrong.
 */
export async function rehearse(file: string, decryption: Decryption): Promise<Rehearsal> {
  const scratch = await mkdtemp(join(tmpdir(), 'namestead-rehearsal-'))
  try {
    const { at, version, files } = await unpack(file, scratch, decryption).catch(asCommandError)
    checkDatabase(join(scratch, 'database.db'))
    const wrong: string[] = []
    const read = await readDatabase(join(scratch, 'database.db'), join(scratch, 'data', 'ca', 'record.key'), wrong)
    const authorities = await checkAuthorities(join(scratch, 'data', 'ca'), wrong)
    if (wrong.length > 0) throw new CommandError(wrong)
    return { taken: at, version, files: files.length, authorities, ...read }
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

async function readDatabase(
  file: string,
  recordKey: string,
  wrong: string[],
): Promise<Pick<Rehearsal, 'zones' | 'certificates' | 'recorded'>> {
  const database = await openDatabase(file, MIGRATIONS)
  try {
    const store = createZoneStore(database)
    const zones: Rehearsal['zones'] = []
    for (const row of await database.read({
      sql: 'SELECT id, view, name FROM zones ORDER BY view, name',
      parameters: [],
    })) {
      const [view, origin] = [String(row['view']), parseName(String(row['name']))]
      const records: ResourceRecord[] = []
      for await (const some of store.records(Number(row['id']))) for (const record of some) records.push(record)
      try {
        const version = ZoneImage.create(origin, records).latest()
        zones.push({ view, zone: printName(origin), serial: version.serial(), records: version.size() })
      } catch (error) {
        wrong.push(`the zone ${printName(origin)} of view ${view} can't be served: ${(error as Error).message}`)
      }
    }
    const [count] = await database.read({ sql: 'SELECT count(*) AS n FROM ca_certificates', parameters: [] })
    const recorded = await checkRecord(database, recordKey, wrong)
    return { zones, certificates: Number(count!['n']), recorded }
  } finally {
    await database.close()
  }
}

/** How many entries the record of the CA has; none where there is no CA. */
async function checkRecord(database: Database, keyFile: string, wrong: string[]): Promise<number> {
  if (!existsSync(keyFile)) return 0
  const text = await readFile(keyFile, 'utf8')
  // A token has the key, and shows its public half to nobody but the daemon.
  const publicKey = isReference(text) ? undefined : createPublicKey(text).export({ type: 'spki', format: 'der' })
  const { entries, faults } = await verifyRecord(createCaStore(database), publicKey, undefined)
  wrong.push(...faults)
  return entries
}

/** Every folder of a hierarchy has its roots, whose keys may be elsewhere, and intermediates with theirs. */
async function checkAuthorities(folder: string, wrong: string[]): Promise<string[]> {
  if (!existsSync(folder)) return []
  const names = await readdir(folder, { withFileTypes: true })
  const inner = names.filter(one => one.isDirectory()).map(({ name }) => checkAuthorities(join(folder, name), wrong))
  const certificates = names.map(({ name }) => name).filter(name => /^(root(-\d+)?|intermediate-\d+)\.crt$/.test(name))
  const opened = await Promise.all(
    certificates.map(async name => ({ name, certificate: new X509Certificate(await readFile(join(folder, name))) })),
  )
  const roots = opened.filter(({ name }) => name.startsWith('root'))
  for (const { name, certificate } of opened) {
    if (roots.length > 0 && !roots.some(root => certificate.verify(root.certificate.publicKey)))
      wrong.push(`ca/${name} is not signed by its root`)
    const key = await readFile(join(folder, name.replace(/crt$/, 'key')), 'utf8').catch(() => undefined)
    if (key === undefined ? !name.startsWith('root') : !mayBelong(certificate, key))
      wrong.push(`ca/${name} has ${key === undefined ? 'no key' : 'the key of another certificate'}`)
  }
  return [
    ...opened.map(({ certificate }) => certificate.subject.split('\n').at(-1)!),
    ...(await Promise.all(inner)).flat(),
  ]
}

/** A key that is encrypted, or in a token, can only be tried by the daemon, which has the configuration. */
function mayBelong(certificate: X509Certificate, key: string): boolean {
  return isReference(key) || key.includes('ENCRYPTED') || certificate.checkPrivateKey(createPrivateKey(key))
}
