import type { Socket } from 'node:net'
import { addressBytes, containsAddress, type Prefix, printAddress } from '../../config/address.ts'
import type { Clock, Timer } from '../../host/clock.ts'
import type { RequestHandler } from './client.ts'
import type { EndOfTurn } from './end-of-turn.ts'
import type { ProxiedClient } from './proxy-header.ts'
import { WriteBatch } from './write-batch.ts'

/** Bounds of one listener of streams. */
export interface StreamLimits {
  /** Connections in all; at the limit the one that has been idle longest is closed (RFC 7766 §6.2.3). */
  connections: number
  /** Connections from one address, or one /64 of IPv6. */
  perClient: number
  /** Requests of a connection that are being worked on; more are not read. */
  inFlight: number
  /** Octets that a client may leave unread before no more of its requests are read. */
  unread: number
  /** How long a connection may do nothing, or not read, before it is closed. */
  idle: number
}

/**
 * CoreDNS keeps an idle connection for 10 seconds, and uses one for one query at a time: so at least 15, and many from one address.
 * RFC 7766 §6.2.3 leaves the time-out to the server, RFC 9210 §4.3 asks for limits in all and for each client. An idle connection takes a
 * few KiB (bench/idle.ts).
 */
export const STREAM_LIMITS: StreamLimits = {
  connections: 8192,
  perClient: 512,
  inFlight: 64,
  unread: 256 * 1024,
  idle: 30_000,
}

/** Of HTTPS: a browser asks its resolver again and again, and a handshake costs more than a connection that stays. */
export const HTTPS_LIMITS: StreamLimits = { ...STREAM_LIMITS, idle: 65_000 }

export interface StreamOptions {
  handler: RequestHandler
  /** Called before the requests of a chunk are answered. */
  beforeBatch: () => void
  clock: Clock
  /** Addresses whose connections begin with a PROXY protocol header; none where left out. */
  proxies?: () => readonly Prefix[]
  /** For whom the proxy of a connection speaks whose header was read before. */
  behind?: (socket: Socket) => ProxiedClient | undefined
  limits: StreamLimits
  /** Collects what is written later than in the turn of its request. */
  endOfTurn: EndOfTurn
  onError: (error: Error) => void
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

/** Both ends of a connection. */
export interface Peer {
  address: Uint8Array
  port: number
  destination: Uint8Array
  destinationPort: number
}

/** The listener, as far as its connections know it. */
export interface StreamHost {
  readonly options: StreamOptions
  /** Answers are laid out here: connections take turns. */
  readonly batch: WriteBatch
  /** A request or an answer has passed: the connection is the least idle one. */
  touch(connection: ServedConnection): void
}

/** A connection, as far as the listener knows it. */
export interface ServedConnection {
  /** Nothing that is sent can arrive any more; set by the listener, too. */
  closed: boolean
  /** Nothing is being worked on, and all that was sent has been read. */
  readonly quiet: boolean
  /** Whether it has done nothing for too long, at that time on the monotonic clock. */
  expired(now: number): boolean
  /** No more requests will come or be read: closes once those read are answered. */
  endWhenIdle(): void
  /** Lets those know that wait for the client to read: it is gone. */
  releaseWaiting(): void
  destroy(): void
}

/** Makes the connection of an accepted socket; `proxied` where it begins with a proxy's header that was not read yet. */
export type Serve = (socket: Socket, peer: Peer, host: StreamHost, proxied: boolean) => ServedConnection

/** Milliseconds from one look at idle connections to the next: one timer for all. */
const SWEEP = 1000

/** The open connections of one listener. */
export class Connections implements StreamHost {
  readonly counts: StreamCounts = { accepted: 0, refused: 0, timedOut: 0, open: 0 }
  readonly options: StreamOptions
  readonly batch = new WriteBatch()
  private readonly serve: Serve
  private readonly open = new Set<ServedConnection>()
  private readonly byClient = new Map<string, number>()
  private timer: Timer | undefined
  private drained: (() => void) | undefined

  constructor(options: StreamOptions, serve: Serve) {
    this.options = options
    this.serve = serve
  }

