import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { addressBytes, printAddress } from '../../config/address.ts'
import type { SocketAddress } from '../../host/network.ts'
import { DatagramBatch } from './batch.ts'
import type { Client, RequestHandler } from './client.ts'
import type { Libc } from './libc.ts'
import { makeSockaddr } from './sockaddr.ts'

/** Answers of more octets than this are truncated: RFC 9715 §3.1 and DNS Flag Day 2020, so that no datagram is fragmented. */
export const UDP_LIMIT = 1232
/** RFC 1035 §4.2.1: what a client without EDNS can take. */
export const UDP_LIMIT_PLAIN = 512

const SLOTS = 64
/** Batches answered before the event loop has its turn. */
const ROUNDS = 8
/** Lost datagrams are the price of a short queue while a thread is busy. */
const BUFFER = 1 << 20

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
const NO_PORT = 0

/** The batches of one thread: all its sockets take turns, for a batch is answered before another is received. */
export interface BatchLibrary {
  libc: Libc
  batch: DatagramBatch
  /** One slot for answers that were not ready when their batch was sent. */
  later: DatagramBatch
}

/** Buffers for a thread's batched sockets. */
export function createBatches(libc: Libc): BatchLibrary {
  return { libc, batch: new DatagramBatch(libc, SLOTS), later: new DatagramBatch(libc, 1) }
}

/** Answers one slot after another of a batch; implements `Client` for the slot that is being answered. */
export class BatchClient implements Client {
  readonly transport = 'udp'
  /** Set when the socket is closed: its descriptor's number may by then be another's. */
  closed = false
  port = 0
  address: Uint8Array = new Uint8Array(4)
  destination: Uint8Array
  readonly destinationPort: number
  private readonly library: BatchLibrary
  private readonly fd: number
  private readonly size: 4 | 16
  /** Whether the socket tells the destination of each datagram: a wildcard's. */
  private readonly informed: boolean
  private slot = 0

  constructor(library: BatchLibrary, fd: number, local: SocketAddress, informed: boolean) {
    this.library = library
    this.fd = fd
    this.destination = addressBytes(local.address)!
    this.destinationPort = local.port
    this.size = this.destination.length === 4 ? 4 : 16
    this.informed = informed
  }

  /** Receives one batch, after the datagram in slot 0 where `first` is 1, and answers it. Returns how many datagrams it held. */
  serve(first: number, options: DatagramOptions, counts: DatagramCounts): number {
    const { batch } = this.library
    const count = first + batch.receive(this.fd, first)
    if (count === 0) return 0
    counts.batches++
    counts.received += count
    options.beforeBatch()
    const unsent = batch.unsent
    for (let slot = 0; slot < count; slot++) this.answer(slot, options.handler, counts)
    batch.flush(this.fd)
    counts.dropped += batch.unsent - unsent
    return count
  }

  private answer(slot: number, handler: RequestHandler, counts: DatagramCounts): void {
    const { batch } = this.library
    const length = batch.requestLength(slot)
    const port = batch.port(slot)
    if (length < 0 || port === NO_PORT) {
      counts.dropped++
      return
    }
    this.slot = slot
    this.port = port
    this.address = batch.address(slot, this.size)
    if (this.informed) this.destination = batch.destination(slot, this.size)
    const at = batch.requestAt(slot)
    const out = batch.answerAt()
    const written = handler(batch.bytes, at, at + length, this, batch.bytes, out, UDP_LIMIT)
    if (written > 0) batch.queue(slot, written, this.size, this.informed)
  }

  send(message: Uint8Array): boolean {
    return this.retain().send(message)
  }

  drained(task: () => void): void {
    task()
  }

  finish(): void {}

  retain(): Client {
    const { batch, later } = this.library
    const { fd, size, informed } = this
    const isClosed = (): boolean => this.closed
    const sockaddr = batch.sockaddr(this.slot)
    const control = informed ? batch.control(this.slot) : undefined
    return {
      transport: 'udp',
      address: this.address.slice(),
      port: this.port,
      destination: this.destination.slice(),
      destinationPort: this.destinationPort,
      get closed() {
        return isClosed()
      },
      send: message => {
        if (isClosed()) return true
        later.restore(0, sockaddr, control)
        later.bytes.set(message, later.answerAt())
        later.queue(0, message.length, size, informed)
        later.flush(fd)
        return true
      },
      drained: task => task(),
      retain() {
        return this
      },
      finish() {},
    }
  }
}

/**
 * Serves a socket that was opened and bound by `openSockets`, in batches. `dgram` watches the descriptor: the first datagram of a
 * burst arrives by it, the rest of the queue is received with one call for up to 64, and answered with one call.
 */
export function listenBatched(
  fd: number,
  local: SocketAddress,
  library: BatchLibrary,
  options: DatagramOptions,
): Promise<DatagramListener> {
  const counts: DatagramCounts = { batches: 0, received: 0, dropped: 0 }
  const client = new BatchClient(library, fd, local, false)
  const socket = createWatched(local)
  const sender = rememberSockaddr()
  let more: NodeJS.Immediate | undefined
  const drain = (first: number): void => {
    for (let round = 0; round < ROUNDS; round++) {
      const count = client.serve(first, options, counts)
      if (count < SLOTS) return
      first = 0
    }
    more ??= setImmediate(() => {
      more = undefined
      drain(0)
    })
  }
  socket.on('message', (message, from) => {
    if (library.batch.put(message, sender(from))) return drain(1)
    counts.dropped++
    drain(0)
  })
  const close = (): Promise<void> => {
    clearImmediate(more)
    client.closed = true
    return closeSocket(socket)
  }
  return bound(
    socket,
    () => socket.bind({ fd, exclusive: true }),
    options,
    () => ({ address: local, counts, close }),
  )
}

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
    if (written > 0) client.send(out.slice(0, written))
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
    if (this.state.open) this.socket.send(message, this.port, this.text)
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

/** A `dgram` socket that resolves no names: without an own `lookup` every send would go through the resolver's thread pool. */
function createWatched(local: SocketAddress, reusePort = false): Socket {
  const family = local.address.includes(':') ? 6 : 4
  return createSocket({
    type: family === 6 ? 'udp6' : 'udp4',
    ipv6Only: family === 6,
    reusePort,
    lookup: (hostname, _options, callback) => callback(null, hostname, family),
  })
}

/** Resolves with the listener once the socket is bound; errors after that go to `onError`. */
function bound(
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

function closeSocket(socket: Socket): Promise<void> {
  return new Promise(resolve => socket.close(() => resolve()))
}

/** The C form of the sender of a `dgram` message; bursts often come from one address, so the last is kept. */
function rememberSockaddr(): (from: RemoteInfo) => Uint8Array {
  let text = ''
  let sockaddr: Uint8Array = new Uint8Array(0)
  return ({ address, port }) => {
    if (address !== text) sockaddr = makeSockaddr({ address, port })
    text = address
    sockaddr[2] = port >>> 8
    sockaddr[3] = port
    return sockaddr
  }
}
