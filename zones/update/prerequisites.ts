import { Class, className, Rcode } from '../../dns/codes.ts'
import { RcodeError } from '../../dns/errors.ts'
import { isSubdomain, type Name, printName } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { Type, typeName } from '../../dns/types.ts'
import { rdataKey, rrsetKey } from '../change.ts'
import type { ZoneContents } from '../draft.ts'

/** An RRset that should have these RDATAs, by `rdataKey`. */
interface ExpectedRRset {
  owner: Name
  type: number
  rdatas: Set<string>
}

/** Throws the RCODE of the first prerequisite that is malformed or does not hold (RFC 2136 §3.2). */
export function checkPrerequisites(contents: ZoneContents, origin: Name, records: readonly ResourceRecord[]): void {
  const expected = new Map<string, ExpectedRRset>()
  for (const record of records) {
    checkForm(record, origin)
    if (record.class === Class.IN) collect(expected, record)
    else checkExistence(contents, record)
  }
  // RFC 2136 §3.2.3: value-dependent prerequisites are compared as whole RRsets, when all are known.
  for (const rrset of expected.values()) checkValues(contents, rrset)
}

function checkForm(record: ResourceRecord, origin: Name): void {
  const { owner, type, ttl, rdata } = record
  const what = `the prerequisite for ${printName(owner)} ${typeName(type)}`
  // RFC 2136 §3.2, §3.2.1: TTL first, then the owner, then what the class asks for.
  if (ttl !== 0) throw new RcodeError(Rcode.FORMERR, `${what} has the TTL ${ttl} instead of 0`)
  if (!isSubdomain(owner, origin)) throw new RcodeError(Rcode.NOTZONE, `${what} is outside ${printName(origin)}`)
  if (record.class === Class.IN) return
  if (record.class !== Class.ANY && record.class !== Class.NONE)
    throw new RcodeError(Rcode.FORMERR, `${what} has the class ${className(record.class)}`)
  if (rdata.length > 0) throw new RcodeError(Rcode.FORMERR, `${what} has data`)
}

/** RFC 2136 §2.4.1, §2.4.3, §2.4.4, §2.4.5: that an RRset or a name exists, or does not. An empty non-terminal is not in use (§2.4.4). */
function checkExistence(contents: ZoneContents, { owner, type, class: rrclass }: ResourceRecord): void {
  const wanted = rrclass === Class.ANY
  const name = printName(owner)
  if (type === Type.ANY) {
    if (contents.typesAt(owner).length > 0 === wanted) return
    throw wanted
      ? new RcodeError(Rcode.NXDOMAIN, `${name} should exist, but does not`)
      : new RcodeError(Rcode.YXDOMAIN, `${name} should not exist, but does`)
  }
  if ((contents.rrset(owner, type) !== undefined) === wanted) return
  throw wanted
    ? new RcodeError(Rcode.NXRRSET, `${name} ${typeName(type)} should exist, but does not`)
    : new RcodeError(Rcode.YXRRSET, `${name} ${typeName(type)} should not exist, but does`)
}

function collect(expected: Map<string, ExpectedRRset>, { owner, type, rdata }: ResourceRecord): void {
  const key = rrsetKey(owner, type)
  const rrset = expected.get(key) ?? { owner, type, rdatas: new Set() }
  expected.set(key, rrset)
  rrset.rdatas.add(rdataKey(type, rdata))
}

/** RFC 2136 §2.4.2: the RRset exists with exactly these RDATAs, in any order; TTLs are not compared. */
function checkValues(contents: ZoneContents, { owner, type, rdatas }: ExpectedRRset): void {
  const actual = contents.rrset(owner, type)
  const equal = actual?.rdatas.length === rdatas.size && actual.rdatas.every(rdata => rdatas.has(rdataKey(type, rdata)))
  if (!equal) throw new RcodeError(Rcode.NXRRSET, `${printName(owner)} ${typeName(type)} has other data than expected`)
}
