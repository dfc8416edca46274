import { Rcode } from '../../../dns/codes.ts'
import {
  ancestorName,
  concatNames,
  equalNames,
  isSubdomain,
  type Name,
  prefixOf,
  wildcardOf,
} from '../../../dns/name.ts'
import type { ResourceRecord, RRset } from '../../../dns/record.ts'
import { Type, targetOf } from '../../../dns/types.ts'
import { TestZone, type ZoneSpec } from './zone.ts'

/** What a recursive server that knows the whole tree says to a question with DO. */
export interface Said {
  rcode: number
  answer: ResourceRecord[]
  authority: ResourceRecord[]
}

/** A tree of zones, its delegations made from the zones themselves. */
export class Tree {
  readonly zones: TestZone[]

  /** `now` is in seconds since 1970. */
  constructor(specs: readonly ZoneSpec[], now: number) {
    this.zones = specs.map(spec => new TestZone(spec, now))
    for (const zone of this.zones) this.delegate(zone)
    for (const zone of this.zones) zone.finish()
  }

  private delegate(zone: TestZone): void {
    if (zone.apex.length === 1) return
    const parent = this.zoneOf(ancestorName(zone.apex))
    parent.add(zone.apex, Type.NS, 'ns.invalid.')
    const pointers = zone.spec.pointers?.(zone) ?? ((zone.spec.ds ?? zone.signed) ? [zone.ds] : [])
    for (const ds of pointers) parent.addRdata(zone.apex, Type.DS, ds)
  }

  zone(apex: string): TestZone {
    return this.zones.find(({ spec }) => spec.apex === apex)!
  }

  private zoneOf(name: Name): TestZone {
    const fitting = this.zones.filter(({ apex }) => isSubdomain(name, apex))
    return fitting.reduce((a, b) => (b.apex.length > a.apex.length ? b : a))
  }

  answer(name: Name, type: number): Said {
    const said: Said = { rcode: Rcode.NOERROR, answer: [], authority: [] }
    for (let next: Name | undefined = name, links = 0; next && links < 10; links++) next = this.step(next, type, said)
    return said
  }

  /** One link of the chain; gives the next name. */
  private step(name: Name, type: number, said: Said): Name | undefined {
    const zone = this.zoneOf(type === Type.DS && name.length > 1 ? ancestorName(name) : name)
    const dname = this.dnameAbove(zone, name)
    if (dname) {
      const target = concatNames(prefixOf(name, dname.owner), targetOf(Type.DNAME, dname.rdatas[0]!)!)!
      const alias = { owner: name, type: Type.CNAME, class: 1, ttl: 300, rdata: target }
      said.answer.push(...zone.signedRecords(dname), alias)
      return target
    }
    if (zone.exists(name)) return this.atOwner(zone, name, name, type, said)
    let closest = ancestorName(name)
    while (!zone.exists(closest)) closest = ancestorName(closest)
    const wildcard = wildcardOf(closest)!
    if (zone.exists(wildcard)) return this.atOwner(zone, wildcard, name, type, said)
    said.rcode = Rcode.NXDOMAIN
    this.negative(zone, said)
    this.prove(zone, said, closest, nextCloser(name, closest), wildcard)
    return undefined
  }

  private atOwner(zone: TestZone, owner: Name, name: Name, type: number, said: Said): Name | undefined {
    const expanded = !equalNames(owner, name)
    const closest = expanded ? ancestorName(owner) : owner
    const proofOfExpansion = () => {
      if (!expanded || !zone.signed) return
      const covered = zone.spec.nsec3 ? nextCloser(name, closest) : name
      said.authority.push(...zone.signedRecords(zone.covering(covered).set))
    }
    const wanted = type === Type.NSEC ? zone.matching(owner)?.set : zone.find(owner, type)
    const alias = zone.find(owner, Type.CNAME)
    const set: RRset | undefined = wanted ?? alias
    if (set) {
      said.answer.push(...zone.signedRecords(set, name))
      proofOfExpansion()
      return wanted ? undefined : targetOf(Type.CNAME, alias!.rdatas[0]!)
    }
    this.negative(zone, said)
    if (expanded) this.prove(zone, said, closest, nextCloser(name, closest), owner)
    else if (zone.signed && (zone.matching(name) || !zone.spec.nsec3)) said.authority.push(...zone.denial(name))
    else if (zone.signed) this.proveOptOut(zone, said, name)
    return undefined
  }

  /** RFC 5155 §7.2.4: a delegation that Opt-Out leaves out. */
  private proveOptOut(zone: TestZone, said: Said, name: Name): void {
    let closest = ancestorName(name)
    while (!zone.matching(closest)) closest = ancestorName(closest)
    said.authority.push(...zone.denial(closest), ...zone.denial(nextCloser(name, closest)))
  }

  private negative(zone: TestZone, said: Said): void {
    said.authority.push(...zone.signedRecords(zone.find(zone.apex, Type.SOA)!))
  }

  private prove(zone: TestZone, said: Said, closest: Name, closer: Name, wildcard: Name): void {
    if (!zone.signed) return
    const points = zone.spec.nsec3 ? [closest, closer, wildcard] : [closer, wildcard]
    const seen = new Set<unknown>()
    for (const point of points) {
      const set = (zone.matching(point) ?? zone.covering(point)).set
      if (!seen.has(set)) said.authority.push(...zone.signedRecords(set))
      seen.add(set)
    }
  }

  private dnameAbove(zone: TestZone, name: Name): RRset | undefined {
    return zone.sets.find(
      ({ type, owner }) => type === Type.DNAME && isSubdomain(name, owner) && !equalNames(name, owner),
    )
  }
}

function nextCloser(name: Name, closest: Name): Name {
  let at = name
  while (ancestorName(at).length > closest.length) at = ancestorName(at)
  return at
}
