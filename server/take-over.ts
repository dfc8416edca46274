import type { Socket } from 'node:net'
import { printAddress } from '../config/address.ts'
import type { HttpVersion } from './listen/handover.ts'
import { type ProxiedClient, readProxyHeader } from './listen/proxy-header.ts'

/**
 * Reads what a connection that was handed over begins with (listen/handover.ts): the version of HTTP, and whom it came from, which the socket
 * tells from then on. It has `patience` milliseconds for that.
 */
export function takeOver(socket: Socket, patience: number, begin: (version: HttpVersion) => void): void {
  let read = Buffer.alloc(0)
  const end = (): void => void socket.destroy()
  const onReadable = (): void => {
    for (let chunk = socket.read(); chunk; chunk = socket.read()) read = Buffer.concat([read, chunk])
    const version = read[0]
    const header = readProxyHeader(read, 1, read.length)
    if (header === undefined) return
    if ((version !== 1 && version !== 2) || !header?.from) {
      end()
      return
    }
    socket.off('readable', onReadable).off('error', end).off('timeout', end).setTimeout(0)
    standFor(socket, header.from)
    if (read.length > 1 + header.length) socket.unshift(read.subarray(1 + header.length))
    begin(version)
  }
  socket.on('error', end).on('timeout', end).setTimeout(patience).on('readable', onReadable)
}

/** The addresses of the client's connection in place of our own, which has none. */
function standFor(socket: Socket, { address, port, destination, destinationPort }: ProxiedClient): void {
  Object.defineProperties(socket, {
    remoteAddress: { value: printAddress(address) },
    remotePort: { value: port },
    localAddress: { value: printAddress(destination) },
    localPort: { value: destinationPort },
  })
}
