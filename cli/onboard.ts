import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Command } from 'commander'
import { addressBytes, parsePrefix } from '../config/address.ts'
import { editConfig, type ListEdit } from '../config/edit.ts'
import { parseConfig } from '../config/load.ts'
import { matchesPattern } from '../config/pattern.ts'
import type { Config } from '../config/schema.ts'
import { printConfigError } from '../config/source.ts'
import { parseName, printName } from '../dns/name.ts'
import { findConfigFile, readConfig } from './config-file.ts'
import { CliError } from './errors.ts'
import { ownAddress } from './first-questions.ts'
import { createKey, printKey } from './keygen.ts'
import { type Onboarded, printOnboarded } from './onboard-manifests.ts'
import { ask, type OnlineOptions, online, printJson } from './online.ts'
import type { Terminal } from './terminal.ts'

interface OnboardOptions extends OnlineOptions {
  view?: string
  zone?: string
  domain?: string
  from?: string
  server?: string
}

/** `onboard`: all that a new cluster needs from us, made here and printed for there. */
export function addOnboard(program: Command, terminal: Terminal): void {
  online(program.command('onboard').description('let a new cluster in: keys and rules here, manifests for there'))
    .argument('<cluster>', 'its name: letters, digits and -')
    .option('--view <view>', 'the view it works in; left out: the first with a dynamic zone')
    .option('--zone <zone>', 'the zone it works in; left out: the first dynamic one of the view')
    .option('--domain <name>', 'the names that are its own: this and all below; left out: CLUSTER.ZONE')
    .option('--from <blocks>', 'the addresses that its updates come from, as 10.0.20.0/24; left out: any')
    .option('--server <ip>', 'our address as the cluster reaches it; left out: the first of this machine')
    .action(async (cluster: string, options: OnboardOptions) => {
      const file = findConfigFile(options.config, terminal)
      const plan = planFor(cluster, readConfig(file, terminal), options)
      takeIn(file, plan)
      const reloaded = await ask('reload', {}, options, terminal).then(
        () => true,
        error => takeBack(file, plan, error),
      )
      const roots = reloaded && plan.acme !== undefined ? await ask('ca.roots', {}, options, terminal) : []
      const caBundle = roots.map(({ certificate }) => certificate).join('')
      if (!reloaded)
        terminal.err('warning: no daemon runs: it takes this over when it starts; run this again for the CA bundle\n')
      if (options.json) printJson({ ...plan, edits: undefined, ca_bundle: caBundle }, terminal)
      else terminal.out(printOnboarded(plan, caBundle))
    })
}

/** What is to be done here, and what the manifests say. */
interface Plan extends Onboarded {
  edits: ListEdit[]
  /** Files of keys, by their path relative to the config. */
  files: Record<string, string>
  /** The config as it was. */
  before?: string
}

