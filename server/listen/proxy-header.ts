import { containsAddress, type Prefix } from '../../config/address.ts'
import { type Client, type RequestHandler, SILENCE } from './client.ts'

/** What a PROXY protocol header of version 2 says: its octets, and the connection that the proxy has, where it names one. */
export interface ProxyHeader {
  length: number
  /** Where, after its beginning, the type-length-value fields begin. */
  fieldsAt: number
  from?: ProxiedClient
}

/** Whom a proxy speaks for, and where it was asked. */
export interface ProxiedClient {
  address: Uint8Array
  port: number
  destination: Uint8Array
  destinationPort: number
}

/** HAProxy's "The PROXY protocol, versions 1 & 2", §2.2: the signature, and what follows before the addresses. */
const SIGNATURE = Uint8Array.of(0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a)
const FIXED = 16
const VERSION = 2
const LOCAL = 0
const PROXY = 1
/** Octets of an address, by the family in the header. */
const SIZES: Readonly<Record<number, 4 | 16>> = { 1: 4, 2: 16 }
/** Longer headers are refused: addresses and some type-length-value fields, which we ignore, need no more. */
const LONGEST = 1024
/** The longest that there can be: one that another thread of ours writes. */
export const LONGEST_HEADER = FIXED + 65_535

/** Reads the header at `octets[at, end)`: undefined where it is not whole yet, null where it is none or longer than `longest`. */
export function readProxyHeader(
  octets: Uint8Array,
  at: number,
  end: number,
  longest = LONGEST,
): ProxyHeader | undefined | null {
  const known = Math.min(end - at, SIGNATURE.length)
  for (let i = 0; i < known; i++) if (octets[at + i] !== SIGNATURE[i]) return null
  if (end - at < FIXED) return undefined
  const command = octets[at + 12]! & 15
  const length = FIXED + u16(octets, at + 14)
  if (octets[at + 12]! >>> 4 !== VERSION || command > PROXY || length > longest) return null
  if (end - at < length) return undefined
  const size = SIZES[octets[at + 13]! >>> 4]
  // The proxy speaks for itself, or does not know for whom: it is the client then.
  if (command === LOCAL || size === undefined) return { length, fieldsAt: length }
  const addresses = at + FIXED
  if (length < FIXED + 2 * size + 4) return null
  const port = addresses + 2 * size
  return {
    length,
    fieldsAt: FIXED + 2 * size + 4,
    from: {
      address: addressAt(octets, addresses, size),
      destination: addressAt(octets, addresses + size, size),
      port: u16(octets, port),
      destinationPort: u16(octets, port + 2),
    },
  }
}

const MAPPED = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff)

/** A copy; RFC 4291 §2.5.5.2: an IPv4-mapped address is the IPv4 address. */
function addressAt(octets: Uint8Array, at: number, size: 4 | 16): Uint8Array {
  const mapped = size === 16 && MAPPED.every((octet, i) => octets[at + i] === octet)
  return new Uint8Array(octets.subarray(mapped ? at + 12 : at, at + size))
}

function u16(octets: Uint8Array, at: number): number {
  return (octets[at]! << 8) | octets[at + 1]!
}

/** The handler for datagrams that may come from proxies: of those every one begins with a header, or is dropped. */
export function behindProxies(handler: RequestHandler, proxies: () => readonly Prefix[]): RequestHandler {
  return (octets, at, end, client, out, outAt, limit) => {
    if (client.transport !== 'udp' || !containsAddress(proxies(), client.address))
      return handler(octets, at, end, client, out, outAt, limit)
    const header = readProxyHeader(octets, at, end)
    if (!header) return SILENCE
    const speaker = header.from ? clientBehind(client, header.from) : client
    return handler(octets, at + header.length, end, speaker, out, outAt, limit)
  }
}

/** The client that a proxy speaks for; answers go by the proxy. */
function clientBehind(proxy: Client, from: ProxiedClient): Client {
  return {
    transport: proxy.transport,
    ...from,
    get closed() {
      return proxy.closed
    },
    send: message => proxy.send(message),
    drained: task => proxy.drained(task),
    retain: () => clientBehind(proxy.retain(), from),
    finish: () => proxy.finish(),
  }
}

/** The header for a connection over TCP: what `readProxyHeader` reads. `fields` are its type-length-value fields. */
export function writeProxyHeader(
  { address, port, destination, destinationPort }: ProxiedClient,
  fields: Uint8Array = NO_FIELDS,
): Uint8Array {
  const size = address.length
  const family = size === SIZES[1] ? 1 : 2
  const header = new Uint8Array(FIXED + 2 * size + 4 + fields.length)
  header.set(SIGNATURE)
  header[12] = (VERSION << 4) | PROXY
  header[13] = (family << 4) | STREAM
  header.set(address, FIXED)
  header.set(destination, FIXED + size)
  header.set(fields, FIXED + 2 * size + 4)
  const view = new DataView(header.buffer)
  view.setUint16(14, header.length - FIXED)
  view.setUint16(FIXED + 2 * size, port)
  view.setUint16(FIXED + 2 * size + 2, destinationPort)
  return header
}

const STREAM = 1
const NO_FIELDS = new Uint8Array()
