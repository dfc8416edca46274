import { Class, Flag, OptionCode } from './codes.ts'
import { NameTable } from './compression.ts'
import { extendedErrorData, OPT, paddingFor } from './edns.ts'
import { LOWER, type Name } from './name.ts'
import { u32At } from './octets.ts'
import { Query } from './query.ts'

/** The sections of a response, in the order they are written in (RFC 1035 §4.1); each is the offset of its count in the header. */
export const Section = { ANSWER: 6, AUTHORITY: 8, ADDITIONAL: 10 } as const
export type Section = (typeof Section)[keyof typeof Section]

/** The UDP payload that we offer, and never exceed unless configured otherwise: with its headers it fits the least MTU of IPv6 (1280), so nothing is fragmented (RFC 9715 §3.1). */
export const UDP_PAYLOAD = 1232

/** The most octets of a response to `query` over UDP (RFC 1035 §4.2.1, RFC 6891 §6.2.5). */
export function udpLimit(query: Query, most = UDP_PAYLOAD): number {
  return query.hasEdns ? Math.min(query.udpSize, most) : 512
}

const HEADER = 12
const QUESTION = 4
const MAX_MESSAGE = 65535
const OPT_FIXED = 11
const MAX_OPTIONS = 1024

/**
 * Writes a response straight from stored octets, section by section, allocating nothing. One object serves a thread for all its
 * responses. What does not fit the limit is left out by whole RRsets (RFC 2181 §9): in answer and authority with TC set, in
 * additional silently. Room for OPT is kept free from the beginning.
 */
export class ResponseWriter {
  /** The message lies here from octet 0. There is room for one record past any limit: it is written first and then measured. */
  readonly buf = new Uint8Array(2 * MAX_MESSAGE + 1024)
  /** Octets written, without the OPT. */
  pos = 0
  /** With its upper bits, which OPT carries (RFC 6891 §6.1.3). */
  rcode = 0
  authoritative = false
  recursionAvailable = false
  /** AD: only where the answer was validated (RFC 4035 §3.2.3). */
  authenticData = false
  /** TC: an RRset of answer or authority did not fit. */
  truncated = false
  /** What our OPT says that we take over UDP. */
  udpPayload = UDP_PAYLOAD
  /** Whether the message is padded (RFC 7830), and the octets of a signature that will follow. */
  padded = false
  trailer = 0
  private readonly names = new NameTable()
  /** Whether `names` has the question's: not before another name is written, for most answers have no other. */
  private questionNoted = false
  private readonly options = new Uint8Array(MAX_OPTIONS)
  private optionsLength = 0
  /** Records by section, and the question's. */
  private readonly counts = new Uint16Array(HEADER)
  private query = new Query()
  private limit = MAX_MESSAGE
  private section: Section = Section.ANSWER
  private length = 0

  /**
   * Begins the response to `query`: header, and the question echoed octet for octet, hence in its own case.
   * `limit` is its most octets, a TSIG that is added later already taken off.
   */
  begin(query: Query, limit: number = MAX_MESSAGE): void {
    this.query = query
    this.limit = Math.min(limit, MAX_MESSAGE)
    this.authoritative = false
    this.recursionAvailable = false
    this.authenticData = false
    this.optionsLength = 0
    this.padded = false
    this.restart()
  }

  /** Takes back RCODE, AA and all records, to write others; the other flags and the options stay. */
  restart(): void {
    const { query } = this
    this.section = Section.ANSWER
    this.rcode = 0
    this.authoritative = false
    this.truncated = false
    this.names.clear()
    this.questionNoted = false
    const { counts } = this
    counts[QUESTION] = counts[Section.ANSWER] = counts[Section.AUTHORITY] = counts[Section.ADDITIONAL] = 0
    this.pos = HEADER
    // A message whose question could not be read is answered without one.
    if (query.nameLength === 0) return
    counts[QUESTION] = 1
    this.copy(query.buf, query.nameAt, query.nameLength)
    this.u16(query.qtype)
    this.u16(query.qclass)
  }

  /** The section that the records written next belong to. */
  open(section: Section): void {
    this.section = section
  }

