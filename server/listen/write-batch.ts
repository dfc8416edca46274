import type { Writable } from 'node:stream'

/** Two of the largest messages, and what goes around them. */
const SIZE = 2 * 66 * 1024

/**
 * What leaves a connection in one piece: the answers to what came in one piece are laid out one after the other, and written at once. One
 * serves all connections of a listener, for each empties it before another has its turn.
 */
export class WriteBatch {
  readonly bytes = new Uint8Array(SIZE)
  /** Octets that are laid out; whoever lays out more adds them. */
  length = 0

  /** Where the next `room` octets may be laid out, at most half of all; what is there leaves first where they would not fit. */
  place(room: number, socket: Writable): number {
    if (SIZE - this.length < room) this.flush(socket)
    return this.length
  }

  flush(socket: Writable): void {
    const { length } = this
    if (length === 0) return
    this.length = 0
    socket.write(Buffer.from(this.bytes.subarray(0, length)))
  }
}
