import type { RemoteInfo } from 'node:dgram'
import { addressBytes } from '../../config/address.ts'
import type { SocketAddress } from '../../host/network.ts'
import { DatagramBatch } from './batch.ts'
import { type Client, LATER, type RequestHandler } from './client.ts'
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
import type { EndOfTurn } from './end-of-turn.ts'
import { LateAnswers, type LateRecipient } from './late-answers.ts'
import type { Libc } from './libc.ts'
import type { Poller } from './poller.ts'
import { makeSockaddr, writePort } from './sockaddr.ts'
import { duplicate } from './sockets.ts'

const SLOTS = 64
/** Batches answered before the event loop has its turn. */
const ROUNDS = 8

/** The batches of one thread: all its sockets take turns, for a batch is answered before another is received. */
export interface BatchLibrary {
  libc: Libc
  batch: DatagramBatch
  later: LateAnswers
  endOfTurn: EndOfTurn
}

/** Buffers for a thread's batched sockets. */
export function createBatches(libc: Libc, endOfTurn: EndOfTurn): BatchLibrary {
  return { libc, batch: new DatagramBatch(libc, SLOTS), later: new LateAnswers(libc, endOfTurn), endOfTurn }
}

/** Answers one slot after another of a batch; implements `Client` for the slot that is being answered. */
export class BatchClient implements Client {
  readonly transport = 'udp'
  /** Set when the socket is closed: its descriptor's number may by then be another's. */
  closed = false
  /** Answers that were not ready when their batch was sent, since the start. */
  postponed = 0
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
    else if (written === LATER) this.postponed++
  }

  send(message: Uint8Array): boolean {
    return this.retain().send(message)
  }

  drained(task: () => void): void {
    task()
  }

  finish(): void {}

  retain(): Client {
    return new LateClient(this, this.library, this.recipient())
  }

  private recipient(): LateRecipient {
    const { batch } = this.library
    const { fd, size, slot, informed } = this
    return { fd, size, sockaddr: batch.sockaddr(slot), control: informed ? batch.control(slot) : undefined }
  }

  /** The socket is about to be closed: what is queued is sent, and no more. */
  close(): void {
    this.library.later.flush()
    this.closed = true
  }
}

/** The client of a slot that has been answered LATER. */
class LateClient implements Client {
  readonly transport = 'udp'
  readonly address: Uint8Array
  readonly port: number
  readonly destination: Uint8Array
  readonly destinationPort: number
  private readonly of: BatchClient
  private readonly library: BatchLibrary
  private readonly recipient: LateRecipient

  constructor(of: BatchClient, library: BatchLibrary, recipient: LateRecipient) {
    this.of = of
    this.library = library
    this.recipient = recipient
    this.address = of.address.slice()
    this.port = of.port
    // Only of a wildcard's client it changes.
    this.destination = recipient.control ? of.destination.slice() : of.destination
    this.destinationPort = of.destinationPort
  }

  get closed(): boolean {
    return this.of.closed
  }

  send(message: Uint8Array): boolean {
    if (!this.closed) this.library.later.add(this.recipient, message)
    return true
  }

  drained(task: () => void): void {
    task()
  }

  retain(): Client {
    return this
  }

  finish(): void {}
}

/**
 * Serves a socket that was opened and bound by `openSockets`, in batches. `dgram` watches a duplicate of the descriptor: the first
 * datagram of a burst arrives by it, the rest of the queue is received with one call for up to 64, and answered with one call.
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
    client.close()
    return closeSocket(socket)
  }
  return bound(
    socket,
    () => socket.bind({ fd: duplicate(library.libc, fd), exclusive: true }),
    options,
    () => ({ address: local, counts, close }),
  )
}

/**
 * The same for a thread that waits with a `Poller`: no datagram is read but in a batch. With `informed` the socket is a wildcard's that was
 * opened to tell the destination of each datagram.
 */
export function listenPolled(
  fd: number,
  local: SocketAddress,
  library: BatchLibrary,
  poller: Poller,
  options: DatagramOptions,
  informed = false,
): DatagramListener {
  const counts: DatagramCounts = { batches: 0, received: 0, dropped: 0 }
  const client = new BatchClient(library, fd, local, informed)
  const serve = (): boolean => {
    const { postponed } = client
    for (let round = 0; round < ROUNDS && client.serve(0, options, counts) === SLOTS; round++);
    return client.postponed > postponed
  }
  const socket = { fd, serve }
  poller.add(socket)
  poller.beforeWait(library.endOfTurn.run)
  const close = async (): Promise<void> => {
    poller.remove(socket)
    client.close()
  }
  return { address: local, counts, close }
}

/** The C form of the sender of a `dgram` message; bursts often come from one address, so the last is kept. */
function rememberSockaddr(): (from: RemoteInfo) => Uint8Array {
  let text = ''
  let sockaddr: Uint8Array = new Uint8Array(0)
  return ({ address, port }) => {
    if (address !== text) sockaddr = makeSockaddr({ address, port })
    text = address
    writePort(sockaddr, port)
    return sockaddr
  }
}
