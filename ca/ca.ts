import { join } from 'node:path'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { CaConfig } from '../config/schema.ts'
import type { Timer } from '../host/clock.ts'
import { fetchText } from '../host/fetch.ts'
import type { ShownCertificate } from '../host/network.ts'
import { acmeRoutes, publicRoutes } from './acme/routes.ts'
import { type Affairs, createAffairs } from './affairs.ts'
import { approvalCommands } from './approval-commands.ts'
import type { Authority } from './authority.ts'
import type { CaCommands } from './command.ts'
import { createCommands } from './commands.ts'
import type { CaDeps } from './deps.ts'
import { enrolmentCommands } from './enrolment/commands.ts'
import { createEnrolments } from './enrolment/enrolments.ts'
import { openEst } from './est/est.ts'
import { estRoutes } from './est/routes.ts'
import type { CaCertificate } from './hierarchy/ca-certificate.ts'
import { openCaFiles } from './hierarchy/files.ts'
import type { Hierarchy } from './hierarchy/hierarchy.ts'
import { createKey, loadKey } from './hierarchy/keystore.ts'
import { issueSubordinate } from './hierarchy/subordinate.ts'
import { createTokens } from './hierarchy/token-signer.ts'
import type { Tokens } from './hierarchy/tokens.ts'
import { type TrustedRoot, trustedRoots } from './hierarchy/trust.ts'
import { inquiryCommands } from './inquiry-commands.ts'
import { caaIdentities, openIssuers, tokenKeys } from './issuers.ts'
import { createCaaChecker } from './permission/caa.ts'
import { AcmeError } from './problems.ts'
import { admissionPublications, statusPublications, stepPublications, trustPublications } from './publications.ts'
import { recordCommands } from './record/commands.ts'
import type { RecordEntry } from './record/entry.ts'
import { createInventory, type Inventory } from './record/inventory.ts'
import { notePolicy } from './record/policy.ts'
import { type CaRecord, createRecord } from './record/record.ts'
import { createReissues } from './reissue/reissue.ts'
import { stepRenewalRoutes } from './reissue/step-renewal.ts'
import { scepRoutes } from './scep/routes.ts'
import { openScep } from './scep/scep.ts'
import { createServerCertificates, type ServerCertificate } from './server-certificate.ts'
import type { CertificateRecord } from './store/certificate-store.ts'
import { type CaStore, createCaStore } from './store/store.ts'
import { vaultRoutes } from './vault/routes.ts'

export type { CaDeps } from './deps.ts'

/** The certificate authority, whole. */
export interface Ca {
  /** ACME, enrolment and what the step CLI asks, on the HTTPS listener; `shownBy` tells the certificate that a client has shown in its handshake. */
  registerHttps(app: FastifyInstance, shownBy: (request: FastifyRequest) => ShownCertificate | undefined): void
  /** CRLs, OCSP and CA certificates, on the plain listener. */
  registerHttp(app: FastifyInstance): void
  readonly commands: CaCommands
  readonly inventory: Inventory
  /** The CA certificates that matter now: what signs, and what is trusted or leads from root to root beside it. */
  authorities(): AuthorityEnd[]
  /** Puts something into the record that others did, at this moment. */
  note(entry: Omit<RecordEntry, 'at'>): void
  /** What it knows of a name, by the first issuer's rules. */
  readonly affairs: Affairs
  /** Our own certificate for these host names and addresses, from the first issuer, and watched from then on. */
  serverCertificate(hosts: readonly string[]): Promise<ServerCertificate | undefined>
  /** Called with every renewal of our own certificate. */
  onServerCertificate(listener: (renewed: ServerCertificate) => void): void
  /** The certificate of ours that a client has shown, where it stands now; undefined where it is none. */
  standing(shown: ShownCertificate): Promise<CertificateRecord | undefined>
  /** Those in PEM whose certificates clients may show: roots and intermediates that are to be trusted. */
  clientIssuers(): string[]
  /** Called with every change of them. */
  onNewIssuer(listener: () => void): void
  /** SHA-256 of the first issuer's root in hex, for a human to compare. */
  readonly rootFingerprint: string
  /** Takes new rules and profiles over at once; names the keys below `ca` whose change needs a restart. */
  reload(config: CaConfig): string[]
  /** Signs CRLs, takes up what a stop left in the middle, and cleans up from then on. */
  start(): Promise<void>
  close(): void
}

/** When a CA certificate of ours ends. */
export interface AuthorityEnd {
  issuer: string
  /** A cross certificate is for the key of one root, signed by another. */
  role: 'root' | 'intermediate' | 'former root' | 'cross certificate'
  subject: string
  /** SHA-256 of the certificate in hex. */
  fingerprint: string
  /** Milliseconds since 1970. */
  notAfter: number
}

const HOUR = 3_600_000
/** What a reload takes over at once. */
const RELOADED: ReadonlySet<string> = new Set([
  'issue',
  'reserved',
  'profiles',
  'enrolment',
  'est',
  'vault',
  'former_roots',
  'preferred_chain',
])
/** For how long clients of SCEP may ask for what waits for a person. */
const SCEP_PATIENCE = 30 * 24 * HOUR
/** Rows of each kind that go in one commit of the clean-up. */
const SWEEP = 500

