import { dsRdata } from '../../dns/dnssec.ts'
import type { Name } from '../../dns/name.ts'
import { makeRdata } from '../../dns/types.ts'
import type { ZoneKey } from './key.ts'
import { isIn } from './state.ts'

/** RFC 8078 §4: asks the parent to delete its DS, so that the zone can be served unsigned. */
const DELETE = Uint8Array.of(0)
const CDS_DELETE = makeRdata('CDS', { keyTag: 0, algorithm: 0, digestType: 0, digest: DELETE })
const CDNSKEY_DELETE = makeRdata('CDNSKEY', { flags: 0, protocol: 3, algorithm: 0, publicKey: DELETE })

/** RDATAs of the DNSKEY RRset. */
export function dnskeyRdatas(keys: readonly ZoneKey[]): Uint8Array[] {
  return keys.filter(({ publication }) => isIn(publication)).map(({ dnskey }) => dnskey)
}

/** RDATAs of CDNSKEY: the keys whose DS the parent is to have (RFC 7344 §3.2), or that it is to have none. */
export function cdnskeyRdatas(keys: readonly ZoneKey[]): Uint8Array[] {
  if (asksForNothing(keys)) return [CDNSKEY_DELETE]
  return keys.filter(({ trust }) => isIn(trust)).map(({ dnskey }) => dnskey)
}

/** RDATAs of CDS, and of the parent's DS: SHA-256 of the same keys (RFC 7344 §3.1, RFC 8624 §3.3). */
export function cdsRdatas(origin: Name, keys: readonly ZoneKey[]): Uint8Array[] {
  if (asksForNothing(keys)) return [CDS_DELETE]
  return keys.filter(({ trust }) => isIn(trust)).map(({ dnskey }) => dsRdata(origin, dnskey)!)
}

/** The zone is on its way to being unsigned, and a DS may still say otherwise. */
function asksForNothing(keys: readonly ZoneKey[]): boolean {
  const leaving = keys.some(({ trust }) => trust.phase === 'leaving' || trust.phase === 'gone')
  return leaving && keys.every(({ retired, publication }) => retired !== undefined || !isIn(publication))
}
