import type { Server, Socket } from 'node:net'
import { addressBytes, containsAddress, type Prefix } from '../../config/address.ts'
import { lookFirst } from './before-handshake.ts'
import { readFirst } from './first-octets.ts'
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
  lookFirst(server, (socket, proceed) => {
    const address = addressBytes(socket.remoteAddress ?? '')
    if (!address || !containsAddress(proxies(), address)) return proceed()
    const peer = nameOf(socket)
    socket.once('close', () => clients.delete(peer))
    const readHeader = (read: Uint8Array) => readProxyHeader(read, 0, read.length)
    readFirst(socket, patience, readHeader, ({ from }) => {
      if (from) clients.set(peer, from)
      proceed()
    })
  })
  return socket => clients.get(nameOf(socket))
}

/** The connection, by which the TLS socket is known to be that of the plain one. */
function nameOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}
