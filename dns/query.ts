import { Opcode, OptionCode, Rcode } from './codes.ts'
import { OPT } from './edns.ts'
import { TSIG } from './message.ts'
import { MAX_LABEL, MAX_NAME } from './name.ts'

/** What `readQuery` returns for what gets no answer at all: a response, or less than a header. */
export const DROP = -1

const HEADER = 12
const NOTHING = new Uint8Array(0)
const QUESTION_TAIL = 4

/**
 * A request as it lies in its buffer: offsets and numbers, no copies. One object serves a thread for all its queries;
 * it is valid until the buffer is written again or the object is read into again.
 */
export class Query {
  /** The buffer that holds the message, and where in it the message starts and ends. */
  buf: Uint8Array = NOTHING
  start = 0
  end = 0
  id = 0
  /** The whole second word of the header: QR, OPCODE, AA, TC, RD, RA, Z, AD, CD, RCODE. */
  flags = 0
  opcode = 0
  /** QNAME in `buf`, uncompressed; its length counts the root label and is 0 where no question was read. */
  nameAt = 0
  nameLength = 0
  qtype = 0
  qclass = 0
  /** RFC 6891 §6.1: what OPT says; `udpSize` is at least 512, and 512 without OPT. */
  hasEdns = false
  udpSize = 512
  ednsVersion = 0
  dnssecOk = false
  /** The first COOKIE's data (RFC 7873 §4), in `buf` unless the message was parsed as a whole; later ones are ignored (§5.2). */
  hasCookie = false
  cookieBuf: Uint8Array = NOTHING
  cookieAt = 0
  cookieLength = 0
  /** The client sent NSID (RFC 5001), edns-tcp-keepalive (RFC 7828), Padding (RFC 7830). */
  nsid = false
  keepalive = false
  /** Octets of its data, of which a client sends none (RFC 7828 §3.1). */
  keepaliveLength = 0
  padding = false
  /** The client's subnet as it came (RFC 7871 §6), and the daemons that have sent the question on; empty where not given. */
  subnet: Uint8Array = NOTHING
  hops: Uint8Array = NOTHING
  /** There is a TSIG record (RFC 8945): where it starts, for what is signed ends there. */
  hasTsig = false
  tsigAt = 0
  /** Header, one question and at most an OPT and a TSIG: all is said here. Otherwise `parseMessage` has the rest. */
  simple = false

  /** Makes it the same as another, octets and all. Member by member: by their names it would take ten times as long. */
  copyFrom(other: Query): this {
    this.buf = other.buf
    this.start = other.start
    this.end = other.end
    this.id = other.id
    this.flags = other.flags
    this.opcode = other.opcode
    this.nameAt = other.nameAt
    this.nameLength = other.nameLength
    this.qtype = other.qtype
    this.qclass = other.qclass
    this.hasEdns = other.hasEdns
    this.udpSize = other.udpSize
    this.ednsVersion = other.ednsVersion
    this.dnssecOk = other.dnssecOk
    this.hasCookie = other.hasCookie
    this.cookieBuf = other.cookieBuf
    this.cookieAt = other.cookieAt
    this.cookieLength = other.cookieLength
    this.nsid = other.nsid
    this.keepalive = other.keepalive
    this.keepaliveLength = other.keepaliveLength
    this.padding = other.padding
    this.subnet = other.subnet
    this.hops = other.hops
    this.hasTsig = other.hasTsig
    this.tsigAt = other.tsigAt
    this.simple = other.simple
    return this
  }
}

/**
 * Reads a request in place, without allocating. Returns 0 where `into` is filled in, `Rcode.FORMERR` for what breaks the format
 * (ID, opcode and, where it could be read, the question are there to answer with), or `DROP`.
 * Of opcodes other than QUERY only the header is read: `simple` is false and `parseMessage` does the rest.
 */
export function readQuery(buf: Uint8Array, start: number, length: number, into: Query): number {
  const end = start + length
  // RFC 1035 §4.1.1: shorter than a header there is no ID to answer to; and a response is never answered.
  if (length < HEADER || buf[start + 2]! & 0x80) return DROP
  readHeader(buf, start, end, into)
  if (into.opcode !== Opcode.QUERY) return 0
  // RFC 9619 §4: a QUERY has no more than one question; with none there is nothing to answer.
  const questions = u16(buf, start + 4)
  if (questions === 0) return readCookieRequest(buf, start, end, into)
  if (questions !== 1) return Rcode.FORMERR
  const at = readQuestion(buf, start + HEADER, end, into)
  if (at < 0) return Rcode.FORMERR
  // IXFR carries an SOA in the authority section (RFC 1995 §3); nothing else has business there.
  if (u16(buf, start + 6) !== 0 || u16(buf, start + 8) !== 0) return 0
  return readAdditional(buf, at, end, u16(buf, start + 10), into)
}

