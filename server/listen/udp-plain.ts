import type { RemoteInfo, Socket } from 'node:dgram'
import { addressBytes, printAddress } from '../../config/address.ts'
import type { SocketAddress } from '../../host/network.ts'
import type { Client } from './client.ts'
import {
  bound,
  closeSocket,
  createWatched,
  type DatagramCounts,
  type DatagramListener,
  type DatagramOptions,
  NO_PORT,
  UDP_LIMIT,
} from './datagrams.ts'

/** Lost datagrams are the price of a short queue while a thread is busy. */
const BUFFER = 1 << 20

/** Serves through `dgram` alone, where the C library can't be called; one system call a datagram. */
export function listenPlain(
  local: SocketAddress,
  reusePort: boolean,
  options: DatagramOptions,
): Promise<DatagramListener> {
  const counts: DatagramCounts = { batches: 0, received: 0, dropped: 0 }
  const socket = createWatched(local, reusePort)
  const out = new Uint8Array(UDP_LIMIT)
  const state = { open: true }
  let client: PlainClient
  socket.on('message', (message, from) => {
    counts.batches++
    counts.received++
    if (from.port === NO_PORT) {
      counts.dropped++
      return
    }
    options.beforeBatch()
    client.turnTo(from)
    const written = options.handler(message, 0, message.length, client, out, 0, UDP_LIMIT)
    if (written > 0) client.send(out.subarray(0, written))
  })
  return bound(
    socket,
    () => socket.bind({ address: local.address, port: local.port, exclusive: true }),
    options,
    () => {
      socket.setRecvBufferSize(BUFFER)
      const address = { address: local.address, port: socket.address().port }
      client = new PlainClient(socket, address, state)
      const close = (): Promise<void> => {
        state.open = false
        return closeSocket(socket)
      }
      return { address, counts, close }
    },
  )
}

/** The client of the datagram that `dgram` has delivered last. */
class PlainClient implements Client {
  readonly transport = 'udp'
  address: Uint8Array = new Uint8Array(4)
  port = 0
  readonly destination: Uint8Array
  readonly destinationPort: number
  private text = ''
  private readonly socket: Socket
  private readonly state: { open: boolean }

  constructor(socket: Socket, local: SocketAddress, state: { open: boolean }) {
    this.socket = socket
    this.state = state
    this.destination = addressBytes(local.address)!
    this.destinationPort = local.port
  }

  get closed(): boolean {
    return !this.state.open
  }

  turnTo(from: RemoteInfo): void {
    if (from.address !== this.text) this.address = addressBytes(from.address)!
    this.text = from.address
    this.port = from.port
  }

  send(message: Uint8Array): boolean {
    if (this.state.open) this.socket.send(message.slice(), this.port, this.text)
    return true
  }

  drained(task: () => void): void {
    task()
  }

  retain(): Client {
    const local = { address: printAddress(this.destination), port: this.destinationPort }
    const client = new PlainClient(this.socket, local, this.state)
    client.turnTo({ address: this.text, port: this.port, family: 'IPv4', size: 0 })
    return client
  }

  finish(): void {}
}
