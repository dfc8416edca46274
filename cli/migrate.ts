import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import type { Command } from 'commander'
import { printConfig } from '../config/edit.ts'
import { parseConfig } from '../config/load.ts'
import { reasonOf } from '../config/secret.ts'
import { printConfigError } from '../config/source.ts'
import { CliError } from './errors.ts'
import { migrateBind } from './migrate/bind.ts'
import type { Migration } from './migrate/migration.ts'
import { NamedConfError, parseNamedConf } from './migrate/named-conf.ts'
import { migrateStepCa } from './migrate/step-ca.ts'
import { printJson } from './online.ts'
import { passphraseFrom } from './passphrase.ts'
import type { Terminal } from './terminal.ts'

/** Where the passphrase of a step-ca may stand. */
const VARIABLE = 'NAMESTEAD_STEP_PASSPHRASE'

interface MigrateOptions {
  out: string
  json?: boolean
}

/** `migrate …`: our configuration and data from another server's. */
export function addMigrate(program: Command, terminal: Terminal): void {
  const migrate = program.command('migrate').description("our configuration and data from another server's")
  targeted(migrate.command('bind').description('from BIND 9: views, zones, keys, rules, forwarders, zone files'))
    .argument('<named.conf>', 'its configuration')
    .action((path: string, options: MigrateOptions) =>
      migrateTo(options, terminal, () => fromBind(resolve(terminal.cwd, path))),
    )
  targeted(migrate.command('step-ca').description('from step-ca: the root, ACME provisioners, durations'))
    .argument('<dir>', 'its directory, with config/ca.json')
    .option('--passphrase-file <file>', `what its keys are encrypted with; or in ${VARIABLE}`)
    .action((path: string, options: MigrateOptions & { passphraseFile?: string }) => {
      const passphrase = passphraseFrom(options.passphraseFile, VARIABLE, terminal)
      const files = { read, exists: existsSync, passphrase }
      migrateTo(options, terminal, () => migrateStepCa(resolve(terminal.cwd, path), files))
    })
}

function targeted(command: Command): Command {
  return command
    .option('--out <dir>', 'where namestead.yaml and its files go; nothing is overwritten', '.')
    .option('--json', 'print what was written and what was lost as JSON')
}

const read = (path: string): string => readFileSync(path, 'utf8')

function fromBind(file: string): Migration {
  const directory = dirname(file)
  const inDirectory = (path: string) => read(isAbsolute(path) ? path : join(directory, path))
  return migrateBind(parseNamedConf(read(file), file, inDirectory), { read, exists: existsSync, directory })
}

function migrateTo(options: MigrateOptions, terminal: Terminal, convert: () => Migration): void {
  const { config, files, lost } = converted(convert)
  const out = resolve(terminal.cwd, options.out)
  const all = [...files, { path: 'namestead.yaml', content: printConfig(config, HEAD) }]
  const there = all.map(({ path }) => join(out, path)).filter(path => existsSync(path))
  if (there.length > 0)
    throw new CliError(
      there.map(path => `${path} exists already; migrate never overwrites`),
      2,
    )
  for (const { path, content, secret } of all as Migration['files']) {
    mkdirSync(dirname(join(out, path)), { recursive: true })
    writeFileSync(join(out, path), content, { mode: secret ? 0o600 : 0o644, flag: 'wx' })
  }
  const { errors } = parseConfig(read(join(out, 'namestead.yaml')), join(out, 'namestead.yaml'))
  const wrong = errors.map(printConfigError)
  const written = all.map(({ path }) => path)
  if (options.json) {
    printJson({ directory: out, files: written, lost, errors: wrong }, terminal)
    return
  }
  terminal.out(`written to ${out}: ${written.join(', ')}\n`)
  if (lost.length > 0)
    terminal.out(`\nnot carried over, or to be looked at:\n${lost.map(line => `  ${line}\n`).join('')}`)
  if (wrong.length > 0) throw new CliError(['the configuration needs your hand before it can be used:', ...wrong], 1)
  terminal.out(`\nnamestead check --config ${join(out, 'namestead.yaml')} says whether it can be served.\n`)
}

const HEAD = 'Made by "namestead migrate". Check it with "namestead check"; what could not be carried over was printed.'

function converted(convert: () => Migration): Migration {
  try {
    return convert()
  } catch (error) {
    if (error instanceof NamedConfError) throw new CliError(error.message, 2)
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code !== undefined)
      throw new CliError(`${(error as NodeJS.ErrnoException).path ?? 'the file'}: ${reasonOf(error)}`, 2)
    throw error
  }
}
