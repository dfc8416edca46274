import { createServer } from 'node:tls'
import { readHeadersFirst } from './proxy-tls.ts'
import { type StreamListener, type StreamOptions, type StreamSource, serveStreams } from './tcp.ts'

/** A certificate chain and its key, both PEM. */
export interface ServerCertificate {
  certificate: string
  key: string
}

/** A TLS listener whose certificate can be renewed without closing a connection. */
export interface TlsListener extends StreamListener {
  renew(certificate: ServerCertificate): void
}

/** How long a handshake may take. */
const HANDSHAKE = 10_000

/** Serves DNS over TLS (RFC 7858; TLS 1.2 or newer as RFC 8310 §9 and RFC 9325 §3.1.1 ask). */
export async function listenTls(
  source: StreamSource,
  certificate: ServerCertificate,
  options: StreamOptions,
): Promise<TlsListener> {
  const context = ({ certificate, key }: ServerCertificate) => ({
    cert: certificate,
    key,
    minVersion: 'TLSv1.2' as const,
  })
  const server = createServer({
    ...context(certificate),
    ALPNProtocols: ['dot'],
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
  const behind = readHeadersFirst(server, options.proxies ?? (() => []), HANDSHAKE)
  const listener = await serveStreams(server, 'secureConnection', 'tls', source, { ...options, behind })
  return { ...listener, renew: certificate => server.setSecureContext(context(certificate)) }
}
