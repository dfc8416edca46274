import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { BackupConfig } from '../../config/schema.ts'
import type { Timer } from '../../host/clock.ts'
import type { Log } from '../../host/log.ts'
import { CommandError } from '../control/control.ts'
import type { Encryption } from './encryption.ts'
import { type BackupSource, type TakenBackup, takeBackup } from './take.ts'

/** Takes backups, by itself and when asked, one at a time. */
export interface BackupKeeper {
  /** Rejects with CommandError where one is being taken already, or fails. */
  take(
    file: string,
    encryption: Encryption | undefined,
    progress?: (what: string, share: number) => void,
  ): Promise<TakenBackup>
  /** When the newest was taken, milliseconds since 1970; undefined where none ever was. */
  readonly last: number | undefined
  /** Plans anew, as the configuration says now. */
  plan(): void
  close(): Promise<void>
}

/** Where it is kept when the last one was taken, in the data directory. */
const LAST_FILE = 'last-backup.json'
const NAME = /^namestead-\d{8}T\d{6}Z\.backup$/
/** After one that failed. */
const RETRY = 900_000

/** Opens what is known of earlier backups. */
export async function openBackupKeeper(source: BackupSource, log: Log): Promise<BackupKeeper> {
  const { config, clock } = source
  const lastFile = join(config().data_dir, LAST_FILE)
  const { at: known } = JSON.parse(await readFile(lastFile, 'utf8').catch(() => '{}')) as { at?: string }
  let last = known === undefined ? undefined : Date.parse(known)
  let timer: Timer | undefined
  let running: Promise<unknown> | undefined
  let closed = false

  const take: BackupKeeper['take'] = async (file, encryption, progress) => {
    if (running) throw new CommandError('a backup is being taken already')
    const at = clock.now()
    const taking = takeBackup(source, file, encryption ?? encryptionOf(config().backup), progress)
    running = taking.catch(() => {})
    try {
      const taken = await taking
      last = at
      await writeFile(lastFile, JSON.stringify({ at: new Date(at).toISOString(), file }), { mode: 0o600, flush: true })
      log.info({ ...taken }, 'backup taken')
      return taken
    } finally {
      running = undefined
    }
  }
  const run = async (): Promise<void> => {
    const { directory, keep } = config().backup!
    try {
      await mkdir(directory!, { recursive: true, mode: 0o700 })
      await take(join(directory!, nameOf(clock.now())), undefined)
      await removeOld(directory!, keep)
      plan()
    } catch (error) {
      log.error(
        { directory, reason: (error as Error).message },
        'the scheduled backup failed; tried again in a quarter of an hour',
      )
      if (!closed) timer = clock.after(RETRY, run)
    }
  }
  const plan = (): void => {
    timer?.cancel()
    const settings = config().backup
    if (closed || settings?.directory === undefined) return
    timer = clock.after(Math.max(0, (last ?? 0) + settings.every - clock.now()), run)
  }

  return {
    take,
    plan,
    get last() {
      return last
    },
    async close() {
      closed = true
      timer?.cancel()
      await running
    },
  }
}

function encryptionOf({ passphrase, recipients }: Partial<BackupConfig> = {}): Encryption {
  return { ...(passphrase !== undefined && { passphrase }), ...(recipients && { recipients }) }
}

/** "namestead-20260102T030405Z.backup": sorted by name they are sorted by time. */
function nameOf(at: number): string {
  return `namestead-${new Date(at).toISOString().replace(/[-:]|\.\d+/g, '')}.backup`
}

async function removeOld(directory: string, keep: number): Promise<void> {
  const ours = (await readdir(directory)).filter(name => NAME.test(name)).sort()
  for (const name of ours.slice(0, -keep)) await rm(join(directory, name))
}