function planFor(cluster: string, config: Config, options: OnboardOptions): Plan {
  if (!/^[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?$/.test(cluster))
    throw new CliError(`"${cluster}" is not a name for a cluster: small letters, digits and -`, 2)
  const { view, zone, at } = placeFor(config, options)
  const domain = (options.domain ?? `${cluster}.${zone}`).replace(/\.$/, '')
  if (domain !== zone && !domain.endsWith(`.${zone}`)) throw new CliError(`${domain} is not in the zone ${zone}`, 2)
  const server = options.server ?? ownAddress()
  if (!addressBytes(server)) throw new CliError(`"${server}" is not an IP address`, 2)
  const from = options.from?.split(',').map(text => text.trim())
  for (const block of from ?? [])
    if (!parsePrefix(block)) throw new CliError(`"${block}" is not a block of addresses`, 2)
  const keys = [`${cluster}-externaldns`, `${cluster}-certmanager`].map(name => createKey(name)) as Onboarded['keys']
  for (const { name } of keys)
    if (config.keys.some(key => printName(key.name) === `${name}.`))
      throw new CliError(`the key ${name} is there already`, 2)
  const file = (name: string) => `keys/${name}.key`
  return {
    ...{ cluster, view, zone, domain, server, keys },
    port: config.listen.dns[0]?.port ?? 53,
    ...(config.ca && { acme: `${config.ca.url}/acme/directory` }),
    files: Object.fromEntries(keys.map(key => [file(key.name), printKey(key)])),
    edits: [...keyEdits(keys, file, at), ...ruleEdits(keys, domain, from, at), ...issueEdits(config, domain)],
  }
}

type At = readonly [string, number, string, number]

function placeFor(config: Config, options: OnboardOptions): { view: string; zone: string; at: At } {
  for (const [i, view] of config.views.entries()) {
    if (options.view !== undefined && options.view !== view.name) continue
    for (const [j, zone] of view.zones.entries()) {
      const name = printName(zone.name).slice(0, -1)
      if (options.zone !== undefined && printName(parseName(options.zone)) !== `${name}.`) continue
      if (zone.type === 'primary' && zone.dynamic) return { view: view.name, zone: name, at: ['views', i, 'zones', j] }
    }
  }
  throw new CliError('no dynamic zone fits: a cluster needs one that takes its updates', 2)
}

function keyEdits(keys: Onboarded['keys'], file: (name: string) => string, [views, view]: At): ListEdit[] {
  return keys.flatMap(({ name, algorithm }) => [
    { path: ['keys'], item: { name, algorithm, secret: { file: file(name) } } },
    { path: [views, view, 'match', 'keys'], item: name },
  ])
}

/** Records of services and their registry, and the texts of challenges; each key changes only what it made itself. */
function ruleEdits([dns, acme]: Onboarded['keys'], domain: string, from: string[] | undefined, at: At): ListEdit[] {
  const where = from ? { from } : {}
  const records = { key: dns.name, names: [`**.${domain}.`], types: ['A', 'AAAA', 'CNAME', 'TXT'] }
  const challenges = { key: acme.name, names: [`_acme-challenge.**.${domain}.`], types: ['TXT'] }
  return [
    { path: [...at, 'update'], item: { ...records, ...where, own: true } },
    { path: [...at, 'update'], item: { ...challenges, ...where, own: true } },
    { path: [...at, 'transfer'], item: { key: dns.name, ...where } },
  ]
}

/** A rule of the CA, where none covers the names yet. */
function issueEdits({ ca }: Config, domain: string): ListEdit[] {
  if (!ca) return []
  const sample = parseName(`app.${domain}`)
  if (ca.issue.some(({ names }) => names.some(pattern => matchesPattern(pattern, sample)))) return []
  return [{ path: ['ca', 'issue'], item: { names: [`**.${domain}`], wildcards: true } }]
}

/** Writes keys and config, or nothing: the config is checked before it takes the place of the old one. */
function takeIn(file: string, plan: Plan): void {
  const base = dirname(file)
  const paths = Object.keys(plan.files).map(path => join(base, path))
  const there = paths.find(path => existsSync(path))
  if (there) throw new CliError(`${there} exists already`, 2)
  plan.before = readFileSync(file, 'utf8')
  const text = editConfig(plan.before, plan.edits)
  for (const [path, content] of Object.entries(plan.files)) {
    mkdirSync(dirname(join(base, path)), { recursive: true, mode: 0o700 })
    writeFileSync(join(base, path), content, { mode: 0o600, flag: 'wx' })
  }
  const { errors } = parseConfig(text, file)
  if (errors.length > 0) {
    for (const path of paths) rmSync(path)
    throw new CliError(errors.map(printConfigError), 2)
  }
  replaceFile(file, text)
}

function replaceFile(file: string, text: string): void {
  writeFileSync(`${file}.new`, text, { flush: true })
  renameSync(`${file}.new`, file)
}

/** False where no daemon runs; what one refuses is undone, and thrown. */
function takeBack(file: string, plan: Plan, error: unknown): false {
  if (error instanceof CliError && error.lines.some(line => line.startsWith('no daemon answers'))) return false
  replaceFile(file, plan.before!)
  for (const path of Object.keys(plan.files)) rmSync(join(dirname(file), path))
  throw error
}
