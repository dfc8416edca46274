import { equalOctets, type ResourceRecord } from '../../dns/record.ts'
import { canonicalRdata } from '../../dns/types.ts'
import { ZoneError } from './errors.ts'

/** Counts have 16 bits, and no message could carry more. */
const MOST_RECORDS = 0xffff
/** Up to here comparing with each is cheaper than a map. */
const FEW = 8

/**
 * The RDATAs of an RRset while it is put together: in the order they came, no two the same, names in them compared without case
 * (RFC 2181 §5, RFC 4343).
 */
export class RdataSet {
  private readonly type: number
  /** One of the two is used: the list for few, the map from canonical form for many. */
  private list: Uint8Array[] = []
  private map: Map<string, Uint8Array> | undefined

  constructor(type: number, rdatas: readonly Uint8Array[] = []) {
    this.type = type
    if (rdatas.length <= FEW) this.list = [...rdatas]
    else for (const rdata of rdatas) this.put(rdata)
  }

  get size(): number {
    return this.map?.size ?? this.list.length
  }

  /** Adds it at the end; where it is there already, it takes that one's place. */
  put(rdata: Uint8Array): void {
    if (this.map) this.map.set(canonicalKey(this.type, rdata), rdata)
    else {
      const at = this.indexOf(rdata)
      if (at >= 0) this.list[at] = rdata
      else if (this.list.push(rdata) > FEW)
        this.map = new Map(this.list.map(one => [canonicalKey(this.type, one), one]))
    }
  }

  has(rdata: Uint8Array): boolean {
    return this.map ? this.map.has(canonicalKey(this.type, rdata)) : this.indexOf(rdata) >= 0
  }

  /** Takes it out; false where it is not there. */
  delete(rdata: Uint8Array): boolean {
    if (this.map) return this.map.delete(canonicalKey(this.type, rdata))
    const at = this.indexOf(rdata)
    if (at >= 0) this.list.splice(at, 1)
    return at >= 0
  }

  toArray(): Uint8Array[] {
    return this.map ? [...this.map.values()] : this.list
  }

  private indexOf(rdata: Uint8Array): number {
    return this.list.findIndex(other => equalRdata(this.type, other, rdata))
  }
}

function equalRdata(type: number, a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  return equalOctets(a, b) || equalOctets(canonicalRdata(type, a), canonicalRdata(type, b))
}

function canonicalKey(type: number, rdata: Uint8Array): string {
  const canonical = canonicalRdata(type, rdata)
  return Buffer.from(canonical.buffer, canonical.byteOffset, canonical.length).toString('latin1')
}

/** The RDATAs of the records less those equal to an earlier one. Throws ZoneError where one RRset cannot hold them. */
export function distinctRdatas(type: number, records: readonly { rdata: Uint8Array }[]): Uint8Array[] {
  if (records.length === 1) return [records[0]!.rdata]
  const rdatas = new RdataSet(type)
  for (const { rdata } of records) if (!rdatas.has(rdata)) rdatas.put(rdata)
  checkCount(rdatas)
  return rdatas.toArray()
}

/** Throws ZoneError for more records than one RRset can hold. */
export function checkCount(rdatas: RdataSet, record?: ResourceRecord): void {
  if (rdatas.size > MOST_RECORDS) throw new ZoneError('more than 65535 records in one RRset', record)
}