/** Opens the CA: keys and certificates are loaded, or made where there are none. */
export async function createCa(deps: CaDeps): Promise<Ca> {
  const { clock, log } = deps
  const store = createCaStore(deps.database)
  /** Replaced by a reload; whoever needs rules or profiles asks for them each time. */
  let config = deps.config
  const tokens = createTokens(tokenKeys(config), deps)
  const issuers = await openIssuers(deps, store, tokens, () => config)
  const unique = <Part>(part: (authority: Authority) => Part) =>
    new Set(issuers.map(({ authority }) => part(authority)))
  const inventory = createInventory(store, clock)
  const authorityOf = (id: string) =>
    issuers
      .map(({ authority: { hierarchy } }) => {
        const found = hierarchy.find(id)
        return { root: (found && hierarchy.chains(found, 0)[0]?.root) ?? hierarchy.root, found }
      })
      .find(one => one.found)
  const trusted = issuers.filter(({ staging }) => !staging)
  const hierarchies = trusted.map(({ authority }) => authority.hierarchy)
  const roots = () => trustBundle(hierarchies, deps.config, config)
  const enrolments = createEnrolments(store, clock)
  const reissues = createReissues({ ...deps, issuers: trusted, store, enrolments, limits: () => config.limits })
  const record = await openRecord(deps, store, tokens)
  const own = createServerCertificates({ ...deps, ...issuers[0]!.authority, files: issuers[0]!.files })
  let timer: Timer | undefined

  const sweep = async () => {
    try {
      const { certificates, record: lines } = config.keep
      while ((await store.removeExpired(clock.now(), SWEEP)) >= SWEEP);
      while ((await store.forgetCertificates(clock.now() - certificates, SWEEP)) >= SWEEP);
      while ((await store.forgetEntries(clock.now() - lines, SWEEP)) >= SWEEP);
      while ((await store.forgetScepRequests(clock.now() - SCEP_PATIENCE, SWEEP)) >= SWEEP);
    } catch (error) {
      log.warn({ err: error }, 'what is over could not be removed; tried again in an hour')
    }
    timer = clock.after(HOUR, sweep)
  }

  return {
    registerHttps(app, shownBy) {
      const origin = config.url.replace(/\/+$/, '')
      for (const { directory } of issuers) acmeRoutes(app, directory, origin, log)
      const requireEab = config.accounts.external_binding === 'required'
      const { authority } = issuers[0]!
      publicRoutes(app, [
        ...trustPublications(issuers, roots),
        ...stepPublications(issuers, requireEab),
        ...(config.admission ? admissionPublications(authority) : []),
      ])
      stepRenewalRoutes(app, { reissues, shownBy, log })
      const service = openEst({ ...deps, store, enrolments, reissues }, trusted, () => config)
      estRoutes(app, { service, shownBy, log })
      vaultRoutes(app, {
        fetchText,
        ...deps,
        config: () => config.vault,
        authority,
        sign: request =>
          issueSubordinate({ ...deps, store, hierarchy: authority.hierarchy, httpUrl: config.http_url }, request),
      })
    },
    registerHttp(app) {
      publicRoutes(app, [...trustPublications(issuers, roots), ...statusPublications(issuers)])
      if (config.scep) scepRoutes(app, openScep(deps, store, issuers, enrolments), deps)
    },
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
      ...enrolmentCommands({
        ...deps,
        store,
        config: () => config,
        issuers: () => issuers.map(({ name, authority: { profiles } }) => ({ name, profiles })),
      }),
      ...recordCommands({ record, store }),
      ...inquiryCommands({ store, clock, authorityOf }),
    },
    inventory,
    authorities: () =>
      issuers.flatMap(({ name: issuer, authority: { hierarchy } }) =>
        authoritiesOf(hierarchy).map(one => ({ issuer, ...one })),
      ),
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
    standing: shown =>
      reissues.holder(shown).then(
        ({ record }) => record,
        error => {
          if (error instanceof AcmeError) return undefined
          throw error
        },
      ),
    clientIssuers: () => [
      ...new Set(hierarchies.flatMap(one => [...one.roots(), ...one.intermediates()]).map(({ pem }) => pem)),
    ],
    onNewIssuer(listener) {
      for (const hierarchy of new Set(hierarchies)) hierarchy.onRenewal(listener)
    },
    get rootFingerprint() {
      return issuers[0]!.authority.hierarchy.root.fingerprint
    },
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

function authoritiesOf(hierarchy: Hierarchy): Omit<AuthorityEnd, 'issuer'>[] {
  const { root } = hierarchy
  const standing = hierarchy.standing()
  const roles: [AuthorityEnd['role'], readonly CaCertificate[]][] = [
    ['root', [root]],
    ['intermediate', standing ? [standing] : []],
    ['former root', hierarchy.roots().filter(one => one !== root)],
    ['cross certificate', hierarchy.crossCertificates()],
  ]
  return roles.flatMap(([role, all]) =>
    all.map(({ commonName: subject, fingerprint, notAfter }) => ({ role, subject, fingerprint, notAfter })),
  )
}

/** What is handed out: our roots and the former ones that the config names now, whatever it named at the start. */
function trustBundle(hierarchies: readonly Hierarchy[], first: CaConfig, now: CaConfig): TrustedRoot[] {
  const former = ({ former_roots: listed = [] }: CaConfig) => trustedRoots(listed.map(({ certificate }) => certificate))
  const listed = former(now)
  const gone = new Set(former(first).map(({ sha256 }) => sha256))
  for (const { sha256 } of listed) gone.delete(sha256)
  const own = hierarchies.flatMap(hierarchy => hierarchy.roots().map(({ pem }) => pem))
  return trustedRoots([...own, ...listed.map(({ certificate }) => certificate)]).filter(
    ({ sha256 }) => !gone.has(sha256),
  )
}

/** The record, with the key that signs its heads. */
async function openRecord({ dataDir, config, clock, log }: CaDeps, store: CaStore, tokens: Tokens): Promise<CaRecord> {
  const files = await openCaFiles(join(dataDir, 'ca'))
  const signer =
    (await loadKey(files, 'record.key', { tokens })) ??
    (await createKey(files, 'record.key', 'ecdsa-p256', { tokens }, config.record_key))
  return createRecord({ store, signer, clock, log })
}
