import type { IntermediateConfig, RootConfig } from '../config/ca-schema.ts'
import { isSubdomain } from '../dns/name.ts'
import type { Clock, Timer } from '../host/clock.ts'
import type { Log } from '../host/log.ts'
import type { Random } from '../host/random.ts'
import {
  authorityCertificate,
  type CaCertificate,
  constraintText,
  intermediateTemplate,
  rootTemplate,
} from './ca-certificate.ts'
import type { CertificateStore } from './certificate-store.ts'
import type { CaFiles } from './files.ts'
import { type Identifier, nameOfIdentifier } from './identifier.ts'
import { createKey, loadKey, type Signer, signerOf } from './keystore.ts'
import { derBlocks, encodeTbsCertificate, fingerprint, formatSerial, keyIdentifier, signStructure } from './x509.ts'

/** Root and intermediates of one issuer. */
export interface Hierarchy {
  readonly root: CaCertificate
  /** The intermediate that signs now. */
  current(): CaCertificate
  /** Root first, then every intermediate that has not expired, oldest first: all of them still answer for revocation. */
  all(): readonly CaCertificate[]
  find(id: string): CaCertificate | undefined
  /** Whether the current intermediate may sign for this name under its name constraints (RFC 5280 §4.2.1.10). */
  permits(identifier: Identifier): boolean
  /** Makes the next intermediate now; certificates issued from then on are signed by it. */
  renewIntermediate(): Promise<CaCertificate>
  /** Called with every new intermediate. */
  onRenewal(listener: (intermediate: CaCertificate) => void): void
  close(): void
}

/** What the config says about one issuer. */
export interface HierarchySettings {
  /** The organization. */
  name: string
  /** Base of the URLs of certificates, CRLs and OCSP; left out, certificates name none. */
  httpUrl?: string | undefined
  root: RootConfig
  intermediate: IntermediateConfig
  /** The longest validity of any profile as they are now, in milliseconds. */
  longest(): number
}

/** What a hierarchy needs of the world. */
export interface HierarchyDeps {
  settings: HierarchySettings
  files: CaFiles
  store: CertificateStore
  clock: Clock
  random: Random
  log: Log
}

/** CA material that can't be used as it is; the message is a sentence that says what to do. */
export class HierarchyError extends Error {
  override name = 'HierarchyError'
  readonly code = 'hierarchy'
}

const HOUR = 3_600_000
const DAY = 24 * HOUR

/** Opens what is there and makes what is missing; nothing that is there is ever made again. */
export async function openHierarchy(deps: HierarchyDeps): Promise<Hierarchy> {
  const { clock, log, settings } = deps
  const root = await openRoot(deps)
  let intermediates = await loadIntermediates(deps, root)
  for (const one of [root, ...intermediates]) await keepRecord(deps, one)
  const listeners: ((intermediate: CaCertificate) => void)[] = []
  let renewal: Promise<CaCertificate> | undefined
  let timer: Timer | undefined

  // One that begins in the future was made while the clock was ahead; its predecessor goes on.
  const current = () => intermediates.findLast(one => one.notBefore <= clock.now()) ?? intermediates.at(-1)!
  const renew = async () => {
    const made = await makeIntermediate(deps, root)
    intermediates = [...intermediates.filter(one => one.notAfter > clock.now()), made]
    log.info({ issuer: made.commonName, fingerprint: made.fingerprint }, 'intermediate made')
    for (const listener of listeners) listener(made)
    return made
  }
  const renewIntermediate = () => {
    renewal ??= renew().finally(() => {
      renewal = undefined
    })
    return renewal
  }
  const watch = async () => {
    timer?.cancel()
    try {
      if (isDue(settings, root, current(), clock.now())) await renewIntermediate()
    } catch (error) {
      log.error({ err: error }, 'the intermediate could not be renewed; tried again in an hour')
    }
    timer = clock.after(HOUR, watch)
  }
  if (intermediates.length === 0 || differs(settings, current())) await renewIntermediate()
  await watch()
  return {
    root,
    current,
    all: () => [root, ...intermediates.filter(one => one.notAfter > clock.now())],
    find: id => [root, ...intermediates].find(one => one.id === id),
    permits: identifier => permits(settings.intermediate, identifier),
    renewIntermediate,
    onRenewal: listener => void listeners.push(listener),
    close: () => timer?.cancel(),
  }
}

