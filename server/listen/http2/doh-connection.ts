import type { Socket } from 'node:net'
import { freshness } from '../../../dns/freshness.ts'
import { type Client, LATER } from '../client.ts'
import type { Peer, ServedConnection, StreamHost } from '../connections.ts'
import { endOfPath, isDohPath, readParameter } from './doh-request.ts'
import { PROBLEMS, type Problem } from './doh-response.ts'
import { DohStream, type StreamOwner } from './doh-stream.ts'
import { ConnectionError, ErrorCode, MAX_WINDOW } from './frames.ts'
import { Receiver, type StreamEvents } from './receiver.ts'
import { type BodyOwner, RequestBodies } from './request-bodies.ts'
import type { RequestHead } from './request-head.ts'
import { MOST_MESSAGE, MOST_STREAMS, Sender } from './sender.ts'

/** What the DoH connections of a listener share, for they take turns. */
export interface DohHost extends StreamHost {
  readonly head: RequestHead
  readonly scratch: Uint8Array
}

/** Milliseconds that a request may take to come whole. */
const UNFINISHED = 10_000

/**
 * A connection that asks for DoH (RFC 8484) by HTTP/2 and for nothing else: what else is asked for is left undone, and told so, that
 * the client asks again on a connection of its own (RFC 9113 §6.8, §8.7). A question that comes whole is answered from where it lies.
 */
export class DohConnection implements Client, StreamEvents, StreamOwner, BodyOwner, ServedConnection {
  readonly transport = 'https'
  readonly address: Uint8Array
  readonly port: number
  readonly destination: Uint8Array
  readonly destinationPort: number
  readonly tlsVersion: string | undefined
  closed = false
  private readonly socket: Socket
  private readonly host: DohHost
  private readonly receiver: Receiver
  private readonly sender: Sender
  /** Those that wait for something; a request that is answered at once never has one. */
  private readonly streams = new Map<number, DohStream>()
  private readonly bodies: RequestBodies
  /** Requests that are being worked on, wanted still or not. */
  private inFlight = 0
  private ending = false
  private lastActive: number
  private readonly postponed: (() => void)[] = []
  /** Of the request that is being answered. */
  private id = 0
  private window = 0
  private path = ''

  constructor(socket: Socket, peer: Peer, host: DohHost, tlsVersion: string | undefined) {
    this.socket = socket
    this.host = host
    this.address = peer.address
    this.port = peer.port
    this.destination = peer.destination
    this.destinationPort = peer.destinationPort
    this.tlsVersion = tlsVersion
    this.receiver = new Receiver(this, host.head, host.scratch)
    this.sender = new Sender(socket, host.batch)
    this.bodies = new RequestBodies(this, this.sender, this.streams)
    this.lastActive = host.options.clock.monotonic()
    this.sender.greet()
    socket.on('data', chunk => this.take(chunk))
    socket.on('end', () => this.endWhenIdle())
    socket.on('drain', () => this.caughtUp())
  }

  get dohPath(): string {
    return this.path
  }

  get quiet(): boolean {
    return this.inFlight === 0 && this.streams.size === 0 && this.socket.writableLength === 0
  }

  get wantsMore(): boolean {
    return !this.closed && !this.isDone && this.socket.writableLength < this.host.options.limits.unread
  }

  expired(now: number): boolean {
    const since = now - this.lastActive
    const stuck = this.socket.writableLength > 0 || this.streams.size > this.inFlight
    if (since >= this.host.options.limits.idle) return stuck || this.inFlight === 0
    return since >= UNFINISHED && (this.receiver.partial || this.streams.size > this.inFlight)
  }

  private active(): void {
    this.lastActive = this.host.options.clock.monotonic()
    this.host.touch(this)
  }

  /** Takes what the client has sent; all that is answered at once leaves in one write. */
  take(chunk: Uint8Array): void {
    this.work(() => {
      this.receiver.push(chunk)
      this.receiver.read()
    })
    if (!this.wantsMore) this.socket.pause()
  }

  private caughtUp(): void {
    this.active()
    this.work(() => this.receiver.read())
    if (this.wantsMore) this.socket.resume()
  }

