import { KeyUsageFlags } from '@peculiar/asn1-x509'
import type { Clock } from '../../host/clock.ts'
import { ConflictError } from '../../host/database.ts'
import type { Log } from '../../host/log.ts'
import type { Random } from '../../host/random.ts'
import { type Attributes, silentTracer, type Tracer } from '../../host/tracer.ts'
import type { CaCertificate } from '../hierarchy/ca-certificate.ts'
import type { Hierarchy } from '../hierarchy/hierarchy.ts'
import { type Identifier, identifierText } from '../identifier.ts'
import { leafPointers, partitionOf } from '../revocation/pointers.ts'
import type {
  CertificateRecord,
  CertificateStore,
  Circumstances,
  OrderStart,
  SerialReservation,
} from '../store/certificate-store.ts'
import { distinguishedName } from '../x509/distinguished-name.ts'
import {
  authorityKeyIdentifier,
  basicConstraints,
  certificatePolicies,
  encodeExtension,
  extendedKeyUsage,
  keyUsage,
  mustStaple,
  subjectAltName,
  subjectKeyIdentifier,
} from '../x509/extensions.ts'
import { isRsa, keyIdentifier } from '../x509/public-key.ts'
import { encodeTbsCertificate, fingerprint, formatSerial, pemOf, signStructure } from '../x509/x509.ts'
import { lint } from './lint.ts'
import { keyRefusal, type Profile, type Validity, validityPeriod } from './profiles.ts'

/** Who asks for what; policy, authorizations and the CSR have been checked. */
export interface IssueRequest {
  /** DER SubjectPublicKeyInfo, as `readCsr` gives it. */
  publicKey: Uint8Array
  /** What the certificate is for, each once, in the order in which they are listed. */
  identifiers: readonly Identifier[]
  profile: Profile
  /** Wished-for validity (RFC 8555 §7.4), kept within the profile's. */
  notBefore?: number | undefined
  notAfter?: number | undefined
  account?: string | undefined
  order?: string | undefined
  /** The enrolment secret of which this is a use: ConflictError where none is left. */
  enrolment?: string | undefined
  /** Why it is issued: into the record with it. */
  circumstances?: Circumstances
}

/** A certificate that is about to be signed: its serial is taken. */
export interface Reserved {
  request: IssueRequest
  issuer: CaCertificate
  validity: Validity
  serial: string
  keyHash: string
  /** When that was. */
  at: number
}

/** A certificate with what a client installs beside it. */
export interface IssuedCertificate {
  record: CertificateRecord
  /** The leaf, the intermediate and what leads to the root that is preferred, PEM (RFC 8555 §9.1). */
  chain: string
}

/** Refused before anything was signed; the message is a sentence for the operator. */
export class IssueError extends Error {
  override name = 'IssueError'
  readonly code: 'clock' | 'lint' | 'expired' | 'validity' | 'key' | 'profile'
  constructor(code: IssueError['code'], message: string) {
    super(message)
    this.code = code
  }
}

/** Issues certificates: reserve the serial → build → lint → sign → store → log. */
export interface Issuance {
  /** Throws IssueError; where the store refuses, its error. Nothing is handed out that is not stored. */
  issue(request: IssueRequest): Promise<IssuedCertificate>
  /**
   * The first half of it: all that can be refused beforehand, and the serial, whose commit starts the order too where `start` is given. Throws
   * IssueError, and nothing was kept; where the store refuses, its error.
   */
  reserve(request: IssueRequest, start?: OrderStart): Promise<Reserved>
  /** The second half. */
  complete(reserved: Reserved): Promise<CertificateRecord>
  /** PEM chain of a stored certificate, the one that is handed out first. */
  chainOf(record: ChainedRecord): string
  /** That one and, after it, the alternates, which lead to other roots (RFC 8555 §7.4.2). */
  chainsOf(record: ChainedRecord): string[]
}

type ChainedRecord = Pick<CertificateRecord, 'der' | 'issuer' | 'notAfter'>

/** What issuing needs. */
export interface IssueDeps {
  hierarchy: Hierarchy
  store: CertificateStore
  httpUrl: string | undefined
  /** Parts into which CRLs are split; left out: one. */
  partitions?: number
  clock: Clock
  random: Random
  log: Log
  tracer?: Tracer
}

/** How far a clock may step back, as time synchronization does, before issuing is refused. */
const CLOCK_TOLERANCE = 120_000

