import type { Socket } from 'node:dgram'
import { copyOctets } from '../../dns/octets.ts'
import { type DatagramCounts, UDP_LIMIT } from './datagrams.ts'

/** Answers that may wait for the system to take them; more are dropped. */
const MOST_WAITING = 1024

/** Where an answer goes; a `RemoteInfo` is one. */
export interface Destination {
  address: string
  port: number
}

/**
 * Sends the answers of a `dgram` socket. Nearly always the system takes a datagram while `send` runs: so the answers that are made at once all lie in the
 * same octets, and the views of them, one for each length, are made once. Where it does not, the octets belong to what waits, and others take their place.
 */
export class PlainSender {
  open = true
  /** Where the next answer is written: not to be kept beyond the next send. */
  out = new Uint8Array(UDP_LIMIT)
  private readonly views: (Uint8Array | undefined)[] = new Array(UDP_LIMIT + 1).fill(undefined)
  /** After the last send; `dgram` counts those that the system has not taken, or whose taking it has not told yet. */
  private waiting = 0
  private readonly socket: Pick<Socket, 'send' | 'getSendQueueCount'>
  private readonly counts: DatagramCounts

  constructor(socket: Pick<Socket, 'send' | 'getSendQueueCount'>, counts: DatagramCounts) {
    this.socket = socket
    this.counts = counts
  }

  /** Sends the first `length` octets of `out`. */
  sendOut(length: number, to: Destination): void {
    const view = this.views[length] ?? this.viewOf(length)
    this.send(view, to)
    if (this.waiting > 0) this.renew()
  }

  /** Sends a message, whose octets may be changed afterwards. */
  sendCopy(message: Uint8Array, to: Destination): void {
    if (message.length > UDP_LIMIT) this.send(copyOctets(message), to)
    else {
      this.out.set(message)
      this.sendOut(message.length, to)
    }
  }

  private send(message: Uint8Array, to: Destination): void {
    if (!this.open) return
    const { socket } = this
    if (this.waiting >= MOST_WAITING) this.waiting = socket.getSendQueueCount()
    if (this.waiting >= MOST_WAITING) {
      this.counts.dropped++
      return
    }
    socket.send(message, to.port, to.address)
    this.waiting = socket.getSendQueueCount()
  }

  private viewOf(length: number): Uint8Array {
    const view = this.out.subarray(0, length)
    this.views[length] = view
    return view
  }

  private renew(): void {
    this.out = new Uint8Array(UDP_LIMIT)
    this.views.fill(undefined)
  }
}
