import { Class } from '../dns/codes.ts'
import { Rrsig } from '../dns/dnssec.ts'
import { type Name, nameKey } from '../dns/name.ts'
import { equalOctets, type ResourceRecord, type RRset } from '../dns/record.ts'
import { canonicalRdata, Type } from '../dns/types.ts'
import { type Changeset, diffRecords } from './change.ts'

/** What there is to see of a zone by owner and type; every zone version is such. */
export interface ZoneContents {
  rrset(owner: Name, type: number): RRset | undefined
  typesAt(owner: Name): number[]
}

/** An owner that was looked at: its RRsets as they are in the version, and as they will be. */
interface Node {
  owner: Name
  before: Map<number, RRset>
  now: Map<number, RRset>
}

/** Types of which a name has one record at most: a new one takes the place of the old (RFC 2136 §1.1.5, RFC 6672 §5.2). */
const SINGLETONS: ReadonlySet<number> = new Set([Type.SOA, Type.CNAME, Type.DNAME])

/** A version of a zone with changes pencilled in. The version itself is left alone; `changes` tells what to do to it. */
export class Draft implements ZoneContents {
  private readonly contents: ZoneContents
  private readonly nodes = new Map<string, Node>()

  constructor(contents: ZoneContents) {
    this.contents = contents
  }

  private node(owner: Name): Node {
    const key = nameKey(owner)
    let node = this.nodes.get(key)
    if (!node) {
      const before = new Map(this.contents.typesAt(owner).map(type => [type, this.contents.rrset(owner, type)!]))
      // A name that is there keeps its spelling.
      const spelling = before.values().next().value?.owner ?? owner
      this.nodes.set(key, (node = { owner: spelling, before, now: new Map(before) }))
    }
    return node
  }

  rrset(owner: Name, type: number): RRset | undefined {
    return this.node(owner).now.get(type)
  }

  /** The RRset as the version has it. */
  original(owner: Name, type: number): RRset | undefined {
    return this.node(owner).before.get(type)
  }

  typesAt(owner: Name): number[] {
    return [...this.node(owner).now.keys()]
  }

  /** Adds the record. Where its equal is there already, that keeps its spelling; its TTL becomes the whole RRset's (RFC 2181 §5.2). */
  add({ owner, type, ttl, rdata }: ResourceRecord): void {
    const { owner: spelling, now } = this.node(owner)
    const rrset = now.get(type)
    if (!rrset) now.set(type, { owner: spelling, type, ttl, rdatas: [rdata] })
    else if (indexOfRdata(rrset, rdata) >= 0) now.set(type, { ...rrset, ttl })
    else now.set(type, { ...rrset, ttl, rdatas: SINGLETONS.has(type) ? [rdata] : [...rrset.rdatas, rdata] })
  }

  /** Deletes the record whose RDATA is equal, TTL aside; nothing where there is none. */
  deleteRecord({ owner, type, rdata }: ResourceRecord): void {
    const { now } = this.node(owner)
    const rrset = now.get(type)
    const at = rrset ? indexOfRdata(rrset, rdata) : -1
    if (at < 0) return
    if (rrset!.rdatas.length === 1) now.delete(type)
    else now.set(type, { ...rrset!, rdatas: rrset!.rdatas.toSpliced(at, 1) })
  }

  deleteRRset(owner: Name, type: number): void {
    this.node(owner).now.delete(type)
  }

  /** The owners at which something may have changed. */
  *touched(): Generator<Name> {
    for (const { owner } of this.nodes.values()) yield owner
  }

  /** Whether anything is other than in the version. */
  get changed(): boolean {
    for (const { before, now } of this.nodes.values()) {
      if (before.size !== now.size) return true
      for (const [type, rrset] of now)
        if (rrset !== before.get(type) && !sameRRset(rrset, before.get(type))) return true
    }
    return false
  }

  /** What leads from the version to the draft; empty where it comes to the same. */
  changes(): Changeset {
    const before: ResourceRecord[] = []
    const after: ResourceRecord[] = []
    for (const node of this.nodes.values())
      for (const type of new Set([...node.before.keys(), ...node.now.keys()])) {
        const was = node.before.get(type)
        const is = node.now.get(type)
        if (was === is) continue
        if (was) before.push(...recordsOf(was))
        if (is) after.push(...recordsOf(is))
      }
    return diffRecords(before, after)
  }
}

/** The records of an RRset. Signatures of one owner are kept together; each has the TTL of what it covers (RFC 4034 §3), its original one. */
export function recordsOf({ owner, type, ttl, rdatas }: RRset): ResourceRecord[] {
  const ttlOf = (rdata: Uint8Array) => (type === Type.RRSIG ? Rrsig.originalTtl(rdata) : ttl)
  return rdatas.map(rdata => ({ owner, type, class: Class.IN, ttl: ttlOf(rdata), rdata }))
}

/** Where in the RRset the record with this RDATA is, names in it ignoring case (RFC 2136 §1.1.1); -1 where it is not. */
export function indexOfRdata(rrset: RRset, rdata: Uint8Array): number {
  const wanted = canonicalRdata(rrset.type, rdata)
  return rrset.rdatas.findIndex(one => equalOctets(canonicalRdata(rrset.type, one), wanted))
}

function sameRRset(a: RRset, b: RRset | undefined): boolean {
  if (a.ttl !== b?.ttl || a.rdatas.length !== b.rdatas.length) return false
  return a.rdatas.every(rdata => b.rdatas.some(other => equalOctets(rdata, other)))
}
