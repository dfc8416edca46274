import { containsAddress, printAddress } from '../../config/address.ts'
import { Class, Ede, Opcode, opcodeName, Rcode, rcodeName } from '../../dns/codes.ts'
import { RcodeError } from '../../dns/errors.ts'
import { parseMessage } from '../../dns/message.ts'
import { type Name, printName } from '../../dns/name.ts'
import { copyOctets } from '../../dns/octets.ts'
import { DROP, Query, readQuery } from '../../dns/query.ts'
import { udpLimit } from '../../dns/response.ts'
import { verifyRequest } from '../../dns/tsig.ts'
import { Type } from '../../dns/types.ts'
import { chooseView, type RequestFacts } from '../../zones/views.ts'
import { type Client, type RequestHandler, SILENCE } from '../listen/client.ts'
import { cellOf, countSpan, requestCell, viewCell } from '../metrics/metrics.ts'
import type { Answered } from '../sight/sight.ts'
import type { RequestOrigin } from '../threads/messages.ts'
import { answerChaos } from './chaos.ts'
import { CLIENT_COOKIE } from './cookies.ts'
import { Deciding } from './deciding.ts'
import { describeFailure, type Failure, TsigFailure } from './failure.ts'
import { Forwarding } from './forwarding.ts'
import { type HandlerOptions, HandlerParts } from './handler-parts.ts'
import { KeptDecisions } from './kept-decisions.ts'
import { KeyUses } from './key-use.ts'
import { prepareNotify } from './notify.ts'
import { answerFacts, answerFromZones, checkQuestion, checkVersion, isCacheable, nameOf } from './query.ts'
import { completeQuery, keepQuery, type Request } from './request.ts'
import type { ServingView } from './state.ts'
import { prepareUpdate } from './update.ts'