/** RFC 5280 appendix A.1: ub-common-name. */
const MAX_COMMON_NAME = 64

/** Makes the one door by which certificates come into being. */
export function createIssuance(deps: IssueDeps): Issuance {
  /** The greatest `issuedAt` so far, or undefined before the store was asked; only ever raised. */
  let latest: number | undefined
  const checkClock = async () => {
    const now = deps.clock.now()
    latest ??= await deps.store.latestIssuance()
    // Asked again before refusing: what a clock that was ahead has issued may have been revoked since.
    if (now < latest - CLOCK_TOLERANCE) latest = await deps.store.latestIssuance()
    if (now < latest - CLOCK_TOLERANCE) throw clockError(now, latest)
    latest = Math.max(latest, now)
    return now
  }
  const chainsOf: Issuance['chainsOf'] = ({ der, issuer, notAfter }) => {
    const above = deps.hierarchy.find(issuer)
    const chains = above ? deps.hierarchy.chains(above, notAfter).map(({ certificates }) => certificates) : []
    // Without any root that stands there still is the issuer.
    const all = chains.length > 0 ? chains : [above ? [above] : []]
    return all.map(chain => pemOf('CERTIFICATE', der) + chain.map(({ pem }) => pem).join(''))
  }
  const chainOf: Issuance['chainOf'] = record => chainsOf(record)[0]!
  const prepare: Issuance['reserve'] = async (request, start) => {
    const at = await checkClock()
    const issuer = deps.hierarchy.standing()
    if (!issuer)
      throw new IssueError('expired', 'there is no intermediate yet: the root is offline, and has signed none')
    refuseUnfit(request)
    refuseOutside(request, deps.hierarchy)
    const validity = periodOf(request, issuer, at, deps.random)
    const serial = formatSerial(deps.random.bytes(16))
    const keyHash = fingerprint(request.publicKey)
    const { order } = request
    const { tracer = silentTracer } = deps
    const attributes = { 'acme.step': 'reserveSerial', 'certificate.serial': serial }
    await tracer.span('commit', { attributes }, () =>
      reserve(deps.store, {
        ...{ serial, issuer: issuer.id, reservedAt: at, keyHash },
        ...(order !== undefined && { order }),
        ...(start && { start }),
      }),
    )
    return { request, issuer, validity, serial, keyHash, at }
  }
  const complete: Issuance['complete'] = async reserved => {
    const record = await signLeaf(deps, reserved)
    const { serial, profile, notAfter, account, order } = record
    const names = record.identifiers.map(identifierText)
    deps.log.info(
      { serial, names, profile, issuer: reserved.issuer.commonName, notAfter: date(notAfter), account, order },
      'certificate issued',
    )
    return record
  }
  const issue: Issuance['issue'] = async request => {
    const record = await complete(await prepare(request))
    return { record, chain: chainOf(record) }
  }
  return { issue, reserve: prepare, complete, chainOf, chainsOf }
}

async function signLeaf(deps: IssueDeps, reserved: Reserved): Promise<CertificateRecord> {
  const { request, issuer, validity, serial, keyHash, at } = reserved
  const { identifiers, profile, account, order } = request
  const partition = partitionOf(serial, deps.partitions ?? 1)
  const pointers = leafPointers(issuer, deps.httpUrl, profile, partition)
  const tbs = encodeTbsCertificate(leafTemplate(request, issuer, serial, validity, pointers), issuer.signer.algorithm)
  const { tracer = silentTracer } = deps
  tracer.span('lint', {}, () => refuseFindings(tbs, issuer))
  const record: CertificateRecord = {
    serial,
    issuer: issuer.id,
    profile: profile.name,
    identifiers: [...identifiers],
    ...validity,
    issuedAt: at,
    der: await tracer.span('sign', { attributes: signing(serial, issuer, profile) }, () =>
      signStructure(tbs, issuer.signer),
    ),
    keyHash,
    ...(account && { account }),
    ...(order && { order }),
    ...(partition !== undefined && { crlPartition: partition }),
  }
  // The certificate and its line in the record: one commit.
  await tracer.span('record', { attributes: { 'certificate.serial': serial } }, () =>
    deps.store.storeCertificate(record, request.circumstances, request.enrolment),
  )
  return record
}

function signing(serial: string, issuer: CaCertificate, { name }: Profile): Attributes {
  return { 'certificate.serial': serial, 'certificate.issuer': issuer.commonName, 'certificate.profile': name }
}

