import { Class } from '../../dns/codes.ts'
import { isMadeBySigning } from '../../dns/dnssec.ts'
import { equalNames, isSubdomain, type Name, printName } from '../../dns/name.ts'
import { serialGreater } from '../../dns/serial.ts'
import { isMetaType, Type, typeName } from '../../dns/types.ts'
import { rdataKey } from '../change.ts'
import { Draft } from '../draft.ts'
import { soaSerial, withSerial } from '../soa.ts'
import type { Decision } from '../write/pipeline.ts'
import type { ZoneVersion } from '../zone.ts'
import { addToDraft, checkServable, raiseSerial } from './update.ts'

/** What somebody who sees whole RRsets asks for; an UPDATE (RFC 2136) could ask for the same. */
export interface RRsetEdit {
  /** All records of the owner and type give way to these; all go; these are added; these go. */
  kind: 'replace' | 'delete' | 'extend' | 'prune'
  owner: Name
  type: number
  /** Of `replace` and `extend`; seconds. */
  ttl: number
  rdatas: readonly Uint8Array[]
}

/** An edit that the zone can't take; nothing was changed. */
export class EditError extends Error {
  override name = 'EditError'
  readonly code = 'edit'
  /** Which of the edits is at fault. */
  readonly index: number
  constructor(index: number, message: string) {
    super(message)
    this.index = index
  }
}

/** RFC 2181 §8. */
const MOST_TTL = 0x7fffffff

/**
 * What the edits come to in this version, one after the other: unlike an UPDATE, what would have no effect there (RFC 2136 §3.4.2.2) is refused,
 * for whoever edits is a human or a program that looks. Throws EditError, or RcodeError for what no server could answer from.
 */
export function editRRsets(tip: ZoneVersion, edits: readonly RRsetEdit[]): Decision {
  const { origin } = tip
  const draft = new Draft(tip)
  // What goes makes room first: an alias takes the place of an address whatever the order in which a program names them.
  for (const [index, edit] of edits.entries()) makeRoom(draft, origin, edit, index)
  for (const [index, edit] of edits.entries()) fill(draft, origin, edit, index)
  const at = edits.findIndex(({ owner, type }) => equalNames(owner, origin) && type === Type.NS)
  if (!draft.has(origin, Type.NS)) throw new EditError(Math.max(at, 0), "the zone's last NS can't be deleted")
  checkServable(draft, origin)
  raiseSerial(draft, tip, origin)
  return { change: draft.changes() }
}

function makeRoom(draft: Draft, origin: Name, edit: RRsetEdit, index: number): void {
  const { kind, owner, type, rdatas } = edit
  checkEdit(origin, edit, index)
  if (type === Type.SOA) return
  if (kind === 'replace' || kind === 'delete') draft.deleteRRset(owner, type)
  else if (kind === 'prune')
    for (const rdata of rdatas) draft.deleteRecord({ owner, type, class: Class.IN, ttl: 0, rdata })
}

function checkEdit(origin: Name, { kind, owner, type, ttl, rdatas }: RRsetEdit, index: number): void {
  const refuse = (why: string) => new EditError(index, `${printName(owner)} ${typeName(type)}: ${why}`)
  if (!isSubdomain(owner, origin)) throw refuse(`the name is outside ${printName(origin)}`)
  if (isMetaType(type)) throw refuse('no zone can hold this type')
  if (isMadeBySigning(type)) throw refuse('these records are made by signing')
  if (ttl < 0 || ttl > MOST_TTL || !Number.isInteger(ttl))
    throw refuse(`the TTL ${ttl} is not between 0 and ${MOST_TTL}`)
  if (type === Type.SOA && (kind !== 'replace' || rdatas.length !== 1 || !equalNames(owner, origin)))
    throw refuse("the zone's SOA can only be replaced, by one at the apex")
  if (new Set(rdatas.map(rdata => rdataKey(type, rdata))).size < rdatas.length)
    throw refuse('the same record is named twice')
}

function fill(draft: Draft, origin: Name, { kind, owner, type, ttl, rdatas }: RRsetEdit, index: number): void {
  if (kind === 'delete' || kind === 'prune') return
  for (const rdata of rdatas) {
    const record = { owner, type, class: Class.IN, ttl, rdata }
    if (type === Type.SOA) draft.add({ ...record, rdata: ahead(draft, origin, rdata) })
    else {
      const reason = addToDraft(draft, origin, record)
      if (reason !== undefined) throw new EditError(index, reason)
    }
  }
}

/** An SOA whose serial does not go ahead brings all but the serial: the zone's is then raised as with any change. */
function ahead(draft: Draft, origin: Name, rdata: Uint8Array): Uint8Array {
  const serial = soaSerial(draft.original(origin, Type.SOA)!.rdatas[0]!)
  return serialGreater(soaSerial(rdata), serial) ? rdata : withSerial(rdata, serial)
}
