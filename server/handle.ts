import { containsAddress, printAddress } from '../config/address.ts'
import { Class, Ede, Flag, Opcode, opcodeName, Rcode, rcodeName } from '../dns/codes.ts'
import { RcodeError } from '../dns/errors.ts'
import { type Message, parseMessage } from '../dns/message.ts'
import { type Name, printName } from '../dns/name.ts'
import { copyOctets } from '../dns/octets.ts'
import { DROP, Query, readQuery } from '../dns/query.ts'
import { udpLimit } from '../dns/response.ts'
import { type TsigContext, verifyRequest } from '../dns/tsig.ts'
import { Type } from '../dns/types.ts'
import type { Clock } from '../host/clock.ts'
import type { Log } from '../host/log.ts'
import { Answerer } from '../zones/answer.ts'
import { chooseView, type RequestFacts } from '../zones/views.ts'
import type { AnswerCache } from './answers.ts'
import { answerChaos } from './chaos.ts'
import { CLIENT_COOKIE, type Cookies } from './cookies.ts'
import { describeFailure, TsigFailure } from './failure.ts'
import {
  describeResolved,
  type ForwardedQuery,
  isForAll,
  keepFor,
  resolveForwarded,
  writeForwarded,
} from './forwarded.ts'
import { type Client, LATER, type RequestHandler, SILENCE } from './listen/client.ts'
import { UDP_LIMIT } from './listen/datagrams.ts'
import type { MainThread } from './main-thread.ts'
import type { NotifyRequest, RequestOrigin, UpdateRequest } from './messages.ts'
import { cellOf, countSpan, rcodeCells, requestCell, viewCell } from './metrics.ts'
import { prepareNotify } from './notify.ts'
import type { Outstanding } from './outstanding.ts'
import {
  answerFacts,
  answerFromZones,
  checkQuestion,
  checkVersion,
  isCacheable,
  nameOf,
  type Recursion,
  type Unresolved,
} from './query.ts'
import { RateGate } from './rate-gate.ts'
import type { RateLimiter } from './rate-limit.ts'
import { completeQuery, keepQuery } from './request.ts'
import { Responder } from './respond.ts'
import { ResponseOptions } from './response-options.ts'
import type { Answered, Sight } from './sight/sight.ts'
import type { ServingView, State } from './state.ts'
import type { Transfers } from './transfer.ts'
import { prepareUpdate } from './update.ts'

export interface HandlerOptions {
  state: State
  answers: AnswerCache
  counters: Float64Array
  transfers: Transfers
  main: MainThread
  outstanding: Outstanding
  cookies: Cookies
  rates: RateLimiter
  sight: Sight
  clock: Clock
  log: Log
}

/** A request that needed more than a look at its header: everything known of it, on its own memory, so that it can wait. */
export interface Request {
  client: Client
  query: Query
  wire: Uint8Array
  message: Message
  /** Octets that an answer may have, a signature included. */
  limit: number
  view: ServingView | undefined
  /** Where the request was signed, the answer is. */
  signing: TsigContext | undefined
}

/** A query that waits for the resolver. */
interface Waiting {
  query: Query
  client: Client
  view: ServingView
  limit: number
  signing: TsigContext | undefined
  /** When it came, by the monotonic clock. */
  begun: number
}

const UPDATES = rcodeCells('namestead_dns_updates_total')
const HIT = cellOf('namestead_dns_answer_cache_total', 'hit')
const MISS = cellOf('namestead_dns_answer_cache_total', 'miss')
const OLD_SECRET = cellOf('namestead_dns_tsig_old_secret_total')
const NOT_A_REQUEST = cellOf('namestead_dns_silent_total', 'not_a_request')
const FORWARDED = {
  answered: cellOf('namestead_dns_forwarded_total', 'answered'),
  failed: cellOf('namestead_dns_forwarded_total', 'failed'),
}
const TSIG_ERRORS = {
  BADSIG: cellOf('namestead_dns_tsig_errors_total', 'BADSIG'),
  BADKEY: cellOf('namestead_dns_tsig_errors_total', 'BADKEY'),
  BADTIME: cellOf('namestead_dns_tsig_errors_total', 'BADTIME'),
  BADTRUNC: cellOf('namestead_dns_tsig_errors_total', 'BADTRUNC'),
}

/** One of so many answers that need no waiting is timed. */
const TIMED = 64

/**
 * One request after another: parse, TSIG, view, opcode, size. A plain query (a header, a question and an OPT at most) is answered
 * from where it lies, without a copy or an object; anything else is copied and parsed whole. Whatever goes wrong becomes a response
 * in `fail`, and nowhere else.
 */
