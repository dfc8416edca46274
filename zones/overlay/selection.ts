import { matchesPattern, type NamePattern } from '../../config/pattern.ts'
import { tellsPrivate } from '../../config/private-addresses.ts'
import type { ShowRule } from '../../config/schema.ts'
import { equalNames, isSubdomain, type Name } from '../../dns/name.ts'
import type { ResourceRecord, RRset } from '../../dns/record.ts'
import { Type, targetOf } from '../../dns/types.ts'
import { recordsOf, type ZoneContents } from '../draft.ts'

/** What signing makes, and what vouches for a zone as a whole: an overlay has its own. */
export const OWN_TYPES: ReadonlySet<number> = new Set([
  Type.RRSIG,
  Type.NSEC,
  Type.NSEC3,
  Type.NSEC3PARAM,
  Type.DNSKEY,
  Type.CDS,
  Type.CDNSKEY,
  Type.ZONEMD,
])

/** Types that are shown only where the name that they point to is shown. */
const POINTERS: ReadonlySet<number> = new Set([Type.CNAME, Type.MX, Type.SRV, Type.NS])

/** What an overlay takes of its base, before it is asked where pointers lead. */
export class Selection {
  readonly origin: Name
  private readonly rules: readonly ShowRule[]
  private readonly hidePrivate: boolean

  constructor(origin: Name, rules: readonly ShowRule[], hidePrivate: boolean) {
    this.origin = origin
    this.rules = rules
    this.hidePrivate = hidePrivate
  }

  /** The base's RRsets of this owner that are shown; SOA and NS of the apex are another matter. */
  rrsetsAt(base: ZoneContents, owner: Name): RRset[] {
    return base.typesAt(owner).flatMap(type => {
      if (!this.covers(owner, type)) return []
      const rrset = base.rrset(owner, type)!
      const rdatas = this.hidePrivate ? rrset.rdatas.filter(rdata => !tellsPrivate({ type, rdata })) : rrset.rdatas
      return rdatas.length > 0 ? [{ ...rrset, rdatas }] : []
    })
  }

  covers(owner: Name, type: number): boolean {
    if (OWN_TYPES.has(type) || type === Type.SOA) return false
    if (type === Type.NS && equalNames(owner, this.origin)) return false
    return this.rules.some(
      rule =>
        (!rule.types || rule.types.includes(type)) && rule.names.some(pattern => this.matches(pattern, owner, rule)),
    )
  }

  private matches(pattern: NamePattern, owner: Name, { wildcards }: ShowRule): boolean {
    // "**" alone is everything, apex and wildcards too.
    return pattern.text === '**' || matchesPattern(pattern, owner, this.origin, { wildcards })
  }

  /** The name inside the zone without which the record is not shown. */
  targetOf({ type, rdata }: Pick<ResourceRecord, 'type' | 'rdata'>): Name | undefined {
    if (!POINTERS.has(type)) return undefined
    const target = targetOf(type, rdata)
    return target && isSubdomain(target, this.origin) ? target : undefined
  }

  /** Records of the list that point into the zone, with their targets. */
  *pointers(records: Iterable<ResourceRecord>): Generator<{ record: ResourceRecord; target: Name }> {
    for (const record of records) {
      const target = this.targetOf(record)
      if (target && this.covers(record.owner, record.type)) yield { record, target }
    }
  }
}

/** The records of RRsets. */
export function* recordsIn(rrsets: Iterable<RRset>): Generator<ResourceRecord> {
  for (const rrset of rrsets) yield* recordsOf(rrset)
}
