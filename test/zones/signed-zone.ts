import { Rrsig, verifyRRset } from '../../dns/dnssec.ts'
import { ancestorName, compareNames, equalNames, isSubdomain, type Name, nameKey, printName } from '../../dns/name.ts'
import { BEST_PARAMETERS, nsec3Hash } from '../../dns/nsec3.ts'
import type { RRset } from '../../dns/record.ts'
import { printBase32Hex } from '../../dns/text.ts'
import { readRdata, Type, typeName } from '../../dns/types.ts'
import type { KeyFiles } from '../../zones/keys/keys.ts'
import type { ZoneVersion } from '../../zones/zone.ts'

/** Key files that live as long as the test. */
export function memoryKeyFiles(): KeyFiles & { readonly files: Map<string, { text: string; mode: number }> } {
  const files = new Map<string, { text: string; mode: number }>()
  return {
    files,
    read: async name => files.get(name)?.text,
    replace: async (name, text, mode) => void files.set(name, { text, mode }),
  }
}

const MADE: readonly number[] = [Type.RRSIG, Type.NSEC, Type.NSEC3]

/**
 * All that is wrong with a signed zone, found the slow way: from its records alone, without anything that signing uses. `now` is in
 * seconds since 1970.
 */
export function faultsOf(version: ZoneVersion, now: number): string[] {
  const { origin } = version
  const rrsets = [...version.rrsets()]
  const of = (owner: Name, type: number) => rrsets.find(set => set.type === type && equalNames(set.owner, owner))
  const names = new Map<string, { owner: Name; sets: RRset[] }>()
  for (const set of rrsets) {
    if (MADE.includes(set.type)) continue
    const key = nameKey(set.owner)
    const name = names.get(key) ?? { owner: set.owner, sets: [] }
    name.sets.push(set)
    names.set(key, name)
  }
  const all = [...names.values()].sort((a, b) => compareNames(a.owner, b.owner))
  const has = (sets: RRset[], type: number) => sets.some(set => set.type === type)
  const isCut = ({ owner, sets }: { owner: Name; sets: RRset[] }) => has(sets, Type.NS) && !equalNames(owner, origin)
  const cuts = all.filter(name => isCut(name) || has(name.sets, Type.DNAME))
  const visible = all.filter(
    ({ owner }) => !cuts.some(cut => !equalNames(cut.owner, owner) && isSubdomain(owner, cut.owner)),
  )
  const faults: string[] = []
  const keys = of(origin, Type.DNSKEY)?.rdatas ?? []
  const signed = new Set<string>()
  const check = (set: RRset) => {
    const what = `${printName(set.owner)} ${typeName(set.type)}`
    signed.add(`${nameKey(set.owner)}/${set.type}`)
    const rrsigs = (of(set.owner, Type.RRSIG)?.rdatas ?? [])
      .concat(
        rrsets.filter(one => one.type === Type.RRSIG && equalNames(one.owner, set.owner)).flatMap(one => one.rdatas),
      )
      .filter(rrsig => Rrsig.typeCovered(rrsig) === set.type)
    if (rrsigs.length === 0) faults.push(`${what} is not signed`)
    for (const rrsig of new Set(rrsigs)) {
      if (Rrsig.originalTtl(rrsig) !== set.ttl) faults.push(`${what} is signed with another TTL`)
      const reasons = keys.map(key => verifyRRset(set, rrsig, key, now))
      if (!reasons.includes(undefined)) faults.push(`${what}: ${reasons.join(', ') || 'no key'}`)
    }
  }
  const soa = readRdata('SOA', of(origin, Type.SOA)!.rdatas[0]!)
  const ttl = Math.min(of(origin, Type.SOA)!.ttl, soa.minimum)
  for (const name of visible) for (const set of name.sets) if (!isCut(name) || set.type === Type.DS) check(set)
  const shown = (name: { owner: Name; sets: RRset[] }) =>
    name.sets.map(({ type }) => type).filter(type => !isCut(name) || type === Type.NS || type === Type.DS)
  const compare = (set: RRset | undefined, next: string, types: number[], what: string) => {
    if (!set) return void faults.push(`${what} is missing`)
    check(set)
    const fields = set.type === Type.NSEC ? readRdata('NSEC', set.rdatas[0]!) : readRdata('NSEC3', set.rdatas[0]!)
    const actual = set.type === Type.NSEC ? nameKey(fields.next) : printBase32Hex(fields.next).toLowerCase()
    if (actual !== next) faults.push(`${what} leads to another name`)
    const sorted = types.sort((a, b) => a - b)
    if (String(fields.types) !== String(sorted)) faults.push(`${what} shows ${fields.types} instead of ${sorted}`)
    if (set.ttl !== ttl || set.rdatas.length !== 1) faults.push(`${what} has another TTL, or is there twice`)
  }
  if (of(origin, Type.NSEC3PARAM)) {
    const owners = new Map<string, number[]>()
    const hash = (name: Name) => printBase32Hex(nsec3Hash(name, BEST_PARAMETERS)).toLowerCase()
    for (const name of visible) {
      const signs = !isCut(name) || has(name.sets, Type.DS)
      owners.set(hash(name.owner), [...shown(name), ...(signs ? [Type.RRSIG] : [])])
    }
    for (const { owner } of visible)
      for (let at = owner; at.length > origin.length; at = ancestorName(at))
        if (!owners.has(hash(at))) owners.set(hash(at), [])
    const order = [...owners.keys()].sort()
    order.forEach((label, i) => {
      const owner = Buffer.concat([Uint8Array.of(32), Buffer.from(label), origin])
      compare(of(owner, Type.NSEC3), order[(i + 1) % order.length]!, owners.get(label)!, `${label} NSEC3`)
    })
  } else
    visible.forEach((name, i) => {
      const next = nameKey(visible[(i + 1) % visible.length]!.owner)
      const types = [...shown(name), Type.RRSIG, Type.NSEC]
      compare(of(name.owner, Type.NSEC), next, types, `${printName(name.owner)} NSEC`)
    })
  for (const { owner, type, rdatas } of rrsets) {
    if ((type === Type.NSEC || type === Type.NSEC3) && !signed.has(`${nameKey(owner)}/${type}`))
      faults.push(`${printName(owner)} ${typeName(type)} should not be there`)
    if (type === Type.RRSIG)
      for (const rrsig of rdatas)
        if (!signed.has(`${nameKey(owner)}/${Rrsig.typeCovered(rrsig)}`))
          faults.push(`${printName(owner)} has a signature of ${typeName(Rrsig.typeCovered(rrsig))} too many`)
  }
  return faults
}
