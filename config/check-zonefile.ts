import { dirname, resolve } from 'node:path'
import {
  ancestorName,
  equalNames,
  isSubdomain,
  labelCount,
  type Name,
  nameKey,
  printName,
  wildcardOf,
} from '../dns/name.ts'
import type { ResourceRecord } from '../dns/record.ts'
import { Type, targetOf, typeName } from '../dns/types.ts'
import { type Place, ZonefileError, ZonefileReader } from '../dns/zonefile.ts'

/** A master file's records, what is wrong with them (then they are not to be used), and what is legal but won't work. */
export interface ZonefileFindings {
  records: ResourceRecord[]
  errors: ZonefileError[]
  warnings: ZonefileError[]
}

/** How a master file is read. */
export interface ReadZonefileOptions {
  origin: Name
  file: string
  /** The text of a file that $INCLUDE names; throws as `readFileSync` does. */
  readFile(path: string): string
  /** An overlay's file holds only what differs: it needs neither SOA nor NS. */
  overlay?: boolean
}

/** Reads a master file and checks that its records make a zone. */
export function readZonefile(text: string, options: ReadZonefileOptions): ZonefileFindings {
  const check = new ZoneCheck(options.origin, options.file)
  const reader = new ZonefileReader(text, {
    origin: options.origin,
    file: options.file,
    include: (path, fromFile) => {
      const file = resolve(dirname(fromFile), path)
      return { text: options.readFile(file), file }
    },
  })
  for (const record of reader) check.add(record, reader.place)
  if (reader.errors.length === 0) check.finish(options.overlay ?? false)
  return { records: check.records, errors: [...reader.errors, ...check.errors], warnings: check.warnings }
}

/** The types that may stand beside a CNAME: RFC 4034 §3 and §4, RFC 2136 §1.1 for KEY. */
const BESIDE_CNAME: ReadonlySet<number> = new Set([Type.RRSIG, Type.NSEC, 25])

/** The first record of an owner and type, and where it stands. */
interface SetFound {
  record: ResourceRecord
  place: Place
}

/** Collects a zone's records and finds what breaks the rules that concern several of them. */
class ZoneCheck {
  readonly records: ResourceRecord[] = []
  readonly errors: ZonefileError[] = []
  readonly warnings: ZonefileError[] = []
  private readonly origin: Name
  private readonly start: Place
  private readonly owners = new Map<string, Map<number, SetFound>>()
  private readonly nameServers: { record: ResourceRecord; place: Place }[] = []

  constructor(origin: Name, file: string) {
    this.origin = origin
    this.start = { file, line: 1, column: 1 }
  }

  add(record: ResourceRecord, place: Place): void {
    if (!isSubdomain(record.owner, this.origin)) {
      this.refuse(place, `${printName(record.owner)} is outside the zone ${printName(this.origin)}`)
      return
    }
    this.records.push(record)
    if (record.type === Type.NS) this.nameServers.push({ record, place })
    if (record.type === Type.SOA && record.owner.length !== this.origin.length)
      this.refuse(place, `an SOA belongs to the apex ${printName(this.origin)}, not to ${printName(record.owner)}`)
    this.addToSet(record, place)
  }

  private addToSet(record: ResourceRecord, place: Place): void {
    const key = nameKey(record.owner)
    const sets = this.owners.get(key) ?? new Map<number, SetFound>()
    this.owners.set(key, sets)
    const set = sets.get(record.type)
    if (!set) {
      sets.set(record.type, { record, place })
      this.checkCname(record, sets, place)
      return
    }
    this.checkSingle(record, set, place)
    // RFC 2181 §5.2: the records of an RRset have one TTL; the first counts.
    if (set.record.ttl !== record.ttl)
      this.doubt(place, `${describe(record)} has another TTL than the others of its RRset`)
  }

  private checkSingle(record: ResourceRecord, set: SetFound, place: Place): void {
    if (sameRdata(record, set.record)) return
    // RFC 1035 §5.2 one SOA; RFC 2181 §10.1 one CNAME; RFC 6672 §2.4 one DNAME.
    if (record.type === Type.SOA || record.type === Type.CNAME || record.type === Type.DNAME)
      this.refuse(
        place,
        `${printName(record.owner)} has a second ${typeName(record.type)}, the first is in line ${set.place.line}`,
      )
  }

  private checkCname(record: ResourceRecord, sets: ReadonlyMap<number, SetFound>, place: Place): void {
    // RFC 1034 §3.6.2: where there is a CNAME, there is no other data.
    const others = [...sets.keys()].filter(type => !BESIDE_CNAME.has(type))
    if (!sets.has(Type.CNAME) || others.length < 2 || BESIDE_CNAME.has(record.type)) return
    this.refuse(place, `${printName(record.owner)} has a CNAME and other records`)
  }

  /** Checks what shows only once all records are known. */
  finish(overlay: boolean): void {
    const apex = this.owners.get(nameKey(this.origin))
    if (!overlay && !apex?.has(Type.SOA)) this.refuse(this.start, `${printName(this.origin)} has no SOA`)
    if (!overlay && !apex?.has(Type.NS)) this.refuse(this.start, `${printName(this.origin)} has no NS`)
    for (const { record, place } of this.nameServers) this.checkNameServer(record, place)
  }

  private checkNameServer(record: ResourceRecord, place: Place): void {
    const target = targetOf(record.type, record.rdata)
    if (!target || !isSubdomain(target, this.origin)) return
    const isApex = record.owner.length === this.origin.length
    // A server below another delegation gets its addresses from there.
    if (this.isDelegated(target, isApex ? this.origin : record.owner)) return
    const sets = this.owners.get(nameKey(target))
    // RFC 2181 §10.3: an NS does not lead to an alias.
    if (sets?.has(Type.CNAME)) this.doubt(place, `${printName(target)}, a name server, is an alias (CNAME)`)
    else if (sets ? !hasAddress(sets) : !this.wildcardAddress(target))
      this.doubt(place, `${printName(target)}, a name server of ${printName(record.owner)}, has no address`)
  }

  /** Whether a cut other than `own` lies above the name. */
  private isDelegated(name: Name, own: Name): boolean {
    const depth = labelCount(name) - labelCount(this.origin)
    for (let up = 0; up < depth; up++) {
      const above = ancestorName(name, up)
      if (!equalNames(above, own) && this.owners.get(nameKey(above))?.has(Type.NS)) return true
    }
    return false
  }

  /** RFC 4592: the wildcard of the closest ancestor that exists stands in. */
  private wildcardAddress(name: Name): boolean {
    for (let up = 1; labelCount(name) - up >= labelCount(this.origin); up++) {
      const above = ancestorName(name, up)
      const wildcard = wildcardOf(above)
      const sets = wildcard && this.owners.get(nameKey(wildcard))
      if (sets) return hasAddress(sets)
      if (this.owners.has(nameKey(above))) return false
    }
    return false
  }

  private refuse(place: Place, reason: string): void {
    this.errors.push(new ZonefileError(place, reason))
  }

  private doubt(place: Place, reason: string): void {
    this.warnings.push(new ZonefileError(place, reason))
  }
}

function hasAddress(sets: ReadonlyMap<number, SetFound>): boolean {
  return sets.has(Type.A) || sets.has(Type.AAAA)
}

function describe(record: ResourceRecord): string {
  return `${printName(record.owner)} ${typeName(record.type)}`
}

function sameRdata(a: ResourceRecord, b: ResourceRecord): boolean {
  return Buffer.compare(a.rdata, b.rdata) === 0
}
