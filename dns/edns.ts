import { WireError } from './errors.ts'
import { Reader, type Writer } from './wire.ts'

/** The OPT pseudo-record (RFC 6891 §6.1). */
export interface Edns {
  /** Largest UDP payload the sender can take, in octets; values below 512 mean 512 (§6.2.3). */
  udpSize: number
  version: number
  /** DO: the sender wants DNSSEC records (RFC 3225). */
  dnssecOk: boolean
  options: EdnsOption[]
}

export interface EdnsOption {
  code: number
  data: Uint8Array
}

export const OPT = 41

/** RFC 8467 §4.1: answers are padded to a multiple of so many octets. */
export const PADDING_BLOCK = 468

/**
 * Octets of Padding's data that bring a message of `length` octets, the option not counted, to a multiple of the block, or as far as
 * `limit` lets it; -1 where there is no room for the option.
 */
export function paddingFor(length: number, limit: number): number {
  const bare = length + 4
  if (bare > limit) return -1
  return Math.min(Math.ceil(bare / PADDING_BLOCK) * PADDING_BLOCK, limit) - bare
}

/** The data of an Extended DNS Error option (RFC 8914 §2); the text is ASCII. */
export function extendedErrorData(infoCode: number, text: string): Uint8Array {
  const data = new Uint8Array(2 + text.length)
  data[0] = infoCode >>> 8
  data[1] = infoCode
  for (let i = 0; i < text.length; i++) data[2 + i] = text.charCodeAt(i)
  return data
}

/** Reads OPT's class, TTL and RDATA; the owner (root) and type have been read. Returns the upper eight RCODE bits too. */
export function readEdns(reader: Reader): { edns: Edns; extendedRcode: number } {
  const udpSize = reader.u16()
  const extendedRcode = reader.u8()
  const version = reader.u8()
  const flags = reader.u16()
  const length = reader.u16()
  if (length > reader.left) throw new WireError('OPT RDATA runs past the end', reader.pos)
  const rdata = new Reader(reader.buf, reader.pos, reader.pos + length)
  const options: EdnsOption[] = []
  while (rdata.left > 0) {
    const code = rdata.u16()
    options.push({ code, data: rdata.bytes(rdata.u16()) })
  }
  reader.pos = rdata.pos
  return { edns: { udpSize, version, dnssecOk: (flags & 0x8000) !== 0, options }, extendedRcode }
}

/** Octets of a whole OPT record. */
export function ednsLength({ options }: Edns): number {
  return 11 + options.reduce((sum, { data }) => sum + 4 + data.length, 0)
}

/** Writes a whole OPT record. */
export function writeEdns(writer: Writer, edns: Edns, rcode: number): void {
  writer.u8(0)
  writer.u16(OPT)
  writer.u16(edns.udpSize)
  writer.u8(rcode >>> 4)
  writer.u8(edns.version)
  writer.u16(edns.dnssecOk ? 0x8000 : 0)
  const at = writer.pos
  writer.u16(0)
  for (const { code, data } of edns.options) {
    writer.u16(code)
    writer.u16(data.length)
    writer.bytes(data)
  }
  writer.patchU16(at, writer.pos - at - 2)
}
