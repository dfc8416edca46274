import { createServer, type Server, type Socket } from 'node:net'
import { addressBytes, containsAddress, printAddress } from '../../config/address.ts'
import type { Timer } from '../../host/clock.ts'
import type { SocketAddress } from '../../host/network.ts'
import { StreamClient, type StreamHost, type StreamLimits, type StreamOptions } from './stream-client.ts'

export type { StreamLimits, StreamOptions }

/**
 * CoreDNS keeps an idle connection for 10 seconds, and uses one for one query at a time: so at least 15, and many from one address.
 * RFC 7766 §6.2.3 leaves the time-out to the server, RFC 9210 §4.3 asks for limits in all and for each client.
 */
export const STREAM_LIMITS: StreamLimits = {
  connections: 2048,
  perClient: 512,
  inFlight: 64,
  unread: 256 * 1024,
  idle: 30_000,
}

/** What a listener counts. */
export interface StreamCounts {
  accepted: number
  /** Refused by a limit. */
  refused: number
  /** Closed by us: idle, not reading, or to make room. */
  timedOut: number
  open: number
}

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
  return serveStreams(server, 'connection', 'tcp', source, options)
}

/** Serves whatever connections a server accepts and announces by `event`; TLS shares all but the handshake. */
export function serveStreams(
  server: Server,
  event: 'connection' | 'secureConnection',
  transport: 'tcp' | 'tls',
  source: StreamSource,
  options: StreamOptions,
): Promise<StreamListener> {
  const connections = new Connections(transport, options)
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

const SWEEP = 1000

/** The open connections of one listener. */
class Connections implements StreamHost {
  readonly counts: StreamCounts = { accepted: 0, refused: 0, timedOut: 0, open: 0 }
  readonly options: StreamOptions
  private readonly transport: 'tcp' | 'tls'
  private readonly open = new Set<StreamClient>()
  private readonly byClient = new Map<string, number>()
  private timer: Timer | undefined
  private drained: (() => void) | undefined
  /** Answers are written here before they are framed: a listener works on one request at a time. */
  readonly out = new Uint8Array(65535)

  constructor(transport: 'tcp' | 'tls', options: StreamOptions) {
    this.transport = transport
    this.options = options
  }

  accept(socket: Socket): void {
    socket.on('error', () => socket.destroy())
    const address = socket.remoteAddress && addressBytes(socket.remoteAddress)
    const destination = socket.localAddress && addressBytes(socket.localAddress)
    // The client is gone again, or we are stopping.
    if (!address || !destination || this.drained) return void socket.destroy()
    const proxied = containsAddress(this.options.proxies?.() ?? [], address)
    const key = clientKey(address)
    const held = this.byClient.get(key) ?? 0
    // A proxy speaks for many.
    const most = proxied ? this.options.limits.connections : this.options.limits.perClient
    if (held >= most || !this.makeRoom()) {
      this.counts.refused++
      return void socket.destroy()
    }
    this.byClient.set(key, held + 1)
    this.counts.accepted++
    this.counts.open++
    const client = new StreamClient(socket, this.transport, address, destination, this, proxied && !this.options.behind)
    this.open.add(client)
    socket.once('close', () => this.forget(client, key))
  }

  private makeRoom(): boolean {
    if (this.open.size < this.options.limits.connections) return true
    // Insertion order is the order of the last request, for `touch` moves a connection to the end.
    for (const client of this.open) {
      if (!client.quiet) continue
      this.timeOut(client)
      return true
    }
    return false
  }

  /** A request or an answer has passed: the connection is the least idle one. */
  touch(client: StreamClient): void {
    if (this.open.delete(client)) this.open.add(client)
  }

  private timeOut(client: StreamClient): void {
    this.counts.timedOut++
    this.open.delete(client)
    client.destroy()
  }

  private forget(client: StreamClient, key: string): void {
    client.closed = true
    this.open.delete(client)
    this.counts.open--
    const held = this.byClient.get(key)! - 1
    if (held > 0) this.byClient.set(key, held)
    else this.byClient.delete(key)
    client.releaseWaiting()
    if (this.counts.open === 0) this.drained?.()
  }

  start(): void {
    this.timer = this.options.clock.after(SWEEP, () => {
      const before = this.options.clock.monotonic() - this.options.limits.idle
      for (const client of this.open) if (client.expired(before)) this.timeOut(client)
      this.start()
    })
  }

  async drain(grace: number): Promise<void> {
    this.timer?.cancel()
    if (this.counts.open === 0) {
      this.drained = () => {}
      return
    }
    const done = new Promise<void>(resolve => {
      this.drained = resolve
    })
    for (const client of this.open) client.endWhenIdle()
    const force = this.options.clock.after(grace, () => {
      for (const client of this.open) client.destroy()
    })
    await done
    force.cancel()
  }
}

/** RFC 9210 §4.3 limits clients; one host commonly holds a whole /64 of IPv6. */
function clientKey(address: Uint8Array): string {
  return printAddress(address.length === 4 ? address : Uint8Array.from(address, (octet, i) => (i < 8 ? octet : 0)))
}
