import { LINUX, type Libc } from './libc.ts'
import { addressOf, SOCKADDR_IN, SOCKADDR_IN6 } from './sockaddr.ts'

/** Octets of a request that are received; longer datagrams are dropped. */
export const MAX_REQUEST = 4096
/** Octets of an answer that can be sent. */
export const MAX_ANSWER = 4096

// Not a power of two: slots that lie 4096 octets apart would share the same few lines of the CPU's cache.
const REQUEST_STRIDE = MAX_REQUEST + 192
const ANSWER_STRIDE = MAX_ANSWER + 192
const NAME_STRIDE = 32
const CONTROL_STRIDE = 64
/** struct mmsghdr and struct iovec of 64-bit Linux, and where their members lie. */
const HEADER = {
  size: 64,
  name: 0,
  nameLength: 8,
  vector: 16,
  vectors: 24,
  control: 32,
  controlLength: 40,
  flags: 48,
  length: 56,
}
const VECTOR = { size: 16, base: 0, length: 8 }
/** struct cmsghdr with a struct in_pktinfo or in6_pktinfo. */
const CONTROL = { interface4: 16, destination4: 24, space4: 32, destination6: 16, space6: 40 }

/** How long a full send buffer is waited for, in all, before what is left of a batch is dropped. */
const SEND_WAIT = { milliseconds: 2, times: 3 }

/**
 * Buffers for batches of datagrams, laid out once in one block of memory that never moves. The kernel writes to it by address,
 * so whoever hands it to a system call must keep the batch referenced.
 */
export class DatagramBatch {
  readonly slots: number
  /** All of it: requests and answers are regions of these octets. */
  readonly bytes: Uint8Array
  /** Datagrams that could not be sent since the start. */
  unsent = 0
  private readonly libc: Libc
  private readonly words: Uint32Array
  private readonly base: bigint
  private readonly at: {
    requests: number
    answers: number
    names: number
    controls: number
    receive: number
    send: number
    sendVectors: number
  }
  private readonly receiveFrom: readonly bigint[]
  /** The addresses of the slots' names and control data, low word then high word. */
  private readonly namePointers: Uint32Array
  private readonly controlPointers: Uint32Array
  private readonly addresses4: Uint8Array[] = []
  private readonly addresses6: Uint8Array[] = []
  private readonly destinations4: Uint8Array[] = []
  private readonly destinations6: Uint8Array[] = []
  private readonly pollAt: number
  private used = 0
  private queued = 0

  constructor(libc: Libc, slots: number) {
    this.libc = libc
    this.slots = slots
    let size = 0
    const region = (octets: number): number => {
      const start = size
      size += Math.ceil(octets / 64) * 64
      return start
    }
    const at = {
      requests: region(slots * REQUEST_STRIDE),
      answers: region(slots * ANSWER_STRIDE),
      names: region(slots * NAME_STRIDE),
      controls: region(slots * CONTROL_STRIDE),
      receive: region(slots * HEADER.size),
      send: region(slots * HEADER.size),
      sendVectors: region(slots * VECTOR.size),
    }
    const receiveVectors = region(slots * VECTOR.size)
    this.pollAt = region(8)
    const memory = new ArrayBuffer(size)
    this.at = at
    this.bytes = new Uint8Array(memory)
    this.words = new Uint32Array(memory)
    this.base = libc.addressOf(memory)
    this.receiveFrom = Array.from({ length: slots }, (_, i) => this.base + BigInt(at.receive + i * HEADER.size))
    this.namePointers = this.pointers(at.names, NAME_STRIDE)
    this.controlPointers = this.pointers(at.controls, CONTROL_STRIDE)
    for (let i = 0; i < slots; i++) this.layOut(i, receiveVectors)
  }

  private pointers(from: number, stride: number): Uint32Array {
    const pairs = new Uint32Array(this.slots * 2)
    for (let i = 0; i < this.slots; i++) {
      const address = this.base + BigInt(from + i * stride)
      pairs[2 * i] = Number(address & 0xffffffffn)
      pairs[2 * i + 1] = Number(address >> 32n)
    }
    return pairs
  }

