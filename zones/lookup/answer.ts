import { Rcode } from '../../dns/codes.ts'
import { unreachable } from '../../dns/errors.ts'
import { MAX_NAME, type Name } from '../../dns/name.ts'
import { u32At } from '../../dns/octets.ts'
import type { Query } from '../../dns/query.ts'
import type { RRset } from '../../dns/record.ts'
import { type ResponseWriter, Section } from '../../dns/response.ts'
import { Type, targetOf } from '../../dns/types.ts'
import type { ZoneImage, ZoneVersion } from '../zone.ts'
import { AdditionalWriter, writeSignatures, writeStored } from './additional.ts'
import { Denial } from './denial.ts'
import { lookup, Outcome } from './lookup.ts'
import { endOfName, NameRef } from './nameref.ts'
import { Pins } from './pins.ts'
import type { ZoneTable } from './table.ts'

/**
 * What `Answerer.answer` has done.
 * `done`: the response is complete. `notOurs`: the name is in none of the zones; nothing was written.
 * `elsewhere`: the answer section ends in an alias whose target, `target`, is in none of the zones.
 * `delegated`: `target` is at or below a cut of ours, which `delegation()` tells; the referral is written unless `resolving`.
 */
export type AnswerResult = 'done' | 'notOurs' | 'elsewhere' | 'delegated'

/** A zone cut and the way beyond it: where a resolver for our clients goes on. */
export interface Delegation {
  cut: Name
  ns: RRset
  /** Addresses that our zones have for the servers. */
  glue: RRset[]
}

/** Aliases followed for one query; past it the response says what it has. */
const MOST_ALIASES = 16

/** A CNAME's RDATA in stored form: its length and the name. */
const ALIAS_SLOT = 2 + MAX_NAME

/** Answers queries from the zones of a view (RFC 1034 §4.3.2). One object serves a thread and allocates nothing per query. */
export class Answerer {
  /** The name that the answer has come to: QNAME, or the target of the last alias. */
  readonly target = new NameRef()
  private readonly outcome = new Outcome()
  /** The zone versions that the answer was made from. */
  readonly pins = new Pins()
  private readonly additional = new AdditionalWriter()
  private readonly owner = new NameRef()
  /** The names that the aliases so far stood at, to notice loops. */
  private readonly chain = Array.from({ length: MOST_ALIASES }, () => new NameRef())
  private aliases = 0
  /** Owners of the DNAMEs written so far: one that redirects again is not repeated. */
  private readonly redirections = Array.from({ length: MOST_ALIASES }, () => new NameRef())
  private redirects = 0
  private readonly synthesized = new Uint8Array(MOST_ALIASES * ALIAS_SLOT)
  /** What proves the absences that the answer rests on, for clients that take DNSSEC records. */
  private readonly denial = new Denial()
  private readonly apex = new NameRef()
  private version: ZoneVersion | undefined
  private zones: ZoneTable | undefined

