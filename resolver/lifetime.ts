import type { ResourceRecord } from '../dns/record.ts'
import { Type } from '../dns/types.ts'
import type { ResolverLimits } from './limits.ts'

/** How many seconds an answer may be kept: 0 is not at all. */
export function lifetimeOf(
  answer: readonly ResourceRecord[],
  authority: readonly ResourceRecord[],
  negative: boolean,
  limits: ResolverLimits,
): number {
  const ttls = answer.map(record => record.ttl)
  if (!negative) return Math.min(limits.maxTtl, ...ttls)
  const soa = authority.find(record => record.type === Type.SOA)
  // RFC 2308 §5: a negative answer without an SOA is not kept, for nothing says how long it holds.
  return soa ? Math.min(limits.maxNegativeTtl, negativeTtl(soa), ...ttls) : 0
}

/** RFC 2308 §5: the lesser of the SOA's own TTL and its MINIMUM field, the last four octets of its RDATA. */
export function negativeTtl({ ttl, rdata }: ResourceRecord): number {
  return rdata.length < 4
    ? 0
    : Math.min(ttl, Buffer.from(rdata.buffer, rdata.byteOffset, rdata.length).readUInt32BE(rdata.length - 4))
}

/** The records with `age` seconds off their TTLs, none above the limit (RFC 1035 §3.2.1, RFC 2181 §8). */
export function aged(records: readonly ResourceRecord[], age: number, maxTtl: number): ResourceRecord[] {
  return records.map(record => ({ ...record, ttl: Math.max(0, Math.min(record.ttl, maxTtl) - age) }))
}

/** The records with a stale answer's TTL (RFC 8767 §4). */
export function withTtl(records: readonly ResourceRecord[], ttl: number): ResourceRecord[] {
  return records.map(record => ({ ...record, ttl }))
}
