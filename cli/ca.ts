import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { Argument, type Command, Option } from 'commander'
import { reasonOf } from '../config/secret.ts'
import { addApprovals } from './ca-approvals.ts'
import { addBindings } from './ca-bindings.ts'
import { addEnrolments } from './ca-enrolments.ts'
import { addExpiring } from './ca-expiring.ts'
import { addImport } from './ca-import.ts'
import { authority, issuerOf, issuing } from './ca-issuer.ts'
import { addRecord } from './ca-record.ts'
import { TEXT_FORMATS, TRUST_FORMATS, type TrustFormat, writeTrustStore } from './ca-roots.ts'
import { CliError } from './errors.ts'
import { ask, type OnlineOptions, online, printJson } from './online.ts'
import type { IssuedCertificate, Replies } from './replies.ts'
import { facts, type Terminal, table } from './terminal.ts'

interface CaOptions extends OnlineOptions {
  profile?: string
  issuer?: string
  out?: string
  reason?: string
}

/** RFC 5280 §5.3.1, less what no CA of ours uses. */
const REASONS = [
  'unspecified',
  'keyCompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'privilegeWithdrawn',
]

/** `ca …`: the certificate authority of the running daemon. */
export function addCa(program: Command, terminal: Terminal): void {
  const ca = program.command('ca').description('the certificate authority of the running daemon')
  addShow(ca, terminal)
  addRoots(ca, terminal)
  addIssue(ca, terminal)
  addSign(ca, terminal)
  addRevoke(ca, terminal)
  addList(ca, terminal)
  addRenewal(ca, terminal)
  addRootRenewal(ca, terminal)
  addImport(ca, terminal)
  addBindings(ca, terminal)
  addEnrolments(ca, terminal)
  addExpiring(ca, terminal)
  addApprovals(ca, terminal)
  addRecord(ca, terminal)
}

function addShow(ca: Command, terminal: Terminal): void {
  online(ca.command('show').description('the CA at a glance')).action(async (options: CaOptions) => {
    const shown = await ask('ca.show', {}, options, terminal)
    if (options.json) return printJson(shown, terminal)
    terminal.out(
      facts([
        ['name', shown.name],
        ['directory', shown.directory],
        ...authority('root', shown.root),
        ...others(shown),
        ...(shown.intermediate ? authority('intermediate', shown.intermediate) : [NO_INTERMEDIATE]),
        ['profiles', shown.profiles.join(', ')],
        ['certificates', `${shown.active} valid`],
      ]),
    )
  })
}

/** Roots before it that are still to be trusted, and what leads from root to root. */
function others({ issuers = [] }: Partial<Replies['ca.show']>): [string, string][] {
  const [first] = issuers
  const former = (first?.roots ?? []).slice(1).flatMap(root => authority('former root', root))
  const cross = (first?.cross_certificates ?? []).map(({ subject, issuer, not_after }): [string, string] => [
    'cross certificate',
    `${subject}, signed by ${issuer}, until ${not_after}`,
  ])
  return [...former, ...cross]
}

/** The root's key is offline. */
const NO_INTERMEDIATE: [string, string] = [
  'intermediate',
  'none yet: have the request in data_dir/ca signed by the root, then "ca import"',
]

function addRoots(ca: Command, terminal: Terminal): void {
  online(ca.command('roots').description('the root certificates, as what has to trust them reads it'))
    .addOption(new Option('--format <format>', 'the format').choices(TRUST_FORMATS).default('pem'))
    .option('--out <file>', 'where to write it; - is stdout; left out: stdout for text, roots.FORMAT for the others')
    .option('--password <password>', 'of a p12 or jks; it guards against damage, there is no secret inside', 'changeit')
    .action(async (options: CaOptions & { format: TrustFormat; password: string }) => {
      const roots = await ask('ca.roots', {}, options, terminal)
      if (options.json) return printJson(roots, terminal)
      const bytes = await writeTrustStore(options.format, roots, options.password, Date.now())
      const isText = TEXT_FORMATS.has(options.format)
      const out = options.out ?? (isText ? '-' : `roots.${options.format}`)
      if (out === '-') return terminal.out(isText ? Buffer.from(bytes).toString() : bytes)
      writeNew(resolve(terminal.cwd, out), bytes, 0o644, 'w')
      terminal.out(`${out}: ${roots.map(root => `${root.subject}, SHA-256 ${root.sha256}`).join('; ')}\n`)
    })
}

