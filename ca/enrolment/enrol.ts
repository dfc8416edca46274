import { addressBytes, containsAddress, type Prefix, parsePrefix } from '../../config/address.ts'
import { compilePattern, matchesPattern } from '../../config/pattern.ts'
import { parseName } from '../../dns/name.ts'
import type { Clock } from '../../host/clock.ts'
import { ConflictError } from '../../host/database.ts'
import type { Random } from '../../host/random.ts'
import type { Authority } from '../authority.ts'
import { type Identifier, identifierText, nameOfIdentifier, uniqueIdentifiers } from '../identifier.ts'
import { type IssuedCertificate, IssueError } from '../issue/issue.ts'
import { chooseProfile, type Profile } from '../issue/profiles.ts'
import { publicKeyFor, type SubjectKey } from '../issue/subject-key.ts'
import { unapproved } from '../permission/approval.ts'
import { outOfReach } from '../permission/permission.ts'
import { judge } from '../permission/policy.ts'
import type { CertificateRecord } from '../store/certificate-store.ts'
import type { EnrolmentRow } from '../store/schema.ts'
import type { CaStore } from '../store/store.ts'
import { fingerprint } from '../x509/x509.ts'
import { accountOf } from './enrolments.ts'
import { EnrolmentError } from './error.ts'

/** What enrolling at one issuer needs. */
export interface EnrolDeps {
  issuer: string
  authority: Authority
  store: Pick<CaStore, 'approval' | 'askApproval' | 'append' | 'certificates'>
  clock: Clock
  random: Random
}

/** What is asked for. */
export interface Wish {
  identifiers: readonly Identifier[]
  publicKey: SubjectKey
}

/** How a request came in, for the record: the protocol, and what it knows beside. */
export type Way = { way: string } & Readonly<Record<string, unknown>>

/** For how long the same request gets the same certificate again: the answer may have been lost. */
const REPEATED = 3_600_000

/**
 * A first certificate by a secret, of which it is a use. The secret must cover every name, and the issue rules must allow it to who bears the
 * secret's name, as to the holder of an external key of that name. Throws EnrolmentError.
 */
export async function enrol(
  deps: EnrolDeps,
  enrolment: EnrolmentRow,
  request: Wish,
  way: Way,
): Promise<IssuedCertificate> {
  requireIssuer(deps, enrolment)
  const profile = profileOf(deps.authority, enrolment.profile)
  await check(deps, enrolment, request.identifiers, profile)
  const given = await givenBefore(deps, enrolment, request)
  if (given) return { record: given, chain: deps.authority.issuance.chainOf(given) }
  if (enrolment.uses !== null && enrolment.used >= enrolment.uses) throw usedUp()
  return issue(deps, enrolment, request, profile, { ...way, use: true })
}

/**
 * The next certificate of who has one of this issuer, for the same names: the secret by which the first was had may have ended or been used up,
 * but must not have been revoked, and the issue rules must still allow it. Throws EnrolmentError.
 */
export async function renew(
  deps: EnrolDeps,
  enrolment: EnrolmentRow,
  former: CertificateRecord,
  request: Wish,
  way: Way,
): Promise<IssuedCertificate> {
  requireIssuer(deps, enrolment)
  if (!deps.authority.hierarchy.find(former.issuer))
    throw new EnrolmentError('refused', 'the former certificate is of another issuer')
  if (former.revocation || former.notAfter < deps.clock.now() || former.notBefore > deps.clock.now())
    throw new EnrolmentError('refused', 'the former certificate is not valid any more; enrol with a new secret')
  if (!sameIdentifiers(former.identifiers, request.identifiers))
    throw new EnrolmentError('refused', 'a renewal must be for the names of the former certificate')
  const profile = profileOf(deps.authority, former.profile)
  await check(deps, enrolment, request.identifiers, profile)
  return issue(deps, enrolment, request, profile, { ...way, replaces: former.serial })
}

function requireIssuer({ issuer }: EnrolDeps, enrolment: EnrolmentRow): void {
  if (enrolment.issuer !== null && enrolment.issuer !== issuer)
    throw new EnrolmentError('refused', 'the enrolment secret is for another issuer')
}

/** The profile that an enrolment secret or a former certificate names, or the first. Throws EnrolmentError. */
export function profileOf({ profiles }: Pick<Authority, 'profiles'>, name: string | null): Profile {
  const profile = chooseProfile(profiles(), name ?? undefined)
  if (!profile) throw new EnrolmentError('refused', `the profile "${name}" is no longer offered`)
  return profile
}