  /**
   * Answers `query`, of class IN or ANY, into `response`, which has begun. With `resolving`, names beyond a cut are left to the
   * caller: then the response holds the aliases that led there, if any, and no referral.
   */
  answer(query: Query, zones: ZoneTable, response: ResponseWriter, resolving = false): AnswerResult {
    const { target, pins, outcome } = this
    target.set(query.buf, query.nameAt, query.nameLength)
    this.zones = zones
    this.aliases = 0
    this.redirects = 0
    pins.clear()
    this.denial.clear()
    for (;;) {
      const image = zoneOf(zones, target, query.qtype)
      if (!image) return this.leave(response)
      const version = pins.pin(image)
      this.version = version
      lookup(version, target.buf, target.at, target.length, query.qtype, outcome)
      switch (outcome.kind) {
        case 'answer':
          this.authoritative(response)
          if (response.dnssecOk) this.denial.prove(version, outcome, target)
          if (writeStored(version, outcome.entry, outcome.rrset, target, response) && this.denial.write(response))
            this.additional.addresses(zones, pins, version, outcome.rrset, response)
          return 'done'
        case 'cname':
          this.authoritative(response)
          if (response.dnssecOk) this.denial.prove(version, outcome, target)
          if (!this.followCname(version, response)) return this.end(response)
          break
        case 'dname':
          this.authoritative(response)
          if (!this.followDname(version, query.qtype, response)) return this.end(response)
          break
        case 'referral':
          if (!resolving) this.refer(version, response)
          else this.denial.write(response)
          return 'delegated'
        case 'nodata':
          this.authoritative(response)
          this.negative(version, response)
          return 'done'
        case 'nxdomain':
          this.authoritative(response)
          // RFC 6604 §3: the RCODE is that of the last name of the chain.
          response.rcode = Rcode.NXDOMAIN
          this.negative(version, response)
          return 'done'
        default:
          unreachable(outcome.kind)
      }
    }
  }

  /** The answer has come to a name that is not ours. */
  private leave(response: ResponseWriter): AnswerResult {
    if (this.aliases === 0) return 'notOurs'
    this.denial.write(response)
    return 'elsewhere'
  }

  /** The answer ends at an alias. */
  private end(response: ResponseWriter): AnswerResult {
    this.denial.write(response)
    return 'done'
  }

  /** Of a `delegated` answer: the cut, its servers and their addresses as far as our zones know them. */
  delegation(): Delegation {
    const version = this.version!
    const { owner, outcome } = this
    owner.setAncestor(this.target, outcome.labels - outcome.closest)
    const cut = owner.toName()
    const ns = version.rrset(cut, Type.NS)!
    const glue: RRset[] = []
    for (const rdata of ns.rdatas) {
      const image = this.zones!.find(rdata, 0)
      const server = targetOf(Type.NS, rdata)
      if (!image || !server) continue
      for (const type of [Type.A, Type.AAAA]) {
        const addresses = this.pins.pin(image).rrset(server, type)
        if (addresses) glue.push(addresses)
      }
    }
    return { cut, ns, glue }
  }

  /** RFC 1035 §4.1.1: AA speaks of the first owner of the answer section. */
  private authoritative(response: ResponseWriter): void {
    if (this.aliases === 0) response.authoritative = true
  }

  /** RFC 1034 §4.3.2 step 3a: writes the CNAME and goes on at its target; false where the answer ends here. */
  private followCname(version: ZoneVersion, response: ResponseWriter): boolean {
    const { reader } = version.image
    const { target, outcome } = this
    if (!writeStored(version, outcome.entry, outcome.rrset, target, response)) return false
    const at = reader.data(outcome.rrset) + 2
    return this.goTo(reader.octets, at, endOfName(reader.octets, at) - at)
  }

  /** RFC 6672 §3.2: writes the DNAME and the CNAME that it means for this name; false where the answer ends here. */
  private followDname(version: ZoneVersion, qtype: number, response: ResponseWriter): boolean {
    const { reader } = version.image
    const { target, owner, outcome } = this
    owner.setAncestor(target, outcome.labels - outcome.closest)
    if (!this.redirectedBefore(owner) && !writeStored(version, outcome.entry, outcome.rrset, owner, response))
      return false
    const suffix = reader.data(outcome.rrset) + 2
    const suffixLength = endOfName(reader.octets, suffix) - suffix
    const prefixLength = target.length - owner.length
    if (prefixLength + suffixLength > MAX_NAME) {
      // RFC 6672 §2.2: the name that would result is too long.
      response.rcode = Rcode.YXDOMAIN
      return false
    }
    const slot = this.aliases * ALIAS_SLOT
    const length = prefixLength + suffixLength
    this.synthesized[slot] = length >>> 8
    this.synthesized[slot + 1] = length
    let to = slot + 2
    for (let i = 0; i < prefixLength; i++) this.synthesized[to++] = target.buf[target.at + i]!
    for (let i = 0; i < suffixLength; i++) this.synthesized[to++] = reader.octets[suffix + i]!
    // RFC 6672 §3.1: the CNAME has the TTL of the DNAME.
    const ttl = reader.ttl(outcome.rrset)
    if (!response.rrset(target.buf, target.at, Type.CNAME, ttl, 1, this.synthesized, slot)) return false
    // RFC 1034 §4.3.2 step 3a: who asks for the CNAME has it.
    if (qtype === Type.CNAME || qtype === Type.ANY) return false
    return this.goTo(this.synthesized, slot + 2, length)
  }

