import { Flag } from './codes.ts'
import { type Edns, ednsLength, OPT, readEdns, writeEdns } from './edns.ts'
import { WireError } from './errors.ts'
import type { Name } from './name.ts'
import { type ResourceRecord, readRecord, writeRecord } from './record.ts'
import { Reader, Writer } from './wire.ts'

export interface Question {
  name: Name
  type: number
  class: number
}

/** A DNS message (RFC 1035 §4.1). UPDATE's sections (RFC 2136 §2) are zone = question, prerequisite = answer, update = authority. */
export interface Message {
  id: number
  /** The flag bits of `Flag`, without OPCODE and RCODE. */
  flags: number
  opcode: number
  /** With the upper bits of OPT, where there is one. */
  rcode: number
  question: Question[]
  answer: ResourceRecord[]
  authority: ResourceRecord[]
  /** Without OPT and TSIG, which stand in `edns` and `tsig`. */
  additional: ResourceRecord[]
  edns?: Edns
  /** The TSIG record as received, and where it starts in the message: what is signed ends there (RFC 8945 §4.3.2). */
  tsig?: { record: ResourceRecord; offset: number }
}

const FLAG_MASK = Flag.QR | Flag.AA | Flag.TC | Flag.RD | Flag.RA | Flag.AD | Flag.CD | 0x0040
const HEADER = 12
export const TSIG = 250

/** Reads a whole message. Throws WireError where it breaks the format, is followed by further octets, or misplaces OPT or TSIG. */
export function parseMessage(buf: Uint8Array): Message {
  if (buf.length < HEADER) throw new WireError('shorter than a header', buf.length)
  const reader = new Reader(buf)
  const id = reader.u16()
  const bits = reader.u16()
  const counts = [reader.u16(), reader.u16(), reader.u16(), reader.u16()] as const
  const message: Message = {
    id,
    flags: bits & FLAG_MASK,
    opcode: (bits >>> 11) & 15,
    rcode: bits & 15,
    question: [],
    answer: [],
    authority: [],
    additional: [],
  }
  for (let i = 0; i < counts[0]; i++)
    message.question.push({ name: reader.name(), type: reader.u16(), class: reader.u16() })
  for (let i = 0; i < counts[1]; i++) message.answer.push(readPlainRecord(reader))
  for (let i = 0; i < counts[2]; i++) message.authority.push(readPlainRecord(reader))
  for (let i = 0; i < counts[3]; i++) readAdditional(reader, message, i === counts[3] - 1)
  if (reader.left > 0) throw new WireError(`${reader.left} octets after the last record`, reader.pos)
  return message
}

function readPlainRecord(reader: Reader): ResourceRecord {
  const at = reader.pos
  const record = readRecord(reader)
  // RFC 6891 §6.1.1 and RFC 8945 §5.1: both belong in the additional section.
  if (record.type === OPT || record.type === TSIG) throw new WireError('OPT or TSIG outside the additional section', at)
  return record
}

function readAdditional(reader: Reader, message: Message, last: boolean): void {
  const offset = reader.pos
  const owner = reader.name()
  const type = reader.u16()
  if (type === OPT) {
    // RFC 6891 §6.1.1: a second OPT, or one not owned by the root, is a format error.
    if (message.edns || owner.length !== 1) throw new WireError('a second OPT, or one not owned by the root', offset)
    const { edns, extendedRcode } = readEdns(reader)
    message.edns = edns
    message.rcode |= extendedRcode << 4
    return
  }
  reader.pos = offset
  const record = readRecord(reader)
  if (type !== TSIG) message.additional.push(record)
  // RFC 8945 §5.1: TSIG must be the last record, and there may be one only.
  else if (!last) throw new WireError('TSIG is not the last record', offset)
  else message.tsig = { record, offset }
}

/** How `writeMessage` keeps a response inside its limit. */
export interface WriteOptions {
  /** Octets available, a TSIG that is added later already taken off. Default 65535. */
  limit?: number
  /** Whether names point to earlier ones (RFC 1035 §4.1.4). Default true. */
  compress?: boolean
}

/**
 * The message in wire form. Where it would exceed `limit`, additional records are left out first, silently; when answer or authority
 * do not fit, TC is set and they end with the last whole RRset that fits (RFC 2181 §9). `tsig` is not written: signing appends it.
 */
export function writeMessage(message: Message, options: WriteOptions = {}): Uint8Array {
  const writer = new Writer({ size: sizeOf(message), compress: options.compress ?? true })
  const reserve = message.edns ? ednsLength(message.edns) : 0
  const limit = (options.limit ?? 0xffff) - reserve
  writer.u16(message.id)
  writer.u16(0)
  writer.u16(message.question.length)
  for (let i = 0; i < 3; i++) writer.u16(0)
  for (const { name, type, class: qclass } of message.question) {
    writer.name(name)
    writer.u16(type)
    writer.u16(qclass)
  }
  const answers = writeSection(writer, message.answer, limit)
  const authorities = answers.whole ? writeSection(writer, message.authority, limit) : NOTHING
  const whole = answers.whole && authorities.whole
  const additionals = whole ? writeSection(writer, message.additional, limit) : NOTHING
  if (message.edns) writeEdns(writer, message.edns, message.rcode)
  const flags = message.flags | (whole ? 0 : Flag.TC)
  writer.patchU16(2, (flags & FLAG_MASK) | (message.opcode << 11) | (message.rcode & 15))
  writer.patchU16(6, answers.count)
  writer.patchU16(8, authorities.count)
  writer.patchU16(10, additionals.count + (message.edns ? 1 : 0))
  return writer.take()
}

/** Octets that the message takes without compression: larger buffers than needed cost more than what is written into them. */
function sizeOf({ question, answer, authority, additional, edns }: Message): number {
  let size = HEADER + (edns ? ednsLength(edns) : 0)
  for (const { name } of question) size += name.length + 4
  for (const records of [answer, authority, additional])
    for (const { owner, rdata } of records) size += owner.length + 10 + rdata.length
  return size
}

const NOTHING = { count: 0, whole: false }

function writeSection(writer: Writer, records: ResourceRecord[], limit: number): { count: number; whole: boolean } {
  let wholeAt = writer.pos
  let wholeCount = 0
  for (let i = 0; i < records.length; i++) {
    if (i > 0 && !sameRRset(records[i - 1]!, records[i]!)) {
      wholeAt = writer.pos
      wholeCount = i
    }
    writeRecord(writer, records[i]!)
    if (writer.pos > limit) {
      writer.truncate(wholeAt)
      return { count: wholeCount, whole: false }
    }
  }
  return { count: records.length, whole: true }
}

function sameRRset(a: ResourceRecord, b: ResourceRecord): boolean {
  if (a.type !== b.type || a.class !== b.class || a.owner.length !== b.owner.length) return false
  return a.owner === b.owner || a.owner.every((octet, i) => octet === b.owner[i])
}
