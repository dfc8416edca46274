import { chownSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import type { Command } from 'commander'
import { type Account, findAccount } from '../host/account.ts'
import { answer } from './answers.ts'
import { CliError } from './errors.ts'
import { type FirstConfig, type FirstPorts, printFirstConfig } from './first-config.ts'
import { ADDRESS, DOMAIN, FORWARD_TO, PORTS } from './first-questions.ts'
import { printFirstZone } from './first-zone.ts'
import { createKey, printKey } from './keygen.ts'
import type { Terminal } from './terminal.ts'

interface InitOptions {
  domain?: string
  address?: string
  forwardTo?: string
  dataDir?: string
  user?: string
  highPorts?: boolean
  json?: boolean
}

/** `init`: writes a config, a first zone and TSIG keys; the CA is made at the first start. */
export function addInit(program: Command, terminal: Terminal): void {
  program
    .command('init')
    .description('write a commented config, a first zone and TSIG keys for a domain; never overwrites')
    .argument('[dir]', 'where they go', '.')
    .option('--domain <domain>', 'the domain, for example internal.example.com')
    .option('--address <ip>', "this machine's address as clients reach it; left out: the first that is found")
    .option(
      '--forward-to <addresses>',
      'resolvers for all other names, with commas between them, or "none"; left out: those that this machine uses',
    )
    .option('--high-ports', 'listen on 5300, 8530, 8443 and 8080, which need no root; implied where started without it')
    .option(
      '--data-dir <dir>',
      'where the daemon keeps its state; left out: ./data, and for /etc/namestead /var/lib/namestead',
    )
    .option('--user <account>', 'the account the daemon runs as: the files are made for it (needs root)')
    .option('--json', 'print what was written as JSON')
    .action(async (folder: string, options: InitOptions) => {
      const directory = resolve(terminal.cwd, folder)
      const first = await decide(directory, options, terminal)
      const files = writeFirst(directory, first, firstFiles(first), ownerOf(options))
      if (options.json) terminal.out(`${JSON.stringify({ directory, files }, undefined, 2)}\n`)
      else
        printNext(
          files.map(file => shortPath(terminal.cwd, join(directory, file))),
          terminal,
        )
    })
}

async function decide(directory: string, options: InitOptions, terminal: Terminal): Promise<FirstConfig> {
  const person = options.domain === undefined ? terminal : nobodyAt(terminal)
  const domain = await answer(DOMAIN, options.domain, person)
  const address = await answer(ADDRESS(), options.address, person)
  const forwardTo = await answer(FORWARD_TO(), options.forwardTo, person)
  const ports = await decidePorts(options, person)
  const port = (number: number, standard: number) => (number === standard ? '' : `:${number}`)
  return {
    ...{ domain, address, ports, forwardTo },
    caUrl: `https://ca.${domain}${port(ports.https, 443)}`,
    caHttpUrl: `http://ca.${domain}${port(ports.http, 80)}`,
    nameConstraints: [domain],
    dataDir: options.dataDir ?? (directory === SYSTEM.config ? SYSTEM.data : './data'),
    ...(options.user === undefined ? {} : { user: options.user }),
    outside: false,
  }
}

/** Who names the domain in the command line wants no conversation: the defaults do for what else is left out. */
function nobodyAt({ ask: _, ...terminal }: Terminal): Terminal {
  return terminal
}

/** Without root there is nothing to decide. */
async function decidePorts({ highPorts }: InitOptions, terminal: Terminal): Promise<FirstPorts> {
  if (highPorts || process.getuid?.() !== 0) return HIGH_PORTS
  return (await answer(PORTS, undefined, terminal)) === 'high' ? HIGH_PORTS : WELL_KNOWN_PORTS
}

/** Where the package of a distribution keeps configuration and state. */
const SYSTEM = { config: '/etc/namestead', data: '/var/lib/namestead' }

/** Whom the files are handed over to. */
function ownerOf({ user }: InitOptions): Account | undefined {
  if (user === undefined) return undefined
  if (process.getuid?.() !== 0) throw new CliError('--user hands the files over to another account: that needs root', 2)
  const account = findAccount(user)
  if (!account)
    throw new CliError(`there is no account "${user}" on this system: create it (useradd --system ${user})`, 2)
  return account
}

const EVERYWHERE = ['0.0.0.0', '::']
const WELL_KNOWN_PORTS: FirstPorts = { address: EVERYWHERE, dns: 53, dot: 853, https: 443, http: 80, metrics: 9153 }

/** Ports that need no root. */
export const HIGH_PORTS: FirstPorts = {
  address: EVERYWHERE,
  dns: 5300,
  dot: 8530,
  https: 8443,
  http: 8080,
  metrics: 9153,
}

/** A file to be written; secrets get mode 0600. */
export interface FirstFile {
  path: string
  content: string
  mode?: number
}

/** The files of a new installation but for the config. */
export function firstFiles({ domain, address }: FirstConfig, records: readonly string[] = []): FirstFile[] {
  return [
    { path: `zones/${domain}.zone`, content: printFirstZone(domain, address, records) },
    ...['externaldns', 'certmanager'].map(name => ({
      path: `keys/${name}.key`,
      content: printKey(createKey(name)),
      mode: 0o600,
    })),
  ]
}

/** Writes config and files unless one of them is there already; gives their paths. */
export function writeFirst(
  directory: string,
  first: FirstConfig,
  others: readonly FirstFile[],
  owner?: Account,
): string[] {
  const files: FirstFile[] = [...others, { path: 'namestead.yaml', content: printFirstConfig(first) }]
  const there = files.map(({ path }) => join(directory, path)).filter(path => existsSync(path))
  if (there.length > 0)
    throw new CliError(
      there.map(path => `${path} exists already; init never overwrites`),
      2,
    )
  for (const { path, content, mode } of files) write(join(directory, path), content, mode, owner)
  return files.map(({ path }) => path)
}

function write(path: string, content: string, mode = 0o644, owner?: Account): void {
  const folder = dirname(path)
  try {
    const made = mkdirSync(folder, { recursive: true, ...(mode === 0o600 ? { mode: 0o700 } : {}) })
    writeFileSync(path, content, { mode, flag: 'wx' })
    if (owner) for (const one of made === undefined ? [path] : [folder, path]) chownSync(one, owner.uid, owner.gid)
  } catch (error) {
    throw new CliError(`${path} can't be written: ${(error as Error).message}`, 1)
  }
}

/** Relative where it lies below the working directory. */
function shortPath(cwd: string, path: string): string {
  const short = relative(cwd, path)
  return short.startsWith('..') ? path : short
}

function printNext(files: readonly string[], terminal: Terminal): void {
  const config = files.at(-1)
  // As we were called ourselves, so that the lines work when pasted.
  const command = terminal.env['npm_command'] === 'exec' ? 'npx namestead' : 'namestead'
  terminal.out(`${files.map(file => `wrote ${file}\n`).join('')}
Next:
  ${command} check --config ${config}
  ${command} serve --config ${config}
`)
}
