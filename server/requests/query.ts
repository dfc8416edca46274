import { Class, Ede, Flag, Rcode } from '../../dns/codes.ts'
import { RcodeError } from '../../dns/errors.ts'
import type { Name } from '../../dns/name.ts'
import { copyOctets } from '../../dns/octets.ts'
import type { Query } from '../../dns/query.ts'
import type { ResponseWriter } from '../../dns/response.ts'
import { isMetaType, Type } from '../../dns/types.ts'
import type { Delegation } from '../../resolver/routes/delegation.ts'
import { recordsOf } from '../../zones/draft.ts'
import type { Answerer } from '../../zones/lookup/answer.ts'
import { isMissing, isRuled, type ServingView } from './state.ts'

/** What a query still needs from elsewhere: the name to go on with, and the servers to ask where a zone of ours delegates it. */
export interface Unresolved {
  name: Name
  delegation?: Delegation
  /** The answer begins with aliases of our own zones. */
  aliased: boolean
  /** It is at or below a delegation of ours: ours again once that is gone. */
  beyondCut: boolean
}

/** The client's standing with the resolver. */
export interface Recursion {
  /** The view recurses for this client. */
  allowed: boolean
  /** And it asks for that. */
  desired: boolean
}

/** Refuses questions that have no answer in any view, in BIND's way. Throws RcodeError. */
export function checkQuestion(query: Query): void {
  checkVersion(query)
  // CHAOS tells about servers (version.bind, RFC 4892), which is nobody's business here.
  if (query.qclass !== Class.IN && query.qclass !== Class.ANY)
    throw new RcodeError(Rcode.REFUSED, `class ${query.qclass} is not served`, Ede.NOT_SUPPORTED)
  checkType(query.qtype)
}

/** RFC 6891 §6.1.3: we speak version 0. Throws RcodeError for any other. */
export function checkVersion(query: Query): void {
  if (query.ednsVersion > 0) throw new RcodeError(Rcode.BADVERS, `EDNS version ${query.ednsVersion}`)
}

function checkType(type: number): void {
  if (type !== 0 && (!isMetaType(type) || type === Type.ANY || type === Type.AXFR || type === Type.IXFR)) return
  // RFC 1035 §3.2.3; TKEY (RFC 2930) as well.
  if (type === MAILA || type === MAILB || type === Type.TKEY)
    throw new RcodeError(Rcode.NOTIMP, `type ${type} is not implemented`, Ede.NOT_SUPPORTED)
  throw new RcodeError(Rcode.FORMERR, `type ${type} can not be asked for`)
}

const MAILB = 253
const MAILA = 254

/** Whether the answer may come from the answer cache and be kept there. */
export function isCacheable(query: Query): boolean {
  if (query.qclass !== Class.IN || query.ednsVersion !== 0) return false
  if (query.qtype === Type.OPT || query.qtype === 0) return false
  return query.qtype < FIRST_META || query.qtype > LAST_META || query.qtype === Type.ANY
}

/** RFC 6895 §3.1: types that are never data. */
const FIRST_META = 128
const LAST_META = 255

/** What an answer depends on beside the question, as a number for the answer cache. */
export function answerFacts(query: Query, view: ServingView, { allowed, desired }: Recursion): number {
  const checkingDisabled = desired && (query.flags & Flag.CD) !== 0
  // RFC 6840 §5.7: AD in a query asks for AD in the answer.
  const authenticData = desired && (query.flags & Flag.AD) !== 0
  return (
    (view.index << 5) |
    (query.dnssecOk ? 1 : 0) |
    (checkingDisabled ? 2 : 0) |
    (authenticData ? 4 : 0) |
    (allowed ? 8 : 0) |
    (desired ? 16 : 0)
  )
}

/**
 * Answers from the view's zones into `response`, which has begun. Returns what is to be resolved elsewhere; undefined where the
 * response is complete.
 */
export function answerFromZones(
  query: Query,
  view: ServingView,
  recursion: Recursion,
  answerer: Answerer,
  response: ResponseWriter,
): Unresolved | undefined {
  if (view.missing.size > 0 && isMissing(view, nameOf(query))) {
    response.rcode = Rcode.SERVFAIL
    response.extendedError(Ede.NOT_READY)
    return undefined
  }
  const result = answerer.answer(query, recursion.allowed ? view.zonesAtHome : view.zones, response, recursion.desired)
  switch (result) {
    case 'done':
      return undefined
    case 'notOurs':
      return leave(query, view, recursion, response)
    case 'elsewhere': {
      // Without recursion: NOERROR with the CNAME, which is where our knowledge ends.
      const name = answerer.target.toName()
      if (!recursion.desired || isMissing(view, name) || !view.resolver.covers(name)) return undefined
      return { name, aliased: true, beyondCut: false }
    }
    case 'delegated':
      return recursion.desired ? delegated(query, view, answerer) : undefined
  }
}

/** A name that is not ours. */
function leave(
  query: Query,
  view: ServingView,
  { allowed, desired }: Recursion,
  response: ResponseWriter,
): Unresolved | undefined {
  // Forwarders ask for `. NS` to see whether we live: the resolver knows it without asking anybody.
  const isRootServers = query.nameLength === 1 && query.qtype === Type.NS
  if (allowed && (isRootServers || (desired && view.resolver.covers(nameOf(query)))))
    return { name: nameOf(query), aliased: false, beyondCut: false }
  response.rcode = Rcode.REFUSED
  const excluded = !allowed && (query.flags & Flag.RD) !== 0
  response.extendedError(excluded ? Ede.PROHIBITED : Ede.NOT_AUTHORITATIVE)
  return undefined
}

/** A name below a delegation of ours: its servers are asked, unless a forward rule is for it in particular. */
function delegated(query: Query, view: ServingView, answerer: Answerer): Unresolved {
  const name = answerer.target.toName()
  const aliased = answerer.target.buf !== query.buf
  const { cut, ns, glue } = answerer.delegation()
  const origin = view.zones.find(name, 0)?.origin
  if (origin && isRuled(view, name, origin)) return { name, aliased, beyondCut: true }
  const delegation = { cut, servers: recordsOf(ns), glue: glue.flatMap(recordsOf) }
  return { name, aliased, beyondCut: true, delegation }
}

/** QNAME, a copy. */
export function nameOf(query: Query): Name {
  return copyOctets(query.buf, query.nameAt, query.nameAt + query.nameLength)
}
