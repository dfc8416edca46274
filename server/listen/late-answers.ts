import { DatagramBatch } from './batch.ts'
import type { EndOfTurn } from './end-of-turn.ts'
import type { Libc } from './libc.ts'

/** Whom an answer that was not ready when its batch was sent goes to, in C's forms. */
export interface LateRecipient {
  /** The socket that was asked. */
  fd: number
  sockaddr: Uint8Array
  /** Where the socket is a wildcard's: which address was asked. */
  control: Uint8Array | undefined
  size: 4 | 16
}

const SLOTS = 64

/** Answers that were not ready when their batch was sent: those that become ready in one turn of the event loop go out with one call. */
export class LateAnswers {
  private readonly batch: DatagramBatch
  private readonly endOfTurn: EndOfTurn
  /** Of the answers that are queued. */
  private fd = -1

  constructor(libc: Libc, endOfTurn: EndOfTurn) {
    this.batch = new DatagramBatch(libc, SLOTS)
    this.endOfTurn = endOfTurn
  }

  /** Takes a copy of the answer, and sends it at the end of the turn at the latest. */
  add({ fd, sockaddr, control, size }: LateRecipient, answer: Uint8Array): void {
    const { batch } = this
    if (fd !== this.fd || batch.pending === SLOTS) this.flush()
    if (batch.pending === 0) this.endOfTurn.add(this.flush)
    this.fd = fd
    const slot = batch.pending
    batch.restore(slot, sockaddr, control)
    batch.bytes.set(answer, batch.answerAt())
    batch.queue(slot, answer.length, size, control !== undefined)
  }

  /** Sends what is queued; to be called before its socket is closed. */
  readonly flush = (): void => {
    if (this.batch.pending > 0) this.batch.flush(this.fd)
  }
}