export class Handler {
  /** Seconds, for TTLs; read once for a batch. */
  private now = 0
  private readonly options: HandlerOptions
  private readonly query = new Query()
  private readonly responseOptions: ResponseOptions
  private readonly responder: Responder
  private readonly gate: RateGate
  /** The request that is being answered was signed, and the signature holds. */
  private signed = false
  /** Of the answer that was just made. */
  private seenView: ServingView | undefined
  private seenFrom: Answered['from'] = 'zones'
  /** Where answers over UDP that were not ready at once are written. */
  private readonly late = new Uint8Array(UDP_LIMIT)
  /** Until an answer is timed. */
  private untimed = TIMED
  private readonly answerer = new Answerer()
  private readonly asked = { bytes: new Uint8Array(4) as Uint8Array, port: 0 }
  private readonly facts: RequestFacts = { client: this.asked.bytes, destination: this.asked }
  private readonly recursion: Recursion = { allowed: false, desired: false }

  constructor(options: HandlerOptions) {
    this.options = options
    this.responseOptions = new ResponseOptions(options.cookies, () => options.state.identity)
    this.responder = new Responder(options.counters, options.clock, this.responseOptions)
    this.gate = new RateGate(options.rates, this.responder, this.responseOptions, options.counters)
    this.beforeBatch()
  }

  /** To be called before requests are handled: the time they are answered at. */
  beforeBatch(): void {
    const { clock, rates } = this.options
    const milliseconds = clock.monotonic()
    rates.setTime(milliseconds)
    this.now = Math.floor(milliseconds / 1000)
    this.responseOptions.now = Math.floor(clock.now() / 1000)
  }

  readonly handle: RequestHandler = (octets, at, end, client, out, outAt, limit) => {
    this.signed = false
    this.seenFrom = 'zones'
    this.seenView = undefined
    const begun = --this.untimed === 0 ? this.options.clock.monotonic() : 0
    const made = this.answer(octets, at, end, client, out, outAt, limit)
    const free = made <= 0 || this.signed || client.transport !== 'udp'
    const length = free ? made : this.limit(client, out, outAt, made, limit)
    if (length > 0) this.countAnswer(out[outAt + 3]! & 15)
    if (this.untimed === 0) this.time(begun, length)
    if (length > 0 && this.options.sight.wants()) this.show(client, out.subarray(outAt, outAt + length))
    return length
  }

  /** Of the view's answers to queries. */
  private countAnswer(rcode: number): void {
    if (this.query.opcode === Opcode.QUERY && this.seenView)
      this.options.counters[viewCell(this.seenView.slot, rcode)]!++
  }

  private time(begun: number, length: number): void {
    const { clock, counters } = this.options
    this.untimed = TIMED
    if (length > 0) countSpan(counters, clock.monotonic() - begun, TIMED)
  }

  private limit(client: Client, out: Uint8Array, outAt: number, length: number, limit: number): number {
    return this.gate.pass(this.query, client, out, outAt, length, Math.min(limit, udpLimit(this.query)))
  }

  /** An answer that was made at once, for who looks at answers. */
  private show(client: Client, response: Uint8Array): void {
    const { query, seenFrom: from } = this
    if (query.opcode !== Opcode.QUERY) return
    const view = this.seenView?.name
    this.options.sight.answered({ query, client, view, rcode: response[3]! & 15, from, took: 0, response })
  }

  private answer(...[octets, at, end, client, out, outAt, limit]: Parameters<RequestHandler>): number {
    const { query } = this
    const { counters } = this.options
    const verdict = readQuery(octets, at, end - at, query)
    if (verdict === DROP) {
      counters[NOT_A_REQUEST]!++
      return SILENCE
    }
    counters[requestCell(client.transport, query.opcode)]!++
    const most = client.transport === 'udp' ? Math.min(limit, udpLimit(query)) : limit
    let request: Request | undefined
    try {
      this.responseOptions.prepare(query, client)
      if (verdict !== 0) throw new RcodeError(Rcode.FORMERR, 'the message breaks the format')
      if (query.simple && !query.hasTsig && !isTransfer(query)) return this.answerPlain(client, out, outAt, most)
      request = this.parse(octets, at, end, client, most)
      return this.dispatch(request, out, outAt)
    } catch (error) {
      return this.fail(error, client, request, most, out, outAt)
    }
  }

