import type { TLSSocket } from 'node:tls'
import type { Timer } from '../../host/clock.ts'
import type { ClientHello } from './client-hello.ts'
import type { Peer, Serve, ServedConnection, StreamOptions } from './connections.ts'
import type { Entrusting } from './entrust.ts'
import { Handover } from './handover.ts'
import { DohConnection, type DohHost } from './http2/doh-connection.ts'
import { MOST_FIELDS } from './http2/frames.ts'
import { recognise } from './http2/recognise.ts'
import { RequestHead } from './http2/request-head.ts'
import type { StreamSource } from './tcp.ts'
import { listenSecure, shownBy, type TlsListener, type TlsSecrets } from './tls.ts'

/** ALPN's names of HTTP/2 and HTTP/1.1 (RFC 7301, RFC 9113 §3.2): RFC 8484 §5.2 recommends the former for DoH. */
export const HTTP2 = 'h2'
const HTTP1 = 'http/1.1'
/** What may be spoken over HTTPS. */
export const HTTPS_PROTOCOLS = [HTTP2, HTTP1]
/** Milliseconds that a client of HTTP/2 may take to ask: most do before they have heard of us. Those who wait for our SETTINGS get them then. */
const PATIENCE = 100
/** Octets that may come before the first request. */
const MOST_BEFORE = 2 * MOST_FIELDS

/**
 * Serves HTTPS. A connection of HTTP/2 whose first request is DoH is served here; any other is handed over, decrypted, to whoever listens on
 * the Unix socket at `main`, or, where the client speaks no HTTP/2 and `whole` is given, to that before the handshake.
 */
export function listenHttps(
  source: StreamSource,
  secrets: TlsSecrets,
  options: StreamOptions,
  main: string,
  whole?: Pick<Entrusting, 'libc' | 'take'>,
): Promise<TlsListener> {
  const shared = { head: new RequestHead(), scratch: new Uint8Array(MOST_FIELDS) }
  const serve: Serve = (socket, peer, host) => {
    const doh = { options: host.options, batch: host.batch, touch: host.touch.bind(host), ...shared }
    return new HttpsConnection(socket as TLSSocket, peer, doh, main)
  }
  const entrusting = whole && { ...whole, clock: options.clock, wanted: speaksNoHttp2 }
  return listenSecure(source, secrets, options, HTTPS_PROTOCOLS, serve, entrusting)
}

/** It won't be served here, whatever it asks for. */
function speaksNoHttp2({ protocols }: ClientHello): boolean {
  return protocols.length === 0 || (protocols.includes(HTTP1) && !protocols.includes(HTTP2))
}

/** A connection until it is known what it is for, and the door to what it is then. */
class HttpsConnection implements ServedConnection {
  private readonly socket: TLSSocket
  private readonly peer: Peer
  private readonly host: DohHost
  private readonly main: string
  private readonly begun: number
  private read: Uint8Array = Buffer.alloc(0)
  private serving: ServedConnection | undefined
  private timer: Timer | undefined
  private gone = false

  constructor(socket: TLSSocket, peer: Peer, host: DohHost, main: string) {
    this.socket = socket
    this.peer = peer
    this.main = main
    this.host = { ...host, touch: () => host.touch(this) }
    this.begun = host.options.clock.monotonic()
    if (socket.alpnProtocol !== HTTP2) {
      this.handOver()
      return
    }
    socket.on('data', this.onData)
  }

  private readonly onData = (chunk: Uint8Array): void => {
    const { head, scratch, options } = this.host
    this.read = this.read.length === 0 ? chunk : Buffer.concat([this.read, chunk])
    const purpose = recognise(this.read, head, scratch)
    if (purpose === 'doh') this.serve()
    else if (purpose === 'other' || this.read.length > MOST_BEFORE) this.handOver()
    else this.timer ??= options.clock.after(PATIENCE, () => this.handOver())
  }

  private serve(): void {
    this.settle()
    const connection = new DohConnection(this.socket, this.peer, this.host, this.socket.getProtocol() ?? undefined)
    this.serving = connection
    connection.take(this.read)
    this.read = Buffer.alloc(0)
  }

  private handOver(): void {
    if (this.gone) return
    this.settle()
    this.serving = new Handover(
      this.socket,
      this.peer,
      this.main,
      this.socket.alpnProtocol === HTTP2 ? 2 : 1,
      this.read,
      shownBy(this.socket),
    )
    this.read = Buffer.alloc(0)
  }

  private settle(): void {
    this.timer?.cancel()
    this.socket.off('data', this.onData)
  }

  get closed(): boolean {
    return this.gone
  }

  set closed(gone: boolean) {
    this.gone = gone
    if (this.serving) this.serving.closed = gone
  }

  get quiet(): boolean {
    return this.serving?.quiet ?? true
  }

  expired(now: number): boolean {
    return this.serving?.expired(now) ?? now - this.begun >= this.host.options.limits.idle
  }

  endWhenIdle(): void {
    if (this.serving) this.serving.endWhenIdle()
    else this.destroy()
  }

  releaseWaiting(): void {
    this.timer?.cancel()
    this.serving?.releaseWaiting()
  }

  destroy(): void {
    this.socket.destroy()
  }
}
