import { Ede, Rcode } from '../../dns/codes.ts'
import { ancestorName, equalNames, isSubdomain, type Name, printName } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { Type, targetOf, typeName } from '../../dns/types.ts'
import type { Clock } from '../../host/clock.ts'
import type { Chain, Inquiry, Standing } from './chain.ts'
import { denialIn, isDenial, unproved } from './denial.ts'
import type { Proof } from './proof.ts'
import { type SignedSet, signedSets } from './rrsets.ts'
import { type Fault, fault, type Security } from './security.ts'
import { signersOf, type VerifiedSet, verifySet } from './signatures.ts'

/** A response to `name` and `type`, as far as it was accepted (accept.ts): a chain of aliases, what is at its end, what denies it. */
export interface Response {
  name: Name
  type: number
  rcode: number
  answer: readonly ResourceRecord[]
  authority: readonly ResourceRecord[]
  /** The chain goes on elsewhere: its end is neither data nor a denial. */
  unfinished: boolean
}

/** A response that may be passed on. */
export interface Judged {
  status: 'judged'
  security: Security
  /** What was proved, whatever the response said. */
  rcode: number
  /** Of a secure response only what was proved, TTLs no longer than the signatures allow. */
  answer: ResourceRecord[]
  authority: ResourceRecord[]
  /** Seconds after which it has to be judged anew. */
  seconds: number
  /** The validated SOA, NSEC and NSEC3 RRsets, and what wildcards stood for: what else they tell need not be asked (RFC 8198). */
  reusable: VerifiedSet[]
}

/** One part of a response, judged: an RRset, or a denial. */
type Piece =
  | { status: 'verified'; sets: VerifiedSet[]; security: Security; rcode?: number }
  | { status: 'open'; security: Security; until: number | undefined }

/** Signers of one RRset that are followed up; more than one is a zone cut in the making. */
const MOST_SIGNERS = 2
const SIGNED: Security = { status: 'secure', reason: 'signatures prove it, from a trust anchor down' }

