import { OptionCode, Rcode } from '../../dns/codes.ts'
import { paddingFor } from '../../dns/edns.ts'
import { RcodeError } from '../../dns/errors.ts'
import type { Query } from '../../dns/query.ts'
import type { Client } from '../listen/client.ts'
import { COOKIE, type Cookies, isCookie } from './cookies.ts'

/** NSID tells a domain name at most, and so does Extended DNS Error; COOKIE and edns-tcp-keepalive are short. */
const MOST = 1024
/** Code and length of an option. */
const OPTION = 4
/** OPT without options. */
const OPT = 11

/**
 * The EDNS options that answers to a query carry whatever they say: NSID, COOKIE, edns-tcp-keepalive, Padding. One object serves a thread
 * for all its queries, and allocates nothing for one.
 */
export class ResponseOptions {
  /** The options but Padding, in wire form. */
  readonly bytes = new Uint8Array(MOST)
  length = 0
  /** The answer is to be padded (RFC 7830). */
  padded = false
  /** The client has shown a server cookie: it is where it says it is (RFC 7873 §5.2.5). */
  verified = false
  /** Seconds since 1970. */
  now = 0
  private readonly cookies: Cookies
  private readonly identity: () => Uint8Array

  /** @param identity who we are, for who asks by NSID */
  constructor(cookies: Cookies, identity: () => Uint8Array) {
    this.cookies = cookies
    this.identity = identity
  }

  /** Prepares for the query of a client. Throws RcodeError where an option is malformed; what was prepared before it then stands. */
  prepare(query: Query, client: Client): void {
    this.length = 0
    this.padded = false
    this.verified = false
    if (!query.hasEdns) return
    // RFC 7830 §4: padding hides nothing where nothing is encrypted, and is for those who ask for it.
    this.padded = query.padding && (client.transport === 'tls' || client.transport === 'https')
    // RFC 5001 §2.2: only in an answer to a request that has the option.
    if (query.nsid) {
      const identity = this.identity()
      this.add(OptionCode.NSID, identity, identity.length)
    }
    if (query.keepalive && client.idle !== undefined) this.addKeepalive(query, client.idle)
    if (query.hasCookie) this.addCookie(query, client)
  }

  /** RFC 7828 §3.2.2: how long an idle session is kept, in units of 100 ms. Over UDP the option is ignored (§3.2.1). */
  private addKeepalive(query: Query, idle: number): void {
    if (query.keepaliveLength !== 0) throw new RcodeError(Rcode.FORMERR, 'edns-tcp-keepalive of a client has data')
    const units = Math.min(Math.floor(idle / 100), 0xffff)
    const at = this.begin(OptionCode.KEEPALIVE, 2)
    this.bytes[at] = units >>> 8
    this.bytes[at + 1] = units
  }

  private addCookie(query: Query, client: Client): void {
    // RFC 7873 §5.2.2.
    if (!isCookie(query.cookieLength)) throw new RcodeError(Rcode.FORMERR, `a COOKIE of ${query.cookieLength} octets`)
    const { cookies } = this
    this.verified = cookies.check(query, client.address, this.now)
    this.add(OptionCode.COOKIE, cookies.made, COOKIE)
  }

  /** Adds an option, where the message of `length` octets has room for it below the limit. */
  tell(code: number, data: Uint8Array, length: number, limit: number): void {
    const end = this.length + OPTION + data.length
    if (end <= MOST && length + end <= limit) this.add(code, data, data.length)
  }

  private add(code: number, data: Uint8Array, length: number): void {
    const at = this.begin(code, length)
    for (let i = 0; i < length; i++) this.bytes[at + i] = data[i]!
  }

  /** Writes the option's head; returns where its data goes. */
  private begin(code: number, length: number): number {
    const { bytes } = this
    let at = this.length
    bytes[at++] = code >>> 8
    bytes[at++] = code
    bytes[at++] = length >>> 8
    bytes[at++] = length
    this.length = at + length
    return at
  }

  /**
   * Puts the options into the OPT without options that the message at `out[at]` of `length` octets ends in; returns its new length. The
   * octets that `length` says must be free below the limit.
   */
  append(out: Uint8Array, at: number, length: number, limit: number): number {
    const opt = at + length - OPT
    let to = at + length
    for (let i = 0; i < this.length; i++) out[to++] = this.bytes[i]!
    if (this.padded) to = pad(out, at, to, limit)
    const octets = to - opt - OPT
    out[opt + OPT - 2] = octets >>> 8
    out[opt + OPT - 1] = octets
    return to - at
  }
}

function pad(out: Uint8Array, at: number, end: number, limit: number): number {
  const padding = paddingFor(end - at, limit)
  if (padding < 0) return end
  out[end] = OptionCode.PADDING >>> 8
  out[end + 1] = OptionCode.PADDING
  out[end + 2] = padding >>> 8
  out[end + 3] = padding
  out.fill(0, end + 4, end + 4 + padding)
  return end + 4 + padding
}
