import { FrameReader, type OnFrame } from './frame-reader.ts'
import {
  ConnectionError,
  ErrorCode,
  FrameFlag,
  FrameType,
  MAX_FRAME,
  MAX_WINDOW,
  MOST_FIELDS,
  PREFACE,
  readU16,
  readU31,
  Setting,
  unpadded,
} from './frames.ts'
import { CompressionError, FieldDecoder } from './hpack.ts'
import type { RequestHead } from './request-head.ts'

/** What a client does, as far as it concerns more than the frames. Octets are valid until a method returns. */
export interface StreamEvents {
  /** A request begins whose fields were read into the head. */
  onHead(id: number, ended: boolean): void
  /** Of a stream that has begun; `flow` octets count against its window and the connection's. */
  onData(id: number, octets: Uint8Array, at: number, end: number, ended: boolean, flow: number): void
  /** A second field section of a stream. */
  onTrailers(id: number, ended: boolean): void
  onReset(id: number): void
  /** Of a stream that has begun, or of the connection: 0. */
  onWindow(id: number, increment: number): void
  /** RFC 9113 §6.9.2: of streams from now on, and by the difference of those there are. */
  onInitialWindow(size: number): void
  /** SETTINGS are to be acknowledged. */
  onSettings(): void
  onPing(octets: Uint8Array, at: number): void
  /** The client will ask no more. */
  onGoAway(): void
  /** The stream has broken a rule that concerns it alone (RFC 9113 §5.4.2). */
  onStreamError(id: number, code: ErrorCode): void
  /** False where what was read is enough for now. */
  readonly wantsMore: boolean
}

/** Reads what a client sends on one HTTP/2 connection (RFC 9113), and holds it to the rules of frames; `events` hears of the rest. */
export class Receiver {
  /** The highest stream that the client has begun. */
  lastId = 0
  private readonly events: StreamEvents
  private readonly head: RequestHead
  private readonly decoder: FieldDecoder
  private readonly frames = new FrameReader()
  private greeting: Uint8Array = PREFACE
  private settled = false
  /** A field section that goes on in CONTINUATION frames; 0 where there is none. */
  private sectionId = 0
  private sectionEnds = false
  private section: Uint8Array[] = []
  private sectionLength = 0

  /** `head` is written over by each request, `scratch` by each field; both may be shared by connections that take turns. */
  constructor(events: StreamEvents, head: RequestHead, scratch: Uint8Array) {
    this.events = events
    this.head = head
    this.decoder = new FieldDecoder(scratch)
  }

  /** Something has begun that is not whole. */
  get partial(): boolean {
    return this.frames.partial || this.sectionId !== 0
  }

  push(chunk: Uint8Array): void {
    this.frames.push(this.greeting.length > 0 ? this.greet(chunk) : chunk)
  }

