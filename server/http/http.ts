import { rmSync } from 'node:fs'
import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http'
import { constants, createServer as createHttp2Server, type Http2Server } from 'node:http2'
import { type AddressInfo, createServer, type ListenOptions, type Server as NetServer, type Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { SocketAddress } from '../../host/network.ts'
import type { HttpVersion } from '../listen/handover.ts'
import { EntrustedConnections } from './entrusted-connections.ts'
import { HttpConnections } from './http-connections.ts'
import { takeOver } from './take-over.ts'

/** Listening sockets of one HTTP role, opened before anything is ready to answer. */
export interface HttpListener {
  /** What was bound, with the ports that the system chose where 0 was asked. */
  readonly bound: readonly SocketAddress[]
  /** Hands every request from now on to `app`. */
  serve(app: FastifyInstance): Promise<void>
  /** Stops accepting, lets requests in flight finish for `patience` milliseconds, then closes. */
  close(patience: number): Promise<void>
}

/** Limits of one HTTP server: slow or idle clients may not hold sockets for ever. */
const LIMITS = { headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 65_000, maxConnections: 10_000 }
/** RFC 9113 §6.5.2 recommends no fewer than 100 streams; a session has them share its few MiB of memory. */
const HTTP2 = { settings: { maxConcurrentStreams: 100 }, maxSessionMemory: 4 }

/** Requests that wait for the end of the start; more are told to come again. */
const MOST_EARLY = 1000

/** What becomes of a request that comes before `serve`: it waits, or gets 503 at once. */
export type Early = 'waits' | 'is refused'

/** Binds `addresses`; rejects with the system's error of the first that can't be bound. Speaks HTTP/1.1. */
export async function openHttp(
  addresses: readonly SocketAddress[],
  early: Early = 'is refused',
): Promise<HttpListener> {
  const door = new Door(early)
  const opened: Served<Server>[] = []
  for (const { address, port } of addresses) {
    const served = withLimits(createHttpServer(door.listener))
    await bind(served.server, { host: address, port, ipv6Only: address.includes(':') })
    opened.push(served)
  }
  return {
    bound: opened.map(({ server }) => {
      const { address, port } = server.address() as AddressInfo
      return { address, port }
    }),
    serve: app => door.open(app),
    async close(patience) {
      await Promise.all(opened.map(({ server, connections }) => closeServer(server, [connections], patience)))
    },
  }
}

/** The end of HTTPS that is in the main thread. */
export interface Takeover extends HttpListener {
  readonly entrusted: EntrustedConnections
}

/**
 * Speaks HTTP/2 and HTTP/1.1 on the connections of HTTPS that serving threads do not serve themselves: those that are handed over (listen/handover.ts) through a
 * Unix socket (mode 0600), and those that are entrusted whole. Requests that come before `serve` wait.
 */
export async function openTakeover(path: string): Promise<Takeover> {
  const door = new Door('waits')
  const versions = { 1: withLimits(createHttpServer(door.listener)), 2: withLimits(createHttp2(door.listener)) }
  const begin = (version: HttpVersion, socket: Socket) => versions[version].server.emit('connection', socket)
  const server = createServer(socket => takeOver(socket, LIMITS.headersTimeout, version => begin(version, socket)))
  const entrusted = new EntrustedConnections(begin)
  rmSync(path, { force: true })
  const before = process.umask(0o177)
  try {
    await bind(server, { path })
  } finally {
    process.umask(before)
  }
  const connections = Object.values(versions).map(({ connections }) => connections)
  return {
    ...{ bound: [], entrusted },
    serve: app => door.open(app),
    async close(patience) {
      await Promise.all([closeServer(server, [...connections, entrusted], patience), entrusted.closed])
    },
  }
}

/** What requests come to: an application, once there is one. */
class Door {
  private readonly early: Early
  private readonly waiting: Parameters<RequestListener>[] = []
  private current: RequestListener = (...exchange) => {
    if (this.early === 'waits' && this.waiting.length < MOST_EARLY) this.waiting.push(exchange)
    else exchange[1].writeHead(503, { 'retry-after': '1' }).end()
  }

  constructor(early: Early) {
    this.early = early
  }

  readonly listener: RequestListener = (request, response) => this.current(request, response)

  async open(app: FastifyInstance): Promise<void> {
    await app.ready()
    this.current = (request, response) => app.routing(request, response)
    for (const exchange of this.waiting.splice(0)) this.current(...exchange)
  }
}

function createHttp2(listener: RequestListener): Http2Server {
  // Node's HTTP/2 requests and responses are made to be handled as those of HTTP/1.1.
  const server = createHttp2Server(HTTP2, listener as unknown as Http2Listener)
  server.on('session', session => {
    session.setTimeout(LIMITS.keepAliveTimeout, () => session.destroy())
    session.on('error', () => session.destroy())
  })
  server.on('stream', stream => stream.setTimeout(LIMITS.requestTimeout, () => stream.close(constants.NGHTTP2_CANCEL)))
  return server
}

type Http2Listener = Parameters<typeof createHttp2Server>[1]

/** A server, and the connections it has. */
interface Served<S> {
  server: S
  connections: HttpConnections
}

function withLimits<S extends Server | Http2Server>(server: S): Served<S> {
  Object.assign(server, LIMITS)
  return { server, connections: new HttpConnections(server) }
}

/** Connections as a stop has to do with them. */
type Closing = Pick<HttpConnections, 'close' | 'cut'>

/** Stops accepting, lets requests in flight finish for `patience` milliseconds, then cuts what is left. */
async function closeServer(server: NetServer, all: readonly Closing[], patience: number): Promise<void> {
  const closed = new Promise<void>(resolve => server.close(() => resolve()))
  for (const connections of all) connections.close()
  const cut = setTimeout(() => {
    for (const connections of all) connections.cut()
  }, patience)
  await closed
  clearTimeout(cut)
}

function bind(server: NetServer, where: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(where, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
