import { parseName, printName } from '../dns/name.ts'
import type { SocketAddress } from '../host/network.ts'
import { parseSocketAddress } from './address.ts'

/** A resolver that queries are sent on to. */
export interface Upstream extends SocketAddress {
  /** UDP with TCP where an answer is truncated, DNS over TLS (RFC 7858), or DNS over HTTPS (RFC 8484). */
  transport: 'udp' | 'tls' | 'https'
  /** The name its certificate must carry (RFC 8310 §5); the address where there is none. */
  hostname?: string
  /** The path of the DoH resource. */
  path?: string
}

/** Reads `IP[:port]`, `tls://IP[:port]#NAME` or `https://IP[:port][/path]#NAME`; undefined where it is none. */
export function parseUpstream(text: string): Upstream | undefined {
  const match = /^(?:(tls|https):\/\/)?([^/#]+)(\/[^#]*)?(?:#([\w.-]+))?$/.exec(text)
  if (!match) return undefined
  const [, scheme, host, path, hostname] = match
  const transport = (scheme ?? 'udp') as Upstream['transport']
  const address = parseSocketAddress(host!, { udp: 53, tls: 853, https: 443 }[transport])
  if (!address || (path && transport !== 'https') || (hostname && transport === 'udp')) return undefined
  return {
    transport,
    ...address,
    ...(hostname ? { hostname } : {}),
    ...(transport === 'https' ? { path: path ?? '/dns-query' } : {}),
  }
}

/** The upstream as it is written in the config. */
export function printUpstream({ transport, address, port, hostname, path }: Upstream): string {
  const scheme = transport === 'udp' ? '' : `${transport}://`
  const host = address.includes(':') ? `[${address}]` : address
  return `${scheme}${host}:${port}${path ?? ''}${hostname ? `#${hostname}` : ''}`
}

/** An upstream whose address is to be looked up: its name is also what its certificate must carry. */
export type NamedUpstream = Omit<Upstream, 'address'> & { name: string }

/** As it is written in the configuration. */
export function printForwarder(forwarder: Upstream | NamedUpstream): string {
  if (!('name' in forwarder)) return printUpstream(forwarder)
  const { name, hostname: _, ...rest } = forwarder
  return printUpstream({ ...rest, address: name })
}

/** Reads what `parseUpstream` reads, and `tls://NAME[:port]` or `https://NAME[:port][/path]`; undefined where it is none. */
export function parseForwarder(text: string): Upstream | NamedUpstream | undefined {
  const match = /^(tls|https):\/\/([a-z0-9-]+(?:\.[a-z0-9-]+)*\.?[a-z]\.?)(?::(\d{1,5}))?(\/[^#]*)?$/i.exec(text)
  if (!match) return parseUpstream(text)
  const [, scheme, host, port, path] = match
  const transport = scheme as 'tls' | 'https'
  const number = port === undefined ? { tls: 853, https: 443 }[transport] : Number(port)
  if (number > 0xffff || (path && transport === 'tls')) return undefined
  const name = printName(parseName(host!)).slice(0, -1)
  return {
    transport,
    name,
    port: number,
    hostname: name,
    ...(transport === 'https' ? { path: path ?? '/dns-query' } : {}),
  }
}
