import type { ZoneConfig } from '../../config/schema.ts'
import { Class } from '../../dns/codes.ts'
import { concatNames, type Name, parseName } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { makeRdata, Type } from '../../dns/types.ts'
import { firstOfCatalog } from '../catalog/write.ts'

const FIRST_TTL = 3600
/** RFC 2308 §5: how long a name that is not there yet is remembered; short, for new names are what such a zone is for. */
const FIRST_MINIMUM = 60

/** A zone without a file begins with an SOA and an NS of our own name. */
export function firstRecords(origin: Name, serverName: Name): ResourceRecord[] {
  const rname = concatNames(parseName('hostmaster.'), origin) ?? origin
  const times = { serial: 1, refresh: 3600, retry: 600, expire: 1_209_600, minimum: FIRST_MINIMUM }
  const record = (type: number, rdata: Uint8Array) => ({ owner: origin, type, class: Class.IN, ttl: FIRST_TTL, rdata })
  return [
    record(Type.SOA, makeRdata('SOA', { mname: serverName, rname, ...times })),
    record(Type.NS, makeRdata('NS', { host: serverName })),
  ]
}

/** What a zone of this config begins with where it has no file. */
export function firstOf({ name, catalog_of: lists }: ZoneConfig, serverName: Name): ResourceRecord[] {
  const [soa, ns] = firstRecords(name, serverName)
  return lists ? [soa!, ...firstOfCatalog(name)] : [soa!, ns!]
}
