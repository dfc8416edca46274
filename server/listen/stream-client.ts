import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Prefix } from '../../config/address.ts'
import type { Clock } from '../../host/clock.ts'
import { type Client, LATER, type RequestHandler } from './client.ts'
import { FrameReader, frame } from './framing.ts'
import { type ProxiedClient, readProxyHeader } from './proxy-header.ts'

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
  onError: (error: Error) => void
}

/** The listener, as far as its connections know it. */
export interface StreamHost {
  readonly options: StreamOptions
  /** Answers are written here before they are framed: a listener works on one request at a time. */
  readonly out: Uint8Array
  /** A request or an answer has passed: the connection is the least idle one. */
  touch(client: StreamClient): void
}

/** One connection. Requests are read as they come and answered as they are ready, in any order (RFC 7766 §6.2.1, §7). */
export class StreamClient implements Client {
  readonly transport: 'tcp' | 'tls'
  /** These four change once, where a proxy says for whom it speaks. */
  address: Uint8Array
  port: number
  destination: Uint8Array
  destinationPort: number
  readonly idle: number
  readonly tlsVersion: string | undefined
  closed = false
  private readonly socket: Socket
  private readonly host: StreamHost
  private readonly frames = new FrameReader()
  /** Read from the socket, and not looked at yet. */
  private unparsed: { chunk: Uint8Array; at: number } | undefined
  /** A PROXY protocol header is to come first. */
  private headed: boolean
  private inFlight = 0
  private ending = false
  private working = false
  private lastActive: number
  private waiting: (() => void)[] = []

  constructor(
    socket: Socket,
    transport: 'tcp' | 'tls',
    address: Uint8Array,
    destination: Uint8Array,
    host: StreamHost,
    proxied = false,
  ) {
    this.socket = socket
    this.transport = transport
    this.tlsVersion = socket instanceof TLSSocket ? (socket.getProtocol() ?? undefined) : undefined
    this.address = address
    this.port = socket.remotePort ?? 0
    this.destination = destination
    this.destinationPort = socket.localPort ?? 0
    this.host = host
    this.idle = host.options.limits.idle
    this.headed = proxied
    Object.assign(this, host.options.behind?.(socket))
    this.lastActive = host.options.clock.monotonic()
    socket.on('data', chunk => this.read(chunk))
    socket.on('end', () => this.endWhenIdle())
    socket.on('drain', () => this.caughtUp())
  }

  /** Nothing is being worked on, and all that was sent has been read. */
  get quiet(): boolean {
    return this.inFlight === 0 && this.socket.writableLength === 0
  }

  /** Whether nothing has happened since `before`. What is being worked on has its own time-out, unless the client does not read. */
  expired(before: number): boolean {
    return this.lastActive <= before && (this.inFlight === 0 || this.socket.writableLength > 0)
  }

  private active(): void {
    this.lastActive = this.host.options.clock.monotonic()
    this.host.touch(this)
  }

  private read(chunk: Uint8Array): void {
    if (this.unparsed) {
      const { chunk: earlier, at } = this.unparsed
      this.unparsed = { chunk: Buffer.concat([earlier.subarray(at), chunk]), at: 0 }
    } else this.unparsed = { chunk, at: 0 }
    this.work()
  }

  /** Answers the requests that were read, as far as the limits allow; all their answers leave in one write. */
  private work(): void {
    const { unparsed, socket } = this
    if (!unparsed || this.closed || this.working) return
    if (this.headed && !this.readHeader(unparsed)) return
    this.host.options.beforeBatch()
    this.working = true
    socket.cork()
    unparsed.at = this.frames.read(unparsed.chunk, unparsed.at, this.accept)
    socket.uncork()
    this.working = false
    if (unparsed.at === unparsed.chunk.length) this.unparsed = undefined
    if (this.congested()) socket.pause()
    this.endIfDone()
  }

  /** Takes the client that the proxy speaks for; false where the header is not whole yet, or is none: then there is no more to say. */
  private readHeader(unparsed: { chunk: Uint8Array; at: number }): boolean {
    const header = readProxyHeader(unparsed.chunk, unparsed.at, unparsed.chunk.length)
    if (header === null) this.destroy()
    if (!header) return false
    Object.assign(this, header.from)
    this.headed = false
    unparsed.at += header.length
    return true
  }

  private readonly accept = (octets: Uint8Array, at: number, end: number): boolean => {
    const { options, out } = this.host
    this.active()
    this.inFlight++
    const written = options.handler(octets, at, end, this, out, 0, out.length)
    if (written !== LATER) this.inFlight--
    if (written > 0) this.socket.write(frame(out, 0, written))
    return !this.congested()
  }

  private congested(): boolean {
    const { limits } = this.host.options
    return this.closed || this.inFlight >= limits.inFlight || this.socket.writableLength >= limits.unread
  }

  private caughtUp(): void {
    this.active()
    this.releaseWaiting()
    this.resume()
  }

  private resume(): void {
    if (this.congested()) return
    this.work()
    if (!this.congested()) this.socket.resume()
  }

  releaseWaiting(): void {
    for (const task of this.waiting.splice(0)) task()
  }

  send(message: Uint8Array): boolean {
    if (this.closed) return true
    this.active()
    return this.socket.write(frame(message))
  }

  drained(task: () => void): void {
    if (this.closed || !this.socket.writableNeedDrain) queueMicrotask(task)
    else this.waiting.push(task)
  }

  retain(): Client {
    return this
  }

  finish(): void {
    this.inFlight--
    if (this.closed || this.working) return
    this.resume()
    this.endIfDone()
  }

  /** No more requests will come or be read: closes once those read are answered. */
  endWhenIdle(): void {
    this.ending = true
    this.endIfDone()
  }

  private endIfDone(): void {
    if (!this.ending || this.inFlight > 0 || this.unparsed || this.closed) return
    // What was sent still arrives; a client that keeps its half open is not waited for.
    this.socket.end(() => this.socket.destroy())
  }

  destroy(): void {
    this.socket.destroy()
  }
}
