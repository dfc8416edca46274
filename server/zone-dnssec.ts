import { dnssecAlgorithm } from '../dns/algorithms.ts'
import { dsRdata, KeyFlag, keyTag, Rrsig } from '../dns/dnssec.ts'
import type { Name } from '../dns/name.ts'
import { printRecord, readRdata, Type } from '../dns/types.ts'
import type { ZoneVersion } from '../zones/zone.ts'

/** How a zone stands as validators see it: its keys, the DS for its parent, and when its signatures end. */
export function describeDnssec(version: ZoneVersion) {
  const { origin } = version
  const keys = version.rrset(origin, Type.DNSKEY)?.rdatas ?? []
  return {
    proofs: proofsOf(version),
    keys: keys.map(describeKey),
    // RFC 7344 §3: what the zone asks its parent for; of a zone that asks for nothing, its keys with the flag SEP.
    ds: secureEntryPoints(version, keys).map(dnskey => printDs(origin, dnskey)),
    ...endsOf(version),
  }
}

function proofsOf(version: ZoneVersion): 'none' | 'nsec' | 'nsec3' {
  if (version.rrset(version.origin, Type.NSEC)) return 'nsec'
  return version.rrset(version.origin, Type.NSEC3PARAM) ? 'nsec3' : 'none'
}

function describeKey(dnskey: Uint8Array) {
  const { flags, algorithm } = readRdata('DNSKEY', dnskey)
  return {
    key_tag: keyTag(dnskey),
    algorithm: dnssecAlgorithm(algorithm)?.mnemonic ?? String(algorithm),
    flags,
  }
}

function secureEntryPoints(version: ZoneVersion, keys: readonly Uint8Array[]): readonly Uint8Array[] {
  const asked = version.rrset(version.origin, Type.CDNSKEY)?.rdatas
  return asked ?? keys.filter(dnskey => readRdata('DNSKEY', dnskey).flags & KeyFlag.SEP)
}

function printDs(owner: Name, dnskey: Uint8Array): string {
  return printRecord({ owner, type: Type.DS, class: 1, ttl: 3600, rdata: dsRdata(owner, dnskey)! })
}

/** When the first and the last signature end. */
function endsOf(version: ZoneVersion): { signatures: number; first_end?: string; last_end?: string } {
  let [signatures, first, last] = [0, Number.POSITIVE_INFINITY, 0]
  for (const { rdatas } of version.rrsets(Type.RRSIG))
    for (const rrsig of rdatas) {
      signatures++
      first = Math.min(first, Rrsig.expiration(rrsig))
      last = Math.max(last, Rrsig.expiration(rrsig))
    }
  if (signatures === 0) return { signatures }
  const text = (seconds: number) => new Date(seconds * 1000).toISOString()
  return { signatures, first_end: text(first), last_end: text(last) }
}