  private answerPlain(client: Client, out: Uint8Array, outAt: number, limit: number): number {
    const { query, responder, responseOptions } = this
    const { answers, counters } = this.options
    if (query.nameLength === 0) return this.answerCookieRequest(out, outAt, limit)
    const view = this.chooseView(client, undefined)
    checkAdmission(view, client)
    const recursion = this.standing(view, client)
    const cacheable = isCacheable(query) && !(query.subnet.length > 0 && view.passesSubnets)
    const facts = answerFacts(query, view, recursion)
    if (cacheable) {
      const length = answers.find(query, facts, this.now, out, outAt, limit - responseOptions.length)
      if (length > 0) {
        counters[HIT]!++
        this.seenFrom = 'answer cache'
        responder.count(out[outAt + 3]! & 15)
        return query.hasEdns ? responseOptions.append(out, outAt, length, limit) : length
      }
      counters[MISS]!++
    } else if (query.qclass === Class.CH && this.answerChaos(limit)) return responder.write(out, outAt)
    else checkQuestion(query)
    responder.begin(query, limit, undefined, recursion.allowed)
    const open = answerFromZones(query, view, recursion, this.answerer, responder.writer)
    if (open) return this.resolve(keepQuery(query), client.retain(), view, open, limit, cacheable ? facts : -1)
    const length = responder.write(out, outAt)
    if (cacheable && responder.tellsContent && answers.isWanted()) this.keep(query, facts)
    return length
  }

  private answerChaos(limit: number): boolean {
    const { query, responder } = this
    const { config, identity } = this.options.state
    checkVersion(query)
    responder.begin(query, limit, undefined, false)
    return answerChaos(query, config.chaos, identity, responder.writer)
  }

  /** RFC 7873 §5.4: without a question, what is asked for is the cookie. */
  private answerCookieRequest(out: Uint8Array, outAt: number, limit: number): number {
    const { query, responder, responseOptions } = this
    checkVersion(query)
    responder.begin(query, limit, undefined, false)
    if (query.cookieLength > CLIENT_COOKIE && !responseOptions.verified) responder.writer.rcode = Rcode.BADCOOKIE
    return responder.write(out, outAt)
  }

  /** The view for a client; with a key, for a request whose signature was verified. */
  private chooseView(client: Client, key: Name | undefined): ServingView | undefined {
    const { facts, asked } = this
    facts.client = client.address
    asked.bytes = client.destination
    asked.port = client.destinationPort
    facts.key = key
    facts.dohPath = client.dohPath
    this.seenView = chooseView(this.options.state.views, facts)
    return this.seenView
  }

  private standing(view: ServingView, client: Client): Recursion {
    const { recursion, query } = this
    recursion.allowed = containsAddress(view.recursion, client.address)
    recursion.desired = recursion.allowed && (query.flags & Flag.RD) !== 0
    return recursion
  }

  /** Keeps the answer that was just made from our zones alone. */
  private keep(query: Query, facts: number, ttl?: number): void {
    const { answers, state } = this.options
    const { pins } = this.answerer
    if (pins.overflowed) return
    const zones: number[] = []
    const versions: number[] = []
    for (let i = 0; i < pins.count; i++) {
      const { image, at } = pins.versions[i]!
      const number = state.numbers.get(image)
      if (number === undefined) return
      zones.push(number)
      versions.push(at)
    }
    answers.keep(query, facts, this.responder.writer, { zones, versions, ...(ttl !== undefined && { ttl }) }, this.now)
  }

  /** Asks the resolver for what our zones don't have; the answer follows. */
  private resolve(
    query: Query,
    client: Client,
    view: ServingView,
    open: Unresolved,
    limit: number,
    facts: number,
    signing?: TsigContext,
  ): number {
    const { answerer, responder } = this
    const { log, outstanding } = this.options
    outstanding.begin()
    const waiting: Waiting = { query, client, view, limit, signing, begun: this.options.clock.monotonic() }
    const who = { account: printAddress(client.address), address: client.address, udp: client.transport === 'udp' }
    resolveForwarded(query, view, open, who, { answerer, response: responder.writer })
      .then(forwarded => {
        this.answerForwarded(forwarded, waiting)
        // What was learned under another configuration, or depends on a delegation, is not for later queries.
        const keepable = facts >= 0 && !open.beyondCut && this.options.state.views[view.index] === view
        const ttl = keepable && !forwarded.withheld && isForAll(forwarded) ? keepFor(forwarded) : 0
        if (ttl > 0 && this.pinPolicies(view)) this.keep(query, facts, ttl)
      })
      .catch((error: unknown) => log.error({ error: String(error) }, 'a query could not be resolved'))
      .then(() => outstanding.end(client))
    return LATER
  }

