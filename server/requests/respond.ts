import { Flag, Rcode } from '../../dns/codes.ts'
import type { Query } from '../../dns/query.ts'
import { ResponseWriter } from '../../dns/response.ts'
import { respondInvalid, signResponse, type TsigContext, tsigOverhead } from '../../dns/tsig.ts'
import type { Clock } from '../../host/clock.ts'
import type { Client } from '../listen/client.ts'
import { cellOf, rcodeCells } from '../metrics/metrics.ts'
import type { Failure } from './failure.ts'
import type { ResponseOptions } from './response-options.ts'

const RESPONSES = rcodeCells('namestead_dns_responses_total')
const TRUNCATED = cellOf('namestead_dns_truncated_total')

/** Makes a thread's responses, one at a time: what is begun is completed before anything else is. */
export class Responder {
  readonly writer = new ResponseWriter()
  private readonly counters: Float64Array
  private readonly clock: Clock
  private readonly options: ResponseOptions

  constructor(counters: Float64Array, clock: Clock, options: ResponseOptions) {
    this.counters = counters
    this.clock = clock
    this.options = options
  }

  /** Begins a response of at most `limit` octets, room for its signature kept free, with the options that are prepared for the query. */
  begin(query: Query, limit: number, signing: TsigContext | undefined, recursionAvailable: boolean): void {
    const { writer, options } = this
    const trailer = signing ? tsigOverhead(signing.key) : 0
    writer.begin(query, limit - trailer)
    writer.recursionAvailable = recursionAvailable
    if (query.hasEdns) writer.optionsOf(options.bytes, options.length)
    writer.padded = options.padded
    writer.trailer = trailer
  }

  /** Completes the response, signed where the request was (RFC 8945 §5.3), at `out[outAt]`; returns its length. */
  write(out: Uint8Array, outAt: number, signing?: TsigContext): number {
    this.complete()
    if (!signing) return this.writer.copyTo(out, outAt)
    const wire = signResponse(this.writer.message(), signing, this.seconds())
    out.set(wire, outAt)
    return wire.length
  }

  /** Completes the response and sends it to a client that has waited; returns it. */
  send(client: Client, signing: TsigContext | undefined): Uint8Array {
    this.complete()
    const message = this.writer.message()
    const sent = signing ? signResponse(message, signing, this.seconds()) : message.slice()
    client.send(sent)
    return sent
  }

  /** Writes a response without records in place of one that was counted already; `flags` are TC, AA and RA. */
  brief(query: Query, limit: number, rcode: Rcode, flags: number, out: Uint8Array, outAt: number): number {
    const { writer } = this
    this.begin(query, limit, undefined, (flags & Flag.RA) !== 0)
    writer.rcode = rcode
    writer.authoritative = (flags & Flag.AA) !== 0
    writer.truncated = (flags & Flag.TC) !== 0
    writer.finish()
    return writer.copyTo(out, outAt)
  }

  /** Completes the response to a failure, which has begun, at `out[outAt]`; returns its length. */
  fail(failure: Failure, out: Uint8Array, outAt: number, signing: TsigContext | undefined): number {
    const { writer } = this
    writer.rcode = failure.rcode
    if (failure.ede !== undefined) writer.extendedError(failure.ede)
    if (!failure.tsig) return this.write(out, outAt, signing)
    this.complete()
    // RFC 8945 §5.3.2: with the error in a TSIG, signed only where the key was right.
    const wire = respondInvalid(writer.message().slice(), failure.tsig.verdict, this.seconds())
    out.set(wire, outAt)
    return wire.length
  }

  /** Whether the response that was completed last says what the zones hold, and is not a refusal or a failure. */
  get tellsContent(): boolean {
    return this.writer.rcode !== Rcode.REFUSED && this.writer.rcode !== Rcode.SERVFAIL
  }

  /** Seconds since 1970, for signatures. */
  seconds(): number {
    return Math.floor(this.clock.now() / 1000)
  }

  /** Counts a response that was made without the writer. */
  count(rcode: number): void {
    this.counters[RESPONSES[Math.min(rcode, 15)]!]!++
  }

  private complete(): void {
    this.writer.finish()
    this.count(this.writer.rcode)
    if (this.writer.truncated) this.counters[TRUNCATED]!++
  }
}
