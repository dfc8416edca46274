import type { Socket } from 'node:net'
import { printAddress } from '../../config/address.ts'
import type { ShownCertificate } from '../../host/network.ts'
import { certificateIn } from '../listen/certificate-field.ts'
import { readFirst } from '../listen/first-octets.ts'
import type { HttpVersion } from '../listen/handover.ts'
import { LONGEST_HEADER, type ProxiedClient, readProxyHeader } from '../listen/proxy-header.ts'

/**
 * Reads what a connection that was handed over begins with (listen/handover.ts): the version of HTTP, whom it came from, which the socket
 * tells from then on, and the certificate that was shown, which `shownOn` tells. It has `patience` milliseconds for that.
 */
export function takeOver(socket: Socket, patience: number, begin: (version: HttpVersion) => void): void {
  const readBeginning = (read: Buffer) => {
    const version = read[0]
    const header = readProxyHeader(read, 1, read.length, LONGEST_HEADER)
    if (header === undefined) return undefined
    if ((version !== 1 && version !== 2) || !header?.from) return null
    const shown = certificateIn(read.subarray(1 + header.fieldsAt, 1 + header.length))
    return { length: 1 + header.length, version: version as HttpVersion, from: header.from, shown }
  }
  readFirst(socket, patience, readBeginning, ({ version, from, shown }) => {
    standFor(socket, from)
    show(socket, shown)
    begin(version)
  })
}

const SHOWN = Symbol('shown certificate')

/** The certificate that the client of a connection has shown in its handshake; undefined where it has shown none. */
export function shownOn(socket: Socket): ShownCertificate | undefined {
  return (socket as { [SHOWN]?: ShownCertificate })[SHOWN]
}

/** Notes what `shownOn` tells of a connection. */
export function show(socket: Socket, shown: ShownCertificate | undefined): void {
  Object.defineProperty(socket, SHOWN, { value: shown })
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
