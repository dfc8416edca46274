import type { TLSSocket } from 'node:tls'
import type { Timer } from '../../host/clock.ts'
import type { ShownCertificate } from '../../host/network.ts'
import type { Peer, ServedConnection, StreamOptions } from './connections.ts'
import { Handover } from './handover.ts'
import { DohConnection, type DohHost } from './http2/doh-connection.ts'
import { MOST_FIELDS } from './http2/frames.ts'
import { recognise } from './http2/recognise.ts'
import { RequestHead } from './http2/request-head.ts'
import type { StreamSource } from './tcp.ts'
import { listenSecure, type TlsListener, type TlsSecrets } from './tls.ts'

/** ALPN's names of HTTP/2 and HTTP/1.1 (RFC 7301, RFC 9113 §3.2): RFC 8484 §5.2 recommends the former for DoH. */
const HTTP2 = 'h2'
const HTTP1 = 'http/1.1'
/** Milliseconds that a client of HTTP/2 may take to ask: most do before they have heard of us. Those who wait for our SETTINGS get them then. */
const PATIENCE = 100
/** Octets that may come before the first request. */
const MOST_BEFORE = 2 * MOST_FIELDS

/**
 * Serves HTTPS. A connection of HTTP/2 whose first request is DoH is served here; any other is handed over, decrypted, to whoever listens on
 * the Unix socket at `main`.
 */
export function listenHttps(
  source: StreamSource,
  secrets: TlsSecrets,
  options: StreamOptions,
  main: string,
): Promise<TlsListener> {
  const shared = { head: new RequestHead(), scratch: new Uint8Array(MOST_FIELDS) }
  return listenSecure(source, secrets, options, [HTTP2, HTTP1], (socket, peer, host) => {
    const doh = { options: host.options, batch: host.batch, touch: host.touch.bind(host), ...shared }
    return new HttpsConnection(socket as TLSSocket, peer, doh, main)
  })
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

/** What the client has shown of itself in the handshake. */
function shownBy(socket: TLSSocket): ShownCertificate | undefined {
  // Without a certificate, Node takes a client that resumes a session of TLS 1.3 for authorized as well.
  const shown = socket.getPeerX509Certificate()
  if (!shown) return undefined
  return socket.authorized ? { verified: true, der: shown.raw } : { verified: false }
}