  private work(task: () => void): void {
    if (this.closed) return
    this.host.options.beforeBatch()
    try {
      task()
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error
      this.sender.goAway(this.receiver.lastId, error.code)
      this.closed = true
    }
    this.sender.flush()
    if (this.closed) this.socket.destroySoon()
    else this.endIfDone()
  }

  onHead(id: number, ended: boolean): void {
    const { head } = this.host
    // What the client had on its way when it was told that we end.
    if (this.ending) return
    if (!head.whole) {
      this.sender.reset(id, ErrorCode.PROTOCOL_ERROR)
      return
    }
    if (!isDohPath(head)) {
      this.turnAway(id)
      return
    }
    if (this.isFull) {
      this.sender.reset(id, ErrorCode.REFUSED_STREAM)
      return
    }
    this.path = pathOf(head, this.path)
    this.window = this.sender.initialWindow
    if (ended) this.answerParameter(id)
    else this.awaitBody(id)
  }

  private get isFull(): boolean {
    const { unread } = this.host.options.limits
    return Math.max(this.streams.size, this.inFlight) >= MOST_STREAMS || this.sender.waiting >= unread
  }

  /** RFC 9113 §8.7: neither this request was worked on nor a later one, so that a client may ask again elsewhere without a doubt. */
  private turnAway(id: number): void {
    this.sender.reset(id, ErrorCode.REFUSED_STREAM)
    // Those of clients are odd; before the first there is 0.
    this.sender.goAway(Math.max(id - 2, 0), ErrorCode.NO_ERROR)
    this.ending = true
  }

  /** A request without a body: only GET has all it needs. */
  private answerParameter(id: number): void {
    const { head, scratch } = this.host
    const length = head.method === 'GET' ? readParameter(head, endOfPath(head), scratch) : 0
    if (length > 0) this.answer(id, scratch, 0, length)
    else this.refuse(id, head.method === 'GET' || head.isMessage ? PROBLEMS.notRequest : PROBLEMS.mediaType)
  }

  /** The body of a GET means nothing (RFC 9110 §9.3.1); as a rule it is empty. */
  private awaitBody(id: number): void {
    const { head, scratch } = this.host
    const isGet = head.method === 'GET'
    if (head.contentLength > MOST_MESSAGE) {
      this.refuseUnread(id, PROBLEMS.tooLong)
      return
    }
    if (!isGet && !head.isMessage) {
      this.refuseUnread(id, PROBLEMS.mediaType)
      return
    }
    const stream = new DohStream(this, id, this.path, this.window)
    stream.contentLength = head.contentLength
    stream.receiving = true
    if (isGet) stream.parameter = scratch.slice(0, Math.max(0, readParameter(head, endOfPath(head), scratch)))
    this.streams.set(id, stream)
  }

  onData(id: number, octets: Uint8Array, at: number, end: number, ended: boolean, flow: number): void {
    this.bodies.onData(id, octets, at, end, ended, flow)
  }

  onTrailers(id: number, ended: boolean): void {
    this.bodies.onTrailers(id, ended)
  }

  answerBody(stream: DohStream, octets: Uint8Array, at: number, end: number): void {
    this.streams.delete(stream.id)
    this.path = stream.dohPath
    this.window = stream.window
    if (at < end) this.answer(stream.id, octets, at, end)
    else this.refuse(stream.id, PROBLEMS.notRequest)
  }

  onReset(id: number): void {
    const stream = this.streams.get(id)
    if (stream) this.drop(stream)
  }

  private drop(stream: DohStream): void {
    stream.reset = true
    this.sender.forget(stream)
    this.streams.delete(stream.id)
  }

  onWindow(id: number, increment: number): void {
    if (id === 0) {
      this.sender.grow(increment, this.sent)
      return
    }
    const stream = this.streams.get(id)
    if (!stream) return
    stream.window += increment
    // RFC 9113 §6.9.1.
    if (stream.window > MAX_WINDOW) this.onStreamError(id, ErrorCode.FLOW_CONTROL_ERROR)
    else if (stream.unsent.length > 0 && this.sender.pump(stream)) this.sent(stream)
  }

  onInitialWindow(size: number): void {
    this.sender.resize(size, this.streams.values())
    this.sender.pumpAll(this.sent)
  }

