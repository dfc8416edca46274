import type { ResourceRecord } from './rrset.ts'
import { decompressRdata, writeRdata } from './types.ts'
import type { Reader, Writer } from './wire.ts'

export type { ResourceRecord, RRset } from './rrset.ts'

/** Reads one record of a message; embedded names come out decompressed. */
export function readRecord(reader: Reader): ResourceRecord {
  const owner = reader.name()
  const type = reader.u16()
  const rrclass = reader.u16()
  const ttl = reader.u32()
  const length = reader.u16()
  const end = reader.pos + length
  const rdata = decompressRdata(type, rrclass, reader, length)
  reader.pos = end
  // RFC 2181 §8: a TTL with its top bit set is taken as zero.
  return { owner, type, class: rrclass, ttl: ttl > 0x7fffffff ? 0 : ttl, rdata }
}

/** Writes one record, compressing the names that RFC 3597 §4 allows to be compressed. */
export function writeRecord(writer: Writer, record: ResourceRecord): void {
  writer.name(record.owner)
  writer.u16(record.type)
  writer.u16(record.class)
  writer.u32(record.ttl)
  const at = writer.pos
  writer.u16(0)
  writeRdata(record.type, writer, record.rdata)
  writer.patchU16(at, writer.pos - at - 2)
}

/** Whether two RDATAs are octet for octet the same. Callers that must ignore case compare canonical forms. */
export function equalOctets(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
