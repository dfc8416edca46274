import type { Server, Socket } from 'node:net'

/**
 * Has `look` see each connection that the server accepts before whoever saw it first until now, its handshake included, which `proceed` goes on to. What is set
 * up last is first to see a connection.
 */
export function lookFirst(server: Server, look: (socket: Socket, proceed: () => void) => void): void {
  const others = server.listeners('connection') as ((socket: Socket) => void)[]
  const proceed = (socket: Socket): void => {
    for (const other of others) other.call(server, socket)
  }
  server.removeAllListeners('connection')
  server.on('connection', (socket: Socket) => look(socket, () => proceed(socket)))
}