  /** Writes and sends the answer to a query that has waited for the resolver. */
  private answerForwarded(forwarded: ForwardedQuery, waiting: Waiting): void {
    const { query, client, limit, signing } = waiting
    const { answerer, responder } = this
    const { writer } = responder
    this.beforeBatch()
    this.logPolicy(forwarded, client)
    if (forwarded.withheld === 'drop') return
    this.responseOptions.prepare(query, client)
    responder.begin(query, limit, signing, true)
    answerer.pins.clear()
    if (forwarded.withheld !== 'tcp-only') writeForwarded(forwarded, answerer, writer)
    else if (client.transport === 'udp') writer.truncated = true
    this.options.counters[writer.rcode === Rcode.SERVFAIL ? FORWARDED.failed : FORWARDED.answered]!++
    this.showResolved(forwarded, waiting, this.sendLimited(query, client, limit, signing))
  }

  /** An answer is good as long as the policies that let it pass; false where they have just changed. */
  private pinPolicies({ policies, zones, config }: ServingView): boolean {
    if (!policies) return true
    for (const { zone } of config.rpz ?? []) {
      const image = zones.get(zone)
      if (image) this.answerer.pins.pin(image)
    }
    return policies.areCurrent
  }

  private logPolicy({ view, parts }: ForwardedQuery, client: Client): void {
    for (const part of parts) {
      if (part.kind === 'own' || !part.answer.verdict?.log) continue
      const { rule, action } = part.answer.verdict
      const fields = { client: printAddress(client.address), view: view.name, rule, action }
      this.options.log.info(fields, 'a response policy decided')
    }
  }

  /** Completes the response that has waited, and sends what the rate limits leave of it. */
  private sendLimited(query: Query, client: Client, limit: number, signing: TsigContext | undefined): Uint8Array {
    if (signing || client.transport !== 'udp') return this.responder.send(client, signing)
    const { late } = this
    const length = this.gate.pass(query, client, late, 0, this.responder.write(late, 0), limit)
    const response = late.subarray(0, length)
    if (length > 0) client.send(response)
    return response
  }

  /** An answer that somebody else was asked for. */
  private showResolved(forwarded: ForwardedQuery, { query, client, view, begun }: Waiting, response: Uint8Array): void {
    if (response.length === 0) return
    const took = this.options.clock.monotonic() - begun
    const rcode = response[3]! & 15
    const { counters } = this.options
    counters[viewCell(view.slot, rcode)]!++
    countSpan(counters, took)
    const told = { query, client, view: view.name, rcode, took, response, ...describeResolved(forwarded) }
    this.options.sight.answered(told, true)
  }

  /** Copies and parses a request, and verifies its signature. Throws what `fail` answers. */
  private parse(octets: Uint8Array, at: number, end: number, client: Client, limit: number): Request {
    const { opcode } = this.query
    // RFC 1035 §4.1.1: kinds of query that we don't support.
    if (opcode !== Opcode.QUERY && opcode !== Opcode.UPDATE && opcode !== Opcode.NOTIFY)
      throw new RcodeError(Rcode.NOTIMP, `${opcodeName(opcode)} is not supported`, Ede.NOT_SUPPORTED)
    const wire = copyOctets(octets, at, end)
    const message = parseMessage(wire)
    const query = completeQuery(wire, message, this.query)
    this.responseOptions.prepare(query, client)
    const request: Request = { client, query, wire, message, limit, view: undefined, signing: undefined }
    if (message.tsig) this.verify(request)
    request.view = this.chooseView(client, request.signing?.key.name)
    return request
  }

  private verify(request: Request): void {
    const verdict = verifyRequest(request.wire, request.message, this.options.state.findKey, this.responder.seconds())
    if (verdict.kind === 'invalid') throw new TsigFailure(verdict)
    request.signing = verdict.context
    this.signed = true
    if (verdict.secretIndex === 0) return
    this.options.counters[OLD_SECRET]!++
    const who = { key: printName(verdict.context.key.name), client: printAddress(request.client.address) }
    this.options.log.warn(who, 'signed with a secret that is being rotated out')
  }

  private dispatch(request: Request, out: Uint8Array, outAt: number): number {
    const { view, message, query, client } = request
    checkAdmission(view, client)
    checkVersion(query)
    switch (query.opcode) {
      case Opcode.UPDATE:
        return this.update(request, prepareUpdate(message, request.wire, view, originOf(request, view)))
      case Opcode.NOTIFY:
        return this.notify(request, prepareNotify(message, view, originOf(request, view)))
      default:
        checkQuestion(query)
        if (isTransfer(query)) return this.options.transfers.start({ ...request, view, client: client.retain() })
        return this.answerParsed(request, view, out, outAt)
    }
  }

