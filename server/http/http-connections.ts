import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Http2Server, ServerHttp2Session } from 'node:http2'
import type { Socket } from 'node:net'

/** The connections of an HTTP server, and which of them have requests in flight; for a stop that waits for these alone. */
export class HttpConnections {
  private readonly sockets = new Map<string, Socket>()
  /** Those of HTTP/2, which end in order (RFC 9113 §6.8). */
  private readonly sessions = new Map<string, ServerHttp2Session>()
  /** Requests in flight. */
  private readonly busy = new Map<string, number>()
  private closing = false

  constructor(server: Server | Http2Server) {
    server.on('connection', (socket: Socket) => keep(this.sockets, peerOf(socket), socket))
    server.on('session', (session: ServerHttp2Session) => keep(this.sessions, peerOf(session.socket), session))
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      const peer = peerOf(request.socket)
      this.busy.set(peer, (this.busy.get(peer) ?? 0) + 1)
      response.once('close', () => this.answered(peer))
    })
  }

  /** From now on a connection ends as soon as nothing is in flight on it: those that are idle at once. */
  close(): void {
    this.closing = true
    for (const session of this.sessions.values()) session.close()
    for (const [peer, socket] of this.sockets) if (!this.busy.has(peer) && !this.sessions.has(peer)) socket.destroy()
  }

  /** Ends all, whatever is in flight. */
  cut(): void {
    for (const socket of this.sockets.values()) socket.destroy()
  }

  private answered(peer: string): void {
    const left = this.busy.get(peer)! - 1
    if (left > 0) {
      this.busy.set(peer, left)
      return
    }
    this.busy.delete(peer)
    if (this.closing && !this.sessions.has(peer)) this.sockets.get(peer)?.destroySoon()
  }
}

/** Names a connection: HTTP/2 has a socket object of its own for it. */
export function peerOf({ remoteAddress, remotePort }: Pick<Socket, 'remoteAddress' | 'remotePort'>): string {
  return `${remoteAddress}/${remotePort}`
}

function keep<Connection extends Socket | ServerHttp2Session>(
  all: Map<string, Connection>,
  peer: string,
  connection: Connection,
): void {
  all.set(peer, connection)
  connection.once('close', () => {
    if (all.get(peer) === connection) all.delete(peer)
  })
}