const HIT = cellOf('namestead_dns_answer_cache_total', 'hit')
const MISS = cellOf('namestead_dns_answer_cache_total', 'miss')
const OLD_SECRET = cellOf('namestead_dns_tsig_old_secret_total')
const NOT_A_REQUEST = cellOf('namestead_dns_silent_total', 'not_a_request')
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
  private readonly options: HandlerOptions
  private readonly parts: HandlerParts
  private readonly forwarding: Forwarding
  private readonly deciding: Deciding
  private readonly kept: KeptDecisions
  /** How the keys of the configuration are used. */
  readonly keyUses: KeyUses
  private readonly query = new Query()
  /** The request that is being answered was signed, and the signature holds. */
  private signed = false
  /** Of the answer that was just made. */
  private seenView: ServingView | undefined
  private seenFrom: Answered['from'] = 'zones'
  /** Until an answer is timed. */
  private untimed = TIMED
  private readonly asked = { bytes: new Uint8Array(4) as Uint8Array, port: 0 }
  private readonly facts: RequestFacts = { client: this.asked.bytes, destination: this.asked }

  constructor(options: HandlerOptions) {
    this.options = options
    this.parts = new HandlerParts(options)
    this.forwarding = new Forwarding(this.parts)
    this.deciding = new Deciding(this.parts)
    this.kept = new KeptDecisions(this.parts)
    this.keyUses = new KeyUses(options.clock)
  }

  /** To be called before requests are handled: the time they are answered at. */
  beforeBatch(): void {
    this.parts.beforeBatch()
  }

  readonly handle: RequestHandler = (octets, at, end, client, out, outAt, limit) => {
    this.signed = false
    this.seenFrom = 'zones'
    this.seenView = undefined
    this.kept.begin()
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
    return this.parts.gate.pass(this.query, client, out, outAt, length, Math.min(limit, udpLimit(this.query)))
  }

  /** An answer that was made at once, for who looks at answers. */
  private show(client: Client, response: Uint8Array): void {
    const { query, seenFrom: from } = this
    if (query.opcode !== Opcode.QUERY) return
    const view = this.seenView?.name
    const resolved = this.kept.describe(query, client)
    const told = { query, client, view, rcode: response[3]! & 15, from, took: 0, response }
    this.options.sight.answered(resolved ? { ...told, resolved } : told)
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
      this.parts.responseOptions.prepare(query, client)
      if (verdict !== 0) throw new RcodeError(Rcode.FORMERR, 'the message breaks the format')
      if (query.simple && !query.hasTsig && !isTransfer(query)) return this.answerPlain(client, out, outAt, most)
      request = this.parse(octets, at, end, client, most)
      return this.dispatch(request, out, outAt)
    } catch (error) {
      return this.fail(error, client, request, most, out, outAt)
    }
  }

  private answerPlain(client: Client, out: Uint8Array, outAt: number, limit: number): number {
    const { query, parts } = this
    const { answerer, responder, responseOptions } = parts
    const { answers, counters } = this.options
    if (query.nameLength === 0) return this.answerCookieRequest(out, outAt, limit)
    const view = this.chooseView(client, undefined)
    checkAdmission(view, client)
    const recursion = parts.standing(query, view, client)
    const cacheable = isCacheable(query) && !(query.subnet.length > 0 && view.passesSubnets)
    const facts = answerFacts(query, view, recursion)
    if (cacheable) {
      const length = answers.find(query, facts, parts.now, out, outAt, limit - responseOptions.length)
      if (length > 0) {
        counters[HIT]!++
        this.seenFrom = 'answer cache'
        responder.count(out[outAt + 3]! & 15)
        if (answers.note > 0) this.kept.found(answers.note, query, view, client, length, limit)
        return query.hasEdns ? responseOptions.append(out, outAt, length, limit) : length
      }
      counters[MISS]!++
    } else if (query.qclass === Class.CH && this.answerChaos(limit)) return responder.write(out, outAt)
    else checkQuestion(query)
    responder.begin(query, limit, undefined, recursion.allowed)
    const open = answerFromZones(query, view, recursion, answerer, responder.writer)
    if (open)
      return this.forwarding.resolve(keepQuery(query), client.retain(), view, open, limit, cacheable ? facts : -1)
    const length = responder.write(out, outAt)
    if (cacheable && responder.tellsContent && answers.isWanted()) parts.keep(query, facts)
    return length
  }

  private answerChaos(limit: number): boolean {
    const { query, parts } = this
    const { responder } = parts
    const { config, identity } = this.options.state
    checkVersion(query)
    responder.begin(query, limit, undefined, false)
    return answerChaos(query, config.chaos, identity, responder.writer)
  }

  /** RFC 7873 §5.4: without a question, what is asked for is the cookie. */
  private answerCookieRequest(out: Uint8Array, outAt: number, limit: number): number {
    const { query } = this
    const { responder, responseOptions } = this.parts
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

  /** Copies and parses a request, and verifies its signature. Throws what `fail` answers. */
  private parse(octets: Uint8Array, at: number, end: number, client: Client, limit: number): Request {
    const { opcode } = this.query
    // RFC 1035 §4.1.1: kinds of query that we don't support.
    if (opcode !== Opcode.QUERY && opcode !== Opcode.UPDATE && opcode !== Opcode.NOTIFY)
      throw new RcodeError(Rcode.NOTIMP, `${opcodeName(opcode)} is not supported`, Ede.NOT_SUPPORTED)
    const wire = copyOctets(octets, at, end)
    const message = parseMessage(wire)
    const query = completeQuery(wire, message, this.query)
    this.parts.responseOptions.prepare(query, client)
    const request: Request = { client, query, wire, message, limit, view: undefined, signing: undefined }
    if (message.tsig) this.verify(request)
    request.view = this.chooseView(client, request.signing?.key.name)
    return request
  }

  private verify(request: Request): void {
    const verdict = verifyRequest(
      request.wire,
      request.message,
      this.options.state.findKey,
      this.parts.responder.seconds(),
    )
    if (verdict.kind === 'invalid') throw new TsigFailure(verdict)
    request.signing = verdict.context
    this.signed = true
    this.keyUses.verified(verdict.context.key.name, verdict.secretIndex, request.client.address)
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
        return this.deciding.update(request, prepareUpdate(message, request.wire, view, originOf(request, view)))
      case Opcode.NOTIFY:
        return this.deciding.notify(request, prepareNotify(message, view, originOf(request, view)))
      default:
        checkQuestion(query)
        if (isTransfer(query)) return this.options.transfers.start({ ...request, view, client: client.retain() })
        return this.answerParsed(request, view, out, outAt)
    }
  }

  /** A query that is signed, or carries more than one would think. */
  private answerParsed(request: Request, view: ServingView, out: Uint8Array, outAt: number): number {
    const { client, query, limit, signing } = request
    const { answerer, responder } = this.parts
    const recursion = this.parts.standing(query, view, client)
    responder.begin(query, limit, signing, recursion.allowed)
    const open = answerFromZones(query, view, recursion, answerer, responder.writer)
    if (open) return this.forwarding.resolve(query, client.retain(), view, open, limit, -1, signing)
    return responder.write(out, outAt, signing)
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
    const { log } = this.options
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
    if (query.opcode === Opcode.UPDATE) this.deciding.countUpdate(failure.rcode)
    if (failure.tsig) this.countFailure(failure.tsig, client)
    // RFC 2136 §2.2: where an answer to a query has RA, that to an UPDATE has a reserved bit.
    const mayAsk = query.opcode === Opcode.QUERY && view !== undefined
    const recursionAvailable = mayAsk && containsAddress(view.recursion, client.address)
    const { responder } = this.parts
    responder.begin(query, limit, request?.signing, recursionAvailable)
    return responder.fail(failure, out, outAt, request?.signing)
  }

  private countFailure({ name, verdict }: NonNullable<Failure['tsig']>, { address }: Client): void {
    const { counters, state } = this.options
    counters[TSIG_ERRORS[name]]!++
    const key = state.findKey(verdict.keyName)
    if (key) this.keyUses.failed(key.name, name, address)
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