async function openRoot(deps: HierarchyDeps): Promise<CaCertificate> {
  const { certificate, key } = deps.settings.root
  if (certificate !== undefined && key) return importedRoot(certificate, key, deps)
  const pem = await deps.files.read('root.crt')
  const signer = await loadKey(deps.files, 'root.key')
  if (pem === undefined) return makeRoot(deps, signer)
  if (!signer)
    throw new HierarchyError('root.crt is there, but its root.key is missing; restore root.key from a backup')
  await warnWhereExposed(deps, 'root.key')
  return openCertificate(pem, signer, 'root', deps)
}

function importedRoot(
  pem: string,
  key: NonNullable<HierarchySettings['root']['key']>,
  deps: HierarchyDeps,
): CaCertificate {
  if (!('pem' in key))
    throw new HierarchyError(
      'ca.root.key must be a key file: neither an offline root nor a PKCS#11 token can sign the intermediate',
    )
  return openCertificate(pem, signerOf(key.pem, 'ca.root.key'), 'ca.root', deps)
}

/** The key is on disk before the certificate: a crash between the two leaves a key that the next start goes on with. */
async function makeRoot(deps: HierarchyDeps, left: Signer | undefined): Promise<CaCertificate> {
  const { settings, files, clock, log } = deps
  const names = await files.list()
  if (names.some(name => /^intermediate-\d+\.crt$/.test(name)))
    throw new HierarchyError(
      'there are intermediates, but their root.crt is missing; restore root.crt and root.key from a backup',
    )
  const signer = left ?? (await createKey(files, 'root.key', settings.root.generate))
  const serial = await newSerial(deps, keyIdentifier(signer.publicKey))
  const template = rootTemplate(settings, signer, serial, clock.now())
  const made = authorityCertificate(
    await signStructure(encodeTbsCertificate(template, signer.algorithm), signer),
    signer,
  )
  await files.create('root.crt', made.pem, 0o644)
  log.info({ issuer: made.commonName, fingerprint: made.fingerprint }, 'root made')
  return made
}

async function makeIntermediate(deps: HierarchyDeps, root: CaCertificate): Promise<CaCertificate> {
  const { settings, files, clock } = deps
  const now = clock.now()
  if (now < root.notBefore || now > root.notAfter)
    throw new HierarchyError(
      `the root is valid from ${date(root.notBefore)} to ${date(root.notAfter)}, but the clock says ${date(now)}; set the clock, or replace the root`,
    )
  const number = 1 + Math.max(0, ...(await intermediateNumbers(files)))
  const file = `intermediate-${number}`
  const signer =
    (await loadKey(files, `${file}.key`)) ?? (await createKey(files, `${file}.key`, settings.intermediate.generate))
  const serial = await newSerial(deps, root.id)
  const template = intermediateTemplate(settings, root, signer, serial, now, number)
  const made = authorityCertificate(
    await signStructure(encodeTbsCertificate(template, root.signer.algorithm), root.signer),
    signer,
  )
  await files.create(`${file}.crt`, made.pem, 0o644)
  await keepRecord(deps, made)
  if (made.notAfter === root.notAfter)
    deps.log.warn(
      { root: root.commonName },
      `the root ends on ${date(root.notAfter)}, and all that it signed with it; make a new root and hand it out in time`,
    )
  return made
}

/** Numbers of the intermediates that have a certificate; a key alone is what a crash left, and is used next. */
async function intermediateNumbers(files: CaFiles): Promise<number[]> {
  const matches = (await files.list()).map(name => /^intermediate-(\d+)\.crt$/.exec(name))
  return matches.flatMap(match => (match ? [Number(match[1])] : [])).sort((a, b) => a - b)
}

