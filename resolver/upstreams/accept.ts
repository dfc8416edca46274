import { Class, Flag, Rcode } from '../../dns/codes.ts'
import type { Message } from '../../dns/message.ts'
import { concatNames, equalNames, isSubdomain, type Name, nameKey, prefixOf } from '../../dns/name.ts'
import { equalOctets, type ResourceRecord } from '../../dns/record.ts'
import { Type, targetOf } from '../../dns/types.ts'
import type { UpstreamQuestion } from '../question.ts'

/** What of a response may be believed, kept and passed on. */
export type Accepted =
  /** Records of the name asked for, or of the end of its CNAME chain; `authority` proves that a wildcard was due (RFC 4035 §3.1.3.3). */
  | { kind: 'answer'; answer: ResourceRecord[]; authority: ResourceRecord[] }
  /** NXDOMAIN or NODATA; `authority` has the SOA that says for how long (RFC 2308), where there is one. */
  | { kind: 'negative'; rcode: number; answer: ResourceRecord[]; authority: ResourceRecord[] }
  /** A chain whose end this server may not, or did not, speak for; `authority` as of an answer. */
  | { kind: 'chain'; answer: ResourceRecord[]; authority: ResourceRecord[]; next: Name }
  /** The name is below a zone cut; only of use where authoritative servers are asked. */
  | { kind: 'referral'; cut: Name; servers: ResourceRecord[]; glue: ResourceRecord[] }
  /** Nothing of use: it contradicts itself, or the server refuses or fails. */
  | { kind: 'unusable'; reason: string }

const LONGEST_CHAIN = 16

/**
 * Takes from a response what answers the question and what the server may speak for: `inBailiwick` says so of an owner name
 * (RFC 2181 §5.4.1, RFC 5452 §6). All else, additional records above all, is dropped, so it can never enter the cache.
 */
export function accept(response: Message, question: UpstreamQuestion, inBailiwick: (owner: Name) => boolean): Accepted {
  if (response.rcode !== Rcode.NOERROR && response.rcode !== Rcode.NXDOMAIN)
    return { kind: 'unusable', reason: 'an error RCODE' }
  const records = response.answer.filter(record => record.class === Class.IN && wellFormed(record))
  const answer: ResourceRecord[] = []
  const visited: Name[] = []
  let name = question.name
  for (;;) {
    if (!inBailiwick(name)) return chained(answer, denials(response.authority, question, inBailiwick), name)
    if (visited.some(other => equalNames(other, name))) return { kind: 'unusable', reason: 'a CNAME loop' }
    if (visited.length > LONGEST_CHAIN) return { kind: 'unusable', reason: 'a CNAME chain too long' }
    visited.push(name)
    const redirection = followDname(records, name, question)
    // RFC 6672 §3.2: below a DNAME there is nothing but the alias that it makes.
    if (redirection && (question.type === Type.CNAME || question.type === Type.ANY))
      return { kind: 'answer', answer: [...answer, ...redirection.records], authority: [] }
    const wanted = redirection
      ? []
      : records
          .filter(record => equalNames(record.owner, name) && isWanted(record, question))
          .map(record => spelledAs(name, record))
    if (wanted.some(record => record.type !== Type.RRSIG || question.type === Type.RRSIG || question.type === Type.ANY))
      return {
        kind: 'answer',
        answer: answer.length > 0 ? [...answer, ...unique(wanted)] : unique(wanted),
        authority: denials(response.authority, question, inBailiwick),
      }
    const step = redirection ?? followAlias(records, name, question)
    if (!step) break
    answer.push(...step.records)
    name = step.target
  }
  return ended(response, question, name, answer, inBailiwick)
}

/** An owner outside the bailiwick may only be reached by a chain. */
function chained(answer: ResourceRecord[], authority: ResourceRecord[], next: Name): Accepted {
  return answer.length > 0
    ? { kind: 'chain', answer, authority, next }
    : { kind: 'unusable', reason: "the name is not this server's to answer" }
}

/** A record of the type asked for, or its signature where signatures were asked for. */
function isWanted(record: ResourceRecord, question: UpstreamQuestion): boolean {
  if (question.type === Type.ANY || record.type === question.type) return true
  return question.dnssecOk && record.type === Type.RRSIG && typeCovered(record) === question.type
}

/** An upstream may have made this owner from the question, random case and all, where a DNAME led to it. */
function spelledAs(name: Name, record: ResourceRecord): ResourceRecord {
  return equalOctets(record.owner, name) ? record : { ...record, owner: name }
}

function typeCovered(record: ResourceRecord): number {
  return record.rdata.length < 2 ? 0 : (record.rdata[0]! << 8) | record.rdata[1]!
}

interface Step {
  records: ResourceRecord[]
  target: Name
}

function followAlias(records: ResourceRecord[], name: Name, question: UpstreamQuestion): Step | undefined {
  const aliases = unique(records.filter(record => record.type === Type.CNAME && equalNames(record.owner, name)))
  // RFC 2181 §10.1: a name has one canonical name at most; with two, nothing is followed.
  const target = aliases.length === 1 ? targetOf(Type.CNAME, aliases[0]!.rdata) : undefined
  return target && { records: withSignatures(records, aliases, question), target }
}

