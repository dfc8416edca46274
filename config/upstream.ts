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
