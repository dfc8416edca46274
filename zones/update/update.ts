import { Class, className, Rcode } from '../../dns/codes.ts'
import { isMadeBySigning } from '../../dns/dnssec.ts'
import { RcodeError } from '../../dns/errors.ts'
import type { Message } from '../../dns/message.ts'
import { equalNames, isSubdomain, type Name, printName } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { serialAfter, serialGreater } from '../../dns/serial.ts'
import { isMetaType, printRecord, Type, typeName } from '../../dns/types.ts'
import type { Changeset } from '../change.ts'
import { Draft, type ZoneContents } from '../draft.ts'
import { soaSerial, withSerial } from '../soa.ts'
import { faultsAt } from './node-rules.ts'
import { checkPrerequisites } from './prerequisites.ts'

/** What an UPDATE comes to. */
export interface UpdateOutcome {
  /** Empty where the zone already is as asked. */
  change: Changeset
  /** The records that RFC 2136 §3.4.2 passes over in silence, with the reason: for the log. */
  ignored: string[]
}

/**
 * RFC 2136 §3.2 to §3.4 and §3.6 for one message against one version of the zone: what to change, or an RcodeError and nothing.
 * `permit` throws where the requestor may not make these updates (§3.3); it sees only what passed the prescan.
 */
export function applyUpdate(
  contents: ZoneContents,
  origin: Name,
  message: Message,
  permit: (updates: readonly ResourceRecord[]) => unknown = () => {},
): UpdateOutcome {
  checkPrerequisites(contents, origin, message.answer)
  // Differs from RFC 2136 §3.3, which comes before §3.4.1: what is outside the zone is NOTZONE and not REFUSED. The prescan tells nothing of the zone.
  for (const record of message.authority) prescan(record, origin)
  permit(message.authority)
  const draft = new Draft(contents)
  const ignored: string[] = []
  for (const record of message.authority) {
    const reason = updateDraft(draft, origin, record)
    if (reason !== undefined) ignored.push(`${describeUpdate(record)}: ${reason}`)
  }
  checkServable(draft, origin)
  raiseSerial(draft, contents, origin)
  return { change: draft.changes(), ignored }
}

/** RFC 2136 §3.4.1.3: which classes, types, TTLs and data an update may have; §3.4.1.2: that it is inside the zone. */
function prescan(record: ResourceRecord, origin: Name): void {
  const { owner, type, ttl, rdata } = record
  const malformed = (why: string) =>
    new RcodeError(Rcode.FORMERR, `the update of ${printName(owner)} ${typeName(type)} has ${why}`)
  if (!isSubdomain(owner, origin))
    throw new RcodeError(Rcode.NOTZONE, `${printName(owner)} is outside ${printName(origin)}`)
  switch (record.class) {
    case Class.IN:
      if (isMetaType(type)) throw malformed('a type that no zone can hold')
      break
    case Class.ANY:
      if (ttl !== 0) throw malformed(`the TTL ${ttl} instead of 0`)
      if (rdata.length > 0) throw malformed('data, but deletes an RRset')
      if (isMetaType(type) && type !== Type.ANY) throw malformed('a type that no zone can hold')
      break
    case Class.NONE:
      if (ttl !== 0) throw malformed(`the TTL ${ttl} instead of 0`)
      if (isMetaType(type)) throw malformed('a type that no zone can hold')
      break
    default:
      throw malformed(`the class ${className(record.class)}`)
  }
}

/** Pencils in one update (RFC 2136 §3.4.2); gives the reason where the RFC has it ignored. */
function updateDraft(draft: Draft, origin: Name, record: ResourceRecord): string | undefined {
  const { owner, type } = record
  if (record.class === Class.IN) return addToDraft(draft, origin, record)
  const atApex = equalNames(owner, origin)
  if (record.class === Class.NONE) return deleteFromDraft(draft, atApex, record)
  // RFC 2136 §3.4.2.3: at the apex, SOA and NS stay.
  const stays = (one: number) => atApex && (one === Type.SOA || one === Type.NS)
  if (type === Type.ANY)
    for (const one of draft.typesAt(owner)) stays(one) || isMadeBySigning(one) || draft.deleteRRset(owner, one)
  else if (stays(type)) return `the zone's own ${typeName(type)} RRset can't be deleted`
  else draft.deleteRRset(owner, type)
  return undefined
}

/** Adds the record as RFC 2136 §3.4.2.2 has it; gives the reason where it is to be ignored. */
export function addToDraft(draft: Draft, origin: Name, record: ResourceRecord): string | undefined {
  const { owner, type } = record
  if (type === Type.SOA) {
    const soa = draft.rrset(owner, Type.SOA)
    const published = draft.original(owner, Type.SOA)
    if (!soa || !published || !equalNames(owner, origin)) return 'an SOA belongs at the apex alone'
    const serial = soaSerial(record.rdata)
    // Also of several in one message: secondaries must find the last greater than what they have.
    const passed = [soa, published].map(({ rdatas }) => soaSerial(rdatas[0]!)).find(one => !serialGreater(serial, one))
    if (passed !== undefined) return `its serial ${serial} is not greater than ${passed}`
  } else if (type === Type.CNAME) {
    // RFC 4035 §2.5: what signing adds may stand beside a CNAME. RFC 6672 §5.2: a DNAME may not.
    const other = draft.typesAt(owner).find(one => one !== Type.CNAME && !isMadeBySigning(one))
    if (other !== undefined)
      return `${printName(owner)} has a record of type ${typeName(other)}, beside which no CNAME can be`
  } else if (draft.has(owner, Type.CNAME)) return `${printName(owner)} has a CNAME, beside which nothing else can be`
  draft.add(record)
  return undefined
}

/** RFC 2136 §3.4.2.4: neither the SOA nor the last NS of the apex goes. */
function deleteFromDraft(draft: Draft, atApex: boolean, record: ResourceRecord): string | undefined {
  if (record.type === Type.SOA) return "the zone's SOA can't be deleted"
  if (atApex && record.type === Type.NS && draft.isLast(record)) return "the zone's last NS can't be deleted"
  draft.deleteRecord(record)
  return undefined
}

/** Refuses, whole, what RFC 2136 would let in but no server could answer from. */
export function checkServable(draft: Draft, origin: Name): void {
  for (const owner of draft.touched()) {
    const rrsets = draft.typesAt(owner).map(type => draft.rrset(owner, type)!)
    for (const { message } of faultsAt(owner, rrsets, origin))
      throw new RcodeError(Rcode.REFUSED, `${printName(owner)} ${message}`)
  }
}

/** RFC 2136 §3.6: a zone that changes gets a higher serial, unless the update itself brought one. */
export function raiseSerial(draft: Draft, contents: ZoneContents, origin: Name): void {
  if (!draft.changed) return
  const soa = draft.rrset(origin, Type.SOA)!
  const rdata = soa.rdatas[0]!
  const before = soaSerial(contents.rrset(origin, Type.SOA)!.rdatas[0]!)
  if (soaSerial(rdata) !== before) return
  draft.add({
    owner: soa.owner,
    type: Type.SOA,
    class: Class.IN,
    ttl: soa.ttl,
    rdata: withSerial(rdata, serialAfter(before)),
  })
}

/** "delete" or "add" and the record, as a log shows it. */
function describeUpdate(record: ResourceRecord): string {
  if (record.class === Class.IN) return `add ${printRecord(record)}`
  if (record.class === Class.NONE) return `delete ${printRecord({ ...record, class: Class.IN })}`
  return `delete ${printName(record.owner)} ${typeName(record.type)}`
}
