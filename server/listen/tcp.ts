import { createServer, type Server, type Socket } from 'node:net'
import type { SocketAddress } from '../../host/network.ts'
import { Connections, type Serve, type StreamCounts, type StreamOptions } from './connections.ts'
import { StreamClient } from './stream-client.ts'

/** A TCP or TLS socket that is being served. */
export interface StreamListener {
  readonly address: SocketAddress
  readonly counts: StreamCounts
  /** Accepts no more, lets requests in flight end for at most `grace` milliseconds, then closes every connection. */
  close(grace: number): Promise<void>
}

/** Where to listen: a descriptor that was bound before, or an address to bind. */
export interface StreamSource {
  fd?: number
  address: SocketAddress
  shared?: boolean
}

/** Serves DNS over TCP (RFC 7766). */
export function listenTcp(source: StreamSource, options: StreamOptions): Promise<StreamListener> {
  const server = createServer({ allowHalfOpen: true, noDelay: true })
  const serve: Serve = (...connection) => new StreamClient('tcp', ...connection)
  return serveStreams(server, 'connection', serve, source, options)
}

/**
 * Serves whatever connections a server accepts and announces by `event`; TLS and HTTPS share all but the handshake and what is spoken. `first` is called with
 * the connections before there are any.
 */
export function serveStreams(
  server: Server,
  event: 'connection' | 'secureConnection',
  serve: Serve,
  source: StreamSource,
  options: StreamOptions,
  first: (connections: Connections) => void = () => {},
): Promise<StreamListener> {
  const connections = new Connections(options, serve)
  first(connections)
  server.on(event, socket => connections.accept(socket))
  /** Whatever was accepted, shaken hands or not. */
  const sockets = new Set<Socket>()
  server.on('connection', socket => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(listenArguments(source), () => {
      server.off('error', reject)
      server.on('error', options.onError)
      const { port } = server.address() as { port: number }
      connections.start()
      resolve({
        address: { address: source.address.address, port },
        counts: connections.counts,
        close: grace => closeAll(server, connections, sockets, grace),
      })
    })
  })
}

function listenArguments({ fd, address, shared }: StreamSource): object {
  if (fd !== undefined) return { fd, exclusive: true }
  const reusePort = shared === true
  return { host: address.address, port: address.port, ipv6Only: true, exclusive: true, reusePort }
}

async function closeAll(
  server: Server,
  connections: Connections,
  sockets: ReadonlySet<Socket>,
  grace: number,
): Promise<void> {
  const closed = new Promise<void>(resolve => server.close(() => resolve()))
  await connections.drain(grace)
  for (const socket of sockets) socket.destroy()
  await closed
}
