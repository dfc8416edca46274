import { join } from 'node:path'
import type { IssuerConfig } from '../config/ca-schema.ts'
import type { TokenKey } from '../config/pkcs11.ts'
import type { CaConfig } from '../config/schema.ts'
import { type AcmeDirectory, createDirectory } from './acme/directory.ts'
import type { Authority } from './authority.ts'
import type { CaDeps } from './deps.ts'
import { type CaFiles, openCaFiles } from './hierarchy/files.ts'
import { openHierarchy } from './hierarchy/hierarchy.ts'
import type { Tokens } from './hierarchy/tokens.ts'
import { createIssuance } from './issue/issue.ts'
import { longestValidity, type Profile } from './issue/profiles.ts'
import { createRevocation } from './revocation/revoke.ts'
import type { CaStore } from './store/store.ts'

/** One issuer with its directory. */
export interface Issuer {
  name: string
  staging: boolean
  authority: Authority
  directory: AcmeDirectory
  files: CaFiles
}

/** RFC 8659 §4.2: by these names CAA records mean us; unless said, by our own host. */
export function caaIdentities(config: CaConfig): string[] {
  return config.caa_identities ?? [new URL(config.url).hostname]
}

/** What signs: a hierarchy with the one door for issuing and the one for revoking. */
type Signing = Pick<Authority, 'hierarchy' | 'issuance' | 'revocation'> & { files: CaFiles }

/** Issuers without a root or intermediate of their own share one hierarchy; staging has its own, untrusted one. */
export async function openIssuers(
  deps: CaDeps,
  store: CaStore,
  tokens: Tokens,
  config: () => CaConfig,
): Promise<Issuer[]> {
  const issuers: Issuer[] = []
  let shared: Signing | undefined
  const preferred = () => config().preferred_chain
  for (const own of deps.config.issuers) {
    const settings = following(config, of => ({ ...of, ...defined(issuerIn(of, own.name) ?? {}) }))
    const profiles = () => settings().profiles
    const named = ownConfig(deps.config, own)
    const signing =
      own.root || own.intermediate
        ? await openSigning({ ...deps, tokens }, store, join('ca', own.name), named, profiles, preferred)
        : (shared ??= await openSigning(
            { ...deps, tokens },
            store,
            'ca',
            deps.config,
            () => everyProfile(config()),
            preferred,
          ))
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
    () => undefined,
  )
  return [...issuers, assemble(deps, store, { name: 'staging', plain: false, staging: true }, signing, config)]
}

function issuerIn({ issuers }: CaConfig, name: string): IssuerConfig | undefined {
  return issuers.find(issuer => issuer.name === name)
}

/** What is made of the config, once for each that comes. */
function following<Made>(config: () => CaConfig, make: (config: CaConfig) => Made): () => Made {
  let last: { config: CaConfig; made: Made } | undefined
  return () => {
    const now = config()
    if (last?.config !== now) last = { config: now, made: make(now) }
    return last.made
  }
}

/** An issuer's own over what all share. A token tells the keys of two hierarchies apart by their labels. */
function ownConfig(config: CaConfig, own: IssuerConfig): CaConfig {
  const { root, intermediate } = config
  const key = root.key && 'pkcs11' in root.key && !root.certificate ? root.key.pkcs11 : undefined
  const labelled = (one: TokenKey) => ({ ...one, object: `${one.object}-${own.name}` })
  const { former_roots: former, ...rest } = config
  return {
    ...rest,
    // They were before the root that all share.
    ...(!own.root && former && { former_roots: former }),
    root: own.root ?? (key ? { ...root, key: { pkcs11: labelled(key) } } : root),
    intermediate:
      own.intermediate ?? (intermediate.key ? { ...intermediate, key: labelled(intermediate.key) } : intermediate),
  }
}

/** Keys of its own, in files: what the config says of keys that are elsewhere is about those that are trusted. */
function stagingConfig(config: CaConfig): CaConfig {
  const { generate, validity } = config.root
  const { former_roots: _former, intermediate, ...rest } = config
  const { key: _key, ...inFiles } = intermediate
  return { ...rest, name: `${config.name} STAGING`, root: { generate, validity }, intermediate: inFiles }
}

/** The keys in tokens that the config names, of all issuers. */
export function tokenKeys({
  root,
  intermediate,
  issuers,
  record_key: record,
  former_roots: former = [],
}: CaConfig): TokenKey[] {
  const hierarchies = [{ root, intermediate }, ...issuers]
  const keys = hierarchies.flatMap(({ root, intermediate }) => [
    root?.key && 'pkcs11' in root.key ? root.key.pkcs11 : undefined,
    intermediate?.key,
  ])
  const formerKeys = former.map(({ key }) => (key && 'pkcs11' in key ? key.pkcs11 : undefined))
  return [...keys, ...formerKeys, record].filter(key => key !== undefined)
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
  preferred: () => string | undefined,
): Promise<Signing> {
  const { clock, random, log, tokens, tracer } = deps
  const { name, http_url: httpUrl, root, intermediate } = config
  const settings = {
    ...{ name, httpUrl, root, intermediate, passphrase: config.key_passphrase },
    ...{ formerRoots: config.former_roots, crossSign: config.cross_sign, preferredChain: preferred },
    longest: () => longestValidity(profiles()),
  }
  const files = await openCaFiles(join(deps.dataDir, folder))
  const hierarchy = await openHierarchy({ settings, files, store, clock, random, log, tokens })
  return {
    files,
    hierarchy,
    issuance: createIssuance({
      ...{ hierarchy, store, httpUrl, partitions: config.crl.partitions, clock, random, log },
      ...(tracer && { tracer }),
    }),
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
