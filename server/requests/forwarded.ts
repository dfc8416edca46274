import { Class, Flag, Rcode } from '../../dns/codes.ts'
import { equalNames, type Name } from '../../dns/name.ts'
import { Query } from '../../dns/query.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { type ResponseWriter, Section } from '../../dns/response.ts'
import { Type } from '../../dns/types.ts'
import type { ResolveOptions, ResolverAnswer } from '../../resolver/resolver.ts'
import type { Answerer } from '../../zones/lookup/answer.ts'
import type { Answered } from '../sight/sight.ts'
import { answerFromZones, type Recursion, type Unresolved } from './query.ts'
import { type AskingClient, resolveInView, type ViewAnswer } from './resolving.ts'
import type { ServingView } from './state.ts'

/** Part of an answer whose CNAME chain goes in and out of our zones: what the resolver said, or a name that our zones answer. */
export type Part = { kind: 'resolved'; answer: ViewAnswer } | { kind: 'own'; name: Name }

/** All that is needed to complete an answer that has left our zones. */
export interface ForwardedQuery {
  /** Of the request, which is kept. */
  query: Query
  view: ServingView
  /** What our zones had left open; they may have changed since. */
  first: Unresolved
  parts: readonly Part[]
  /** What is to become of it by a policy: no answer at all, or none over UDP. */
  withheld?: 'drop' | 'tcp-only'
}

/** How often a chain may leave our zones. */
const MOST_PARTS = 8

/** Asks the resolver until the answer is whole, our own zones taking part where a chain comes back to them. */
export async function resolveForwarded(
  query: Query,
  view: ServingView,
  first: Unresolved,
  client: AskingClient,
  scratch: { answerer: Answerer; response: ResponseWriter },
): Promise<ForwardedQuery> {
  const parts: Part[] = []
  const dnssecOk = query.dnssecOk
  const checkingDisabled = (query.flags & Flag.CD) !== 0
  for (let next: Unresolved | undefined = first; next && parts.length < MOST_PARTS; ) {
    const question = { name: next.name, type: query.qtype, class: Class.IN }
    const options: ResolveOptions = { dnssecOk, checkingDisabled, client: client.account }
    if (query.subnet.length > 0 && query.subnet.length <= LONGEST_SUBNET) options.subnet = query.subnet
    if (query.hops.length > 0) options.hops = query.hops
    if (next.delegation) options.delegation = next.delegation
    const answer = await resolveInView(view, question, options, client)
    parts.push({ kind: 'resolved', answer })
    const action = answer.verdict?.action
    if (action === 'drop' || action === 'tcp-only') return { query, view, first, parts, withheld: action }
    if (!answer.next || !view.zonesAtHome.find(answer.next, 0)) break
    parts.push({ kind: 'own', name: answer.next })
    const again = questionAbout(query, answer.next)
    scratch.response.begin(again)
    next = answerFromZones(again, view, RECURSING, scratch.answerer, scratch.response)
  }
  return { query, view, first, parts }
}

/** RFC 7871 §6: family, two prefix lengths, and the address. */
const LONGEST_SUBNET = 20

const RECURSING: Recursion = { allowed: true, desired: true }

/** The same query about another name. */
function questionAbout(query: Query, name: Name): Query {
  const wire = new Uint8Array(HEADER + name.length + 4)
  wire.set(name, HEADER)
  const place = { buf: wire, start: 0, end: wire.length, nameAt: HEADER, nameLength: name.length }
  return Object.assign(new Query().copyFrom(query), place)
}

const HEADER = 12