  accept(socket: Socket): void {
    socket.on('error', () => socket.destroy())
    const admitted = this.admit(socket)
    if (!admitted) return void socket.destroy()
    const { peer, key, proxied } = admitted
    const { behind } = this.options
    const connection = this.serve(socket, { ...peer, ...behind?.(socket) }, this, proxied && !behind)
    this.open.add(connection)
    socket.once('close', () => this.forget(connection, key))
  }

  /** Counts a connection that another thread serves, whole, until what this gives is called; undefined where it is refused. */
  entrust(socket: Socket): (() => void) | undefined {
    const admitted = this.admit(socket)
    if (!admitted) return undefined
    const connection = new EntrustedConnection(() => this.forget(connection, admitted.key))
    this.open.add(connection)
    return connection.destroy
  }

  /** Counts the connection; undefined where a limit refuses it, the client is gone again, or we are stopping. */
  private admit(socket: Socket): { peer: Peer; key: string; proxied: boolean } | undefined {
    const peer = peerOf(socket)
    if (!peer || this.drained) return undefined
    const { proxies, limits } = this.options
    const proxied = containsAddress(proxies?.() ?? [], peer.address)
    const key = clientKey(peer.address)
    const held = this.byClient.get(key) ?? 0
    // A proxy speaks for many.
    const most = proxied ? limits.connections : limits.perClient
    if (held >= most || !this.makeRoom()) {
      this.counts.refused++
      return undefined
    }
    this.byClient.set(key, held + 1)
    this.counts.accepted++
    this.counts.open++
    return { peer, key, proxied }
  }

  private makeRoom(): boolean {
    if (this.open.size < this.options.limits.connections) return true
    // Insertion order is the order of the last request, for `touch` moves a connection to the end.
    for (const connection of this.open) {
      if (!connection.quiet) continue
      this.timeOut(connection)
      return true
    }
    return false
  }

  touch(connection: ServedConnection): void {
    if (this.open.delete(connection)) this.open.add(connection)
  }

  private timeOut(connection: ServedConnection): void {
    this.counts.timedOut++
    this.open.delete(connection)
    connection.destroy()
  }

  private forget(connection: ServedConnection, key: string): void {
    connection.closed = true
    this.open.delete(connection)
    this.counts.open--
    const held = this.byClient.get(key)! - 1
    if (held > 0) this.byClient.set(key, held)
    else this.byClient.delete(key)
    connection.releaseWaiting()
    if (this.counts.open === 0) this.drained?.()
  }

  start(): void {
    this.timer = this.options.clock.after(SWEEP, () => {
      const now = this.options.clock.monotonic()
      for (const connection of this.open) if (connection.expired(now)) this.timeOut(connection)
      this.start()
    })
  }

  /** Accepts no more, and resolves once all have ended: by themselves, or after `grace` milliseconds by force. */
  async drain(grace: number): Promise<void> {
    this.timer?.cancel()
    if (this.counts.open === 0) {
      this.drained = () => {}
      return
    }
    const done = new Promise<void>(resolve => {
      this.drained = resolve
    })
    for (const connection of this.open) connection.endWhenIdle()
    const force = this.options.clock.after(grace, () => {
      for (const connection of this.open) connection.destroy()
    })
    await done
    force.cancel()
  }
}

/** A connection that another thread serves: only that one knows when it is idle, and ends it where all is to end. */
class EntrustedConnection implements ServedConnection {
  closed = false
  readonly quiet = false
  private readonly forget: () => void

  constructor(forget: () => void) {
    this.forget = forget
  }

  expired(): boolean {
    return false
  }

  endWhenIdle(): void {}

  releaseWaiting(): void {}

  readonly destroy = (): void => {
    if (!this.closed) this.forget()
  }
}

function peerOf({ remoteAddress, remotePort = 0, localAddress, localPort = 0 }: Socket): Peer | undefined {
  const address = remoteAddress && addressBytes(remoteAddress)
  const destination = localAddress && addressBytes(localAddress)
  if (!address || !destination) return undefined
  return { address, port: remotePort, destination, destinationPort: localPort }
}

/** Names a client that RFC 9210 §4.3 has limited; one host commonly holds a whole /64 of IPv6. */
export function clientKey(address: Uint8Array): string {
  return printAddress(address.length === 4 ? address : Uint8Array.from(address, (octet, i) => (i < 8 ? octet : 0)))
}
