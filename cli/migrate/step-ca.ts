import { X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import type { Written } from '../../config/kinds.ts'
import { type MigratedFile, type Migration, present } from './migration.ts'

/** What we read of a ca.json. */
interface StepConfig {
  root?: string | string[]
  crt?: string
  key?: string
  address?: string
  dnsNames?: string[]
  ssh?: unknown
  kms?: { type?: string }
  authority?: { provisioners?: Provisioner[]; policy?: unknown; claims?: Claims }
}

interface Claims {
  /** As Go prints durations: "24h0m0s". */
  defaultTLSCertDuration?: string
}

interface Provisioner {
  type: string
  name: string
  challenges?: string[]
  requireEAB?: boolean
  claims?: Claims
  policy?: unknown
}

/** The step directory's files. */
export interface StepFiles {
  /** A file's text; throws as `readFileSync` does. */
  read(path: string): string
  exists(path: string): boolean
  /** What its keys are encrypted with, where that was said. */
  passphrase?: string | undefined
}

/** Where our files of the root are, beside the configuration. */
const ROOT = 'ca/root.crt'
const ROOT_KEY = 'ca/root.key'
const PASSPHRASE = 'ca/passphrase'

/** Why other provisioners are left behind. */
const NOT_CARRIED = new Map(
  Object.entries({
    JWK: 'one-time tokens are not known: use ACME, or namestead ca issue',
    OIDC: 'certificates for people are out of scope',
    X5C: 'certificates by certificates are out of scope: use ACME',
    SSHPOP: 'SSH certificates are out of scope',
    K8SSA: 'tokens of Kubernetes are not known here: use ACME',
    SCEP: 'its devices must be told of another server',
    Nebula: 'Nebula is out of scope',
  }),
)

/**
 * Our configuration from the directory of a step-ca: its root goes on, so that nobody who trusts it needs to be told; an intermediate of our own takes the place of
 * its one. Throws Error where it is no such directory.
 */
export function migrateStepCa(directory: string, files: StepFiles): Migration {
  const file = join(directory, 'config', 'ca.json')
  const step = JSON.parse(files.read(file)) as StepConfig
  const lost: string[] = []
  const host = step.dnsNames?.[0] ?? 'localhost'
  const port = /:(\d+)$/.exec(step.address ?? '')?.[1] ?? '443'
  const provisioners = step.authority?.provisioners ?? []
  const acme = provisioners.filter(({ type }) => type.toUpperCase() === 'ACME')
  for (const { type, name } of provisioners.filter(one => !acme.includes(one)))
    lost.push(
      `provisioner ${name} (${type}): ${NOT_CARRIED.get(type) ?? NOT_CARRIED.get(type.toUpperCase()) ?? 'is not known here'}`,
    )
  if (step.ssh) lost.push('ssh: SSH certificates are out of scope')
  if (step.authority?.policy || provisioners.some(({ policy }) => policy))
    lost.push('policy: names that may be certified are listed in ca.issue: see what stands there')
  if (acme.length === 0) lost.push('there is no ACME provisioner: clients get certificates by ACME here')
  const kept = rootFiles(directory, step, files, lost)
  const encrypted = kept.some(({ path, content }) => path === ROOT_KEY && /ENCRYPTED/.test(content))
  if (encrypted) keepPassphrase(files, kept, lost)
  const ca = present({
    name: organizationOf(kept) ?? 'Migrated',
    url: `https://${host}${port === '443' ? '' : `:${port}`}`,
    root: kept.length > 0 ? rootOf(kept, lost) : undefined,
    key_passphrase: encrypted ? { file: PASSPHRASE } : undefined,
    ...issuersOf(step, acme, lost),
    accounts: acme.some(({ requireEAB }) => requireEAB) ? { external_binding: 'required' } : undefined,
    challenges: challengesOf(acme),
    issue: [{ names: [`**.${host.split('.').slice(1).join('.') || host}`], wildcards: true }],
  })
  lost.push(
    'the database: certificates that were issued stay valid, and their revocation is not known here; clients register new accounts',
    `ca.issue allows what is below ${host}: narrow or widen it`,
  )
  const config = {
    name: host,
    data_dir: './data',
    listen: { https: [`0.0.0.0:${port}`], http: ['0.0.0.0:80'] },
    views: [VIEW],
    ca,
  }
  return { config, files: kept, lost }
}

/** Challenges are looked up in a view, through resolvers that the operator names. */
const VIEW: Written = {
  name: 'validation',
  match: { clients: ['localhost'] },
  recursion: ['localhost'],
  forward: [{ zone: '.', to: ['9.9.9.9'] }],
}

const USUAL = '24h0m0s'

/** The profiles of all issuers, and of each ACME provisioner its own where it says so. */
function issuersOf(step: StepConfig, acme: readonly Provisioner[], lost: string[]) {
  const usual = step.authority?.claims?.defaultTLSCertDuration ?? USUAL
  const profiles = (said: string): Written => [{ name: 'default', validity: validityOf(said, lost) }]
  const own = acme.map(({ name, claims }): [string, Written] => {
    const said = claims?.defaultTLSCertDuration ?? usual
    return [name.replace(/[^\w-]/g, '-'), said === usual ? {} : { profiles: profiles(said) }]
  })
  const same = own.every(([, one]) => Object.keys(one as object).length === 0)
  return { issuers: same ? own.map(([name]) => name) : Object.fromEntries(own), profiles: profiles(usual) }
}

function validityOf(duration: string, lost: string[]): string {
  const minutes = minutesOf(duration)
  if (minutes === undefined) lost.push(`defaultTLSCertDuration ${duration} is not known here: see profiles`)
  return printMinutes(minutes ?? minutesOf(USUAL)!)
}

/** A duration as Go prints it, in whole minutes; undefined for what is none, or less than one. */
function minutesOf(duration: string): number | undefined {
  const [whole, hours = '0', minutes = '0', seconds = '0'] =
    /^(?:(\d{1,6})h)?(?:(\d{1,8})m)?(?:(\d{1,9})(?:\.\d+)?s)?$/.exec(duration) ?? []
  if (!whole) return undefined
  return Math.floor(Number(hours) * 60 + Number(minutes) + Number(seconds) / 60) || undefined
}

function printMinutes(minutes: number): string {
  return minutes % 60 === 0 ? `${minutes / 60}h` : `${minutes}m`
}

function challengesOf(acme: readonly Provisioner[]): string[] {
  const said = acme.flatMap(({ challenges }) => challenges ?? [])
  const known = ['dns-01', 'http-01', 'tls-alpn-01'].filter(type => said.length === 0 || said.includes(type))
  return known.length > 0 ? known : ['dns-01']
}

/** The paths in a ca.json are absolute, and those of the machine where it was made. */
function locate(directory: string, path: string, folder: string, files: StepFiles): string {
  const here = join(directory, folder, path.split('/').at(-1)!)
  return files.exists(here) ? here : path
}

function rootFiles(directory: string, { root, kms }: StepConfig, files: StepFiles, lost: string[]): MigratedFile[] {
  if (kms?.type && kms.type !== 'softkms') lost.push(`kms ${kms.type}: keys there stay there; give ca.root.key by hand`)
  const [path, ...others] = [root ?? []].flat()
  for (const other of others) lost.push(`root ${other}: one root goes on`)
  if (path === undefined) return []
  const found: MigratedFile[] = [{ path: ROOT, content: files.read(locate(directory, path, 'certs', files)) }]
  const key = join(directory, 'secrets', 'root_ca_key')
  if (files.exists(key)) found.push({ path: ROOT_KEY, content: files.read(key), secret: true })
  return found
}

function rootOf(kept: readonly MigratedFile[], lost: string[]): Written {
  if (!kept.some(({ path }) => path === ROOT_KEY))
    lost.push(`secrets/root_ca_key is not there: put the key of the root at ${ROOT_KEY}, or say ca.root.key: offline`)
  return { certificate: { file: ROOT }, key: { file: ROOT_KEY } }
}

/** The passphrase goes into a file of its own, which ca.key_passphrase names. */
function keepPassphrase({ passphrase }: StepFiles, kept: MigratedFile[], lost: string[]): void {
  if (passphrase !== undefined) kept.push({ path: PASSPHRASE, content: `${passphrase}\n`, secret: true })
  else
    lost.push(
      `the key of the root is encrypted: put its passphrase into ${PASSPHRASE}, or say --passphrase-file, for ca.key_passphrase`,
    )
}

function organizationOf([root]: readonly MigratedFile[]): string | undefined {
  if (!root) return undefined
  const subject = new X509Certificate(root.content).subject
  return /^O=(.+)$/m.exec(subject)?.[1] ?? /^CN=(.+)$/m.exec(subject)?.[1]?.replace(/ Root CA$/, '')
}
