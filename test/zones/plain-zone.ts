import { compareNames, equalNames, isSubdomain, type Name } from '../../dns/name.ts'
import { equalOctets, type ResourceRecord } from '../../dns/record.ts'

/** A zone as a plain array of records, slow and obvious: what the image is compared with. */
export class PlainZone {
  readonly records: readonly ResourceRecord[]

  constructor(records: readonly ResourceRecord[]) {
    this.records = records
  }

  after(deleted: readonly ResourceRecord[], added: readonly ResourceRecord[]): PlainZone {
    let records = this.records.filter(record => !deleted.some(gone => sameRecord(gone, record)))
    for (const record of added) {
      // An owner that is there already keeps its spelling; an RRset has one TTL.
      const known = records.find(other => equalNames(other.owner, record.owner))
      const owner = known?.owner ?? record.owner
      const added = { ...record, owner }
      records = records.map(other => (sameSet(other, record) ? { ...other, ttl: record.ttl } : other))
      const at = records.findIndex(other => sameRecord(other, record))
      records.splice(at < 0 ? records.length : at, at < 0 ? 0 : 1, added)
    }
    return new PlainZone(records)
  }

  rrset(owner: Name, type: number): ResourceRecord[] {
    return this.records.filter(record => record.type === type && equalNames(record.owner, owner))
  }

  types(owner: Name): number[] {
    const types = this.records.filter(record => equalNames(record.owner, owner)).map(({ type }) => type)
    return [...new Set(types)].sort((a, b) => a - b)
  }

  exists(name: Name): boolean {
    return this.records.some(({ owner }) => isSubdomain(owner, name))
  }

  /** The owners in canonical order, each once. */
  owners(): Name[] {
    const sorted = this.records.map(({ owner }) => owner).sort(compareNames)
    return sorted.filter((owner, i) => i === 0 || !equalNames(owner, sorted[i - 1]!))
  }
}

export function sameSet(a: ResourceRecord, b: ResourceRecord): boolean {
  return a.type === b.type && equalNames(a.owner, b.owner)
}

export function sameRecord(a: ResourceRecord, b: ResourceRecord): boolean {
  return sameSet(a, b) && equalOctets(a.rdata, b.rdata)
}
