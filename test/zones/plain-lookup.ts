import { equalNames, isSubdomain, labelCount, type Name } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { Type } from '../../dns/types.ts'
import type { OutcomeKind } from '../../zones/lookup/lookup.ts'
import type { PlainZone } from './plain-zone.ts'

/** What a lookup in a plain zone comes to. */
export interface PlainOutcome {
  kind: OutcomeKind
  /** The records of the answer, the alias, the redirection or the cut. */
  records: ResourceRecord[]
  wildcard: boolean
}

/** RFC 1034 §4.3.2, RFC 4592 §3.3 and RFC 6672 §3.2 word by word over a list of records. */
export function plainLookup(zone: PlainZone, origin: Name, qname: Name, qtype: number): PlainOutcome {
  for (const name of fromTheApex(origin, qname)) {
    const proper = !equalNames(name, qname)
    const ns = zone.rrset(name, Type.NS)
    if (!equalNames(name, origin) && ns.length > 0 && (proper || qtype !== Type.DS))
      return { kind: 'referral', records: ns, wildcard: false }
    const dname = zone.rrset(name, Type.DNAME)
    if (proper && dname.length > 0) return { kind: 'dname', records: dname, wildcard: false }
  }
  if (zone.exists(qname)) return at(zone, qname, qtype, false)
  const encloser = fromTheApex(origin, qname).findLast(name => zone.exists(name))!
  const source = Uint8Array.from([1, 0x2a, ...encloser])
  return zone.exists(source) ? at(zone, source, qtype, true) : { kind: 'nxdomain', records: [], wildcard: false }
}

function at(zone: PlainZone, name: Name, qtype: number, wildcard: boolean): PlainOutcome {
  const records = zone.rrset(name, qtype)
  if (records.length > 0) return { kind: 'answer', records, wildcard }
  const alias = zone.rrset(name, Type.CNAME)
  return alias.length > 0 ? { kind: 'cname', records: alias, wildcard } : { kind: 'nodata', records: [], wildcard }
}

/** The apex, then each name one label longer, down to `name`. */
function fromTheApex(origin: Name, name: Name): Name[] {
  const names: Name[] = []
  for (let at = 0; ; at += name[at]! + 1) {
    const rest = name.subarray(at)
    if (!isSubdomain(rest, origin)) break
    names.unshift(rest)
    if (labelCount(rest) === labelCount(origin)) break
  }
  return names
}