function addIssue(ca: Command, terminal: Terminal): void {
  issuing(online(ca.command('issue').description('make a key and its certificate, for when no ACME client is at hand')))
    .addArgument(new Argument('<name...>', 'the names it is for'))
    .option('--profile <profile>', 'which profile of the config; left out: the first')
    .option('--out <dir>', 'where NAME.crt and NAME.key go; left out: both to stdout')
    .action(async (names: string[], options: CaOptions) => {
      const base = options.out === undefined ? undefined : basePath(names[0]!, resolve(terminal.cwd, options.out))
      if (base !== undefined) for (const end of ['key', 'crt']) makeRoom(`${base}.${end}`)
      const issued = await ask('ca.issue', { names, ...profileOf(options) }, options, terminal)
      if (base !== undefined) saveIssued(base, issued)
      if (options.json) printJson(issued, terminal)
      else if (base === undefined) terminal.out(`${issued.certificate}${issued.key}`)
      else terminal.out(`${base}.crt and ${base}.key: ${summary(issued)}\n`)
    })
}

function basePath(name: string, folder: string): string {
  return resolve(folder, name.replace(/^\*/, '_').replace(/[^\w.-]/g, '_'))
}

/** Before anything is issued: the folder is there, and the file is not. */
function makeRoom(file: string): void {
  if (existsSync(file)) throw new CliError(`${file}: it exists already and is not overwritten`, 1)
  try {
    mkdirSync(dirname(file), { recursive: true })
  } catch (error) {
    throw new CliError(`${dirname(file)} can't be made: ${reasonOf(error)}`, 1)
  }
}

function saveIssued(base: string, issued: Replies['ca.issue']): void {
  writeNew(`${base}.key`, issued.key, 0o600)
  writeNew(`${base}.crt`, issued.certificate, 0o644)
}

function summary({ serial, not_after }: IssuedCertificate): string {
  return `serial ${serial}, valid until ${not_after}`
}

function addSign(ca: Command, terminal: Terminal): void {
  issuing(online(ca.command('sign').description('certify the key of a request (CSR) in PEM')))
    .addArgument(new Argument('<csr>', 'the file'))
    .option('--profile <profile>', 'which profile of the config; left out: the first')
    .option('--out <file>', 'where the chain goes; left out: stdout')
    .action(async (file: string, options: CaOptions) => {
      const csr = readText(resolve(terminal.cwd, file))
      if (options.out !== undefined) makeRoom(resolve(terminal.cwd, options.out))
      const issued = await ask('ca.sign', { csr, ...profileOf(options) }, options, terminal)
      if (options.json) return printJson(issued, terminal)
      if (options.out === undefined) return terminal.out(issued.certificate)
      writeNew(resolve(terminal.cwd, options.out), issued.certificate, 0o644)
      terminal.out(`${options.out}: ${summary(issued)}\n`)
    })
}

function addRevoke(ca: Command, terminal: Terminal): void {
  online(ca.command('revoke').description('revoke a certificate; CRL and OCSP say so from then on'))
    .addArgument(new Argument('[serial-or-file]', 'its serial in hex, or a file with it in PEM'))
    .addOption(new Option('--reason <reason>', 'why').choices(REASONS).default('unspecified'))
    .option('--where <terms...>', 'instead, all that stand with account=ID, name=PATTERN, key=SHA256, profile=NAME')
    .option('--dry-run', 'with --where: only say which')
    .action(async (what: string | undefined, options: CaOptions & WhereOptions) => {
      if (options.where !== undefined) return revokeWhere(options, terminal)
      if (what === undefined) throw new CliError('say which certificate, or --where', 2)
      const file = resolve(terminal.cwd, what)
      const bySerial = isSerial(what) && !existsSync(file)
      const which = bySerial ? { serial: plainSerial(what) } : { certificate: readText(file) }
      const revoked = await ask('ca.revoke', { ...which, reason: options.reason }, options, terminal)
      if (options.json) printJson(revoked, terminal)
      else terminal.out(`${revoked.serial} revoked at ${revoked.revoked_at} (${revoked.reason})\n`)
    })
}