  /** Whether the DNAME of this owner is in the answer already; notes it otherwise. */
  private redirectedBefore(owner: NameRef): boolean {
    const { redirections } = this
    for (let i = 0; i < this.redirects; i++) if (redirections[i]!.equals(owner)) return true
    redirections[this.redirects++]!.set(owner.buf, owner.at, owner.length)
    return false
  }

  /** Goes on at an alias' target; false where that was here before or there were too many. */
  private goTo(buf: Uint8Array, at: number, length: number): boolean {
    const { target, chain } = this
    chain[this.aliases++]!.set(target.buf, target.at, target.length)
    target.set(buf, at, length)
    if (this.aliases === MOST_ALIASES) return false
    for (let i = 0; i < this.aliases; i++) if (chain[i]!.equals(target)) return false
    return true
  }

  /** RFC 1034 §4.3.2 step 3b: the NS of the cut, and glue. */
  private refer(version: ZoneVersion, response: ResponseWriter): void {
    const { target, owner, outcome } = this
    owner.setAncestor(target, outcome.labels - outcome.closest)
    response.open(Section.AUTHORITY)
    if (!writeStored(version, outcome.entry, outcome.rrset, owner, response)) return
    if (response.dnssecOk && !this.referSecurely(version, owner, response)) return
    this.additional.glue(this.zones!, this.pins, version, outcome.rrset, owner, response)
  }

  /** RFC 4035 §3.1.4: the DS of the cut, or the proof that it has none. */
  private referSecurely(version: ZoneVersion, owner: NameRef, response: ResponseWriter): boolean {
    const { outcome, denial } = this
    const ds = version.image.reader.find(outcome.entry, Type.DS)
    if (ds === 0) denial.prove(version, outcome, this.target)
    else if (!writeStored(version, outcome.entry, ds, owner, response)) return false
    return denial.write(response)
  }

  /** RFC 2308 §3: the zone's SOA, with the lesser of its TTL and its MINIMUM. */
  private negative(version: ZoneVersion, response: ResponseWriter): void {
    const { reader } = version.image
    const soa = version.soa()
    const at = reader.data(soa)
    const end = at + 2 + ((reader.octets[at]! << 8) | reader.octets[at + 1]!)
    const ttl = Math.min(reader.ttl(soa), u32At(reader.octets, end - 4))
    const { apex, target, outcome } = this
    apex.setAncestor(target, outcome.labels)
    response.open(Section.AUTHORITY)
    if (!response.rrset(apex.buf, apex.at, Type.SOA, ttl, 1, reader.octets, at) || !response.dnssecOk) return
    if (!writeSignatures(version, reader.apex(version.at), Type.SOA, ttl, apex, response)) return
    this.denial.prove(version, outcome, target)
    this.denial.write(response)
  }
}

/** The zone that answers for the name; for DS of an apex that is the parent's, where we have it (RFC 4035 §3.1.4.1). */
function zoneOf(zones: ZoneTable, name: NameRef, qtype: number): ZoneImage | undefined {
  const image = zones.find(name.buf, name.at)
  if (qtype !== Type.DS || !image || image.origin.length !== name.length) return image
  return zones.findAbove(name.buf, name.at) ?? image
}
