import type { Socket } from 'node:net'
import { printAddress } from '../../config/address.ts'
import type { ShownCertificate } from '../../host/network.ts'
import { certificateIn } from '../listen/certificate-field.ts'
import type { HttpVersion } from '../listen/handover.ts'
import { LONGEST_HEADER, type ProxiedClient, readProxyHeader } from '../listen/proxy-header.ts'

/**
 * Reads what a connection that was handed over begins with (listen/handover.ts): the version of HTTP, whom it came from, which the socket
 * tells from then on, and the certificate that was shown, which `shownOn` tells. It has `patience` milliseconds for that.
 */
export function takeOver(socket: Socket, patience: number, begin: (version: HttpVersion) => void): void {
  let read = Buffer.alloc(0)
  const end = (): void => void socket.destroy()
  const onReadable = (): void => {
    for (let chunk = socket.read(); chunk; chunk = socket.read()) read = Buffer.concat([read, chunk])
    const version = read[0]
    const header = readProxyHeader(read, 1, read.length, LONGEST_HEADER)
    if (header === undefined) return
    if ((version !== 1 && version !== 2) || !header?.from) {
      end()
      return
    }
    socket.off('readable', onReadable).off('error', end).off('timeout', end).setTimeout(0)
    standFor(socket, header.from, certificateIn(read.subarray(1 + header.fieldsAt, 1 + header.length)))
    if (read.length > 1 + header.length) socket.unshift(read.subarray(1 + header.length))
    begin(version)
  }
  socket.on('error', end).on('timeout', end).setTimeout(patience).on('readable', onReadable)
}

const SHOWN = Symbol('shown certificate')

/** The certificate that the client of a connection has shown in its handshake; undefined where it has shown none. */
export function shownOn(socket: Socket): ShownCertificate | undefined {
  return (socket as { [SHOWN]?: ShownCertificate })[SHOWN]
}

/** The addresses of the client's connection in place of our own, which has none. */
function standFor(
  socket: Socket,
  { address, port, destination, destinationPort }: ProxiedClient,
  shown: ShownCertificate | undefined,
): void {
  Object.defineProperties(socket, {
    [SHOWN]: { value: shown },
    remoteAddress: { value: printAddress(address) },
    remotePort: { value: port },
    localAddress: { value: printAddress(destination) },
    localPort: { value: destinationPort },
  })
}
