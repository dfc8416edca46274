import { addressBytes } from '../../config/address.ts'
import { Class } from '../../dns/codes.ts'
import { type Name, ROOT } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { Type } from '../../dns/types.ts'
import type { Cut } from './cuts.ts'

/** The authoritative servers that an answer came from: their names, as far as they came by name, and their addresses in octets. */
export interface Authorities {
  names: readonly Name[]
  addresses: readonly Uint8Array[]
}

export function authoritiesOf({ names, servers }: Cut): Authorities {
  return { names, addresses: servers.flatMap(({ at }) => addressBytes(at.address) ?? []) }
}

/** Those of both: of an answer that more than one zone has a part in. */
export function joinAuthorities(a: Authorities | undefined, b: Authorities): Authorities {
  return a ? { names: [...a.names, ...b.names], addresses: [...a.addresses, ...b.addresses] } : b
}

/** As records of no owner, for an entry of the cache. */
export function authorityRecords({ names, addresses }: Authorities): ResourceRecord[] {
  const record = (type: number, rdata: Uint8Array) => ({ owner: ROOT, type, class: Class.IN, ttl: 0, rdata })
  return [
    ...names.map(name => record(Type.NS, name)),
    ...addresses.map(address => record(address.length === 4 ? Type.A : Type.AAAA, address)),
  ]
}

/** What `authorityRecords` has made; undefined of no records. */
export function readAuthorities(records: readonly ResourceRecord[]): Authorities | undefined {
  if (records.length === 0) return undefined
  const [names, addresses]: [Name[], Uint8Array[]] = [[], []]
  for (const { type, rdata } of records) (type === Type.NS ? names : addresses).push(rdata)
  return { names, addresses }
}
