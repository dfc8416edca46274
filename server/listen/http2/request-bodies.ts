import { PROBLEMS, type Problem } from './doh-response.ts'
import type { DohStream } from './doh-stream.ts'
import { ConnectionError, ErrorCode } from './frames.ts'
import { UNTOLD } from './request-head.ts'
import { CONNECTION_WINDOW, MOST_MESSAGE, type Sender, STREAM_WINDOW } from './sender.ts'

/** Whose requests have bodies. */
export interface BodyOwner {
  /** The request is whole: its question lies in `octets` from `at` to `end`. */
  answerBody(stream: DohStream, octets: Uint8Array, at: number, end: number): void
  /** Answers before the end of a request. */
  refuseUnread(id: number, problem: Problem): void
  onStreamError(id: number, code: ErrorCode): void
}

/** The bodies of a connection's requests, and what they take of its window (RFC 9113 §6.9). One that comes whole is not copied. */
export class RequestBodies {
  private readonly owner: BodyOwner
  private readonly sender: Sender
  private readonly streams: Map<number, DohStream>
  /** Octets of the client's window that were taken up and not given back. */
  private consumed = 0

  constructor(owner: BodyOwner, sender: Sender, streams: Map<number, DohStream>) {
    this.owner = owner
    this.sender = sender
    this.streams = streams
  }

  /** A DATA frame whose payload, of `flow` octets with its padding, lies in `octets` from `at` to `end`. */
  onData(id: number, octets: Uint8Array, at: number, end: number, ended: boolean, flow: number): void {
    this.consumed += flow
    const stream = this.streams.get(id)
    if (this.consumed > CONNECTION_WINDOW)
      throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, 'more was sent than there is room for')
    if (stream?.receiving) this.read(stream, octets, at, end, ended)
    // RFC 9113 §5.1: the request has ended, or was answered before its end.
    else this.owner.onStreamError(id, ErrorCode.STREAM_CLOSED)
    this.giveBack()
  }

  /** HEADERS behind a body. */
  onTrailers(id: number, ended: boolean): void {
    const stream = this.streams.get(id)
    if (!stream?.receiving) throw new ConnectionError(ErrorCode.STREAM_CLOSED, 'the stream has ended')
    if (ended && isAsLongAsSaid(stream, stream.received)) this.answerWhole(stream)
    else this.owner.onStreamError(id, ErrorCode.PROTOCOL_ERROR)
  }

  private read(stream: DohStream, octets: Uint8Array, at: number, end: number, ended: boolean): void {
    const length = stream.received + end - at
    if (length > STREAM_WINDOW) this.owner.onStreamError(stream.id, ErrorCode.FLOW_CONTROL_ERROR)
    else if (length > MOST_MESSAGE) {
      this.streams.delete(stream.id)
      this.owner.refuseUnread(stream.id, PROBLEMS.tooLong)
    } else if (!ended) stream.append(octets, at, end)
    else if (!isAsLongAsSaid(stream, length)) this.owner.onStreamError(stream.id, ErrorCode.PROTOCOL_ERROR)
    else if (stream.received === 0 && !stream.parameter) this.owner.answerBody(stream, octets, at, end)
    else {
      stream.append(octets, at, end)
      this.answerWhole(stream)
    }
  }

  private answerWhole(stream: DohStream): void {
    const message = stream.parameter ?? stream.takeBody()
    this.owner.answerBody(stream, message, 0, message.length)
  }

  /** Gives the connection's window back once half of it is used: bodies that are not whole are held by what has been given out. */
  private giveBack(): void {
    if (this.consumed < CONNECTION_WINDOW / 2) return
    let open = 0
    for (const stream of this.streams.values()) if (stream.receiving) open += stream.received
    const free = this.consumed - open
    if (free < CONNECTION_WINDOW / 2) return
    this.consumed = open
    this.sender.growWindow(free)
  }
}

/** RFC 9113 §8.1.1. */
function isAsLongAsSaid(stream: DohStream, length: number): boolean {
  return stream.contentLength === UNTOLD || stream.contentLength === length
}