  private layOut(i: number, receiveVectors: number): void {
    const { at } = this
    const name = at.names + i * NAME_STRIDE
    const control = at.controls + i * CONTROL_STRIDE
    const receive = at.receive + i * HEADER.size
    const send = at.send + i * HEADER.size
    const into = receiveVectors + i * VECTOR.size
    const from = at.sendVectors + i * VECTOR.size
    this.point(into + VECTOR.base, at.requests + i * REQUEST_STRIDE)
    this.words[(into + VECTOR.length) >> 2] = MAX_REQUEST
    this.point(from + VECTOR.base, at.answers + i * ANSWER_STRIDE)
    this.point(receive + HEADER.name, name)
    this.point(receive + HEADER.vector, into)
    this.point(receive + HEADER.control, control)
    this.point(send + HEADER.vector, from)
    for (const header of [receive, send]) this.words[(header + HEADER.vectors) >> 2] = 1
    this.rearm(i)
    this.addresses4.push(addressOf(this.bytes, name, 4))
    this.addresses6.push(addressOf(this.bytes, name, 16))
    this.destinations4.push(this.bytes.subarray(control + CONTROL.destination4, control + CONTROL.destination4 + 4))
    this.destinations6.push(this.bytes.subarray(control + CONTROL.destination6, control + CONTROL.destination6 + 16))
  }

  /** Writes the 64-bit address of the octet `target` of this memory at `at`. */
  private point(at: number, target: number): void {
    const address = this.base + BigInt(target)
    this.words[at >> 2] = Number(address & 0xffffffffn)
    this.words[(at >> 2) + 1] = Number(address >> 32n)
  }

  /** The kernel overwrites both lengths with what it has used. */
  private rearm(i: number): void {
    const header = (this.at.receive + i * HEADER.size) >> 2
    this.words[header + (HEADER.nameLength >> 2)] = SOCKADDR_IN6
    this.words[header + (HEADER.controlLength >> 2)] = CONTROL_STRIDE
  }

  /** Receives what is queued on the socket into the slots from `first`. Returns the number of datagrams; 0 where there is none. */
  receive(fd: number, first: number): number {
    for (let i = 0; i < this.used; i++) this.rearm(i)
    this.used = first
    let count: number
    do count = this.libc.recvmmsg(fd, this.receiveFrom[first]!, this.slots - first, LINUX.MSG_DONTWAIT, null)
    while (count < 0 && this.libc.errno() === LINUX.EINTR)
    if (count <= 0) return 0
    this.used = first + count
    return count
  }

  /** Puts a datagram that was read otherwise into slot 0. `sockaddr` is the C form of its sender. */
  put(message: Uint8Array, sockaddr: Uint8Array): boolean {
    if (message.length > MAX_REQUEST) return false
    this.bytes.set(message, this.at.requests)
    this.bytes.set(sockaddr, this.at.names)
    const header = this.at.receive >> 2
    this.words[header + (HEADER.length >> 2)] = message.length
    this.words[header + (HEADER.flags >> 2)] = 0
    return true
  }

  /** Where the request of a slot starts. */
  requestAt(slot: number): number {
    return this.at.requests + slot * REQUEST_STRIDE
  }

  /** Its length, or -1 where it was longer than MAX_REQUEST. */
  requestLength(slot: number): number {
    const header = (this.at.receive + slot * HEADER.size) >> 2
    if ((this.words[header + (HEADER.flags >> 2)]! & LINUX.MSG_TRUNC) !== 0) return -1
    return this.words[header + (HEADER.length >> 2)]!
  }

  /** The sender's address octets; a view. */
  address(slot: number, size: 4 | 16): Uint8Array {
    return size === 4 ? this.addresses4[slot]! : this.addresses6[slot]!
  }

  /** The sender's port. */
  port(slot: number): number {
    const at = this.at.names + slot * NAME_STRIDE
    return (this.bytes[at + 2]! << 8) | this.bytes[at + 3]!
  }