async function loadIntermediates(deps: HierarchyDeps, root: CaCertificate): Promise<CaCertificate[]> {
  const loaded: CaCertificate[] = []
  for (const number of await intermediateNumbers(deps.files)) {
    const file = `intermediate-${number}`
    const signer = await loadKey(deps.files, `${file}.key`)
    if (!signer)
      throw new HierarchyError(
        `${file}.crt is there, but its ${file}.key is missing; restore it from a backup, or remove both to have a new one made`,
      )
    await warnWhereExposed(deps, `${file}.key`)
    const one = openCertificate((await deps.files.read(`${file}.crt`))!, signer, file, deps)
    // An intermediate of a root that was replaced since is left on disk, unused.
    if (one.notAfter > deps.clock.now() && one.authorityKeyId === root.id) loaded.push(one)
  }
  return loaded
}

function openCertificate(pem: string, signer: Signer, origin: string, deps: HierarchyDeps): CaCertificate {
  const [der] = derBlocks('CERTIFICATE', pem)
  if (!der) throw new HierarchyError(`${origin} holds no certificate in PEM; restore it from a backup`)
  const opened = authorityCertificate(der, signer)
  if (!Buffer.from(opened.publicKey).equals(signer.publicKey))
    throw new HierarchyError(
      `the certificate and the key of ${origin} don't belong together; restore both from one backup`,
    )
  if (!opened.ca) throw new HierarchyError(`the certificate of ${origin} is not a CA's (RFC 5280 §4.2.1.9)`)
  if (opened.notAfter < deps.clock.now())
    deps.log.warn({ issuer: opened.commonName }, `${origin} expired on ${date(opened.notAfter)}`)
  return opened
}

/** 128 random bits, in the store before anything is signed with them. */
async function newSerial({ random, store, clock }: HierarchyDeps, issuer: string): Promise<string> {
  const serial = formatSerial(random.bytes(16))
  await store.reserveSerial({ serial, issuer, reservedAt: clock.now() })
  return serial
}

/** The file is the certificate's home; its row in the store is made up for where a crash came between. */
async function keepRecord({ store, clock }: HierarchyDeps, one: CaCertificate): Promise<void> {
  if (await store.certificate(one.serial)) return
  const { id, authorityKeyId, serial, notBefore, notAfter, der } = one
  const issuer = authorityKeyId ?? id
  // Refused where it is reserved already, which is as well: storing it fails where it is not.
  await store.reserveSerial({ serial, issuer, reservedAt: clock.now() }).catch(() => {})
  const keyHash = fingerprint(one.publicKey)
  await store.storeCertificate({
    serial,
    issuer,
    profile: 'ca',
    identifiers: [],
    notBefore,
    notAfter,
    issuedAt: notBefore,
    der,
    keyHash,
  })
}

async function warnWhereExposed({ files, log }: HierarchyDeps, name: string): Promise<void> {
  if (await files.isExposed(name)) log.warn({ file: name }, `${name} can be read by others; make its mode 0600`)
}

/**
 * A new intermediate is due while the longest profile still fits into the old one's rest, with a tenth of its life to spare,
 * and where the root leaves room for one that ends later.
 */
function isDue(settings: HierarchySettings, root: CaCertificate, current: CaCertificate, now: number): boolean {
  const life = current.notAfter - current.notBefore
  const reserve = Math.min(settings.longest() + life / 10, life * (2 / 3))
  const wouldEnd = Math.min(now + settings.intermediate.validity, root.notAfter)
  return current.notAfter - now < reserve && wouldEnd > current.notAfter + Math.min(DAY, life / 10)
}

/** Whether the config asks for another kind of intermediate than the one that signs. */
function differs({ intermediate }: HierarchySettings, current: CaCertificate): boolean {
  const wanted = (intermediate.name_constraints ?? []).map(constraintText).sort()
  return current.signer.kind !== intermediate.generate || wanted.join() !== [...current.permittedDns].sort().join()
}

function permits({ name_constraints: permitted }: IntermediateConfig, identifier: Identifier): boolean {
  if (!permitted || identifier.type !== 'dns') return true
  return permitted.some(parent => isSubdomain(nameOfIdentifier(identifier), parent))
}

function date(time: number): string {
  return new Date(time).toISOString()
}
