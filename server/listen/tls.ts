import { createServer, type Server, type TLSSocket } from 'node:tls'
import type { ShownCertificate } from '../../host/network.ts'
import { limitClients } from './client-limit.ts'
import type { Connections, Serve, StreamOptions } from './connections.ts'
import { type Entrusting, entrustFirst } from './entrust.ts'
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

/** Serves what clients may name by ALPN (RFC 7301); `entrusting` tells which connections go to another thread instead. */
export async function listenSecure(
  source: StreamSource,
  secrets: TlsSecrets,
  options: StreamOptions,
  protocols: readonly string[],
  serve: Serve,
  entrusting?: Entrusting,
): Promise<TlsListener> {
  const server = createSecureServer(secrets, protocols)
  // Those that have not shaken hands yet count too.
  server.maxConnections = options.limits.connections * 2
  const proxies = options.proxies ?? (() => [])
  const behind = readHeadersFirst(server, proxies, HANDSHAKE)
  // What is set up last is first to see a connection.
  const first = (connections: Connections): void => {
    if (entrusting) entrustFirst(server, connections, entrusting, HANDSHAKE)
    limitClients(server, options.limits.perClient * 2, proxies)
  }
  const listener = await serveStreams(server, 'secureConnection', serve, source, { ...options, behind }, first)
  return { ...listener, renew: renewed => renewSecrets(server, renewed) }
}

/** A server that is connected to nothing yet: of TLS 1.2 or newer, as RFC 8310 §9 and RFC 9325 §3.1.1 ask. */
export function createSecureServer(secrets: TlsSecrets, protocols: readonly string[]): Server {
  const server = createServer({
    ...contextOf(secrets),
    ...askingOf(secrets),
    rejectUnauthorized: false,
    ALPNProtocols: [...protocols],
    handshakeTimeout: HANDSHAKE,
    // A session is resumed by any thread: Node has a context of its own for each.
    sessionIdContext: 'namestead',
    noDelay: true,
  })
  // A client that speaks no TLS, offers nothing we accept, or takes too long: its concern.
  server.on('tlsClientError', (_error, socket) => socket.destroy())
  // A client may close its half once it has asked. Not before its handshake: then nobody would close the other half.
  server.on('secureConnection', socket => {
    socket.allowHalfOpen = true
  })
  return server
}

/** Connections from now on are served by these. */
export function renewSecrets(server: Server, secrets: TlsSecrets): void {
  server.setSecureContext(contextOf(secrets))
  // Node looks at it at the beginning of each handshake.
  Object.assign(server, askingOf(secrets))
}

/** What the client has shown of itself in the handshake. */
export function shownBy(socket: TLSSocket): ShownCertificate | undefined {
  // Without a certificate, Node takes a client that resumes a session of TLS 1.3 for authorized as well.
  const shown = socket.getPeerX509Certificate()
  if (!shown) return undefined
  return socket.authorized ? { verified: true, der: shown.raw } : { verified: false }
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