function leafTemplate(
  request: IssueRequest,
  issuer: CaCertificate,
  serial: string,
  validity: Validity,
  pointers: readonly Uint8Array[],
) {
  const { publicKey, identifiers, profile } = request
  const named = identifiers.find(({ type, value }) => type === 'dns' && value.length <= MAX_COMMON_NAME)?.value
  const commonName = profile.common_name ? named : undefined
  const subject = { ...profile.subject, ...(commonName !== undefined && { commonName }) }
  return {
    serial,
    issuer: issuer.subject,
    subject: distinguishedName(subject),
    ...validity,
    publicKey,
    extensions: [
      NO_CA,
      isRsa(publicKey) ? RSA_USAGE : USAGE,
      extendedKeyUsage(profile.usages),
      subjectKeyIdentifier(keyIdentifier(publicKey)),
      authorityKeyIdentifier(issuer.id),
      ...pointers,
      subjectAltName(identifiers, Object.keys(subject).length === 0),
      ...certificatePolicies(profile.policies),
      ...(profile.must_staple ? [mustStaple()] : []),
      ...profile.extensions.map(({ oid, critical, value }) => encodeExtension(oid, critical, value)),
    ],
  }
}

/** What every way in obeys, whoever asks. */
function refuseUnfit({ publicKey, identifiers, profile }: IssueRequest): void {
  const unfit = keyRefusal(profile, publicKey)
  if (unfit) throw new IssueError('profile', unfit)
  const other = identifiers.find(({ type }) => !profile.san.includes(type))
  if (other) throw new IssueError('profile', `the profile "${profile.name}" holds no names of the kind "${other.type}"`)
  if (identifiers.length > profile.max_names)
    throw new IssueError('profile', `the profile "${profile.name}" holds ${profile.max_names} names at most`)
}

/** RFC 5280 §6.1.4 (g): what any CA on the way up is limited to. */
function refuseOutside({ identifiers }: IssueRequest, hierarchy: Pick<Hierarchy, 'permits'>): void {
  const outside = identifiers.find(identifier => !hierarchy.permits(identifier))
  if (outside)
    throw new IssueError('lint', `${outside.value} is outside the issuer's name constraints (RFC 5280 §4.2.1.10)`)
}

const NO_CA = basicConstraints(false)
const USAGE = keyUsage(KeyUsageFlags.digitalSignature)
/** Only RSA keys can have a session key sent to them encrypted (RFC 5246 §7.4.7.1); RFC 8813 §3 forbids it for EC keys. */
const RSA_USAGE = keyUsage(KeyUsageFlags.digitalSignature | KeyUsageFlags.keyEncipherment)

function refuseFindings(tbs: Uint8Array, issuer: CaCertificate): void {
  const findings = lint(tbs, issuer)
  if (findings.length === 0) return
  throw new IssueError('lint', findings.map(({ rule, detail }) => `${detail} (${rule})`).join('; '))
}

function periodOf(request: IssueRequest, issuer: CaCertificate, now: number, random: Random): Validity {
  if (now < issuer.notBefore) throw clockError(now, issuer.notBefore)
  if (now > issuer.notAfter)
    throw new IssueError(
      'expired',
      `${issuer.commonName} expired on ${date(issuer.notAfter)}; renew it with "ca renew-intermediate"`,
    )
  const validity = validityPeriod(request.profile, now, issuer, request, random)
  if (!validity)
    throw new IssueError('validity', 'nothing of the wished-for validity is within the profile and still to come')
  return validity
}

/** CA/B BR §6.1.1.3: a key that is known to be compromised is not certified. */
async function reserve(store: CertificateStore, reservation: SerialReservation & { keyHash: string }): Promise<void> {
  try {
    await store.reserveSerial(reservation)
  } catch (error) {
    if (!(error instanceof ConflictError) || !(await store.isCompromised(reservation.keyHash))) throw error
    throw new IssueError(
      'key',
      'a certificate with this key was revoked because the key is compromised; make another key',
    )
  }
}

function clockError(now: number, latest: number): IssueError {
  return new IssueError(
    'clock',
    `the clock says ${date(now)}, but the CA was at work at ${date(latest)} already; set the clock right or, if it was ahead then, revoke what was issued under it`,
  )
}

function date(time: number): string {
  return new Date(time).toISOString()
}
