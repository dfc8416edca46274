import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import type { TokenKey } from '../config/pkcs11.ts'
import type { CaConfig } from '../config/schema.ts'
import type { Name } from '../dns/name.ts'
import type { ResourceRecord } from '../dns/record.ts'
import type { Clock, Timer } from '../host/clock.ts'
import type { Database } from '../host/database.ts'
import { fetchText } from '../host/fetch-text.ts'
import type { Log } from '../host/log.ts'
import type { Network } from '../host/network.ts'
import type { Random } from '../host/random.ts'
import { type Affairs, createAffairs } from './affairs.ts'
import { approvalCommands } from './approval-commands.ts'
import type { Authority } from './authority.ts'
import { createCaaChecker } from './caa.ts'
import type { Lookup } from './challenges/challenge.ts'
import type { CaCommands } from './command.ts'
import { createCommands } from './commands.ts'
import { type AcmeDirectory, createDirectory } from './directory.ts'
import { type CaFiles, openCaFiles } from './files.ts'
import type { Habits } from './habits.ts'
import { openHierarchy } from './hierarchy.ts'
import { inquiryCommands } from './inquiry-commands.ts'
import { createInventory, type Inventory } from './inventory.ts'
import { createIssuance } from './issue.ts'
import { createKey, loadKey } from './keystore.ts'
import { longestValidity, type Profile } from './profiles.ts'
import { admissionPublications, statusPublications, stepPublications, trustPublications } from './publications.ts'
import { recordCommands } from './record/commands.ts'
import type { DnsChange, RecordEntry } from './record/entry.ts'
import { notePolicy } from './record/policy.ts'
import { type CaRecord, createRecord } from './record/record.ts'
import { createRevocation } from './revoke.ts'
import { acmeRoutes, publicRoutes } from './routes.ts'
import { createServerCertificates, type ServerCertificate } from './server-certificate.ts'
import { type CaStore, createCaStore } from './store.ts'
import { issueSubordinate } from './subordinate.ts'
import { createTokens } from './token-signer.ts'
import type { Tokens } from './tokens.ts'
import { trustedRoots } from './trust.ts'
import type { FetchText } from './vault/logins.ts'
import { vaultRoutes } from './vault/routes.ts'

/** What the CA needs of the daemon. */
export interface CaDeps {
  config: CaConfig
  dataDir: string
  /** On which CA_MIGRATIONS have been run. */
  database: Database
  clock: Clock
  random: Random
  log: Log
  lookup: Lookup
  network: Pick<Network, 'connect'>
  /** Fetches the keys of a Kubernetes cluster; left out: over HTTPS. */
  fetchText?: FetchText
  /** The change of a zone of ours by which a record came into being; left out where nobody knows. */
  provenance?: (record: ResourceRecord) => Promise<DnsChange | undefined>
  /** Whether the holder of a TSIG key may write this very name in the view where challenges are looked up; left out: nobody. */
  mayWrite?: (key: Name, name: Name) => boolean
  /** Bad habits, for trying clients out; left out: none. */
  habits?: Habits
}

/** The certificate authority, whole. */
export interface Ca {
  /** ACME and what the step CLI asks, on the HTTPS listener. */
  registerHttps(app: FastifyInstance): void
  /** CRLs, OCSP and CA certificates, on the plain listener. */
  registerHttp(app: FastifyInstance): void
  readonly commands: CaCommands
  readonly inventory: Inventory
  /** The CA certificates that matter now, and when they end (milliseconds since 1970). */
  authorities(): { issuer: string; role: 'root' | 'intermediate'; notAfter: number }[]
  /** Puts something into the record that others did, at this moment. */
  note(entry: Omit<RecordEntry, 'at'>): void
  /** What it knows of a name, by the first issuer's rules. */
  readonly affairs: Affairs
  /** Our own certificate for these host names and addresses, from the first issuer, and watched from then on. */
  serverCertificate(hosts: readonly string[]): Promise<ServerCertificate | undefined>
  /** Called with every renewal of our own certificate. */
  onServerCertificate(listener: (renewed: ServerCertificate) => void): void
  /** SHA-256 of the first issuer's root in hex, for a human to compare. */
  readonly rootFingerprint: string
  /** Takes new rules and profiles over at once; names the keys below `ca` whose change needs a restart. */
  reload(config: CaConfig): string[]
  /** Signs CRLs, takes up what a stop left in the middle, and cleans up from then on. */
  start(): Promise<void>
  close(): void
}

/** One issuer with its directory. */
interface Issuer {
  name: string
  staging: boolean
  authority: Authority
  directory: AcmeDirectory
  files: CaFiles
}

const HOUR = 3_600_000
/** What a reload takes over at once. */
const RELOADED: ReadonlySet<string> = new Set(['issue', 'reserved', 'profiles', 'vault', 'former_roots'])
/** Rows of each kind that go in one commit of the clean-up. */
const SWEEP = 500

