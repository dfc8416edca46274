import type { KeyObject } from 'node:crypto'
import { dnssecAlgorithm } from '../../dns/algorithms.ts'
import { KeyFlag, keyTag } from '../../dns/dnssec.ts'
import { makeRdata } from '../../dns/types.ts'
import { ABSENT, type KeyState } from './state.ts'

/** A key of a zone: where it stands in its life, its DNSKEY, and what signs. */
export interface ZoneKey extends KeyState {
  /** RDATA of its DNSKEY. */
  dnskey: Uint8Array
  privateKey: KeyObject
}

/** A key that nobody knows of yet. */
export function zoneKey(role: ZoneKey['role'], algorithm: number, privateKey: KeyObject, created: number): ZoneKey {
  const publicKey = dnssecAlgorithm(algorithm)!.publicOctets(privateKey)
  const flags = role === 'zsk' ? KeyFlag.ZONE : KeyFlag.ZONE | KeyFlag.SEP
  const dnskey = makeRdata('DNSKEY', { flags, protocol: 3, algorithm, publicKey })
  const nothing = { publication: ABSENT, signing: ABSENT, trust: ABSENT }
  return { role, algorithm, keyTag: keyTag(dnskey), dnskey, privateKey, created, ...nothing }
}
