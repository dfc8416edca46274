import { equalOctets, type ResourceRecord } from '../../dns/record.ts'
import { canonicalRdata } from '../../dns/types.ts'
import { ZoneError } from './errors.ts'

/** Counts have 16 bits, and no message could carry more. */
const MOST_RECORDS = 0xffff
const MOST_RDATA = 0xffff
/** Up to here comparing with each is cheaper than a set. */
const FEW = 8

/** Whether two RDATAs are the same, names in them compared without case (RFC 2181 §5, RFC 4343). */
export function equalRdata(type: number, a: Uint8Array, b: Uint8Array): boolean {
  if (equalOctets(a, b)) return true
  return a.length === b.length && equalOctets(canonicalRdata(type, a), canonicalRdata(type, b))
}

/** The records less those equal to an earlier one (RFC 2181 §5: an RRset holds no duplicates), in their order. */
export function withoutDuplicates(type: number, records: readonly ResourceRecord[]): ResourceRecord[] {
  if (records.length > MOST_RECORDS) throw new ZoneError('more than 65535 records in one RRset', records[0])
  for (const record of records)
    if (record.rdata.length > MOST_RDATA) throw new ZoneError('RDATA of more than 65535 octets', record)
  if (records.length > FEW) return bySet(type, records)
  const kept: ResourceRecord[] = []
  for (const record of records) if (!kept.some(other => equalRdata(type, other.rdata, record.rdata))) kept.push(record)
  return kept
}

function bySet(type: number, records: readonly ResourceRecord[]): ResourceRecord[] {
  const seen = new Set<string>()
  return records.filter(record => {
    const key = rdataKey(type, record.rdata)
    return !seen.has(key) && seen.add(key)
  })
}

/** A string that is the same for RDATAs that are equal. */
export function rdataKey(type: number, rdata: Uint8Array): string {
  const canonical = canonicalRdata(type, rdata)
  return Buffer.from(canonical.buffer, canonical.byteOffset, canonical.length).toString('latin1')
}
