import type { ResourceRecord } from '../../dns/record.ts'
import { Type } from '../../dns/types.ts'

/** How many seconds an answer may be kept: as long as all of its records; 0 is not at all. */
export function lifetimeOf(
  answer: readonly ResourceRecord[],
  authority: readonly ResourceRecord[],
  negative: boolean,
): number {
  // RFC 2308 §5: a negative answer without an SOA is not kept, for nothing says how long it holds.
  if (negative && !authority.some(({ type }) => type === Type.SOA)) return 0
  let least = Number.POSITIVE_INFINITY
  for (const { ttl } of answer) least = Math.min(least, ttl)
  for (const { ttl } of authority) least = Math.min(least, ttl)
  return least
}

/** The records with no TTL below `least` or above `most`, and that of an SOA no longer than the denial that it stands for. */
export function capped(records: readonly ResourceRecord[], least: number, most: number): ResourceRecord[] {
  return records.map(record => {
    const own = record.type === Type.SOA ? negativeTtl(record) : record.ttl
    const ttl = Math.min(most, Math.max(least, own))
    return ttl === record.ttl ? record : { ...record, ttl }
  })
}

/** RFC 2308 §5: the lesser of the SOA's own TTL and its MINIMUM field, the last four octets of its RDATA. */
function negativeTtl({ ttl, rdata }: ResourceRecord): number {
  if (rdata.length < 4) return 0
  return Math.min(ttl, new DataView(rdata.buffer, rdata.byteOffset, rdata.length).getUint32(rdata.length - 4))
}

/** The records with `age` seconds off their TTLs. */
export function aged(records: ResourceRecord[], age: number): ResourceRecord[] {
  if (age === 0) return records
  return records.map(record => ({ ...record, ttl: Math.max(0, record.ttl - age) }))
}

/** The records with a stale answer's TTL (RFC 8767 §4). */
export function withTtl(records: readonly ResourceRecord[], ttl: number): ResourceRecord[] {
  return records.map(record => ({ ...record, ttl }))
}