interface WhereOptions {
  where?: string[]
  dryRun?: boolean
}

async function revokeWhere(options: CaOptions & WhereOptions, terminal: Terminal): Promise<void> {
  const terms = options.where!.map(term => /^(\w+)=(.+)$/.exec(term)?.slice(1) ?? [term, undefined])
  const bad = terms.find(([, value]) => value === undefined)
  if (bad) throw new CliError(`"${bad[0]}": expected TERM=VALUE`, 2)
  const where = Object.fromEntries(terms)
  const dryRun = options.dryRun === true
  const revoked = await ask('ca.revoke.where', { where, reason: options.reason, dry_run: dryRun }, options, terminal)
  if (options.json) return printJson(revoked, terminal)
  const rows = revoked.map(one => [one.serial, one.not_after, one.names.join(' ')])
  terminal.out(table(['SERIAL', 'UNTIL', 'NAMES'], rows))
  terminal.out(`${revoked.length} ${dryRun ? 'would be revoked' : `revoked (${options.reason})`}\n`)
}

function isSerial(text: string): boolean {
  return /^(0x)?[0-9a-f]{2}(:?[0-9a-f]{2}){0,19}$/i.test(text)
}

function plainSerial(text: string): string {
  return text.replace(/^0x|:/gi, '').toLowerCase()
}

function addList(ca: Command, terminal: Terminal): void {
  online(ca.command('list').description('what was issued and still holds'))
    .option('--all', 'what expired or was revoked, too')
    .option('--name <name>', 'only what certifies this name')
    .action(async (options: CaOptions & { all?: boolean; name?: string }) => {
      const { all, name } = options
      const certificates = await ask('ca.list', { ...(all && { all }), ...(name && { name }) }, options, terminal)
      if (options.json) return printJson(certificates, terminal)
      const rows = certificates.map(one => [one.serial, one.status, one.not_after, one.profile, one.names.join(' ')])
      terminal.out(table(['SERIAL', 'STATUS', 'UNTIL', 'PROFILE', 'NAMES'], rows))
    })
}

function addRenewal(ca: Command, terminal: Terminal): void {
  issuing(online(ca.command('renew-intermediate').description('make the next intermediate now'))).action(
    async (options: CaOptions) => {
      const made = await ask('ca.renew-intermediate', issuerOf(options), options, terminal)
      if (options.json) printJson(made, terminal)
      else terminal.out(facts(authority('intermediate', made)))
    },
  )
}

function addRootRenewal(ca: Command, terminal: Terminal): void {
  issuing(
    online(ca.command('renew-root').description('make the next root now; the one so far signs it, and stays trusted')),
  )
    .option('--distrust', 'the root so far is compromised: it signs nothing any more, and is no longer handed out')
    .action(async (options: CaOptions & { distrust?: boolean }) => {
      const args = { ...issuerOf(options), ...(options.distrust && { distrust: true }) }
      const made = await ask('ca.renew-root', args, options, terminal)
      if (options.json) printJson(made, terminal)
      else terminal.out(facts(authority('root', made)))
    })
}

function profileOf(options: CaOptions): { profile?: string; issuer?: string } {
  const { profile } = options
  return { ...issuerOf(options), ...(profile === undefined ? {} : { profile }) }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new CliError(`${file}: ${reasonOf(error)}`, 2)
  }
}

function writeNew(file: string, content: string | Uint8Array, mode: number, flag = 'wx'): void {
  try {
    writeFileSync(file, content, { mode, flag })
  } catch (error) {
    const exists = (error as NodeJS.ErrnoException).code === 'EEXIST'
    throw new CliError(`${file}: ${exists ? 'it exists already and is not overwritten' : reasonOf(error)}`, 1)
  }
}
