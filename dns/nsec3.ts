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
export function nsec3Hash(name: Name, parameters: Nsec3Parameters): Uint8Array {
  return Uint8Array.from(digestOf(lowerName(name), parameters), char => char.charCodeAt(0))
}

/**
 * Writes the hash of a name in canonical form as it stands in an owner (RFC 5155 §3.3): 32 digits of base32hex, in lower case, without
 * the label's length in front.
 */
export function writeNsec3Label(canonical: Uint8Array, parameters: Nsec3Parameters, into: Uint8Array): void {
  const digest = digestOf(canonical, parameters)
  let held = 0
  let bits = 0
  let to = 0
  for (let i = 0; i < digest.length; i++) {
    held = ((held << 8) | digest.charCodeAt(i)) & 0xfff
    for (bits += 8; bits >= 5; ) into[to++] = DIGITS[(held >>> (bits -= 5)) & 31]!
  }
}

/** Octets of a hash in an owner. */
export const NSEC3_LABEL = 32
const DIGITS = Uint8Array.from('0123456789abcdefghijklmnopqrstuv', char => char.charCodeAt(0))

/** One octet a character: Node makes a short string in a quarter of the time that a Buffer takes. */
function digestOf(canonical: Uint8Array, { iterations, salt }: Nsec3Parameters): string {
  let digest = hash('sha1', salted(canonical, salt), 'binary')
  for (let i = 0; i < iterations; i++) digest = hash('sha1', salted(Buffer.from(digest, 'latin1'), salt), 'binary')
  return digest
}

function salted(octets: Uint8Array, salt: Uint8Array): Uint8Array {
  return salt.length === 0 ? octets : Buffer.concat([octets, salt])
}

/** The owner of the NSEC3 of a hash: base32hex as one label in front of the apex (RFC 5155 §3); undefined where that is too long. */
export function nsec3Owner(hashed: Uint8Array, apex: Name): Name | undefined {
  const label = Buffer.from(printBase32Hex(hashed).toLowerCase(), 'latin1')
  if (label.length + 1 + apex.length > 255) return undefined
  return Buffer.concat([Uint8Array.of(label.length), label, apex])
}
