import { Flag, Rcode } from '../../dns/codes.ts'
import type { Query } from '../../dns/query.ts'
import type { Client } from '../listen/client.ts'
import { SILENCE } from '../listen/client.ts'
import { cellOf } from '../metrics/metrics.ts'
import type { RateLimiter } from './rate-limit.ts'
import type { Responder } from './respond.ts'
import type { ResponseOptions } from './response-options.ts'

const DROPPED = cellOf('namestead_dns_rate_limited_total', 'dropped')
const SLIPPED = cellOf('namestead_dns_rate_limited_total', 'slipped')

/** Lets responses over UDP pass, or makes them brief, or stops them, as the rate limits say. */
export class RateGate {
  private readonly rates: RateLimiter
  private readonly responder: Responder
  private readonly options: ResponseOptions
  private readonly counters: Float64Array

  constructor(rates: RateLimiter, responder: Responder, options: ResponseOptions, counters: Float64Array) {
    this.rates = rates
    this.responder = responder
    this.options = options
    this.counters = counters
  }

  /**
   * The length of what is to be sent in place of the unsigned response of `length` octets at `out[at]`; SILENCE for nothing. The options that are
   * prepared must be those for `query`.
   */
  pass(query: Query, client: Client, out: Uint8Array, at: number, length: number, limit: number): number {
    // Who has come by TCP, or has shown our cookie, is where it says it is: nobody else is flooded through us.
    if (client.transport !== 'udp' || this.options.verified || !this.rates.concerns(client.address)) return length
    const verdict = this.rates.charge(query, client.address, out, at)
    if (verdict === 'send') return length
    this.counters[verdict === 'slip' ? SLIPPED : DROPPED]!++
    if (verdict === 'drop') return SILENCE
    const rcode = out[at + 3]! & 15
    // Failures have nothing to come back for by TCP: they are sent as they are.
    if (rcode !== Rcode.NOERROR && rcode !== Rcode.NXDOMAIN) return length
    // RFC 7873 §5.2.3: who has a client cookie is shown how not to be limited.
    if (query.hasCookie) return this.responder.brief(query, limit, Rcode.BADCOOKIE, 0, out, at)
    const flags = Flag.TC | (((out[at + 2]! << 8) | out[at + 3]!) & (Flag.AA | Flag.RA))
    return this.responder.brief(query, limit, Rcode.NOERROR, flags, out, at)
  }
}
