import type { ResourceRecord } from '../dns/record.ts'
import { readRdata, Type } from '../dns/types.ts'
import { containsAddress, parsePrefix } from './address.ts'

/** Addresses that mean nothing, or something else, outside of a site. */
const PRIVATE = [
  // RFC 1918 §3.
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  // RFC 4193 §3.1.
  'fc00::/7',
  // RFC 6598 §7.
  '100.64.0.0/10',
  // Loopback: RFC 1122 §3.2.1.3, RFC 4291 §2.5.3.
  '127.0.0.0/8',
  '::1/128',
  // Link-local: RFC 3927 §2.1, RFC 4291 §2.5.6.
  '169.254.0.0/16',
  'fe80::/10',
].map(text => parsePrefix(text)!)

/** Octets before the address in an IPv4-mapped IPv6 address (RFC 4291 §2.5.5.2). */
const MAPPED = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff)

/** SvcParamKeys of RFC 9460 §14.3.2 whose values are addresses, and the octets of each. */
const HINTS: ReadonlyMap<number, number> = new Map([
  [4, 4],
  [6, 16],
])

/** Whether the record tells of a private address: an A or AAAA by itself, SVCB and HTTPS by their hints. */
export function tellsPrivate({ type, rdata }: Pick<ResourceRecord, 'type' | 'rdata'>): boolean {
  if (type === Type.A || type === Type.AAAA) return isPrivate(rdata)
  if (type !== Type.SVCB && type !== Type.HTTPS) return false
  const { params } = readRdata('SVCB', rdata)
  return params.some(({ key, value }) => {
    const size = HINTS.get(key)
    return size !== undefined && parts(value, size).some(isPrivate)
  })
}

function parts(octets: Uint8Array, size: number): Uint8Array[] {
  return Array.from({ length: octets.length / size }, (_, i) => octets.subarray(i * size, (i + 1) * size))
}

/** Whether an address of 4 or 16 octets means something at a site alone. */
export function isPrivate(address: Uint8Array): boolean {
  const mapped = address.length === 16 && MAPPED.every((octet, i) => octet === address[i])
  return containsAddress(PRIVATE, mapped ? address.subarray(12) : address)
}
