import { Class } from '../dns/codes.ts'
import { Rrsig } from '../dns/dnssec.ts'
import { type Name, nameKey } from '../dns/name.ts'
import { equalOctets, type ResourceRecord, type RRset } from '../dns/record.ts'
import { Type } from '../dns/types.ts'
import { type Changeset, rdataKey, soaFirst } from './change.ts'

/** What there is to see of a zone by owner and type; every zone version is such. */
export interface ZoneContents {
  rrset(owner: Name, type: number): RRset | undefined
  typesAt(owner: Name): number[]
}

/** An owner that was looked at: its RRsets as they are in the version, and as they will be, the same objects where nothing was touched. */
interface Node {
  owner: Name
  before: ReadonlyMap<number, RRset>
  now: Map<number, RRset | DraftSet>
}

/** The records of one owner and type, by what makes them equal; no count of them makes a message slow. */
class DraftSet {
  ttl: number
  readonly records: Map<string, Uint8Array>

  constructor(type: number, ttl: number, rdatas: readonly Uint8Array[]) {
    this.ttl = ttl
    this.records = new Map(rdatas.map(rdata => [rdataKey(type, rdata), rdata]))
  }

  get rdatas(): Uint8Array[] {
    return [...this.records.values()]
  }
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

  /** The RRset to be touched; where there is none it is a new one, which `ttl` asks for. */
  private set(owner: Name, type: number): DraftSet | undefined
  private set(owner: Name, type: number, ttl: number): DraftSet
  private set(owner: Name, type: number, ttl?: number): DraftSet | undefined {
    const { now } = this.node(owner)
    const set = now.get(type)
    if (set instanceof DraftSet || (!set && ttl === undefined)) return set
    const touched = new DraftSet(type, set?.ttl ?? ttl!, set?.rdatas ?? [])
    now.set(type, touched)
    return touched
  }

  rrset(owner: Name, type: number): RRset | undefined {
    const node = this.node(owner)
    const set = node.now.get(type)
    return set instanceof DraftSet ? { owner: node.owner, type, ttl: set.ttl, rdatas: set.rdatas } : set
  }

  /** The RRset as the version has it. */
  original(owner: Name, type: number): RRset | undefined {
    return this.node(owner).before.get(type)
  }

  typesAt(owner: Name): number[] {
    return [...this.node(owner).now.keys()]
  }

  has(owner: Name, type: number): boolean {
    return this.node(owner).now.has(type)
  }

  /** Whether this record, TTL aside, is there. */
  holds({ owner, type, rdata }: ResourceRecord): boolean {
    return this.set(owner, type)?.records.has(rdataKey(type, rdata)) ?? false
  }

  /** Whether this record, TTL aside, is all there is of its owner and type. */
  isLast({ owner, type, rdata }: ResourceRecord): boolean {
    const records = this.set(owner, type)?.records
    return records?.size === 1 && records.has(rdataKey(type, rdata))
  }

  /** Adds the record. Where its equal is there already, that keeps its spelling; its TTL becomes the whole RRset's (RFC 2181 §5.2). */
  add({ owner, type, ttl, rdata }: ResourceRecord): void {
    const set = this.set(owner, type, ttl)
    const key = rdataKey(type, rdata)
    set.ttl = ttl
    if (set.records.has(key)) return
    if (SINGLETONS.has(type)) set.records.clear()
    set.records.set(key, rdata)
  }

  /** Deletes the record whose RDATA is equal, TTL aside; nothing where there is none. */
  deleteRecord({ owner, type, rdata }: ResourceRecord): void {
    const records = this.set(owner, type)?.records
    if (records?.delete(rdataKey(type, rdata)) && records.size === 0) this.deleteRRset(owner, type)
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
      for (const [type, set] of now) if (!isSame(set, before.get(type))) return true
    }
    return false
  }

  /** What leads from the version to the draft; empty where it comes to the same. */
  changes(): Changeset {
    const change: Changeset = { deleted: [], added: [] }
    for (const { owner, before, now } of this.nodes.values()) {
      for (const [type, was] of before) addDifference(change, owner, type, was, now.get(type))
      for (const [type, set] of now) if (!before.has(type)) addDifference(change, owner, type, undefined, set)
    }
    return soaFirst(change)
  }
}

function isSame(set: RRset | DraftSet | undefined, rrset: RRset | undefined): boolean {
  if (!set || !rrset || set === rrset) return set === rrset
  if (!(set instanceof DraftSet) || set.ttl !== rrset.ttl || set.records.size !== rrset.rdatas.length) return false
  return rrset.rdatas.every(rdata => {
    const other = set.records.get(rdataKey(rrset.type, rdata))
    return other !== undefined && equalOctets(other, rdata)
  })
}

/** Adds what leads from an RRset to what becomes of it: a record of which TTL or spelling changes goes and comes. */
function addDifference(
  { deleted, added }: Changeset,
  owner: Name,
  type: number,
  was: RRset | undefined,
  set: RRset | DraftSet | undefined,
): void {
  if (set === was) return
  const after = set instanceof DraftSet ? set : undefined
  const sameTtl = type === Type.RRSIG || after?.ttl === was?.ttl
  const kept = new Set<Uint8Array>()
  for (const record of was ? recordsOf(was) : []) {
    const other = after?.records.get(rdataKey(type, record.rdata))
    if (other && sameTtl && equalOctets(other, record.rdata)) kept.add(other)
    else deleted.push(record)
  }
  if (!after) return
  const rdatas = kept.size === 0 ? after.rdatas : after.rdatas.filter(rdata => !kept.has(rdata))
  added.push(...recordsOf({ owner, type, ttl: after.ttl, rdatas }))
}

/** The records of an RRset. Signatures of one owner are kept together; each has the TTL of what it covers (RFC 4034 §3), its original one. */
export function recordsOf({ owner, type, ttl, rdatas }: RRset): ResourceRecord[] {
  const ttlOf = (rdata: Uint8Array) => (type === Type.RRSIG ? Rrsig.originalTtl(rdata) : ttl)
  return rdatas.map(rdata => ({ owner, type, class: Class.IN, ttl: ttlOf(rdata), rdata }))
}
