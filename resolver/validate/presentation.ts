import type { ResourceRecord } from '../../dns/record.ts'
import { Type } from '../../dns/types.ts'

/** The records that a client without DO gets: none of DNSSEC's own that it did not ask for (RFC 4035 §3.2.1, RFC 3225 §3). */
export function withoutDnssec(records: readonly ResourceRecord[], asked: number): ResourceRecord[] {
  if (asked === Type.ANY) return [...records]
  return records.filter(
    ({ type }) => type === asked || (type !== Type.RRSIG && type !== Type.NSEC && type !== Type.NSEC3),
  )
}
