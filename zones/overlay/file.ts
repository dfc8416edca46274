import { createHash } from 'node:crypto'
import { dirname, resolve } from 'node:path'
import { equalNames, isSubdomain, type Name, nameKey, printName } from '../../dns/name.ts'
import type { RRset } from '../../dns/record.ts'
import { Type } from '../../dns/types.ts'
import { ZonefileError, ZonefileReader } from '../../dns/zonefile.ts'
import { rdataKey } from '../change.ts'
import type { ReadFile } from '../file/file.ts'

/** What an overlay's own file has of one owner, by type. */
export interface OwnerSets {
  owner: Name
  rrsets: Map<number, RRset>
}

/** An overlay's own file: what takes the place of the base's, by `nameKey` of the owner. It needs neither SOA nor NS. */
export interface OverlayFile {
  owners: Map<string, OwnerSets>
  digest: string
  errors: ZonefileError[]
  warnings: ZonefileError[]
}

/** An overlay without a file of its own. */
export const NO_FILE: OverlayFile = { owners: new Map(), digest: '', errors: [], warnings: [] }

/** Reads and checks an overlay's file; all that is wrong is in `errors`, with its place. */
export function readOverlayFile(file: string, origin: Name, read: ReadFile): OverlayFile {
  const digest = createHash('sha256')
  const fetch = (path: string) => {
    const text = read(path)
    digest.update(`${text.length}:`).update(text)
    return text
  }
  const owners = new Map<string, OwnerSets>()
  let reader: ZonefileReader
  try {
    const include = (path: string, from: string) => {
      const included = resolve(dirname(from), path)
      return { text: fetch(included), file: included }
    }
    reader = new ZonefileReader(fetch(file), { origin, file, include })
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return { ...NO_FILE, errors: [new ZonefileError({ file, line: 1, column: 1 }, `can't be read: ${reason}`)] }
  }
  for (const { owner, type, ttl, rdata } of reader) {
    if (!isSubdomain(owner, origin)) reader.report(`${printName(owner)} is outside the zone ${printName(origin)}`)
    else if (type === Type.SOA && !equalNames(owner, origin))
      reader.report(`an SOA at ${printName(owner)}; the apex is ${printName(origin)}`)
    const key = nameKey(owner)
    const sets = owners.get(key) ?? { owner, rrsets: new Map<number, RRset>() }
    owners.set(key, sets)
    const rrset = sets.rrsets.get(type) ?? { owner: sets.owner, type, ttl, rdatas: [] }
    sets.rrsets.set(type, rrset)
    // RFC 2181 §5.2: one TTL for all; the lowest counts.
    rrset.ttl = Math.min(rrset.ttl, ttl)
    const same = rdataKey(type, rdata)
    if (rrset.rdatas.some(one => rdataKey(type, one) === same)) continue
    if (rrset.rdatas.length > 0 && (type === Type.SOA || type === Type.CNAME))
      reader.report(`a second record of a type of which ${printName(owner)} can have one`)
    rrset.rdatas.push(rdata)
    if (sets.rrsets.has(Type.CNAME) && sets.rrsets.size > 1)
      reader.report(`${printName(owner)} has a CNAME, beside which nothing else can be`)
  }
  return { owners, digest: digest.digest('hex'), errors: [...reader.errors], warnings: [] }
}