/** Opens the CA: keys and certificates are loaded, or made where there are none. */
export async function createCa(deps: CaDeps): Promise<Ca> {
  const { clock, log } = deps
  const store = createCaStore(deps.database)
  /** Replaced by a reload; whoever needs rules or profiles asks for them each time. */
  let config = deps.config
  const tokens = createTokens(tokenKeys(config), deps.random)
  const issuers = await openIssuers(deps, store, tokens, () => config)
  const unique = <Part>(part: (authority: Authority) => Part) =>
    new Set(issuers.map(({ authority }) => part(authority)))
  const inventory = createInventory(store, clock)
  const authorityOf = (id: string) =>
    issuers
      .map(({ authority: { hierarchy } }) => ({ root: hierarchy.root, found: hierarchy.find(id) }))
      .find(one => one.found)
  const trusted = issuers.filter(({ staging }) => !staging).map(({ authority }) => authority.hierarchy.root.pem)
  const roots = () => trustedRoots([...trusted, ...(config.former_roots ?? [])])
  const record = await openRecord(deps, store, tokens)
  const own = createServerCertificates({ ...deps, ...issuers[0]!.authority, files: issuers[0]!.files })
  let timer: Timer | undefined

  const sweep = async () => {
    try {
      const { certificates, record: lines } = config.keep
      while ((await store.removeExpired(clock.now(), SWEEP)) >= SWEEP);
      while ((await store.forgetCertificates(clock.now() - certificates, SWEEP)) >= SWEEP);
      while ((await store.forgetEntries(clock.now() - lines, SWEEP)) >= SWEEP);
    } catch (error) {
      log.warn({ err: error }, 'what is over could not be removed; tried again in an hour')
    }
    timer = clock.after(HOUR, sweep)
  }

  return {
    registerHttps(app) {
      const origin = config.url.replace(/\/+$/, '')
      for (const { directory } of issuers) acmeRoutes(app, directory, origin, log)
      const requireEab = config.accounts.external_binding === 'required'
      const { authority } = issuers[0]!
      publicRoutes(app, [
        ...trustPublications(issuers, roots),
        ...stepPublications(issuers, requireEab),
        ...(config.admission ? admissionPublications(authority) : []),
      ])
      vaultRoutes(app, {
        fetchText,
        ...deps,
        config: () => config.vault,
        authority,
        sign: request =>
          issueSubordinate({ ...deps, store, hierarchy: authority.hierarchy, httpUrl: config.http_url }, request),
      })
    },
    registerHttp: app => publicRoutes(app, [...trustPublications(issuers, roots), ...statusPublications(issuers)]),
    commands: {
      ...createCommands({
        ...deps,
        name: config.name,
        store,
        roots,
        inventory,
        issuers: issuers.map(issuer => ({ ...issuer, directory: issuer.directory.urls.directory })),
      }),
      ...approvalCommands({ store, clock, log }),
      ...recordCommands({ record, store }),
      ...inquiryCommands({ store, clock, authorityOf }),
    },
    inventory,
    authorities: () =>
      issuers.flatMap(({ name, authority: { hierarchy } }) => {
        const standing = hierarchy.standing()
        const root = { issuer: name, role: 'root' as const, notAfter: hierarchy.root.notAfter }
        return standing ? [root, { issuer: name, role: 'intermediate' as const, notAfter: standing.notAfter }] : [root]
      }),
    note: entry =>
      void store
        .append({ ...entry, at: clock.now() } as RecordEntry)
        .catch(error => log.error({ err: error }, 'a line is missing in the record')),
    affairs: createAffairs({
      ...deps,
      store,
      caa: createCaaChecker({ ...deps, identities: caaIdentities(config) }),
      policy: issuers[0]!.authority.policy,
    }),
    serverCertificate: hosts => own.open(hosts),
    onServerCertificate: listener => own.onRenewal(listener),
    rootFingerprint: issuers[0]!.authority.hierarchy.root.fingerprint,
    reload(next) {
      const fixed = Object.keys(next).filter(key => !RELOADED.has(key)) as (keyof CaConfig)[]
      const changed = fixed.filter(key => JSON.stringify(next[key]) !== JSON.stringify(deps.config[key]))
      config = next
      void notePolicy(store, config, clock.now()).catch(error =>
        log.error({ err: error }, 'the record lacks a change of policy'),
      )
      return changed.map(key => `ca.${key}`)
    },
    async start() {
      for (const revocation of unique(authority => authority.revocation)) await revocation.start()
      await notePolicy(store, config, clock.now())
      for (const { directory } of issuers) await directory.resume()
      await record.start()
      await sweep()
    },
    close() {
      timer?.cancel()
      record.close()
      own.close()
      for (const { directory } of issuers) directory.close()
      for (const revocation of unique(authority => authority.revocation)) revocation.close()
      for (const hierarchy of unique(authority => authority.hierarchy)) hierarchy.close()
      void tokens.close()
    },
  }
}

