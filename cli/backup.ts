import { resolve } from 'node:path'
import type { Command } from 'commander'
import { findConfigFile } from './config-file.ts'
import { ask, type OnlineOptions, online, printJson } from './online.ts'
import { passphraseFrom, textOf } from './passphrase.ts'
import { progressOn } from './progress.ts'
import { facts, type Terminal, table } from './terminal.ts'

interface BackupOptions extends OnlineOptions {
  passphraseFile?: string
  recipient?: string[]
}

interface RestoreOptions extends OnlineOptions {
  passphraseFile?: string
  identity?: string
  force?: boolean
  rehearse?: boolean
}

/** The passphrase, where a file would be one too many. */
const VARIABLE = 'NAMESTEAD_BACKUP_PASSPHRASE'

/** `backup`: everything in one file. */
export function addBackup(program: Command, terminal: Terminal): void {
  online(program.command('backup').description('keep everything in one file, while all goes on'))
    .argument('<file>', 'it has this name once it is whole')
    .option('--passphrase-file <file>', `encrypt it for whoever has this passphrase; or in ${VARIABLE}`)
    .option('--recipient <recipient...>', 'encrypt it for age recipients (age1…); left out: as the configuration says')
    .action(async (name: string, options: BackupOptions) => {
      const file = resolve(terminal.cwd, name)
      const passphrase = passphraseFrom(options.passphraseFile, VARIABLE, terminal)
      const recipients = options.recipient
      const bar = progressOn(terminal)
      const args = { file, ...(recipients ? { recipients } : passphrase !== undefined && { passphrase }) }
      const taken = await ask('backup', args, options, terminal, bar.show).finally(bar.end)
      if (options.json) return printJson(taken, terminal)
      terminal.out(`${taken.file}: ${taken.size} octets${taken.encrypted ? ', encrypted' : ''}\n`)
      if (!taken.encrypted)
        terminal.err('warning: it is not encrypted, and holds every key: keep it where nobody else reads it\n')
    })
}

/** `restore`: back from that file. */
export function addRestore(program: Command, terminal: Terminal): void {
  program
    .command('restore')
    .description('restore a backup while no daemon runs, or see whether it could be')
    .argument('<file>', 'the backup')
    .option('--config <file>', 'the config file, which says where the data goes; it is restored where it is missing')
    .option('--force', 'put aside what is in the data directory; the CA goes on from there where it can')
    .option('--rehearse', 'restore to a scratch place and verify digests, database, zones and CA; changes nothing')
    .option('--passphrase-file <file>', `its passphrase; or in ${VARIABLE}`)
    .option('--identity <file>', 'an age identity file that opens it')
    .option('--json', 'print it as JSON')
    .action((name: string, options: RestoreOptions) => {
      const file = resolve(terminal.cwd, name)
      return options.rehearse ? rehearse(file, options, terminal) : restore(file, options, terminal)
    })
}

async function restore(file: string, options: RestoreOptions, terminal: Terminal): Promise<void> {
  const backup = await import('../server/backup/restore.ts')
  const configFile = findConfigFile(options.config, terminal)
  const decryption = decryptionOf(options, terminal)
  const done = await backup.restore({ file, configFile, decryption, force: options.force === true, now: Date.now() })
  if (options.json) return printJson(done, terminal)
  for (const path of done.left_alone) terminal.err(`warning: ${path} is other than in the backup and was left alone\n`)
  terminal.out(
    facts([
      ['restored', done.data_dir],
      ['taken', `${done.taken} by namestead ${done.version}`],
      ['CA', done.ca],
      ...done.written.map(path => ['written', path] as const),
      ...(done.set_aside === undefined ? [] : [['set aside', done.set_aside] as const]),
    ]),
  )
}

async function rehearse(file: string, options: RestoreOptions, terminal: Terminal): Promise<void> {
  const backup = await import('../server/backup/rehearse.ts')
  const found = await backup.rehearse(file, decryptionOf(options, terminal))
  if (options.json) return printJson(found, terminal)
  terminal.out(
    facts([
      ['taken', `${found.taken} by namestead ${found.version}`],
      ['files', found.files],
      ['certificates', found.certificates],
      ['recorded', `${found.recorded} entries of the CA`],
      ...found.authorities.map(subject => ['authority', subject] as const),
    ]),
  )
  terminal.out(
    table(
      ['ZONE', 'VIEW', 'SERIAL', 'RECORDS'],
      found.zones.map(one => [one.zone, one.view, one.serial, one.records]),
    ),
  )
}

function decryptionOf(options: RestoreOptions, terminal: Terminal) {
  const passphrase = passphraseFrom(options.passphraseFile, VARIABLE, terminal)
  const identities = options.identity === undefined ? undefined : textOf(options.identity, terminal)
  return { ...(passphrase !== undefined && { passphrase }), ...(identities !== undefined && { identities }) }
}
