import { connect, type Socket } from 'node:net'
import type { Clock, Timer } from '../../host/clock.ts'
import type { Log } from '../../host/log.ts'

/** Control frames of Frame Streams (farsightsec fstrm). */
const Control = { ACCEPT: 1, START: 2, STOP: 3, READY: 4, FINISH: 5 } as const
const CONTENT_TYPE_FIELD = 1
const CONTENT_TYPE = Buffer.from('protobuf:dnstap.Dnstap')
/** Octets that may wait for the reader; more is dropped. */
const MOST_WAITING = 4 * 2 ** 20
const RETRY = { first: 1000, most: 30_000 }

/** Data frames to a reader at a Unix socket, as long as there is one: what can't be sent is dropped and counted, nothing waits. */
export class FrameStream {
  dropped = 0
  private readonly path: string
  private readonly clock: Clock
  private readonly log: Log
  private socket: Socket | undefined
  private ready = false
  private closed = false
  private wait = RETRY.first
  private timer: Timer | undefined

  constructor(path: string, clock: Clock, log: Log) {
    this.path = path
    this.clock = clock
    this.log = log
    this.open()
  }

  send(frame: Uint8Array): void {
    const { socket } = this
    if (!socket || !this.ready || socket.writableLength > MOST_WAITING) {
      this.dropped++
      return
    }
    const head = Buffer.alloc(4)
    head.writeUInt32BE(frame.length)
    socket.cork()
    socket.write(head)
    socket.write(frame)
    socket.uncork()
  }

  close(): void {
    this.closed = true
    this.timer?.cancel()
    if (this.ready) this.socket?.end(Buffer.concat([number(0), number(4), number(Control.STOP)]))
    else this.socket?.destroy()
  }

  private open(): void {
    const socket = connect(this.path)
    let received = Buffer.alloc(0)
    this.socket = socket
    socket.on('connect', () => socket.write(controlFrame(Control.READY)))
    socket.on('data', chunk => {
      if (this.ready) return
      received = Buffer.concat([received, chunk])
      if (received.length < 12) return
      // What it accepts is what we offered: there is no other.
      if (received.readUInt32BE(8) !== Control.ACCEPT) return void socket.destroy()
      this.ready = true
      this.wait = RETRY.first
      socket.write(controlFrame(Control.START))
      this.log.info({ socket: this.path }, 'dnstap is connected')
    })
    socket.on('error', error => this.log.debug({ socket: this.path, error: error.message }, 'dnstap is not connected'))
    socket.on('close', () => this.again())
  }

  private again(): void {
    if (this.ready) this.log.warn({ socket: this.path }, 'dnstap has lost its reader')
    this.ready = false
    this.socket = undefined
    if (this.closed) return
    this.timer = this.clock.after(this.wait, () => this.open())
    this.wait = Math.min(RETRY.most, this.wait * 2)
  }
}

/** An escape (a data frame of length 0), the length, the type, and the content type. */
function controlFrame(type: number): Buffer {
  const body = Buffer.concat([number(type), number(CONTENT_TYPE_FIELD), number(CONTENT_TYPE.length), CONTENT_TYPE])
  return Buffer.concat([number(0), number(body.length), body])
}

function number(value: number): Buffer {
  const octets = Buffer.alloc(4)
  octets.writeUInt32BE(value)
  return octets
}
