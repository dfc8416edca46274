import { createServer } from 'node:tls'
import { limitClients } from './client-limit.ts'
import type { Serve, StreamOptions } from './connections.ts'
import { readHeadersFirst } from './proxy-tls.ts'
import { StreamClient } from './stream-client.ts'
import { type StreamListener, type StreamSource, serveStreams } from './tcp.ts'

/** A certificate chain and its key, both PEM. */
export interface ServerCertificate {
  certificate: string
  key: string
}

/** What a TLS listener proves itself with, and by what its clients come back. */
export interface TlsSecrets extends ServerCertificate {
  /** The key of session tickets (RFC 5077, RFC 8446 §4.6.1), 48 octets: the threads have the same, for a client comes back to any of them. */
  tickets?: Uint8Array
  /** The issuers, in PEM, whose certificates clients are asked for, and need not show; left out: clients are not asked. */
  clients?: readonly string[]
}

/** A TLS listener whose certificate can be renewed without closing a connection. */
export interface TlsListener extends StreamListener {
  renew(secrets: TlsSecrets): void
}

/** How long a handshake may take. */
const HANDSHAKE = 10_000

/** Serves DNS over TLS (RFC 7858). */
export async function listenTls(
  source: StreamSource,
  secrets: TlsSecrets,
  options: StreamOptions,
): Promise<TlsListener> {
  const serve: Serve = (...connection) => new StreamClient('tls', ...connection)
  const unasked = ({ clients: _, ...rest }: TlsSecrets): TlsSecrets => rest
  const listener = await listenSecure(source, unasked(secrets), options, ['dot'], serve)
  return { ...listener, renew: renewed => listener.renew(unasked(renewed)) }
}

/** Serves what clients may name by ALPN (RFC 7301) over TLS 1.2 or newer, as RFC 8310 §9 and RFC 9325 §3.1.1 ask. */
export async function listenSecure(
  source: StreamSource,
  secrets: TlsSecrets,
  options: StreamOptions,
  protocols: readonly string[],
  serve: Serve,
): Promise<TlsListener> {
  const server = createServer({
    ...contextOf(secrets),
    ...askingOf(secrets),
    rejectUnauthorized: false,
    ALPNProtocols: [...protocols],
    handshakeTimeout: HANDSHAKE,
    noDelay: true,
  })
  // Those that have not shaken hands yet count too.
  server.maxConnections = options.limits.connections * 2
  // A client that speaks no TLS, offers nothing we accept, or takes too long: its concern.
  server.on('tlsClientError', (_error, socket) => socket.destroy())
  // A client may close its half once it has asked. Not before its handshake: then nobody would close the other half.
  server.on('secureConnection', socket => {
    socket.allowHalfOpen = true
  })
  const proxies = options.proxies ?? (() => [])
  const behind = readHeadersFirst(server, proxies, HANDSHAKE)
  limitClients(server, options.limits.perClient * 2, proxies)
  const listener = await serveStreams(server, 'secureConnection', serve, source, { ...options, behind })
  return {
    ...listener,
    renew(renewed) {
      server.setSecureContext(contextOf(renewed))
      // Node looks at it at the beginning of each handshake.
      Object.assign(server, askingOf(renewed))
    },
  }
}

function contextOf({ certificate, key, tickets, clients }: TlsSecrets) {
  return {
    cert: certificate,
    key,
    minVersion: 'TLSv1.2' as const,
    ...(tickets && { ticketKeys: Buffer.from(tickets) }),
    // RFC 8446 §4.2.4: their names go along, so that browsers only ask who has a certificate of theirs.
    ...(clients && { ca: [...clients] }),
  }
}

function askingOf({ clients }: TlsSecrets) {
  return { requestCert: clients !== undefined }
}
