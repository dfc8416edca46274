import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http'
import { constants, createSecureServer, type Http2SecureServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { SocketAddress } from '../host/network.ts'
import { HttpConnections } from './http-connections.ts'

/** A certificate chain and its key, PEM. */
export interface TlsMaterial {
  certificate: string
  key: string
}

/** Listening sockets of one HTTP role, opened before anything is ready to answer. */
export interface HttpListener {
  /** What was bound, with the ports that the system chose where 0 was asked. */
  readonly bound: readonly SocketAddress[]
  /** Hands every request from now on to `app`. */
  serve(app: FastifyInstance): Promise<void>
  /** Takes a new certificate for connections from now on. */
  useCertificate(material: TlsMaterial): void
  /** Stops accepting, lets requests in flight finish for `patience` milliseconds, then closes. */
  close(patience: number): Promise<void>
}

/** Limits of one HTTP server: slow or idle clients may not hold sockets for ever. */
const LIMITS = { headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 65_000, maxConnections: 10_000 }
/** RFC 9113 §6.5.2 recommends no fewer than 100 streams; a session has them share its few MiB of memory. */
const HTTP2 = { settings: { maxConcurrentStreams: 100 }, maxSessionMemory: 4, handshakeTimeout: 10_000 }

/** Requests that wait for the end of the start; more are told to come again. */
const MOST_EARLY = 1000

/** What becomes of a request that comes before `serve`: it waits, or gets 503 at once. */
export type Early = 'waits' | 'is refused'

/** Binds `addresses`; rejects with the system's error of the first that can't be bound. With TLS both HTTP/2 and HTTP/1.1 are spoken. */
export async function openHttp(
  addresses: readonly SocketAddress[],
  tls: boolean,
  early: Early = 'is refused',
): Promise<HttpListener> {
  const waiting: Parameters<RequestListener>[] = []
  let current: RequestListener = (...exchange) => {
    if (early === 'waits' && waiting.length < MOST_EARLY) waiting.push(exchange)
    else exchange[1].writeHead(503, { 'retry-after': '1' }).end()
  }
  const listener: RequestListener = (request, response) => current(request, response)
  const servers: HttpServer[] = []
  for (const address of addresses) {
    const server = new HttpServer(tls ? createTls(listener) : createHttpServer(listener))
    await bind(server.server, address)
    servers.push(server)
  }
  return {
    bound: servers.map(({ server }) => {
      const { address, port } = server.address() as AddressInfo
      return { address, port }
    }),
    async serve(app) {
      await app.ready()
      current = (request, response) => app.routing(request, response)
      for (const exchange of waiting.splice(0)) current(...exchange)
    },
    useCertificate({ certificate, key }) {
      for (const { server } of servers)
        (server as Http2SecureServer).setSecureContext({ cert: certificate, key, minVersion: 'TLSv1.2' })
    },
    async close(patience) {
      await Promise.all(servers.map(server => server.close(patience)))
    },
  }
}

/** RFC 8484 §5.2: HTTP/2 is the least that DoH should use; ALPN (RFC 7301) leaves HTTP/1.1 to clients that know no other. */
function createTls(listener: RequestListener): Http2SecureServer {
  // Node's HTTP/2 requests and responses are made to be handled as those of HTTP/1.1.
  const server = createSecureServer({ allowHTTP1: true, ...HTTP2 }, listener as unknown as Http2Listener)
  server.on('session', session => {
    session.setTimeout(LIMITS.keepAliveTimeout, () => session.destroy())
    session.on('error', () => session.destroy())
  })
  server.on('stream', stream => stream.setTimeout(LIMITS.requestTimeout, () => stream.close(constants.NGHTTP2_CANCEL)))
  return server
}

type Http2Listener = Parameters<typeof createSecureServer>[1]

/** One listening socket, and the connections it has accepted. */
class HttpServer {
  readonly server: Server | Http2SecureServer
  private readonly connections: HttpConnections

  constructor(server: Server | Http2SecureServer) {
    this.server = server
    Object.assign(server, LIMITS)
    this.connections = new HttpConnections(server)
  }

  /** Stops accepting, lets requests in flight finish for `patience` milliseconds, then cuts what is left. */
  async close(patience: number): Promise<void> {
    const closed = new Promise<void>(resolve => this.server.close(() => resolve()))
    this.connections.close()
    const cut = setTimeout(() => this.connections.cut(), patience)
    await closed
    clearTimeout(cut)
  }
}

function bind(server: Server | Http2SecureServer, { address, port }: SocketAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: address, port, ipv6Only: address.includes(':') }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