  /** RFC 9113 §3.4: what is left of the chunk after the preface. */
  private greet(chunk: Uint8Array): Uint8Array {
    const length = Math.min(chunk.length, this.greeting.length)
    if (Buffer.compare(chunk.subarray(0, length), this.greeting.subarray(0, length)) !== 0)
      throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, 'this is not HTTP/2')
    this.greeting = this.greeting.subarray(length)
    return chunk.subarray(length)
  }

  /** Works on what has come. Throws ConnectionError. */
  read(): void {
    this.frames.read(this.onFrame)
  }

  private readonly onFrame: OnFrame = (type, flags, id, octets, at, end) => {
    // RFC 9113 §6.10: nothing comes between the frames of a field section.
    if (this.sectionId !== 0 && (type !== FrameType.CONTINUATION || id !== this.sectionId))
      throw protocolError('a field section is interrupted')
    // RFC 9113 §3.4.
    if (!this.settled && type !== FrameType.SETTINGS) throw protocolError('SETTINGS come first')
    switch (type) {
      case FrameType.DATA:
        this.readData(flags, id, octets, at, end)
        break
      case FrameType.HEADERS:
        this.readHeaders(flags, id, octets, at, end)
        break
      case FrameType.CONTINUATION:
        if (this.sectionId === 0) throw protocolError('there is no field section that could go on')
        this.readSection(flags, octets, at, end)
        break
      case FrameType.PRIORITY:
        requireStream(id)
        if (end - at !== 5) this.events.onStreamError(id, ErrorCode.FRAME_SIZE_ERROR)
        break
      case FrameType.RST_STREAM:
        this.requireBegun(id)
        requireSize(end - at, 4)
        this.events.onReset(id)
        break
      case FrameType.SETTINGS:
        this.readSettings(flags, id, octets, at, end)
        break
      case FrameType.PUSH_PROMISE:
        throw protocolError('a client can push nothing')
      case FrameType.PING:
        requireConnection(id)
        requireSize(end - at, 8)
        if ((flags & FrameFlag.ACK) === 0) this.events.onPing(octets, at)
        break
      case FrameType.GOAWAY:
        requireConnection(id)
        this.events.onGoAway()
        break
      case FrameType.WINDOW_UPDATE:
        this.readWindow(id, octets, at, end)
    }
    // RFC 9113 §5.5: frames of other types are ignored.
    return this.events.wantsMore
  }

  private readData(flags: number, id: number, octets: Uint8Array, at: number, end: number): void {
    this.requireBegun(id)
    const data = unpadded(octets, at, end, flags & FrameFlag.PADDED)
    this.events.onData(id, octets, data.at, data.end, (flags & FrameFlag.END_STREAM) !== 0, end - at)
  }

  private readHeaders(flags: number, id: number, octets: Uint8Array, at: number, end: number): void {
    // RFC 9113 §5.1.1: those of clients are odd.
    if (id % 2 === 0) throw protocolError('a client has no such stream')
    const fields = unpadded(octets, at, end, flags)
    this.sectionId = id
    this.sectionEnds = (flags & FrameFlag.END_STREAM) !== 0
    this.readSection(flags, octets, fields.at, fields.end)
  }

  private readSection(flags: number, octets: Uint8Array, at: number, end: number): void {
    // Empty frames count too: a section may not go on for ever.
    this.sectionLength += end - at + 1
    if (this.sectionLength > MOST_FIELDS) throw new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, 'too many fields')
    if ((flags & FrameFlag.END_HEADERS) === 0) {
      this.section.push(octets.slice(at, end))
      return
    }
    if (this.section.length === 0) this.endSection(octets, at, end)
    else {
      const whole = Buffer.concat([...this.section, octets.subarray(at, end)])
      this.endSection(whole, 0, whole.length)
    }
  }

  private endSection(octets: Uint8Array, at: number, end: number): void {
    const id = this.sectionId
    this.sectionId = 0
    this.section = []
    this.sectionLength = 0
    this.decode(octets, at, end)
    if (id <= this.lastId) {
      this.events.onTrailers(id, this.sectionEnds)
      return
    }
    this.lastId = id
    this.events.onHead(id, this.sectionEnds)
  }

  private decode(octets: Uint8Array, at: number, end: number): void {
    this.head.clear()
    try {
      this.decoder.decode(octets, at, end, this.head.take)
    } catch (error) {
      if (!(error instanceof CompressionError)) throw error
      throw new ConnectionError(ErrorCode.COMPRESSION_ERROR, error.message)
    }
  }

  /** RFC 9113 §6.5. */
  private readSettings(flags: number, id: number, octets: Uint8Array, at: number, end: number): void {
    requireConnection(id)
    const isAck = (flags & FrameFlag.ACK) !== 0
    if (isAck ? end !== at : (end - at) % 6 !== 0)
      throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, 'SETTINGS of an odd size')
    if (!this.settled && isAck) throw protocolError('SETTINGS come first')
    this.settled = true
    if (isAck) return
    for (let i = at; i < end; i += 6) this.takeSetting(readU16(octets, i), octets[i + 2]! >>> 7, readU31(octets, i + 2))
    this.events.onSettings()
  }

  /** A value of 32 bits, the highest apart. We use no table of the client's, send no large frames and push nothing: the rest is all the same. */
  private takeSetting(setting: number, high: number, value: number): void {
    if (setting === Setting.ENABLE_PUSH && (high || value > 1)) throw protocolError('ENABLE_PUSH is 0 or 1')
    if (setting === Setting.MAX_FRAME_SIZE && (high || value < MAX_FRAME || value > 0xff_ffff))
      throw protocolError('there is no such frame size')
    if (setting !== Setting.INITIAL_WINDOW_SIZE) return
    if (high) throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, 'no window is that large')
    this.events.onInitialWindow(value)
  }

  private readWindow(id: number, octets: Uint8Array, at: number, end: number): void {
    if (id !== 0) this.requireBegun(id)
    requireSize(end - at, 4)
    const increment = readU31(octets, at)
    if (increment > 0) this.events.onWindow(id, increment)
    else if (id === 0) throw protocolError('a window grows by nothing')
    else this.events.onStreamError(id, ErrorCode.PROTOCOL_ERROR)
  }

  /** RFC 9113 §5.1: of a stream that is idle nothing but its fields may come. */
  private requireBegun(id: number): void {
    requireStream(id)
    if (id > this.lastId || id % 2 === 0) throw protocolError('there is no such stream')
  }
}

/** The window after it has grown. Throws ConnectionError where it is larger than a window may be (RFC 9113 §6.9.1). */
export function grown(window: number, increment: number): number {
  if (window + increment > MAX_WINDOW) throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, 'a window is too large')
  return window + increment
}

function requireStream(id: number): void {
  if (id === 0) throw protocolError('the frame belongs to a stream')
}

function requireConnection(id: number): void {
  if (id !== 0) throw protocolError('the frame belongs to the connection')
}

function requireSize(size: number, expected: number): void {
  if (size !== expected) throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, `a frame of ${size} octets`)
}

function protocolError(message: string): ConnectionError {
  return new ConnectionError(ErrorCode.PROTOCOL_ERROR, message)
}
