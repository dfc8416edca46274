import { networkInterfaces } from 'node:os'
import { addressBytes, printAddress } from '../../config/address.ts'
import type { SocketAddress } from '../../host/network.ts'
import { LINUX } from './libc.ts'

/** Octets of a `struct sockaddr_in` and a `struct sockaddr_in6`. */
export const SOCKADDR_IN = 16
export const SOCKADDR_IN6 = 28

/** Where the address lies in either structure. */
const ADDRESS_AT = { 4: 4, 16: 8 } as const
const SCOPE_AT = 24

/** Writes the C form of an address, and returns its length. `scope` is the interface of an IPv6 link-local one (RFC 4007 §6). */
export function writeSockaddr(into: Uint8Array, at: number, address: Uint8Array, port: number, scope = 0): number {
  const v4 = address.length === 4
  const length = v4 ? SOCKADDR_IN : SOCKADDR_IN6
  into.fill(0, at, at + length)
  into[at] = v4 ? LINUX.AF_INET : LINUX.AF_INET6
  into[at + 2] = port >>> 8
  into[at + 3] = port
  into.set(address, at + (v4 ? ADDRESS_AT[4] : ADDRESS_AT[16]))
  if (!v4) new DataView(into.buffer, into.byteOffset).setUint32(at + SCOPE_AT, scope, true)
  return length
}

/** A new C form of an address in text, which may carry a zone index ("fe80::1%2", "fe80::1%eth0"). */
export function makeSockaddr({ address, port }: SocketAddress): Uint8Array {
  const octets = addressBytes(address)
  if (!octets) throw new TypeError(`"${address}" is not an IP address`)
  const sockaddr = new Uint8Array(octets.length === 4 ? SOCKADDR_IN : SOCKADDR_IN6)
  writeSockaddr(sockaddr, 0, octets, port, scopeOf(address.split('%')[1]))
  return sockaddr
}

function scopeOf(zone: string | undefined): number {
  if (zone === undefined) return 0
  if (/^\d+$/.test(zone)) return Number(zone)
  return networkInterfaces()[zone]?.find(({ family, scopeid }) => family === 'IPv6' && scopeid)?.scopeid ?? 0
}

/** The port in a C form. */
export function portOf(sockaddr: Uint8Array, at = 0): number {
  return (sockaddr[at + 2]! << 8) | sockaddr[at + 3]!
}

/** Changes the port in a C form. */
export function writePort(sockaddr: Uint8Array, port: number): void {
  sockaddr[2] = port >>> 8
  sockaddr[3] = port
}

/** The address octets in a C form of known kind; a view. */
export function addressOf(sockaddr: Uint8Array, at: number, size: 4 | 16): Uint8Array {
  return sockaddr.subarray(at + ADDRESS_AT[size], at + ADDRESS_AT[size] + size)
}

/** The text of a C form. */
export function readSockaddr(sockaddr: Uint8Array): SocketAddress {
  const size = sockaddr[0] === LINUX.AF_INET ? 4 : 16
  return { address: printAddress(addressOf(sockaddr, 0, size)), port: portOf(sockaddr) }
}

/** Whether the address is 0.0.0.0 or ::. */
export function isWildcardAddress(address: Uint8Array): boolean {
  return address.every(octet => octet === 0)
}
