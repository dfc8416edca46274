import { isIPv4, isIPv6 } from 'node:net'
import type { SocketAddress } from '../host/network.ts'

/** An address block: 4 octets or 16, of which the first `length` bits count. */
export interface Prefix {
  bytes: Uint8Array
  length: number
}

/** What the built-in access lists stand for. */
export const BUILT_IN_ACLS: Readonly<Record<string, readonly string[]>> = {
  any: ['0.0.0.0/0', '::/0'],
  none: [],
  localhost: ['127.0.0.0/8', '::1'],
}

/**
 * Whether one of the prefixes holds the address, which has 4 or 16 octets as `addressBytes` gives them. Allocates nothing.
 * An IPv4-mapped IPv6 address (RFC 4291 §2.5.5.2) must have been turned into its 4 octets.
 */
export function containsAddress(prefixes: readonly Prefix[], bytes: Uint8Array): boolean {
  for (let i = 0; i < prefixes.length; i++) if (inPrefix(prefixes[i]!, bytes)) return true
  return false
}

function inPrefix(prefix: Prefix, bytes: Uint8Array): boolean {
  if (prefix.bytes.length !== bytes.length) return false
  const whole = prefix.length >> 3
  for (let i = 0; i < whole; i++) if (prefix.bytes[i] !== bytes[i]) return false
  const rest = prefix.length & 7
  return rest === 0 || (prefix.bytes[whole]! ^ bytes[whole]!) >> (8 - rest) === 0
}

/** The octets of an address in text, 4 or 16; an IPv4-mapped IPv6 address gives 4. A zone index (RFC 4007 §11) is ignored. */
export function addressBytes(text: string): Uint8Array | undefined {
  if (isIPv4(text)) return Uint8Array.from(text.split('.'), Number)
  if (!isIPv6(text)) return undefined
  const bytes = ipv6Octets(text.replace(/%.*$/, ''))
  return isMapped(bytes) ? bytes.slice(12) : bytes
}

function ipv6Octets(text: string): Uint8Array {
  const [head, tail] = text.split('::')
  const left = groups(head!)
  const right = groups(tail ?? '')
  const octets = new Uint8Array(16)
  octets.set(left)
  octets.set(right, 16 - right.length)
  return octets
}

function groups(text: string): number[] {
  if (text === '') return []
  return text.split(':').flatMap(group => {
    if (group.includes('.')) return group.split('.').map(Number)
    const value = Number.parseInt(group, 16)
    return [value >> 8, value & 0xff]
  })
}

function isMapped(bytes: Uint8Array): boolean {
  return bytes[10] === 0xff && bytes[11] === 0xff && bytes.subarray(0, 10).every(octet => octet === 0)
}

/** The text of 4 or 16 octets; IPv6 as RFC 5952 §4 recommends. */
export function printAddress(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.')
  const words = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16))
  const { start, length } = longestZeroRun(words)
  // RFC 5952 §4.2.2: "::" never stands for a single group.
  if (length < 2) return words.join(':')
  return `${words.slice(0, start).join(':')}::${words.slice(start + length).join(':')}`
}

/** RFC 5952 §4.2.3: the longest run of zero groups, the first of equals. */
function longestZeroRun(words: readonly string[]): { start: number; length: number } {
  let best = { start: 0, length: 0 }
  for (let i = 0; i < words.length; i++) {
    let end = i
    while (end < words.length && words[end] === '0') end++
    if (end - i > best.length) best = { start: i, length: end - i }
  }
  return best
}

/** An address or `ADDRESS/LENGTH` as a block, or undefined where it is neither. Bits beyond the length must be zero. */
export function parsePrefix(text: string): Prefix | undefined {
  const match = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(text)
  const address = match?.[1] ?? ''
  const bytes = addressBytes(address)
  if (!bytes) return undefined
  const written = isIPv4(address) ? 32 : 128
  const length = Number(match?.[2] ?? written) - (written - bytes.length * 8)
  if (length < 0 || length > bytes.length * 8) return undefined
  return hostBitsClear(bytes, length) ? { bytes, length } : undefined
}

function hostBitsClear(bytes: Uint8Array, length: number): boolean {
  for (let bit = length; bit < bytes.length * 8; bit++) if (bytes[bit >> 3]! & (0x80 >> (bit & 7))) return false
  return true
}

/** "10.0.0.0/8"; a whole address is printed without its length. */
export function printPrefix(prefix: Prefix): string {
  const address = printAddress(prefix.bytes)
  return prefix.length === prefix.bytes.length * 8 ? address : `${address}/${prefix.length}`
}

/** `IP`, `IP:port` or `[IP6]:port`; a bare IPv6 address needs no brackets. Undefined where the text is none, or lacks a port without a default. */
export function parseSocketAddress(text: string, defaultPort?: number): SocketAddress | undefined {
  const match = /^\[([^\]]+)\](?::(\d{1,5}))?$/.exec(text) ?? /^([^:]+)(?::(\d{1,5}))?$/.exec(text) ?? [text, text]
  const address = match[1]!
  const port = match[2] === undefined ? defaultPort : Number(match[2])
  if (!addressBytes(address) || port === undefined || port > 0xffff) return undefined
  if (text.startsWith('[') && !isIPv6(address)) return undefined
  return { address, port }
}

/** "192.0.2.1:53" or "[2001:db8::1]:53". */
export function printSocketAddress({ address, port }: SocketAddress): string {
  return isIPv6(address) ? `[${address}]:${port}` : `${address}:${port}`
}

/** Whom an address stands for where clients are counted: an IPv6 client has a whole /64 of addresses to come from. */
export function networkOf(address: string): string {
  const octets = isIPv6(address) ? addressBytes(address) : undefined
  return octets?.length === 16 ? Buffer.from(octets.subarray(0, 8)).toString('hex') : address
}
