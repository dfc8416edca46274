import type { Server, Socket } from 'node:net'
import { addressBytes, containsAddress, type Prefix } from '../../config/address.ts'
import { type ProxiedClient, readProxyHeader } from './proxy-header.ts'

/**
 * Has a TLS server read a proxy's header before the handshake of a connection from one of `proxies`; it has `patience` milliseconds. Returns what tells for
 * whom the proxy of an accepted connection speaks.
 */
export function readHeadersFirst(
  server: Server,
  proxies: () => readonly Prefix[],
  patience: number,
): (socket: Socket) => ProxiedClient | undefined {
  const clients = new Map<string, ProxiedClient>()
  const handshakes = server.listeners('connection') as ((socket: Socket) => void)[]
  const begin = (socket: Socket): void => {
    for (const handshake of handshakes) handshake.call(server, socket)
  }
  server.removeAllListeners('connection')
  server.on('connection', (socket: Socket) => {
    const address = addressBytes(socket.remoteAddress ?? '')
    if (!address || !containsAddress(proxies(), address)) return begin(socket)
    const peer = nameOf(socket)
    socket.once('close', () => clients.delete(peer))
    awaitHeader(socket, patience, client => {
      if (client) clients.set(peer, client)
      begin(socket)
    })
  })
  return socket => clients.get(nameOf(socket))
}

/** The connection, by which the TLS socket is known to be that of the plain one. */
function nameOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}

function awaitHeader(socket: Socket, patience: number, done: (client: ProxiedClient | undefined) => void): void {
  let read = Buffer.alloc(0)
  const end = (): void => void socket.destroy()
  const onReadable = (): void => {
    for (let chunk = socket.read(); chunk; chunk = socket.read()) read = Buffer.concat([read, chunk])
    const header = readProxyHeader(read, 0, read.length)
    if (header === null) end()
    if (!header) return
    socket.off('readable', onReadable).off('error', end).off('timeout', end).setTimeout(0)
    if (read.length > header.length) socket.unshift(read.subarray(header.length))
    done(header.from)
  }
  socket.on('error', end).on('timeout', end).setTimeout(patience).on('readable', onReadable)
}