  /** How many records `section` has so far. */
  count(section: Section): number {
    return this.counts[section]!
  }

  /**
   * Writes an RRset from stored form: its owner lies uncompressed in `names` from `ownerAt`; `count` times a 16-bit length and
   * that many octets of uncompressed RDATA lie in `source` from `at`. False where it did not fit: then it is left out whole.
   * `required` sets TC in the additional section too, for glue.
   */
  rrset(
    names: Uint8Array,
    ownerAt: number,
    type: number,
    ttl: number,
    count: number,
    source: Uint8Array,
    at: number,
    required = false,
  ): boolean {
    const began = this.pos
    const known = this.names.size
    const limit = this.limit - this.reserved()
    let from = at
    for (let i = 0; i < count; i++) {
      const length = (source[from]! << 8) | source[from + 1]!
      this.record(names, ownerAt, began, type, Class.IN, ttl, source, from + 2, length)
      if (this.pos > limit) return this.leaveOut(began, known, required)
      from += length + 2
    }
    this.added(count)
    return true
  }

  /** The client takes DNSSEC records (RFC 4035 §3.1). */
  get dnssecOk(): boolean {
    return this.query.dnssecOk
  }

  /**
   * Writes those records of an RRSIG RRset that cover one type, or all with `covered` 0; stored form as in `rrset`. They have the TTL
   * of what they cover (RFC 4034 §3): `ttl`, or where that is negative their original one.
   */
  signatures(
    names: Uint8Array,
    ownerAt: number,
    covered: number,
    ttl: number,
    count: number,
    source: Uint8Array,
    at: number,
  ): boolean {
    const began = this.pos
    const known = this.names.size
    const limit = this.limit - this.reserved()
    let written = 0
    for (let i = 0, from = at; i < count; i++) {
      const length = (source[from]! << 8) | source[from + 1]!
      const type = (source[from + 2]! << 8) | source[from + 3]!
      if (covered === 0 || covered === type) {
        const own = ttl < 0 ? originalTtl(source, from + 2) : ttl
        this.record(names, ownerAt, began, RRSIG, Class.IN, own, source, from + 2, length)
        if (this.pos > limit) return this.leaveOut(began, known, false)
        written++
      }
      from += length + 2
    }
    this.added(written)
    return true
  }

  /** Writes an RRset given as objects, for answers that come from elsewhere; otherwise as `rrset`. */
  records(owner: Name, type: number, ttl: number, rdatas: readonly Uint8Array[], rrclass: number = Class.IN): boolean {
    const began = this.pos
    const known = this.names.size
    const limit = this.limit - this.reserved()
    for (const rdata of rdatas) {
      this.record(owner, 0, began, type, rrclass, ttl, rdata, 0, rdata.length)
      if (this.pos > limit) return this.leaveOut(began, known, false)
    }
    this.added(rdatas.length)
    return true
  }

  /** Adds an EDNS option to our OPT. False, and nothing done, where the query had no OPT or there is no room for it. */
  option(code: number, data: Uint8Array, at = 0, length: number = data.length - at): boolean {
    if (!this.query.hasEdns) return false
    const end = this.optionsLength + 4 + length
    if (end > MAX_OPTIONS || this.pos + OPT_FIXED + end > this.limit) return false
    const options = this.options
    let to = this.optionsLength
    options[to++] = code >>> 8
    options[to++] = code
    options[to++] = length >>> 8
    options[to++] = length
    for (let i = 0; i < length; i++) options[to++] = data[at + i]!
    this.optionsLength = end
    return true
  }

  /** Begins our OPT with options that are made already; to be called first. */
  optionsOf(made: Uint8Array, length: number): void {
    for (let i = 0; i < length; i++) this.options[i] = made[i]!
    this.optionsLength = length
  }

  /** Adds an Extended DNS Error (RFC 8914 §2); the text is ASCII and short. */
  extendedError(infoCode: number, text = ''): boolean {
    return this.option(OptionCode.EDE, extendedErrorData(infoCode, text))
  }