async function check(deps: EnrolDeps, enrolment: EnrolmentRow, identifiers: readonly Identifier[], profile: Profile) {
  const account = accountOf(enrolment)
  const refused: { identifier: Identifier; because: string; waiting: boolean }[] = []
  for (const identifier of identifiers) {
    const why = await whyNot(deps, enrolment, identifier, profile)
    if (why) refused.push({ identifier, because: why.reason, waiting: why.waiting })
  }
  if (refused.length === 0) return
  const message = refused.map(({ identifier, because }) => `${identifierText(identifier)}: ${because}`).join('; ')
  if (refused.every(({ waiting }) => waiting)) throw new EnrolmentError('waiting', message)
  const names = refused.map(({ identifier: { type, value }, because }) => ({ type, value, because }))
  await deps.store.append({
    kind: 'refused',
    at: deps.clock.now(),
    issuer: deps.issuer,
    account,
    profile: profile.name,
    names,
  })
  throw new EnrolmentError('refused', message)
}

async function whyNot(deps: EnrolDeps, enrolment: EnrolmentRow, identifier: Identifier, profile: Profile) {
  const no = (reason: string) => ({ waiting: false, reason })
  if (!covers(enrolment, identifier)) return no('the enrolment secret does not cover this name')
  const account = accountOf(enrolment)
  // Nobody looks into DNS here: rules for writers are met by the secret's own name alone.
  const who = { account, keys: [parseName(enrolment.name)], proofs: new Map() }
  const verdict = judge(deps.authority.policy(), identifier, {
    identifiers: [identifier],
    profile: profile.name,
    ...who,
  })
  if (verdict.kind === 'refused') return no(verdict.reason)
  const outside = outOfReach(deps.authority.hierarchy, identifier, profile)
  if (outside) return no(outside)
  return verdict.kind === 'approval' ? unapproved(deps, account, identifier, verdict.because) : undefined
}

function covers({ names, addresses }: EnrolmentRow, identifier: Identifier): boolean {
  const { type, value } = identifier
  if (type === 'ip')
    return containsAddress(
      listOf(addresses).map(block => parsePrefix(block) as Prefix),
      addressBytes(value)!,
    )
  if (type !== 'dns') return false
  const name = nameOfIdentifier(identifier)
  return listOf(names).some(text => matchesPattern(compilePattern(text), name, undefined, { wildcards: true }))
}

function listOf(json: string): string[] {
  return JSON.parse(json) as string[]
}

async function givenBefore(
  { store, clock }: EnrolDeps,
  enrolment: EnrolmentRow,
  { publicKey, identifiers }: Wish,
): Promise<CertificateRecord | undefined> {
  // A key that is made for the occasion was never certified before.
  if (typeof publicKey === 'function') return undefined
  const now = clock.now()
  const same = { keyHash: fingerprint(publicKey), account: accountOf(enrolment), standingAt: now }
  const [last] = await store.certificates({ ...same, limit: 1 })
  return last && now - last.issuedAt < REPEATED && sameIdentifiers(last.identifiers, identifiers) ? last : undefined
}

function sameIdentifiers(one: readonly Identifier[], other: readonly Identifier[]): boolean {
  const textOf = (all: readonly Identifier[]) => uniqueIdentifiers(all).map(identifierText).join()
  return textOf(one) === textOf(other)
}

async function issue(
  deps: EnrolDeps,
  enrolment: EnrolmentRow,
  { publicKey, identifiers }: Wish,
  profile: Profile,
  { use, ...way }: Way & { use?: boolean },
): Promise<IssuedCertificate> {
  try {
    return await deps.authority.issuance.issue({
      publicKey: await publicKeyFor(publicKey),
      identifiers,
      profile,
      account: accountOf(enrolment),
      ...(use && { enrolment: enrolment.id }),
      circumstances: { by: enrolment.name, enrolment: enrolment.id, ...way },
    })
  } catch (error) {
    if (use && error instanceof ConflictError) throw usedUp()
    if (!(error instanceof IssueError)) throw error
    const ours = error.code === 'clock' || error.code === 'expired'
    throw new EnrolmentError(ours ? 'unready' : 'unfit', error.message)
  }
}

function usedUp(): EnrolmentError {
  return new EnrolmentError('secret', 'the enrolment secret is used up')
}
