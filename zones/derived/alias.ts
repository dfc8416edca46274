import { Class } from '../../dns/codes.ts'
import { equalNames, type Name, nameKey } from '../../dns/name.ts'
import { equalOctets, type ResourceRecord } from '../../dns/record.ts'
import { readRdata, Type } from '../../dns/types.ts'
import type { Changeset } from '../change.ts'
import { Draft, recordsOf } from '../draft.ts'
import type { Holders } from '../holders.ts'
import { raiseSerial } from '../update/update.ts'
import type { Decision } from '../write/pipeline.ts'
import type { ZoneVersion } from '../zone.ts'

/** Holder of the addresses that stand in for an ALIAS; no key is called so, for those end in a dot. */
export const ALIAS_HOLDER = 'alias'

/** A name that has the addresses of another, which a CNAME can't say where there are other records (RFC 1034 §3.6.2), as at an apex. */
export interface Alias {
  owner: Name
  target: Name
  /** That of the record, and so of the addresses. */
  ttl: number
}

/** The ALIAS records of a zone: of several at one owner the first counts. */
export function aliasesOf(version: ZoneVersion): Alias[] {
  return [...version.rrsets(Type.ALIAS)].map(({ owner, ttl, rdatas }) => ({ owner, ttl, target: targetIn(rdatas) }))
}

function targetIn(rdatas: readonly Uint8Array[]): Name {
  return readRdata('ALIAS', rdatas[0]!).target
}

/** Whether a change is one of ALIAS records. */
export function changesAliases({ deleted, added }: Changeset): boolean {
  const isAlias = ({ type }: ResourceRecord) => type === Type.ALIAS
  return deleted.some(isAlias) || added.some(isAlias)
}

/**
 * Gives the alias these addresses (4 and 16 octets) in place of those that it had. Where somebody else holds addresses at its owner, or it
 * is not the zone's alias any more, nothing is done.
 */
export function flatten(tip: ZoneVersion, holders: Holders, alias: Alias, addresses: readonly Uint8Array[]): Decision {
  const nothing: Decision = { change: { deleted: [], added: [] } }
  const current = tip.rrset(alias.owner, Type.ALIAS)
  if (!current || !equalNames(targetIn(current.rdatas), alias.target)) return nothing
  const before = addressesAt(tip, alias.owner)
  if (before.some(record => holders.of(record) !== ALIAS_HOLDER)) return nothing
  const draft = new Draft(tip)
  for (const record of before) if (!addresses.some(one => equalOctets(one, record.rdata))) draft.deleteRecord(record)
  for (const rdata of addresses)
    draft.add({ owner: alias.owner, type: typeOf(rdata), class: Class.IN, ttl: alias.ttl, rdata })
  return decided(draft, tip)
}

/** Takes away the addresses of aliases that are gone. */
export function withoutOrphans(tip: ZoneVersion, holders: Holders): Decision {
  const draft = new Draft(tip)
  if (!holders.hasHolder(ALIAS_HOLDER)) return { change: { deleted: [], added: [] } }
  const aliases = new Set(aliasesOf(tip).map(({ owner }) => nameKey(owner)))
  for (const type of [Type.A, Type.AAAA])
    for (const rrset of tip.rrsets(type)) {
      if (aliases.has(nameKey(rrset.owner))) continue
      for (const record of recordsOf(rrset)) if (holders.of(record) === ALIAS_HOLDER) draft.deleteRecord(record)
    }
  return decided(draft, tip)
}

function decided(draft: Draft, tip: ZoneVersion): Decision {
  if (!draft.changed) return { change: { deleted: [], added: [] } }
  raiseSerial(draft, tip, tip.origin)
  const change = draft.changes()
  const made = change.added.filter(({ type }) => type === Type.A || type === Type.AAAA)
  return { change, holdings: made.map(record => ({ record, holder: ALIAS_HOLDER })) }
}

function addressesAt(version: ZoneVersion, owner: Name): ResourceRecord[] {
  return [Type.A, Type.AAAA].flatMap(type => {
    const rrset = version.rrset(owner, type)
    return rrset ? recordsOf(rrset) : []
  })
}

function typeOf(address: Uint8Array): number {
  return address.length === 4 ? Type.A : Type.AAAA
}
