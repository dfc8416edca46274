import { dnssecAlgorithm } from '../../dns/algorithms.ts'
import { dsRdata, KeyFlag, keyTag } from '../../dns/dnssec.ts'
import type { Name } from '../../dns/name.ts'
import { printRecord, readRdata, Type } from '../../dns/types.ts'
import { eventOf } from '../../zones/keys/events.ts'
import type { KeyRing } from '../../zones/keys/keys.ts'
import { isEntryPoint, isIn, stageOf } from '../../zones/keys/state.ts'
import type { ZoneVersion } from '../../zones/zone.ts'
import { type Ends, signatureEnds } from './signature-ends.ts'

/** How a zone stands as validators see it: its keys, the DS for its parent, and when its signatures end. */
export async function describeDnssec(version: ZoneVersion, ring: KeyRing | undefined, now: number) {
  const { origin } = version
  const keys = version.rrset(origin, Type.DNSKEY)?.rdatas ?? []
  return {
    proofs: proofsOf(version),
    keys: ring ? describeRing(ring, now) : keys.map(describeKey),
    ds: entryPoints(keys, ring).map(dnskey => printDs(origin, dnskey)),
    ...(ring && { ds_too_early: ring.cds().length === 0, waiting_for_parent: ring.isWaitingForParent }),
    ...(ring?.nextStep !== undefined && { next_step: printTime(ring.nextStep) }),
    ...describeEnds(await signatureEnds(version, now)),
  }
}

function proofsOf(version: ZoneVersion): 'none' | 'nsec' | 'nsec3' {
  if (version.rrset(version.origin, Type.NSEC)) return 'nsec'
  return version.rrset(version.origin, Type.NSEC3PARAM) ? 'nsec3' : 'none'
}

function describeRing(ring: KeyRing, now: number) {
  return ring.keys.map(key => {
    const event = eventOf(key, ring.delays, now)
    return {
      ...describeKey(key.dnskey),
      role: key.role,
      stage: stageOf(key),
      created: printTime(key.created),
      ...(event && { next: event.what }),
      ...(event?.at !== undefined && { next_at: printTime(event.at) }),
    }
  })
}

function describeKey(dnskey: Uint8Array) {
  const { flags, algorithm } = readRdata('DNSKEY', dnskey)
  return {
    key_tag: keyTag(dnskey),
    algorithm: dnssecAlgorithm(algorithm)?.mnemonic ?? String(algorithm),
    flags,
  }
}

/** The keys that the parent's DS is to name: as CDS says, before it does those that stay, and of a zone signed elsewhere those with the flag SEP. */
function entryPoints(published: readonly Uint8Array[], ring: KeyRing | undefined): readonly Uint8Array[] {
  if (!ring) return published.filter(dnskey => readRdata('DNSKEY', dnskey).flags & KeyFlag.SEP)
  const staying = ring.keys.filter(key => key.retired === undefined && isEntryPoint(key))
  const asked = ring.keys.filter(({ trust }) => isIn(trust))
  return (asked.length > 0 ? asked : staying).map(({ dnskey }) => dnskey)
}

function printDs(owner: Name, dnskey: Uint8Array): string {
  return printRecord({ owner, type: Type.DS, class: 1, ttl: 3600, rdata: dsRdata(owner, dnskey)! })
}

function describeEnds(ends: Ends | undefined): { signatures: number; first_end?: string; last_end?: string } {
  if (!ends) return { signatures: 0 }
  return { signatures: ends.signatures, first_end: printTime(ends.first), last_end: printTime(ends.last) }
}

function printTime(time: number): string {
  return new Date(time).toISOString()
}