/** RFC 7873 §5.4: a query without a question asks for a cookie alone. */
function readCookieRequest(buf: Uint8Array, start: number, end: number, into: Query): number {
  if (u16(buf, start + 6) !== 0 || u16(buf, start + 8) !== 0) return Rcode.FORMERR
  const verdict = readAdditional(buf, start + HEADER, end, u16(buf, start + 10), into)
  return verdict === 0 && into.simple && into.hasCookie ? 0 : Rcode.FORMERR
}

function readHeader(buf: Uint8Array, start: number, end: number, into: Query): void {
  into.buf = buf
  into.start = start
  into.end = end
  into.id = u16(buf, start)
  into.flags = u16(buf, start + 2)
  into.opcode = (into.flags >>> 11) & 15
  into.nameAt = start + HEADER
  into.nameLength = 0
  into.qtype = 0
  into.qclass = 0
  into.hasEdns = false
  into.udpSize = 512
  into.ednsVersion = 0
  into.dnssecOk = false
  into.hasCookie = false
  into.cookieBuf = buf
  into.cookieAt = 0
  into.cookieLength = 0
  into.nsid = false
  into.keepalive = false
  into.keepaliveLength = 0
  into.padding = false
  into.subnet = NOTHING
  into.hops = NOTHING
  into.hasTsig = false
  into.tsigAt = 0
  into.simple = false
}

/** Reads QNAME, QTYPE and QCLASS; returns what follows, or -1. There is nothing before it that QNAME could point to. */
function readQuestion(buf: Uint8Array, from: number, end: number, into: Query): number {
  let at = from
  for (;;) {
    if (at >= end) return -1
    const label = buf[at]!
    if (label > MAX_LABEL) return -1
    at += label + 1
    if (at - from > MAX_NAME) return -1
    if (label === 0) break
  }
  if (at + QUESTION_TAIL > end) return -1
  into.nameLength = at - from
  into.qtype = u16(buf, at)
  into.qclass = u16(buf, at + 2)
  return at + QUESTION_TAIL
}

function readAdditional(buf: Uint8Array, from: number, end: number, count: number, into: Query): number {
  let at = from
  for (let i = 0; i < count; i++) {
    if (at >= end) return Rcode.FORMERR
    const owner = at
    at = skipName(buf, at, end)
    if (at < 0 || at + 10 > end) return Rcode.FORMERR
    const type = u16(buf, at)
    const next = at + 10 + u16(buf, at + 8)
    if (next > end) return Rcode.FORMERR
    if (type === OPT) {
      // RFC 6891 §6.1.1: a second OPT, or one not owned by the root, is a format error.
      if (into.hasEdns || buf[owner] !== 0) return Rcode.FORMERR
      if (!readOpt(buf, at, next, into)) return Rcode.FORMERR
    } else if (type === TSIG) {
      // RFC 8945 §5.1: TSIG must be the last record, and there may be one only.
      if (i !== count - 1) return Rcode.FORMERR
      into.hasTsig = true
      into.tsigAt = owner
    } else return 0
    at = next
  }
  if (at !== end) return Rcode.FORMERR
  into.simple = true
  return 0
}

/** What follows a name, a compressed one included; -1 where it runs past the end. */
export function skipName(buf: Uint8Array, from: number, end: number): number {
  let at = from
  while (at < end) {
    const label = buf[at]!
    if (label >= 0xc0) return at + 2
    if (label > MAX_LABEL) return -1
    at += label + 1
    if (label === 0) return at
  }
  return -1
}

/** Reads OPT from its type on; false where its options break their lengths. */
function readOpt(buf: Uint8Array, at: number, end: number, into: Query): boolean {
  into.hasEdns = true
  // RFC 6891 §6.2.3: values lower than 512 are treated as 512.
  into.udpSize = Math.max(512, u16(buf, at + 2))
  into.ednsVersion = buf[at + 5]!
  into.dnssecOk = (buf[at + 6]! & 0x80) !== 0
  let option = at + 10
  while (option < end) {
    if (option + 4 > end) return false
    const length = u16(buf, option + 2)
    if (option + 4 + length > end) return false
    noteOption(u16(buf, option), option + 4, length, into)
    option += 4 + length
  }
  return true
}

function noteOption(code: number, at: number, length: number, into: Query): void {
  if (code === OptionCode.COOKIE) noteCookie(at, length, into)
  else if (code === OptionCode.NSID) into.nsid = true
  else if (code === OptionCode.KEEPALIVE) {
    into.keepalive = true
    into.keepaliveLength = length
  } else if (code === OptionCode.PADDING) into.padding = true
  else if (code === OptionCode.ECS) into.subnet = into.buf.subarray(at, at + length)
  else if (code === OptionCode.HOPS) into.hops = into.buf.subarray(at, at + length)
}

function noteCookie(at: number, length: number, into: Query): void {
  if (into.hasCookie) return
  into.hasCookie = true
  into.cookieAt = at
  into.cookieLength = length
}

function u16(buf: Uint8Array, at: number): number {
  return (buf[at]! << 8) | buf[at + 1]!
}
