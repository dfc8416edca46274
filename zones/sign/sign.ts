import { Rcode } from '../../dns/codes.ts'
import { Rrsig } from '../../dns/dnssec.ts'
import { RcodeError } from '../../dns/errors.ts'
import { equalNames, isSubdomain, type Name, nameKey } from '../../dns/name.ts'
import { equalOctets, type ResourceRecord, type RRset } from '../../dns/record.ts'
import { Type, typeName } from '../../dns/types.ts'
import type { Clock } from '../../host/clock.ts'
import type { Random } from '../../host/random.ts'
import { type Changeset, diffRecords } from '../change.ts'
import { recordsOf } from '../draft.ts'
import { minimumOf } from '../soa.ts'
import type { ZoneVersion } from '../zone.ts'
import { nsecChanges } from './nsec.ts'
import { hashedOwner, NSEC3PARAM, nsec3Changes } from './nsec3.ts'
import type { PreparedSignatures } from './prepare.ts'
import type { Stale } from './scan.ts'
import { type ActiveKeys, SignatureMaker, type SignatureTimes } from './signatures.ts'
import { hidesOtherwise, isStanding, type StandingName, signedTypes, standingOf } from './standing.ts'

/** What a signer needs of the world. */
export interface SignerOptions {
  /** The keys of this moment. */
  keys: () => ActiveKeys
  /** Whether absence is proved by NSEC3. */
  nsec3: boolean
  times: SignatureTimes
  clock: Clock
  random: Random
  /** Hears of the longest TTL of what is signed, in seconds. */
  noticeTtl?: (ttl: number) => void
}

/** Everything that signing adds to a zone: an unsigned zone has none of it, and nobody but the signer writes it. */
export const SIGNER_TYPES: ReadonlySet<number> = new Set([
  Type.RRSIG,
  Type.NSEC,
  Type.NSEC3,
  Type.NSEC3PARAM,
  Type.DNSKEY,
  Type.CDS,
  Type.CDNSKEY,
])

/** Keeps a zone signed: says what a change of its data does to its signatures and proofs of absence (RFC 4035 §2). */
export class ZoneSigner {
  readonly options: SignerOptions
  /** While the zone is signed for the first time, name by name: nobody trusts its proofs of absence yet. */
  building = false
  /** The longest TTL that was signed since somebody set it to zero, in seconds. */
  longestTtl = 0

  constructor(options: SignerOptions) {
    this.options = options
  }

  /**
   * The records of signing that go and come when `change` leads from `base`, which is signed, to `tip`. With `stale`, given for the
   * signer's own changes, it may contain the zone's keys. Throws where others change what is the signer's.
   */
  sign(
    base: ZoneVersion,
    tip: ZoneVersion,
    change: Changeset,
    stale?: Stale,
    prepared?: PreparedSignatures,
  ): Changeset {
    if (!stale) refuseSignerTypes(change)
    const { keys, noticeTtl } = this.options
    // Of a zone that is signed no more.
    if (keys().zone.length === 0) return { deleted: [], added: [] }
    const maker = this.maker(prepared)
    const whole = !this.building && !this.hasChain(tip)
    const signing = new SigningPass(maker, this.options.nsec3, base, tip, change, stale ?? [], whole).run()
    this.longestTtl = Math.max(this.longestTtl, maker.longestTtl)
    noticeTtl?.(maker.longestTtl)
    return signing
  }

  maker(prepared?: PreparedSignatures): SignatureMaker {
    const { keys, times, clock, random } = this.options
    return new SignatureMaker(keys(), times, clock, random, prepared)
  }

  /** Whether the zone has the proofs of absence that it is to have. */
  hasChain(version: ZoneVersion): boolean {
    return hasChain(version, this.options.nsec3)
  }

  /** The NSEC3PARAM of a zone with NSEC3 (RFC 5155 §4). */
  get parameters(): Uint8Array[] {
    return this.options.nsec3 ? [NSEC3PARAM] : []
  }
}

function refuseSignerTypes({ deleted, added }: Changeset): void {
  for (const { type } of [...deleted, ...added])
    if (SIGNER_TYPES.has(type))
      throw new RcodeError(Rcode.REFUSED, `${typeName(type)} records of a signed zone are made by its signer`)
}

/** Whether there are proofs of this kind and no others, with the TTL that they are to have. */
function hasChain(version: ZoneVersion, nsec3: boolean): boolean {
  const { origin } = version
  const nsec = version.rrset(origin, Type.NSEC)
  const hashed = version.hasHashes() ? version.rrset(hashedOwner(origin, origin), Type.NSEC3) : undefined
  const [chain, other] = nsec3 ? [hashed, nsec] : [nsec, hashed]
  return chain?.ttl === proofTtl(version) && !other
}

/** RFC 9077 §3: the lesser of the SOA's TTL and its MINIMUM, like that of a negative answer. */
function proofTtl(version: ZoneVersion): number {
  const soa = version.rrset(version.origin, Type.SOA)!
  return Math.min(soa.ttl, minimumOf(soa.rdatas[0]!))
}

/** One change being signed. */
class SigningPass {
  private readonly maker: SignatureMaker
  private readonly nsec3: boolean
  private readonly base: ZoneVersion
  private readonly tip: ZoneVersion
  /** Names at which something changes, and the types whose signatures can't stay. */
  private readonly changed = new Map<string, { owner: Name; types: Set<number> }>()
  /** Owners of NSEC3 whose signatures may not stay. */
  private readonly staleHashed = new Map<string, Name>()
  private readonly gone: ResourceRecord[] = []
  private readonly come: ResourceRecord[] = []

