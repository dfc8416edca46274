import type { Writable } from 'node:stream'
import type { WriteBatch } from '../write-batch.ts'
import { MOST_HEAD, type Problem, writeAnswerHead, writeProblem } from './doh-response.ts'
import type { DohStream } from './doh-stream.ts'
import {
  DEFAULT_WINDOW,
  type ErrorCode,
  FRAME_HEADER,
  FrameFlag,
  FrameType,
  MAX_FRAME,
  Setting,
  writeFrameHeader,
  writeU32,
} from './frames.ts'
import { grown } from './receiver.ts'

/** RFC 9113 §6.5.2 recommends no fewer than 100. */
export const MOST_STREAMS = 100
/** One octet more than a DNS message has: a body that is too long is told so, instead of waiting for room. */
export const STREAM_WINDOW = 65_536
/** Octets of bodies that are not whole, of all streams of a connection together. */
export const CONNECTION_WINDOW = 4 * STREAM_WINDOW
/** Octets that a DNS message may have. */
export const MOST_MESSAGE = 65_535
/** An answer of one frame, before which its fields go. */
const AHEAD = MOST_HEAD + FRAME_HEADER
/** What an answer may take, in however many frames. */
const ROOM = AHEAD + MOST_MESSAGE
const SETTINGS: readonly (readonly [setting: number, value: number])[] = [
  [Setting.MAX_CONCURRENT_STREAMS, MOST_STREAMS],
  [Setting.INITIAL_WINDOW_SIZE, STREAM_WINDOW],
]

/** Writes the frames of one connection (RFC 9113), and no more of them than the client has room for (§5.2). */
export class Sender {
  /** Octets that a stream that begins now may be sent. */
  initialWindow = DEFAULT_WINDOW
  /** Octets of answers that wait for room. */
  waiting = 0
  private window = DEFAULT_WINDOW
  private readonly socket: Writable
  private readonly batch: WriteBatch
  private readonly blocked = new Set<DohStream>()

  constructor(socket: Writable, batch: WriteBatch) {
    this.socket = socket
    this.batch = batch
  }

  /** RFC 9113 §3.4: what a server begins with. */
  greet(): void {
    let at = this.begin(SETTINGS.length * 6, FrameType.SETTINGS, 0, 0)
    for (const [setting, value] of SETTINGS) {
      this.batch.bytes[at++] = setting >>> 8
      this.batch.bytes[at++] = setting
      at = writeU32(this.batch.bytes, at, value)
    }
    this.batch.length = at
    this.growWindow(CONNECTION_WINDOW - DEFAULT_WINDOW)
  }

  acknowledgeSettings(): void {
    this.batch.length = this.begin(0, FrameType.SETTINGS, FrameFlag.ACK, 0)
  }

  acknowledgePing(octets: Uint8Array, at: number): void {
    const payload = this.begin(8, FrameType.PING, FrameFlag.ACK, 0)
    this.batch.bytes.set(octets.subarray(at, at + 8), payload)
    this.batch.length = payload + 8
  }

  /** The client may send so much more. */
  growWindow(increment: number): void {
    this.batch.length = writeU32(this.batch.bytes, this.begin(4, FrameType.WINDOW_UPDATE, 0, 0), increment)
  }

  reset(id: number, code: ErrorCode): void {
    this.batch.length = writeU32(this.batch.bytes, this.begin(4, FrameType.RST_STREAM, 0, id), code)
  }

  goAway(lastId: number, code: ErrorCode): void {
    const payload = this.begin(8, FrameType.GOAWAY, 0, 0)
    this.batch.length = writeU32(this.batch.bytes, writeU32(this.batch.bytes, payload, lastId), code)
  }

  problem(id: number, problem: Problem): void {
    const at = this.batch.place(MOST_HEAD + 1024, this.socket)
    this.batch.length = writeProblem(this.batch.bytes, at, id, problem)
  }

  /** Where an answer may be laid out, for `answer` to send. */
  place(): number {
    return this.batch.place(ROOM, this.socket) + AHEAD
  }

  /** Whether an answer of that length may leave at once on a stream with this window. */
  fits(length: number, window: number): boolean {
    return length <= MAX_FRAME && length <= window && length <= this.window
  }

  /** Sends the answer that was laid out where `place` said, and that fits. */
  answer(id: number, length: number, maxAge: number): void {
    const { bytes } = this.batch
    const from = this.batch.length + AHEAD
    const at = writeAnswerHead(bytes, this.batch.length, id, length, maxAge)
    const body = writeFrameHeader(bytes, at, length, FrameType.DATA, FrameFlag.END_STREAM, id)
    bytes.copyWithin(body, from, from + length)
    this.batch.length = body + length
    this.window -= length
  }

  /** Sends what fits of an answer, and the rest as the client makes room; the stream is then in `blocked`. */
  answerInParts(stream: DohStream, message: Uint8Array, maxAge: number): void {
    const at = this.batch.place(MOST_HEAD, this.socket)
    this.batch.length = writeAnswerHead(this.batch.bytes, at, stream.id, message.length, maxAge)
    stream.unsent = message
    this.waiting += message.length
    this.blocked.add(stream)
    this.pump(stream)
  }

  /** What waits is not wanted any more. */
  forget(stream: DohStream): void {
    if (this.blocked.delete(stream)) this.waiting -= stream.unsent.length
  }

  /** Room for the whole connection; `sent` hears of each stream that is done. */
  grow(increment: number, sent: (stream: DohStream) => void): void {
    this.window = grown(this.window, increment)
    this.pumpAll(sent)
  }

  /** RFC 9113 §6.9.2. */
  resize(size: number, streams: Iterable<DohStream>): void {
    const difference = size - this.initialWindow
    this.initialWindow = size
    for (const stream of streams) stream.window = grown(stream.window, difference)
  }

  pumpAll(sent: (stream: DohStream) => void): void {
    for (const stream of this.blocked) if (this.pump(stream)) sent(stream)
  }

  /** Sends what there is room for; true where nothing is left. */
  pump(stream: DohStream): boolean {
    while (stream.unsent.length > 0) {
      const length = Math.min(stream.unsent.length, MAX_FRAME, stream.window, this.window)
      if (length <= 0) return false
      const ends = length === stream.unsent.length ? FrameFlag.END_STREAM : 0
      const payload = this.begin(length, FrameType.DATA, ends, stream.id)
      this.batch.bytes.set(stream.unsent.subarray(0, length), payload)
      this.batch.length = payload + length
      stream.unsent = stream.unsent.subarray(length)
      stream.window -= length
      this.window -= length
      this.waiting -= length
    }
    this.blocked.delete(stream)
    return true
  }

  flush(): void {
    this.batch.flush(this.socket)
  }

  /** Writes a frame's header where there is room for the whole frame; returns where its payload belongs. */
  private begin(length: number, type: number, flags: number, id: number): number {
    const at = this.batch.place(FRAME_HEADER + length, this.socket)
    return writeFrameHeader(this.batch.bytes, at, length, type, flags, id)
  }
}
