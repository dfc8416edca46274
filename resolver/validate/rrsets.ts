import { Rrsig } from '../../dns/dnssec.ts'
import { type Name, nameKey } from '../../dns/name.ts'
import type { ResourceRecord, RRset } from '../../dns/record.ts'
import { Type } from '../../dns/types.ts'

/** An RRset of a response with the RRSIGs that came along for it. */
export interface SignedSet extends RRset {
  signatures: Uint8Array[]
}

/** RRSIG's RDATA up to the Signer's Name: its shortest form has the root there, and no signature. */
const SHORTEST_RRSIG = 19

/** The RRsets of a section in the order of their first records; signatures over nothing that is there are left out. */
export function signedSets(records: readonly ResourceRecord[]): SignedSet[] {
  const sets = new Map<string, SignedSet>()
  for (const { owner, type, ttl, rdata } of records) {
    if (type === Type.RRSIG) continue
    const key = setKey(owner, type)
    const known = sets.get(key)
    // RFC 2181 §5.2: one TTL, the least.
    if (known) known.ttl = Math.min(known.ttl, ttl)
    else sets.set(key, { owner, type, ttl, rdatas: [], signatures: [] })
    sets.get(key)!.rdatas.push(rdata)
  }
  for (const { owner, type, rdata } of records) {
    if (type !== Type.RRSIG || rdata.length < SHORTEST_RRSIG) continue
    sets.get(setKey(owner, Rrsig.typeCovered(rdata)))?.signatures.push(rdata)
  }
  return [...sets.values()]
}

function setKey(owner: Name, type: number): string {
  return `${type} ${nameKey(owner)}`
}
