import { Rrsig } from '../../dns/dnssec.ts'
import { equalNames, isSubdomain, LOWER, type Name } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { isMetaType, Type } from '../../dns/types.ts'
import { treeWords } from './edit.ts'
import { ZoneError } from './errors.ts'
import { SearchKey } from './key.ts'
import { compareKeys, sortKeys } from './sort.ts'

/** A record as staged; `rdata` is a view that is valid while its owner is being written. */
export interface StagedRecord {
  type: number
  ttl: number
  rdata: Uint8Array
}

/** All records of one owner, in the order they came. */
export interface StagedOwner {
  key: Uint8Array
  /** Its labels below the origin as they were spelled first, where that is not lower case. */
  spelling: Uint8Array | undefined
  records: StagedRecord[]
}

/** Words of a record and of a run in the lists below. */
const RECORD = { TYPE: 0, TTL: 1, AT: 2, LENGTH: 3, WORDS: 4 } as const
const RUN = { RECORD: 0, SPELLING: 1, SPELLED: 2, WORDS: 3 } as const

/**
 * Records on their way into an image. They may come in any number and order, from a parser that forgets them at once: what is kept
 * is octets and numbers, no object a record. Records that follow each other with one owner are a run, which shares its key.
 */
export class Staging {
  private readonly origin: Name
  private readonly octets = new GrowingOctets()
  private readonly keys = new GrowingOctets()
  private readonly keyStarts = new GrowingWords()
  private readonly runs = new GrowingWords()
  private readonly records = new GrowingWords()
  private readonly key = new SearchKey()
  private owner: Name | undefined
  private size = 0

  constructor(origin: Name) {
    this.origin = origin
  }

  /** Throws ZoneError where the zone cannot hold the record. */
  add(record: ResourceRecord): void {
    const { type, ttl, rdata } = record
    checkRecord(this.origin, record)
    if (!this.owner || (this.owner !== record.owner && !equalNames(this.owner, record.owner))) this.begin(record.owner)
    this.records.append(type, ttl, this.octets.append(rdata), rdata.length)
    // RRset head, its slot in the entry, length and RDATA, rounded up.
    this.size += 28 + rdata.length
  }

  /** Octets that the image of all this takes, at most. */
  room(): number {
    return this.size + treeWords(this.runs.length / RUN.WORDS) * 4
  }

  /** The owners in canonical order; to be called once, after the last `add`. */
  *owners(): Generator<StagedOwner> {
    this.keyStarts.append(this.keys.length)
    const keys = { octets: this.keys.view(), starts: this.keyStarts.view() }
    const order = sortKeys(keys)
    const octets = this.octets.view()
    for (let i = 0; i < order.length; ) {
      const run = order[i]!
      const records: StagedRecord[] = []
      this.collect(run, octets, records)
      for (i++; i < order.length && compareKeys(keys, run, order[i]!, 0) === 0; i++)
        this.collect(order[i]!, octets, records)
      const key = keys.octets.subarray(keys.starts[run]!, keys.starts[run + 1]!)
      yield { key, spelling: this.spellingOf(run, octets), records }
    }
  }

  private begin(owner: Name): void {
    const { key, origin } = this
    this.owner = owner
    key.read(owner, 0, owner.length - origin.length)
    const spelling = spellingOf(owner, origin)
    const spelled = spelling?.length ?? 0
    const at = spelling ? this.octets.append(spelling) : 0
    this.keyStarts.append(this.keys.append(key.octets.subarray(0, key.length)))
    this.runs.append(this.records.length / RECORD.WORDS, at, spelled)
    // Entry, key and spelling, rounded up.
    this.size += 12 + key.length + spelled
  }

  private collect(run: number, octets: Uint8Array, into: StagedRecord[]): void {
    const { values } = this.records
    const next = (run + 1) * RUN.WORDS
    const end = next < this.runs.length ? this.runs.values[next + RUN.RECORD]! * RECORD.WORDS : this.records.length
    for (let at = this.runs.values[run * RUN.WORDS + RUN.RECORD]! * RECORD.WORDS; at < end; at += RECORD.WORDS) {
      const from = values[at + RECORD.AT]!
      const rdata = octets.subarray(from, from + values[at + RECORD.LENGTH]!)
      into.push({ type: values[at + RECORD.TYPE]!, ttl: values[at + RECORD.TTL]!, rdata })
    }
  }

  private spellingOf(run: number, octets: Uint8Array): Uint8Array | undefined {
    const at = this.runs.values[run * RUN.WORDS + RUN.SPELLING]!
    const length = this.runs.values[run * RUN.WORDS + RUN.SPELLED]!
    return length === 0 ? undefined : octets.subarray(at, at + length)
  }
}

/** Whether the record belongs to the chain of hashed names: NSEC3, or a signature of one. */
export function isHashed(origin: Name, { owner, type, rdata }: ResourceRecord): boolean {
  if (owner.length === origin.length) return false
  return type === Type.NSEC3 || (type === Type.RRSIG && Rrsig.typeCovered(rdata) === Type.NSEC3)
}

/** Throws ZoneError where no zone with this origin can hold the record. */
export function checkRecord(origin: Name, record: ResourceRecord): void {
  const { owner, type, rdata } = record
  if (!isSubdomain(owner, origin)) throw new ZoneError('the owner is outside the zone', record)
  if (isMetaType(type)) throw new ZoneError('a type that cannot be stored', record)
  if (type === Type.SOA && owner.length !== origin.length) throw new ZoneError('an SOA that is not at the apex', record)
  if (rdata.length > 0xffff) throw new ZoneError('RDATA of more than 65535 octets', record)
}

/** The owner's labels below the origin as they were spelled, or undefined where that is lower case. */
export function spellingOf(owner: Name, origin: Name): Uint8Array | undefined {
  const end = owner.length - origin.length
  for (let i = 0; i < end; i++) if (LOWER[owner[i]!] !== owner[i]) return owner.subarray(0, end)
  return undefined
}

class GrowingOctets {
  length = 0
  private values = new Uint8Array(4096)

  /** Returns where they are. */
  append(octets: Uint8Array): number {
    const at = this.length
    const end = at + octets.length
    if (end > this.values.length) {
      const larger = new Uint8Array(Math.max(this.values.length * 2, end))
      larger.set(this.values)
      this.values = larger
    }
    for (let i = 0; i < octets.length; i++) this.values[at + i] = octets[i]!
    this.length = end
    return at
  }

  view(): Uint8Array {
    return this.values.subarray(0, this.length)
  }
}

class GrowingWords {
  length = 0
  values = new Uint32Array(1024)

  append(a: number, b?: number, c?: number, d?: number): void {
    if (this.length + 4 > this.values.length) {
      const larger = new Uint32Array(this.values.length * 2)
      larger.set(this.values)
      this.values = larger
    }
    this.values[this.length++] = a
    if (b !== undefined) this.values[this.length++] = b
    if (c !== undefined) this.values[this.length++] = c
    if (d !== undefined) this.values[this.length++] = d
  }

  view(): Uint32Array {
    return this.values.subarray(0, this.length)
  }
}