  /** Writes OPT and the header; returns the message's length. May be called again after flags, RCODE or options were changed. */
  finish(): number {
    const end = this.pos
    // RFC 6891 §6.1.1: a response has an OPT exactly where the query had one.
    if (this.query.hasEdns) this.opt()
    this.length = this.pos
    this.header()
    this.pos = end
    return this.length
  }

  /** The finished message: a view, valid until the next `begin`. */
  message(): Uint8Array {
    return this.buf.subarray(0, this.length)
  }

  /** Copies the finished message to `out[at]`, without making a view of it; returns its length. */
  copyTo(out: Uint8Array, at: number): number {
    const { buf, length } = this
    for (let i = 0; i < length; i++) out[at + i] = buf[i]!
    return length
  }

  /** Octets that the OPT will take. */
  private reserved(): number {
    return this.query.hasEdns ? OPT_FIXED + this.optionsLength : 0
  }

  private opt(): void {
    this.buf[this.pos++] = 0
    // RFC 6891 §6.1.3: the RCODE's upper bits, version 0, DO as it came (RFC 3225 §3).
    const dnssecOk = this.query.dnssecOk ? 0x8000 : 0
    this.fixed(OPT, this.udpPayload, ((this.rcode >>> 4) << 24) | dnssecOk)
    const options = this.optionsLength
    const padding = this.padded ? paddingFor(this.pos + 2 + options + this.trailer, this.limit + this.trailer) : -1
    this.u16(options + (padding < 0 ? 0 : 4 + padding))
    this.copy(this.options, 0, options)
    if (padding < 0) return
    // RFC 7830 §3: the padding octets should be 0.
    this.u16(OptionCode.PADDING)
    this.u16(padding)
    this.buf.fill(0, this.pos, this.pos + padding)
    this.pos += padding
  }

  private header(): void {
    const { query, counts } = this
    // RFC 1035 §4.1.1: RD is copied; so is CD (RFC 4035 §3.1.6).
    let flags = Flag.QR | (query.opcode << 11) | (query.flags & (Flag.RD | Flag.CD)) | (this.rcode & 15)
    if (this.authoritative) flags |= Flag.AA
    if (this.truncated) flags |= Flag.TC
    if (this.recursionAvailable) flags |= Flag.RA
    if (this.authenticData) flags |= Flag.AD
    this.pos = 0
    this.u16(query.id)
    this.u16(flags)
    this.u16(counts[QUESTION]!)
    this.u16(counts[Section.ANSWER]!)
    this.u16(counts[Section.AUTHORITY]!)
    this.u16(counts[Section.ADDITIONAL]! + (query.hasEdns ? 1 : 0))
  }

  /** Writes one record; `first` is where the RRset's first record begins, whose owner the others point to. */
  private record(
    names: Uint8Array,
    ownerAt: number,
    first: number,
    type: number,
    rrclass: number,
    ttl: number,
    source: Uint8Array,
    at: number,
    length: number,
  ): void {
    const asked = names === this.query.buf ? this.inQuestion(ownerAt) : 0
    if (this.pos > first && first <= LAST_TARGET) this.u16(this.pointerTo(first))
    else if (asked > 0) this.u16(0xc000 | asked)
    else this.name(names, ownerAt)
    this.fixed(type, rrclass, ttl)
    const lengthAt = this.pos
    this.pos += 2
    if (type === SOA && asked > 0) this.soa(source, at, length, asked)
    else this.rdata(type, source, at, length)
    const written = this.pos - lengthAt - 2
    this.buf[lengthAt] = written >>> 8
    this.buf[lengthAt + 1] = written
  }

  /** Where the message spells the name at `query.buf[at]`, if that is the question's or a tail of it; else 0. There is no pointer to the root. */
  private inQuestion(at: number): number {
    const { nameAt, nameLength } = this.query
    return at >= nameAt && at < nameAt + nameLength - 1 ? HEADER + at - nameAt : 0
  }

  /**
   * Writes the RDATA of an SOA whose owner the message spells at `apex`, in the question: nearly always its two names are below that, which is found out
   * without looking at any other name.
   */
  private soa(source: Uint8Array, at: number, length: number, apex: number): void {
    const rname = this.nameBelow(apex, source, at)
    const numbers = this.nameBelow(apex, source, rname)
    this.copy(source, numbers, at + length - numbers)
  }