  /** The address that the datagram was sent to, on a socket that tells it (RFC 3542 §6.1); a view. */
  destination(slot: number, size: 4 | 16): Uint8Array {
    return size === 4 ? this.destinations4[slot]! : this.destinations6[slot]!
  }

  /** A copy of the sender's C form, for a later answer. */
  sockaddr(slot: number): Uint8Array {
    const at = this.at.names + slot * NAME_STRIDE
    return this.bytes.slice(at, at + SOCKADDR_IN6)
  }

  /** A copy of the control data of a slot, for a later answer. */
  control(slot: number): Uint8Array {
    const at = this.at.controls + slot * CONTROL_STRIDE
    return this.bytes.slice(at, at + CONTROL_STRIDE)
  }

  /** Gives a slot the sender and control data that were copied from another. */
  restore(slot: number, sockaddr: Uint8Array, control: Uint8Array | undefined): void {
    this.bytes.set(sockaddr, this.at.names + slot * NAME_STRIDE)
    if (control) this.bytes.set(control, this.at.controls + slot * CONTROL_STRIDE)
  }

  /** How many answers are queued. */
  get pending(): number {
    return this.queued
  }

  /** Where the next answer is to be written. */
  answerAt(): number {
    return this.at.answers + this.queued * ANSWER_STRIDE
  }

  /** Queues the answer written at `answerAt` for the sender of `slot`. With `informed` it leaves from the address that was asked. */
  queue(slot: number, length: number, size: 4 | 16, informed: boolean): void {
    const { at, words } = this
    const header = at.send + this.queued * HEADER.size
    words[(at.sendVectors + this.queued * VECTOR.size + VECTOR.length) >> 2] = length
    words[(header + HEADER.name) >> 2] = this.namePointers[2 * slot]!
    words[((header + HEADER.name) >> 2) + 1] = this.namePointers[2 * slot + 1]!
    words[(header + HEADER.nameLength) >> 2] = size === 4 ? SOCKADDR_IN : SOCKADDR_IN6
    if (informed) this.answerFrom(header, slot, size)
    else words[(header + HEADER.controlLength) >> 2] = 0
    this.queued++
  }

  private answerFrom(header: number, slot: number, size: 4 | 16): void {
    const control = this.at.controls + slot * CONTROL_STRIDE
    this.words[(header + HEADER.control) >> 2] = this.controlPointers[2 * slot]!
    this.words[((header + HEADER.control) >> 2) + 1] = this.controlPointers[2 * slot + 1]!
    this.words[(header + HEADER.controlLength) >> 2] = size === 4 ? CONTROL.space4 : CONTROL.space6
    // The route decides the interface; IPv6 keeps it, for a link-local address means nothing without.
    if (size === 4) this.words[(control + CONTROL.interface4) >> 2] = 0
  }

  /** Sends what is queued. A datagram the kernel refuses is skipped; a full buffer is waited for briefly. */
  flush(fd: number): void {
    let sent = 0
    let waits = SEND_WAIT.times
    while (sent < this.queued) {
      const headers = this.base + BigInt(this.at.send + sent * HEADER.size)
      const count = this.libc.sendmmsg(fd, headers, this.queued - sent, LINUX.MSG_DONTWAIT)
      if (count > 0) sent += count
      else if (this.libc.errno() === LINUX.EAGAIN) {
        if (waits-- === 0) break
        this.waitWritable(fd)
      } else if (this.libc.errno() !== LINUX.EINTR) {
        this.unsent++
        sent++
      }
    }
    this.unsent += this.queued - Math.min(sent, this.queued)
    this.queued = 0
  }

  private waitWritable(fd: number): void {
    this.words[this.pollAt >> 2] = fd
    this.words[(this.pollAt >> 2) + 1] = LINUX.POLLOUT
    this.libc.poll(this.base + BigInt(this.pollAt), 1, SEND_WAIT.milliseconds)
  }
}
