import { Socket } from 'node:net'
import type { Server, TLSSocket } from 'node:tls'
import type { HttpVersion } from '../listen/handover.ts'
import { HTTP2, HTTPS_PROTOCOLS } from '../listen/https.ts'
import { createSecureServer, renewSecrets, shownBy, type TlsSecrets } from '../listen/tls.ts'
import { peerOf } from './http-connections.ts'
import { show } from './take-over.ts'

/** Connections of HTTPS that serving threads entrust to main before their handshake (listen/entrust.ts). */
export class EntrustedConnections {
  private readonly begin: (version: HttpVersion, socket: Socket) => void
  private server: Server | undefined
  private readonly open = new Set<Socket>()
  /** Those that have not shaken hands, by their peers: the socket of TLS is another object. */
  private readonly shaking = new Map<string, Socket>()
  private closing = false
  private readonly end = Promise.withResolvers<void>()
  /** Resolves once no more are taken and all have closed. */
  readonly closed = this.end.promise

  /** `begin` is called with each connection that has shaken hands. */
  constructor(begin: (version: HttpVersion, socket: Socket) => void) {
    this.begin = begin
  }

  /** What connections are served by from now on; there are none before. */
  renew(secrets: TlsSecrets): void {
    if (this.server) {
      renewSecrets(this.server, secrets)
      return
    }
    this.server = createSecureServer(secrets, HTTPS_PROTOCOLS)
    this.server.on('secureConnection', (socket: TLSSocket) => {
      this.shaking.delete(peerOf(socket))
      show(socket, shownBy(socket))
      this.begin(socket.alpnProtocol === HTTP2 ? 2 : 1, socket)
    })
  }

  /** Takes a connection over by its descriptor; `read` is what came of it already, and `closed` is called once it has closed. */
  take(fd: number, read: Uint8Array, closed: () => void): void {
    const socket = new Socket({ fd })
    const peer = peerOf(socket)
    this.open.add(socket)
    this.shaking.set(peer, socket)
    socket.on('error', () => socket.destroy())
    socket.once('close', () => {
      this.open.delete(socket)
      if (this.shaking.get(peer) === socket) this.shaking.delete(peer)
      closed()
      this.endIfLast()
    })
    if (!this.server || this.closing) return void socket.destroy()
    socket.unshift(read)
    this.server.emit('connection', socket)
  }

  private endIfLast(): void {
    if (this.closing && this.open.size === 0) this.end.resolve()
  }

  /** Takes no more, and ends those that have not shaken hands; whoever serves the others ends them. */
  close(): void {
    this.closing = true
    for (const socket of this.shaking.values()) socket.destroy()
    this.endIfLast()
  }

  /** Ends all, those too that have not shaken hands. */
  cut(): void {
    for (const socket of this.open) socket.destroy()
  }
}
