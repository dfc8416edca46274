import { hash } from 'node:crypto'
import { lowerName, type Name } from './name.ts'
import { printBase32Hex } from './text.ts'

/** The one hash algorithm that is defined: SHA-1 (RFC 5155 §11). */
export const NSEC3_SHA1 = 1
/** NSEC3's flag Opt-Out (RFC 5155 §3.1.2.1). */
export const OPT_OUT = 1

/** What hashed names of a zone depend on (RFC 5155 §4). */
export interface Nsec3Parameters {
  iterations: number
  salt: Uint8Array
}

/** RFC 9276 §3.1: no extra iterations and no salt. */
export const BEST_PARAMETERS: Nsec3Parameters = { iterations: 0, salt: new Uint8Array() }

/** The hash of a name: 20 octets (RFC 5155 §5). */
export function nsec3Hash(name: Name, { iterations, salt }: Nsec3Parameters): Uint8Array {
  const canonical = lowerName(name)
  let digest = hash('sha1', salt.length === 0 ? canonical : Buffer.concat([canonical, salt]), 'buffer')
  for (let i = 0; i < iterations; i++)
    digest = hash('sha1', salt.length === 0 ? digest : Buffer.concat([digest, salt]), 'buffer')
  return digest
}

/** The owner of the NSEC3 of a hash: base32hex as one label in front of the apex (RFC 5155 §3); undefined where that is too long. */
export function nsec3Owner(hashed: Uint8Array, apex: Name): Name | undefined {
  const label = Buffer.from(printBase32Hex(hashed).toLowerCase(), 'latin1')
  if (label.length + 1 + apex.length > 255) return undefined
  return Buffer.concat([Uint8Array.of(label.length), label, apex])
}