  constructor(
    maker: SignatureMaker,
    nsec3: boolean,
    base: ZoneVersion,
    tip: ZoneVersion,
    change: Changeset,
    stale: Stale,
    whole: boolean,
  ) {
    this.maker = maker
    this.nsec3 = nsec3
    this.base = base
    this.tip = tip
    for (const { owner, type } of [...change.deleted, ...change.added])
      if (type === Type.NSEC3) this.staleHashed.set(nameKey(owner), owner)
      else this.touch(owner).add(type)
    // A signature that is due is given up wherever its owner is looked at.
    for (const { owner, type } of stale)
      if (type === Type.NSEC3) this.staleHashed.set(nameKey(owner), owner)
      else this.touch(owner)
    if (whole) this.touchAll(nsec3)
    else this.touchHidden()
  }

  run(): Changeset {
    const { tip } = this
    const names = [...this.changed.values()].map(({ owner }) => standingOf(tip, owner))
    const ttl = proofTtl(tip)
    const proofs = (this.nsec3 ? nsec3Changes : nsecChanges)(tip, names, ttl)
    if (this.nsec3) {
      for (const { owner, rrset } of proofs.values()) this.renewHashed(owner, rrset)
      for (const [key, owner] of this.staleHashed)
        if (!proofs.has(key)) this.renewHashed(owner, tip.rrset(owner, Type.NSEC3))
      for (const name of names) this.renew(name, undefined)
    } else {
      for (const name of names) this.renew(name, proofs.get(nameKey(name.owner))?.rrset)
      for (const [key, { owner, rrset }] of proofs)
        if (!this.changed.has(key)) this.renew(standingOf(tip, owner), rrset)
    }
    return diffRecords(this.gone, this.come)
  }

  private touch(owner: Name): Set<number> {
    const key = nameKey(owner)
    let entry = this.changed.get(key)
    if (!entry) this.changed.set(key, (entry = { owner, types: new Set() }))
    return entry.types
  }

  /** What comes out from under a cut or DNAME, or goes there, is signed from now on, or not any more. */
  private touchHidden(): void {
    for (const { owner, types } of [...this.changed.values()]) {
      if (!types.has(Type.NS) && !types.has(Type.DNAME)) continue
      if (!hidesOtherwise(this.base, this.tip, owner)) continue
      for (const below of this.tip.ownersAfter(owner)) {
        if (!isSubdomain(below, owner)) break
        this.touch(below)
      }
    }
  }

  /** The whole zone, where it has no chain yet or another one. */
  private touchAll(nsec3: boolean): void {
    const { tip } = this
    this.touch(tip.origin)
    for (const owner of tip.ownersAfter(tip.origin)) this.touch(owner)
    if (nsec3) return
    for (const rrset of tip.rrsets(Type.NSEC3))
      this.gone.push(...recordsOf(rrset), ...this.signatures(rrset.owner, true))
  }

  /** Renews all that signing has made at a name; `nsec` is its NSEC, undefined where it has none. */
  private renew(name: StandingName, nsec: RRset | undefined): void {
    const { tip } = this
    const { owner } = name
    const touched = this.changed.get(nameKey(owner))?.types
    const existing = new Set(this.signatures(owner, false))
    const before = tip.rrset(owner, Type.NSEC)
    if (isStanding(name)) {
      for (const type of signedTypes(name)) this.signed(tip.rrset(owner, type)!, existing, touched?.has(type) ?? false)
      this.renewProof(before, nsec, existing)
    } else this.renewProof(before, undefined, existing)
    this.gone.push(...existing)
  }

  private renewHashed(owner: Name, rrset: RRset | undefined): void {
    const existing = new Set(this.signatures(owner, true))
    this.renewProof(this.tip.rrset(owner, Type.NSEC3), rrset, existing)
    this.gone.push(...existing)
  }

  /** Puts one NSEC or NSEC3 in the place of another, where they differ. */
  private renewProof(before: RRset | undefined, rrset: RRset | undefined, existing: Set<ResourceRecord>): void {
    const same = rrset !== undefined && sameRRset(before, rrset)
    if (before && !same) this.gone.push(...recordsOf(before))
    if (!rrset) return
    if (!same) this.come.push(...recordsOf(rrset))
    this.signed(rrset, existing, !same)
  }

  /** Sees to the signatures of an RRset; those that stay are taken out of `existing`. */
  private signed(rrset: RRset, existing: Set<ResourceRecord>, changed: boolean): void {
    const { type, owner } = rrset
    const own = [...existing].filter(({ rdata }) => Rrsig.typeCovered(rdata) === type)
    const present = own.map(({ rdata }) => rdata)
    const rdatas = this.maker.signaturesOf(rrset, present, changed)
    for (const record of recordsOf({ owner, type: Type.RRSIG, ttl: rrset.ttl, rdatas })) {
      const stays = own.find(({ rdata, ttl }) => rdata === record.rdata && ttl === record.ttl)
      if (stays) existing.delete(stays)
      else this.come.push(record)
    }
  }

  /** The signatures at an owner as they are: those of its NSEC3, or all others. */
  private signatures(owner: Name, hashed: boolean): ResourceRecord[] {
    const rrset = this.tip.rrset(owner, Type.RRSIG)
    if (!rrset) return []
    return recordsOf(rrset).filter(({ rdata }) => (Rrsig.typeCovered(rdata) === Type.NSEC3) === hashed)
  }
}

function sameRRset(a: RRset | undefined, b: RRset): boolean {
  if (!a || a.ttl !== b.ttl || !equalNames(a.owner, b.owner) || a.rdatas.length !== b.rdatas.length) return false
  return a.rdatas.every((rdata, i) => equalOctets(rdata, b.rdatas[i]!))
}