  /** A query that is signed, or carries more than one would think. */
  private answerParsed(request: Request, view: ServingView, out: Uint8Array, outAt: number): number {
    const { client, query, limit, signing } = request
    const { responder } = this
    const recursion = this.standing(view, client)
    responder.begin(query, limit, signing, recursion.allowed)
    const open = answerFromZones(query, view, recursion, this.answerer, responder.writer)
    if (open) return this.resolve(query, client.retain(), view, open, limit, -1, signing)
    return responder.write(out, outAt, signing)
  }

  private update(request: Request, prepared: Omit<UpdateRequest, 'id'>): number {
    const { counters, main } = this.options
    return this.decideLater(request, main.update(prepared), result => {
      counters[UPDATES[result.rcode & 15]!]!++
    })
  }

  private notify(request: Request, prepared: Omit<NotifyRequest, 'id'>): number {
    return this.decideLater(request, this.options.main.notify(prepared), () => {})
  }

  /** Answers with the RCODE that main decides on; silence where it does not decide. */
  private decideLater<R extends { rcode: Rcode; ede?: number; wire?: Uint8Array }>(
    request: Request,
    decision: Promise<R>,
    decided: (result: R) => void,
  ): number {
    const { responder } = this
    const { log, outstanding } = this.options
    const client = request.client.retain()
    outstanding.begin()
    decision
      .then(result => {
        decided(result)
        if (result.wire) {
          responder.count(result.rcode)
          client.send(result.wire)
          return
        }
        this.responseOptions.prepare(request.query, client)
        responder.begin(request.query, request.limit, request.signing, false)
        responder.writer.rcode = result.rcode
        if (result.ede !== undefined) responder.writer.extendedError(result.ede)
        responder.send(client, request.signing)
      })
      .catch((error: unknown) => log.error({ error: String(error) }, 'a request was not decided on'))
      .finally(() => outstanding.end(client))
    return LATER
  }

  /** The one place where errors become responses. */
  private fail(
    error: unknown,
    client: Client,
    request: Request | undefined,
    limit: number,
    out: Uint8Array,
    outAt: number,
  ): number {
    const { counters, log } = this.options
    const query = request?.query ?? this.query
    const failure = describeFailure(error)
    const view = request?.view ?? (query.hasTsig ? undefined : this.chooseView(client, undefined))
    const fields = {
      client: printAddress(client.address),
      transport: client.transport,
      opcode: opcodeName(query.opcode),
      ...(query.nameLength > 0 && { name: printName(nameOf(query)) }),
      ...(view && { view: view.name }),
      ...(request?.signing && { key: printName(request.signing.key.name) }),
      rcode: rcodeName(failure.rcode),
      reason: failure.reason,
    }
    log[failure.level ?? (isPlain(query) ? 'debug' : 'warn')](fields, 'request refused')
    if (query.opcode === Opcode.UPDATE) counters[UPDATES[failure.rcode & 15]!]!++
    if (failure.tsig) counters[TSIG_ERRORS[failure.tsig.name]]!++
    // RFC 2136 §2.2: where an answer to a query has RA, that to an UPDATE has a reserved bit.
    const mayAsk = query.opcode === Opcode.QUERY && view !== undefined
    const recursionAvailable = mayAsk && containsAddress(view.recursion, client.address)
    this.responder.begin(query, limit, request?.signing, recursionAvailable)
    return this.responder.fail(failure, out, outAt, request?.signing)
  }
}

/** Throws RcodeError for a client that no view is for, or that its view refuses. */
function checkAdmission(view: ServingView | undefined, client: Client): asserts view {
  if (!view) throw new RcodeError(Rcode.REFUSED, 'no view is for this client', Ede.PROHIBITED)
  if (containsAddress(view.config.refuse, client.address))
    throw new RcodeError(Rcode.REFUSED, 'the view refuses this client', Ede.PROHIBITED)
}

function isTransfer({ qtype }: Query): boolean {
  return qtype === Type.AXFR || qtype === Type.IXFR
}

/** Refusals of these are daily business; those of updates and transfers are what somebody will look for in the log. */
function isPlain(query: Query): boolean {
  return query.opcode === Opcode.QUERY && !isTransfer(query)
}

function originOf({ client, signing }: Request, view: ServingView): RequestOrigin {
  return {
    transport: client.transport,
    address: copyOctets(client.address),
    port: client.port,
    view: view.name,
    ...(signing && { key: signing.key.name, mac: signing.requestMac }),
  }
}