/** Judges responses by RFC 4035 §5. Throws TooMuchWork. */
export function createJudge(chain: Chain, clock: Clock) {
  const seconds1970 = () => Math.floor(clock.now() / 1000)

  async function judge(response: Response, inquiry: Inquiry): Promise<Judged | Fault> {
    const answerSets = signedSets(response.answer)
    const authoritySets = signedSets(response.authority)
    const pieces: Piece[] = []
    for (const set of answerSets) {
      if (isSynthesized(set, answerSets)) continue
      const piece = await judgeSet(set, authoritySets, inquiry)
      if (piece.status === 'bogus') return piece
      pieces.push(piece)
    }
    if (isNegative(response, answerSets)) {
      const denied = await judgeDenial(response, authoritySets, inquiry)
      if (denied.status === 'bogus') return denied
      pieces.push(denied)
    }
    return conclude(response, pieces)
  }

  /** An RRset by its signatures; without any, by whether its zone is proved to have none. */
  async function judgeSet(set: SignedSet, authority: SignedSet[], inquiry: Inquiry): Promise<Piece | Fault> {
    let wrong: Fault | undefined
    for (const zone of signersFor(set).slice(0, MOST_SIGNERS)) {
      const standing = await chain.signer(zone, inquiry)
      if (standing.kind !== 'secure') {
        if (standing.kind === 'open') return passed(standing)
        wrong ??= standing.fault
        continue
      }
      const verified = verifySet(set, zone, standing.keys, seconds1970(), inquiry.work)
      if (verified.status === 'verified') return judgeExpansion(verified, standing, authority, inquiry)
      wrong ??= verified
    }
    if (wrong?.unfinished) return wrong
    const standing = await chain.enclosing(zoneNameFor(set.owner, set.type), inquiry)
    return withoutSignature(standing, wrong ?? unsignedSet(set))
  }

  /** RFC 4035 §5.3.4, RFC 5155 §8.8: a wildcard's expansion needs a proof that there is nothing closer to the name. */
  function judgeExpansion(
    verified: VerifiedSet,
    zone: Standing & { kind: 'secure' },
    authority: SignedSet[],
    inquiry: Inquiry,
  ): Piece | Fault {
    const { set, wildcardAt } = verified
    if (!wildcardAt) return { status: 'verified', sets: [verified], security: SIGNED }
    const { sets } = verifyDenials(authority, zone, inquiry)
    const denial = denialIn(sets, zone.zone, inquiry.work)
    if ('status' in denial) return denial
    const proof = denial.wildcard(set.owner, wildcardAt)
    return proved(proof, [verified, ...sets], zone.zone) ?? unproved('wildcard', set.owner, set.type)
  }

  /** That the end of the chain is not there (RFC 4035 §5.4, RFC 5155 §8). */
  async function judgeDenial(response: Response, authority: SignedSet[], inquiry: Inquiry): Promise<Piece | Fault> {
    const name = endOf(response)
    const { type } = response
    const within = zoneNameFor(name, type)
    const signer = denialSigner(authority, within)
    if (!signer) return withoutSignature(await chain.enclosing(within, inquiry), unsignedDenial(authority, name, type))
    const standing = await chain.signer(signer, inquiry)
    if (standing.kind === 'open') return passed(standing)
    if (standing.kind === 'bogus') return afterAll(standing.fault, within, inquiry)
    const { sets, wrong } = verifyDenials(authority, standing, inquiry)
    if (wrong && sets.length === 0) return afterAll(wrong, within, inquiry)
    const denial = denialIn(sets, standing.zone, inquiry.work)
    if ('status' in denial) return wrong ?? denial
    const what = response.rcode === Rcode.NXDOMAIN ? 'name' : 'data'
    const proof = what === 'name' ? denial.noName(name) : denial.noData(name, type)
    const piece = proved(proof, sets, standing.zone)
    if (piece) return piece
    // RFC 8020 §2: an empty non-terminal is no NXDOMAIN, though some servers say so; their NSEC or NSEC3 tells better.
    if (what === 'name' && denial.noData(name, type) === 'proved')
      return { status: 'verified', sets, security: SIGNED, rcode: Rcode.NOERROR }
    return wrong ?? afterAll(unproved(what, name, type), within, inquiry)
  }

  /** What fails by its signatures may still come from below the cut at which signing ends. */
  async function afterAll(found: Fault, within: Name, inquiry: Inquiry): Promise<Piece | Fault> {
    return found.unfinished ? found : withoutSignature(await chain.enclosing(within, inquiry), found)
  }

  /** The denials and the SOA that `zone` signed; `wrong` says of the first of the others what is wrong with it. */
  function verifyDenials(authority: SignedSet[], zone: Standing & { kind: 'secure' }, { work }: Inquiry) {
    const sets: VerifiedSet[] = []
    let wrong: Fault | undefined
    for (const set of authority) {
      if (!isDenial(set.type) && !(set.type === Type.SOA && equalNames(set.owner, zone.zone))) continue
      if (!signersOf(set).some(signer => equalNames(signer, zone.zone))) continue
      const verified = verifySet(set, zone.zone, zone.keys, seconds1970(), work)
      if (verified.status === 'verified') sets.push(verified)
      else wrong ??= verified
    }
    return { sets, wrong }
  }

  function conclude(response: Response, pieces: readonly Piece[]): Judged {
    const { answer, authority } = response
    const open = pieces.filter(piece => piece.status === 'open')
    const verified = pieces.filter(piece => piece.status === 'verified')
    const until = Math.min(...open.map(({ until }) => until ?? Number.POSITIVE_INFINITY))
    const sets = verified.flatMap(piece => piece.sets)
    const seconds = Math.min(...sets.map(({ ttl }) => ttl), Math.ceil((until - clock.now()) / 1000))
    const weakest = pieces.find(({ security }) => security.status !== 'secure')
    const security = weakest?.security ?? (pieces.length > 0 ? SIGNED : UNSIGNED)
    const denials = sets.filter(({ set }) => isDenial(set.type) || set.type === Type.SOA)
    const rcode = verified.find(piece => piece.rcode !== undefined)?.rcode ?? response.rcode
    const reusable = sets.filter(one => one.wildcardAt || denials.includes(one))
    const whole = { status: 'judged', security, rcode, seconds, reusable } as const
    const passed = open.length > 0 || pieces.length === 0 ? authority : onlyProved(authority, denials)
    return { ...whole, answer: shortened(answer, seconds), authority: shortened(passed, seconds) }
  }

  return { judge }
}

/** RFC 4035 §2.2: RRSIGs are not signed; nor is an answer of which nothing was kept. */
const UNSIGNED: Security = { status: 'insecure', reason: 'signatures are not themselves signed' }

