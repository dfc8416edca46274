import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { type Client, LATER } from './client.ts'
import type { Peer, ServedConnection, StreamHost } from './connections.ts'
import { FrameReader, frame } from './framing.ts'
import { readProxyHeader } from './proxy-header.ts'

const PREFIX = 2
const MOST_MESSAGE = 65_535

/** One connection. Requests are read as they come and answered as they are ready, in any order (RFC 7766 §6.2.1, §7). */
export class StreamClient implements Client, ServedConnection {
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
  /** Part of a request is no sign of life. */
  private asked = false
  private lastActive: number
  private waiting: (() => void)[] = []

  constructor(transport: 'tcp' | 'tls', socket: Socket, peer: Peer, host: StreamHost, proxied: boolean) {
    this.socket = socket
    this.transport = transport
    this.tlsVersion = socket instanceof TLSSocket ? (socket.getProtocol() ?? undefined) : undefined
    this.address = peer.address
    this.port = peer.port
    this.destination = peer.destination
    this.destinationPort = peer.destinationPort
    this.host = host
    this.idle = host.options.limits.idle
    this.headed = proxied
    this.lastActive = host.options.clock.monotonic()
    socket.on('data', chunk => this.read(chunk))
    socket.on('end', () => this.endWhenIdle())
    socket.on('drain', () => this.caughtUp())
  }

  get quiet(): boolean {
    return this.inFlight === 0 && this.socket.writableLength === 0
  }

  /** What is being worked on has its own time-out, unless the client does not read. */
  expired(now: number): boolean {
    return now - this.lastActive >= this.idle && (this.inFlight === 0 || this.socket.writableLength > 0)
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
    this.asked = false
    unparsed.at = this.frames.read(unparsed.chunk, unparsed.at, this.accept)
    this.host.batch.flush(socket)
    this.working = false
    if (this.asked) this.active()
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
    const { options, batch } = this.host
    this.asked = true
    this.inFlight++
    const place = batch.place(PREFIX + MOST_MESSAGE, this.socket)
    const written = options.handler(octets, at, end, this, batch.bytes, place + PREFIX, MOST_MESSAGE)
    if (written !== LATER) this.inFlight--
    if (written > 0) {
      // RFC 1035 §4.2.2.
      batch.bytes[place] = written >>> 8
      batch.bytes[place + 1] = written
      batch.length = place + PREFIX + written
    }
    return !this.congested()
  }

  private congested(): boolean {
    const { limits } = this.host.options
    return this.closed || this.inFlight >= limits.inFlight || this.unread >= limits.unread
  }

  /** Octets that the client has yet to read. */
  private get unread(): number {
    return this.socket.writableLength + this.host.batch.length
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

  /** Messages of one turn of the event loop leave in one piece. */
  send(message: Uint8Array): boolean {
    if (this.closed) return true
    this.active()
    if (this.socket.writableCorked === 0) {
      this.socket.cork()
      this.host.options.endOfTurn.add(() => this.socket.uncork())
    }
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
