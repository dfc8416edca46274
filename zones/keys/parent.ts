import { dsRdata } from '../../dns/dnssec.ts'
import type { Name } from '../../dns/name.ts'
import { equalOctets } from '../../dns/record.ts'
import type { ZoneKey } from './key.ts'
import type { Seen } from './roll.ts'

/** The DS RRset that a parent has for a zone, and its TTL in milliseconds. */
export interface ParentDs {
  ds: readonly Uint8Array[]
  ttl: number
}

/** Asks every parent of a zone that can be asked: there may be one for each view. */
export type AskParents = (origin: Name) => Promise<readonly ParentDs[]>

/** At how many of the parents a key's DS is. */
export function seenAt(origin: Name, parents: readonly ParentDs[]): (key: ZoneKey) => Seen {
  const names = (parent: ParentDs, key: ZoneKey) => parent.ds.some(ds => isDsOf(origin, ds, key))
  return key => {
    if (!parents.some(parent => names(parent, key))) return 'nowhere'
    // A parent without any DS takes the zone for unsigned, whatever the others have.
    return parents.every(parent => parent.ds.length === 0 || names(parent, key)) ? 'everywhere' : 'somewhere'
  }
}

function isDsOf(origin: Name, ds: Uint8Array, key: ZoneKey): boolean {
  const own = dsRdata(origin, key.dnskey, ds[3])
  return own !== undefined && equalOctets(own, ds)
}