/** The records of a section that belong to verified RRsets. */
function onlyProved(authority: readonly ResourceRecord[], verified: readonly VerifiedSet[]): ResourceRecord[] {
  const isProved = ({ owner, type, rdata }: ResourceRecord) => {
    const covered = type === Type.RRSIG ? (rdata[0]! << 8) | rdata[1]! : type
    return verified.some(({ set }) => set.type === covered && equalNames(set.owner, owner))
  }
  return authority.filter(isProved)
}

function shortened(records: readonly ResourceRecord[], seconds: number): ResourceRecord[] {
  return records.map(record => ({ ...record, ttl: Math.min(record.ttl, seconds) }))
}

/** A CNAME made from a DNAME of the same answer is not signed; we made it ourselves (RFC 6672 §5.3.1). */
function isSynthesized(set: SignedSet, sets: readonly SignedSet[]): boolean {
  if (set.type !== Type.CNAME || set.signatures.length > 0) return false
  return sets.some(
    ({ type, owner }) => type === Type.DNAME && isSubdomain(set.owner, owner) && set.owner.length > owner.length,
  )
}

/** Whether the response says that something is not there. */
function isNegative({ rcode, type, unfinished, answer }: Response, sets: readonly SignedSet[]): boolean {
  if (unfinished) return false
  if (rcode === Rcode.NXDOMAIN) return true
  if (type === Type.ANY || type === Type.RRSIG) return answer.length === 0
  return !sets.some(set => set.type === type)
}

/** The last target of the chain of aliases in the answer. */
function endOf({ name, answer }: Response): Name {
  const last = answer.findLast(({ type }) => type === Type.CNAME)
  return (last && targetOf(Type.CNAME, last.rdata)) ?? name
}

/** A name in the zone that records of this type at `owner` are in: DS is in the zone above (RFC 4035 §2.4). */
function zoneNameFor(owner: Name, type: number): Name {
  return type === Type.DS && owner.length > 1 ? ancestorName(owner) : owner
}

function signersFor(set: SignedSet): Name[] {
  return signersOf(set).filter(signer => isSubdomain(zoneNameFor(set.owner, set.type), signer))
}

/** Who signed the denial of a name: the signer of the SOA, else of the longest zone that the name is in. */
function denialSigner(authority: readonly SignedSet[], within: Name): Name | undefined {
  const signers = (sets: readonly SignedSet[]) =>
    sets
      .flatMap(signersOf)
      .filter(signer => isSubdomain(within, signer))
      .sort((a, b) => b.length - a.length)
  const bySoa = signers(authority.filter(({ type }) => type === Type.SOA))
  return bySoa[0] ?? signers(authority.filter(({ type }) => isDenial(type)))[0]
}

function passed({ security, until }: Standing & { kind: 'open' }): Piece {
  return { status: 'open', security, until }
}

function withoutSignature(standing: Standing, wrong: Fault): Piece | Fault {
  if (standing.kind === 'open') return passed(standing)
  return standing.kind === 'bogus' ? standing.fault : wrong
}

/** What a proof makes of a piece; undefined where there is none. */
function proved(proof: Proof, sets: VerifiedSet[], zone: Name): Piece | undefined {
  switch (proof) {
    case 'proved':
      return { status: 'verified', sets, security: SIGNED }
    case 'opt-out': {
      // RFC 5155 §9.2: what Opt-Out may have left out is not proved to be absent.
      const reason = `${printName(zone)} leaves unsigned delegations out of its proofs (Opt-Out)`
      return { status: 'verified', sets, security: { status: 'insecure', reason } }
    }
    case 'too-many-iterations': {
      const reason = `the NSEC3 records of ${printName(zone)} ask for too many iterations`
      const ede = { code: Ede.UNSUPPORTED_NSEC3_ITERATIONS, text: reason }
      return { status: 'verified', sets, security: { status: 'insecure', reason, ede } }
    }
    case 'unproved':
      return undefined
  }
}

function unsignedSet({ owner, type }: SignedSet): Fault {
  return fault(Ede.RRSIGS_MISSING, `${printName(owner)} ${typeName(type)} came without signatures`)
}

function unsignedDenial(authority: readonly SignedSet[], name: Name, type: number): Fault {
  const what = `${printName(name)} ${typeName(type)}`
  if (authority.some(set => isDenial(set.type)))
    return fault(Ede.RRSIGS_MISSING, `the denial of ${what} came without signatures`)
  return fault(Ede.NSEC_MISSING, `the denial of ${what} came without NSEC or NSEC3 records`)
}