/** Writes the whole answer into `response`, which has begun. Synchronous, so that the parts from our zones are of this moment. */
export function writeForwarded(forwarded: ForwardedQuery, answerer: Answerer, response: ResponseWriter): void {
  const { query, view, first, parts } = forwarded
  if (first.aliased) {
    const again = answerFromZones(query, view, RECURSING, answerer, response)
    // Our own zones now lead elsewhere, or nowhere: what was resolved does not belong to it.
    if (!again || !equalNames(again.name, first.name)) return
  }
  const authoritative = response.authoritative
  for (const [i, part] of parts.entries()) {
    if (part.kind === 'own') answerFromZones(questionAbout(query, part.name), view, RECURSING, answerer, response)
    else writeResolved(part.answer, i === parts.length - 1, response)
    if (response.truncated) break
  }
  // RFC 1035 §4.1.1: AA speaks of the first owner of the answer section.
  response.authoritative = authoritative
  response.authenticData = wantsAuthentication(query) && !first.aliased && parts.every(isAuthentic)
}

/** RFC 6840 §5.7, §5.8: AD is set only for who asked with DO or AD. */
function wantsAuthentication(query: Query): boolean {
  return query.dnssecOk || (query.flags & Flag.AD) !== 0
}

function isAuthentic(part: Part): boolean {
  return part.kind === 'resolved' && part.answer.ad
}

function writeResolved(answer: ResolverAnswer, last: boolean, response: ResponseWriter): void {
  writeRecords(answer.answer, response)
  if (!last) return
  response.rcode = answer.rcode
  response.open(Section.AUTHORITY)
  writeRecords(answer.authority, response)
  response.open(Section.ADDITIONAL)
  writeRecords(answer.additional, response)
  if (answer.ede) response.extendedError(answer.ede.code, answer.ede.text)
}

/** Writes records by RRsets, as far as they fit. */
function writeRecords(records: readonly ResourceRecord[], response: ResponseWriter): void {
  for (let i = 0; i < records.length; ) {
    const { owner, type, ttl, rdata } = records[i]!
    const rdatas = [rdata]
    let end = i + 1
    while (end < records.length && records[end]!.type === type && equalNames(records[end]!.owner, owner))
      rdatas.push(records[end++]!.rdata)
    if (!response.records(owner, type, ttl, rdatas) && response.truncated) return
    i = end
  }
}

/** Whether every client of the view that asks the same way would have the same answer. */
export function isForAll({ query, view: { policies, config } }: ForwardedQuery): boolean {
  if (policies?.judgesClients) return false
  return !config.dns64?.clients || (query.qtype !== Type.AAAA && query.qtype !== Type.PTR)
}

/** What there is to be told of an answer, for the query log. */
export function describeResolved({ parts }: ForwardedQuery): Required<Pick<Answered, 'from' | 'resolved'>> {
  const last = parts.findLast(part => part.kind === 'resolved')
  if (!last) return { from: 'local', resolved: {} }
  const { rule, upstream, security, verdict, ede, from } = last.answer
  const resolved: NonNullable<Answered['resolved']> = {}
  if (rule) resolved.rule = rule
  if (upstream !== undefined) resolved.upstream = upstream
  if (security) resolved.security = security.status
  if (verdict && verdict.action !== 'passthru') resolved.policy = verdict.rule
  if (ede) resolved.ede = ede.code
  return { from, resolved }
}

/** Seconds that the answer may be used again; 0 where it may not: failures, stale data, and what says why (RFC 8914). */
export function keepFor({ parts }: ForwardedQuery): number {
  let least = MOST_SECONDS
  for (const part of parts) {
    if (part.kind === 'own') return 0
    const { rcode, answer, authority, ede, from, renewIn } = part.answer
    if (ede || from === 'stale' || (rcode !== Rcode.NOERROR && rcode !== Rcode.NXDOMAIN)) return 0
    if (answer.length + authority.length === 0) return 0
    // In the last part of its time it is asked for again, so that the resolver can renew it.
    least = Math.min(least, renewIn)
    for (const { ttl } of answer) least = Math.min(least, ttl)
    for (const { ttl } of authority) least = Math.min(least, ttl)
  }
  return least
}

const MOST_SECONDS = 3600
