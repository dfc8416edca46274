import { createSocket, type Socket } from 'node:dgram'
import type { SocketAddress } from '../../host/network.ts'
import type { RequestHandler } from './client.ts'

/** Answers of more octets than this are truncated: RFC 9715 §3.1 and DNS Flag Day 2020, so that no datagram is fragmented. */
export const UDP_LIMIT = 1232
/** What a listener counts. */
export interface DatagramCounts {
  batches: number
  received: number
  dropped: number
}

/** A UDP socket that is being served. */
export interface DatagramListener {
  readonly address: SocketAddress
  readonly counts: DatagramCounts
  close(): Promise<void>
}

/** Called before each batch, so that the batch is answered from one state of the configuration and one reading of the clock. */
export type BeforeBatch = () => void

export interface DatagramOptions {
  handler: RequestHandler
  beforeBatch: BeforeBatch
  onError: (error: Error) => void
}

/** Datagrams nobody can be answered at: RFC 6335 §6 reserves port 0. */
export const NO_PORT = 0

/** A `dgram` socket that resolves no names: without an own `lookup` every send would go through the resolver's thread pool. */
export function createWatched(local: SocketAddress, reusePort = false): Socket {
  const family = local.address.includes(':') ? 6 : 4
  return createSocket({
    type: family === 6 ? 'udp6' : 'udp4',
    ipv6Only: family === 6,
    reusePort,
    lookup: (hostname, _options, callback) => callback(null, hostname, family),
  })
}

/** Resolves with the listener once the socket is bound; errors after that go to `onError`. */
export function bound(
  socket: Socket,
  bind: () => void,
  options: DatagramOptions,
  listener: () => DatagramListener,
): Promise<DatagramListener> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.once('listening', () => {
      socket.off('error', reject)
      socket.on('error', options.onError)
      resolve(listener())
    })
    bind()
  })
}

/** Closes a socket; resolves once it is closed. */
export function closeSocket(socket: Socket): Promise<void> {
  return new Promise(resolve => socket.close(() => resolve()))
}