/** RFC 6672 §3.4: the CNAME is made from the DNAME here, whatever the response holds for it. */
function followDname(records: ResourceRecord[], name: Name, question: UpstreamQuestion): Step | undefined {
  const dname = records.find(
    record => record.type === Type.DNAME && isSubdomain(name, record.owner) && name.length > record.owner.length,
  )
  const suffix = dname && targetOf(Type.DNAME, dname.rdata)
  const target = suffix && concatNames(prefixOf(name, dname.owner), suffix)
  if (!target) return undefined
  const alias: ResourceRecord = { owner: name, type: Type.CNAME, class: Class.IN, ttl: dname.ttl, rdata: target }
  return { records: [...withSignatures(records, [dname], question), alias], target }
}

function withSignatures(
  records: ResourceRecord[],
  rrset: ResourceRecord[],
  question: UpstreamQuestion,
): ResourceRecord[] {
  if (!question.dnssecOk) return rrset
  const { owner, type } = rrset[0]!
  const covers = (record: ResourceRecord) =>
    record.type === Type.RRSIG && typeCovered(record) === type && equalNames(record.owner, owner)
  return [...rrset, ...records.filter(covers)]
}

/** The chain, perhaps of no links, ends at `name` without data of the type. */
function ended(
  response: Message,
  question: UpstreamQuestion,
  name: Name,
  answer: ResourceRecord[],
  inBailiwick: (owner: Name) => boolean,
): Accepted {
  const authority = response.authority.filter(record => record.class === Class.IN && wellFormed(record))
  // The SOA may be owned by a name above the bailiwick, where a rule begins inside a zone.
  const soa = authority.find(record => record.type === Type.SOA && isSubdomain(name, record.owner))
  const { rcode } = response
  if (soa) return { kind: 'negative', rcode, answer, authority: [soa, ...denials(authority, question, inBailiwick)] }
  if (rcode === Rcode.NXDOMAIN) return { kind: 'negative', rcode, answer, authority: [] }
  if (answer.length > 0)
    return { kind: 'chain', answer, authority: denials(authority, question, inBailiwick), next: name }
  if (response.answer.length > 0) return { kind: 'unusable', reason: 'it answers another question' }
  const referral = referralOf(response, authority, name)
  if (referral) return referral
  return { kind: 'negative', rcode, answer, authority: [] }
}

/**
 * The NSEC and NSEC3 records that prove a denial, and the signatures of it, for who asked with DO (RFC 4035 §3.1.3). Who asked with CD too judges
 * by signatures whose they are: a rule's servers may have to prove what zones above it say.
 */
function denials(
  authority: ResourceRecord[],
  question: UpstreamQuestion,
  inBailiwick: (owner: Name) => boolean,
): ResourceRecord[] {
  if (!question.dnssecOk) return []
  const proves = (type: number) => type === Type.NSEC || type === Type.NSEC3
  const kept = (record: ResourceRecord) => {
    const type = record.type === Type.RRSIG ? typeCovered(record) : record.type
    return (
      record.class === Class.IN &&
      (proves(type) || (type === Type.SOA && record.type === Type.RRSIG)) &&
      (question.checkingDisabled || inBailiwick(record.owner))
    )
  }
  return authority.filter(kept)
}

/** RFC 1034 §4.3.2 step 3b: NS records below the zone, no answer, no authority. */
function referralOf(response: Message, authority: ResourceRecord[], name: Name): Accepted | undefined {
  // RFC 2308 §2.2: NS records without an SOA make it a referral, not NODATA.
  const first = authority.find(record => record.type === Type.NS)
  if (!first || response.flags & Flag.AA) return undefined
  if (!isSubdomain(name, first.owner)) return { kind: 'unusable', reason: 'a referral that leads elsewhere' }
  const servers = authority.filter(record => record.type === Type.NS && equalNames(record.owner, first.owner))
  const names = new Set(servers.map(record => nameKey(targetOf(Type.NS, record.rdata)!)))
  const isGlue = (record: ResourceRecord) =>
    (record.type === Type.A || record.type === Type.AAAA) && wellFormed(record) && names.has(nameKey(record.owner))
  return { kind: 'referral', cut: first.owner, servers, glue: response.additional.filter(isGlue) }
}

/** Addresses of the wrong length break clients; whatever holds one is not passed on. */
function wellFormed({ type, rdata }: ResourceRecord): boolean {
  if (type === Type.A) return rdata.length === 4
  if (type === Type.AAAA) return rdata.length === 16
  return true
}

/** RFC 2181 §5, §5.2: an RRset holds no record twice and has one TTL, the least. All records here have one owner. */
function unique(records: ResourceRecord[]): ResourceRecord[] {
  if (records.length < 2) return records
  const seen = new Set<string>()
  const ttls = new Map<number, number>()
  for (const { type, ttl } of records) ttls.set(type, Math.min(ttl, ttls.get(type) ?? ttl))
  const isNew = ({ type, rdata }: ResourceRecord) => {
    const key = `${type} ${Buffer.from(rdata.buffer, rdata.byteOffset, rdata.length).toString('latin1')}`
    return !seen.has(key) && seen.add(key)
  }
  return records.filter(isNew).map(record => ({ ...record, ttl: ttls.get(record.type)! }))
}