  /** Writes an uncompressed name, ending in a pointer to the name at `parent` of the question where it is below that; returns what follows it in `source`. */
  private nameBelow(parent: number, source: Uint8Array, at: number): number {
    const { buf, query } = this
    const end = endOfName(source, at)
    const tail = end - (HEADER + query.nameLength - parent)
    let label = at
    while (label < tail) label += source[label]! + 1
    if (label !== tail || !sameLetters(source, tail, end, buf, parent)) this.name(source, at)
    else {
      this.copy(source, at, tail - at)
      this.u16(0xc000 | parent)
    }
    return end
  }

  /** A pointer to the name at `at`, or where that is a pointer or the root itself, the same again. */
  private pointerTo(at: number): number {
    const octet = this.buf[at]!
    return octet >= 0xc0 ? (octet << 8) | this.buf[at + 1]! : 0xc000 | at
  }

  private fixed(type: number, rrclass: number, ttl: number): void {
    this.u16(type)
    this.u16(rrclass)
    this.u16(ttl >>> 16)
    this.u16(ttl)
  }

  /** RFC 3597 §4: names are compressed in the RDATA of the types of RFC 1035 alone; all else is copied. */
  private rdata(type: number, source: Uint8Array, at: number, length: number): void {
    const prefix = COMPRESSED_AFTER[type < COMPRESSED_AFTER.length ? type : 0]!
    if (prefix < 0) {
      this.copy(source, at, length)
      return
    }
    this.copy(source, at, prefix)
    const name = at + prefix
    this.name(source, name)
    let next = endOfName(source, name)
    if (type === SOA || type === MINFO) {
      this.name(source, next)
      next = endOfName(source, next)
    }
    this.copy(source, next, at + length - next)
  }

  /** Writes an uncompressed name, compressed. */
  private name(source: Uint8Array, at: number): void {
    const { buf, names, query } = this
    if (!this.questionNoted && query.nameLength > 0) names.write(buf, HEADER, buf, HEADER)
    this.questionNoted = true
    this.pos = names.write(buf, this.pos, source, at)
  }

  private copy(source: Uint8Array, at: number, length: number): void {
    const buf = this.buf
    let to = this.pos
    for (let from = at, end = at + length; from < end; from++) buf[to++] = source[from]!
    this.pos = to
  }

  private u16(value: number): void {
    this.buf[this.pos++] = value >>> 8
    this.buf[this.pos++] = value
  }

  private added(count: number): void {
    this.counts[this.section]! += count
  }

  private leaveOut(pos: number, names: number, required: boolean): false {
    this.pos = pos
    this.names.forget(names)
    if (names === 0) this.questionNoted = false
    if (required || this.section !== Section.ADDITIONAL) this.truncated = true
    return false
  }
}

const LAST_TARGET = 0x3fff
const SOA = 6
const MINFO = 14
const RRSIG = 46

/** Whether `a[from, to)` and as many octets of `b` from `at` are the same but for their case. */
function sameLetters(a: Uint8Array, from: number, to: number, b: Uint8Array, at: number): boolean {
  for (let i = from; i < to; i++) if (LOWER[a[i]!] !== LOWER[b[at + i - from]!]) return false
  return true
}

/** By type, how many octets of RDATA come before a name that is compressed; -1 where there is none: NS MD MF CNAME SOA MB MG MR PTR MINFO MX. */
const COMPRESSED_AFTER = Int8Array.from({ length: 16 }, (_, type) =>
  [2, 3, 4, 5, 6, 7, 8, 9, 12, 14].includes(type) ? 0 : type === 15 ? 2 : -1,
)

function endOfName(source: Uint8Array, from: number): number {
  let at = from
  while (source[at] !== 0) at += source[at]! + 1
  return at + 1
}

/** RRSIG's Original TTL (RFC 4034 §3.1.4), of the RDATA at `source[at]`. */
function originalTtl(source: Uint8Array, at: number): number {
  return u32At(source, at + 4)
}