  private readonly sent = (stream: DohStream): void => {
    this.streams.delete(stream.id)
    this.active()
  }

  onSettings(): void {
    this.sender.acknowledgeSettings()
  }

  onPing(octets: Uint8Array, at: number): void {
    this.sender.acknowledgePing(octets, at)
  }

  onGoAway(): void {
    this.ending = true
  }

  onStreamError(id: number, code: ErrorCode): void {
    const stream = this.streams.get(id)
    if (stream) this.drop(stream)
    this.sender.reset(id, code)
  }

  private answer(id: number, octets: Uint8Array, at: number, end: number): void {
    const { options, batch } = this.host
    this.id = id
    const place = this.sender.place()
    this.inFlight++
    const length = options.handler(octets, at, end, this, batch.bytes, place, MOST_MESSAGE)
    if (length === LATER) return
    this.inFlight--
    // It may have been retained before it turned out that nothing waits.
    this.streams.delete(id)
    if (length <= 0) {
      this.refuse(id, PROBLEMS.notRequest)
      return
    }
    this.active()
    const maxAge = freshness(batch.bytes, place, place + length)
    if (this.sender.fits(length, this.window)) this.sender.answer(id, length, maxAge)
    else this.answerInParts(this.retain(), batch.bytes.slice(place, place + length), maxAge)
  }

  private answerInParts(stream: DohStream, message: Uint8Array, maxAge: number): void {
    this.sender.answerInParts(stream, message, maxAge)
    if (stream.unsent.length === 0) this.sent(stream)
  }

  private refuse(id: number, problem: Problem): void {
    this.sender.problem(id, problem)
    this.active()
  }

  /** RFC 9113 §8.1: the response is whole; nobody needs the rest of the request. */
  refuseUnread(id: number, problem: Problem): void {
    this.refuse(id, problem)
    this.sender.reset(id, ErrorCode.NO_ERROR)
  }

  /** The stream of the request that is being answered. */
  retain(): DohStream {
    const stream = new DohStream(this, this.id, this.path, this.window)
    this.streams.set(this.id, stream)
    return stream
  }

  send(message: Uint8Array): boolean {
    return this.retain().send(message)
  }

  drained(task: () => void): void {
    queueMicrotask(task)
  }

  finish(): void {}

  sendLater(stream: DohStream, message: Uint8Array): void {
    this.postpone(() => {
      if (stream.reset) return
      this.active()
      this.answerInParts(stream, message, freshness(message, 0, message.length))
    })
  }

  finishStream(stream: DohStream, answered: boolean): void {
    this.postpone(() => {
      this.inFlight--
      if (answered || stream.reset) return
      this.streams.delete(stream.id)
      this.refuse(stream.id, PROBLEMS.unanswered)
    })
  }

  /** Answers that are ready in one turn of the event loop leave together, and none is laid out amid those of another connection. */
  private postpone(task: () => void): void {
    this.postponed.push(task)
    if (this.postponed.length > 1) return
    this.host.options.endOfTurn.add(() =>
      this.work(() => {
        for (const task of this.postponed.splice(0)) task()
      }),
    )
  }

  releaseWaiting(): void {
    for (const stream of this.streams.values()) stream.reset = true
    this.streams.clear()
  }

  endWhenIdle(): void {
    if (this.ending) return
    this.ending = true
    this.postpone(() => this.sender.goAway(this.receiver.lastId, ErrorCode.NO_ERROR))
  }

  /** No more is asked, and all is answered. */
  private get isDone(): boolean {
    return this.ending && this.inFlight === 0 && this.streams.size === 0 && this.postponed.length === 0
  }

  private endIfDone(): void {
    if (!this.isDone) return
    // What was sent still arrives; a client that keeps its half open is not waited for.
    this.socket.end(() => this.socket.destroy())
  }

  destroy(): void {
    this.socket.destroy()
  }
}

/** The path of a request, its query string aside; as a rule it is that of the request before. */
function pathOf(head: RequestHead, before: string): string {
  const end = endOfPath(head)
  if (before.length === end) {
    let i = 0
    while (i < end && head.path[i] === before.charCodeAt(i)) i++
    if (i === end) return before
  }
  return Buffer.from(head.path.subarray(0, end)).toString('latin1')
}