/** The record, with the key that signs its heads. */
async function openRecord({ dataDir, config, clock, log }: CaDeps, store: CaStore, tokens: Tokens): Promise<CaRecord> {
  const files = await openCaFiles(join(dataDir, 'ca'))
  const signer =
    (await loadKey(files, 'record.key', { tokens })) ??
    (await createKey(files, 'record.key', 'ecdsa-p256', { tokens }, config.record_key))
  return createRecord({ store, signer, clock, log })
}

/** RFC 8659 §4.2: by these names CAA records mean us; unless said, by our own host. */
function caaIdentities(config: CaConfig): string[] {
  return config.caa_identities ?? [new URL(config.url).hostname]
}

/** What signs: a hierarchy with the one door for issuing and the one for revoking. */
type Signing = Pick<Authority, 'hierarchy' | 'issuance' | 'revocation'> & { files: CaFiles }

/** Issuers without a root or intermediate of their own share one hierarchy; staging has its own, untrusted one. */
async function openIssuers(deps: CaDeps, store: CaStore, tokens: Tokens, config: () => CaConfig): Promise<Issuer[]> {
  const issuers: Issuer[] = []
  let shared: Signing | undefined
  for (const own of deps.config.issuers) {
    const settings = () => ({ ...config(), ...defined(config().issuers.find(({ name }) => name === own.name) ?? {}) })
    const profiles = () => settings().profiles
    const named = { ...deps.config, ...defined(own), name: deps.config.name }
    const signing =
      own.root || own.intermediate
        ? await openSigning({ ...deps, tokens }, store, join('ca', own.name), named, profiles)
        : (shared ??= await openSigning({ ...deps, tokens }, store, 'ca', deps.config, () => everyProfile(config())))
    issuers.push(
      assemble(deps, store, { name: own.name, plain: issuers.length === 0, staging: false }, signing, settings),
    )
  }
  if (!deps.config.staging) return issuers
  const signing = await openSigning(
    deps,
    store,
    join('ca', 'staging'),
    stagingConfig(deps.config),
    () => config().profiles,
  )
  return [...issuers, assemble(deps, store, { name: 'staging', plain: false, staging: true }, signing, config)]
}

/** Keys of its own, in files: what the config says of keys that are elsewhere is about those that are trusted. */
function stagingConfig(config: CaConfig): CaConfig {
  const { generate, validity } = config.root
  const intermediate = { ...config.intermediate }
  delete intermediate.key
  return { ...config, name: `${config.name} STAGING`, root: { generate, validity }, intermediate }
}

/** The keys in tokens that the config names, of all issuers. */
function tokenKeys({ root, intermediate, issuers, record_key: record }: CaConfig): TokenKey[] {
  const hierarchies = [{ root, intermediate }, ...issuers]
  const keys = hierarchies.flatMap(({ root, intermediate }) => [
    root?.key && 'pkcs11' in root.key ? root.key.pkcs11 : undefined,
    intermediate?.key,
  ])
  return [...keys, record].filter(key => key !== undefined)
}

/** Those of the CA and of every issuer: issuers that share a hierarchy may have profiles of their own. */
function everyProfile({ profiles, issuers }: CaConfig): readonly Profile[] {
  return [...profiles, ...issuers.flatMap(issuer => issuer.profiles ?? [])]
}

async function openSigning(
  deps: CaDeps & { tokens?: Tokens },
  store: CaStore,
  folder: string,
  config: CaConfig,
  profiles: () => readonly Profile[],
): Promise<Signing> {
  const { clock, random, log, tokens } = deps
  const { name, http_url: httpUrl, root, intermediate } = config
  const settings = {
    ...{ name, httpUrl, root, intermediate, passphrase: config.key_passphrase },
    longest: () => longestValidity(profiles()),
  }
  const files = await openCaFiles(join(deps.dataDir, folder))
  const hierarchy = await openHierarchy({ settings, files, store, clock, random, log, tokens })
  return {
    files,
    hierarchy,
    issuance: createIssuance({ hierarchy, store, httpUrl, partitions: config.crl.partitions, clock, random, log }),
    revocation: createRevocation({ hierarchy, store, httpUrl, crl: config.crl, clock, random, log }),
  }
}

function assemble(
  deps: CaDeps,
  store: CaStore,
  { name, plain, staging }: { name: string; plain: boolean; staging: boolean },
  signing: Signing,
  settings: () => Pick<CaConfig, 'issue' | 'reserved' | 'profiles'>,
): Issuer {
  const { hierarchy, issuance, revocation } = signing
  const authority: Authority = {
    hierarchy,
    issuance,
    revocation,
    profiles: () => settings().profiles,
    policy: () => ({
      rules: settings().issue,
      reserved: settings().reserved,
      ...(deps.mayWrite && { mayWrite: deps.mayWrite }),
    }),
  }
  const directory = createDirectory({
    ...deps,
    issuer: name,
    plain,
    authority,
    caaIdentities: caaIdentities(deps.config),
    store,
  })
  return { name, staging, authority, directory, files: signing.files }
}

/** Without the members that are undefined, so that they don't hide those they are laid over. */
function defined<T extends object>(value: T): Partial<T> {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as Partial<T>
}
