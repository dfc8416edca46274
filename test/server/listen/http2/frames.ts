import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type { Test } from 'tap'
import type { RequestHandler } from '../../../../server/listen/client.ts'
import { Connections, HTTPS_LIMITS, type StreamLimits } from '../../../../server/listen/connections.ts'
import { DohConnection } from '../../../../server/listen/http2/doh-connection.ts'
import {
  FRAME_HEADER,
  FrameFlag,
  FrameType,
  MOST_FIELDS,
  PREFACE,
  readU24,
  readU31,
  writeFrameHeader,
} from '../../../../server/listen/http2/frames.ts'
import { RequestHead } from '../../../../server/listen/http2/request-head.ts'
import { createSimulatedClock, type SimulatedClock } from '../../../simulation/clock.ts'
import { streamOptions } from '../stream-options.ts'

/** A frame as it is seen on the wire. */
export interface Frame {
  type: number
  flags: number
  id: number
  payload: Buffer
}

export function frameOf(type: number, flags: number, id: number, payload: Uint8Array = new Uint8Array()): Buffer {
  const frame = Buffer.alloc(FRAME_HEADER + payload.length)
  frame.set(payload, writeFrameHeader(frame, 0, payload.length, type, flags, id))
  return frame
}

export const SETTINGS = frameOf(FrameType.SETTINGS, 0, 0)
export const GREETING = Buffer.concat([PREFACE, SETTINGS])

/** Fields as literals without indexing. */
export function fieldsOf(fields: Record<string, string>): Buffer {
  const literal = (text: string) => Buffer.concat([lengthOf(text.length), Buffer.from(text, 'latin1')])
  return Buffer.concat(Object.entries(fields).flatMap(([name, value]) => [Buffer.of(0), literal(name), literal(value)]))
}

/** RFC 7541 §5.1, with a prefix of seven bits. */
function lengthOf(length: number): Buffer {
  if (length < 127) return Buffer.of(length)
  const octets = [127]
  let left = length - 127
  for (; left >= 128; left >>>= 7) octets.push((left & 127) | 128)
  return Buffer.of(...octets, left)
}

export const GET = { ':method': 'GET', ':scheme': 'https', ':authority': 'a.example' }
export const POST = {
  ...{ ':method': 'POST', ':scheme': 'https', ':path': '/dns-query', ':authority': 'a.example' },
  'content-type': 'application/dns-message',
}

/** A whole request by GET. */
export function getFrame(
  id: number,
  message: Uint8Array,
  path = '/dns-query',
  more: Record<string, string> = {},
): Buffer {
  const fields = fieldsOf({ ...GET, ':path': `${path}?dns=${Buffer.from(message).toString('base64url')}`, ...more })
  return frameOf(FrameType.HEADERS, FrameFlag.END_HEADERS | FrameFlag.END_STREAM, id, fields)
}

/** The fields of a POST; its body follows. */
export function postFrame(id: number, more: Record<string, string> = {}): Buffer {
  return frameOf(FrameType.HEADERS, FrameFlag.END_HEADERS, id, fieldsOf({ ...POST, ...more }))
}

export function dataFrame(id: number, data: Uint8Array, ends = true): Buffer {
  return frameOf(FrameType.DATA, ends ? FrameFlag.END_STREAM : 0, id, data)
}

export function framesIn(octets: Buffer): Frame[] {
  const frames: Frame[] = []
  for (let at = 0; at + FRAME_HEADER <= octets.length; ) {
    const end = at + FRAME_HEADER + readU24(octets, at)
    if (end > octets.length) break
    const payload = octets.subarray(at + FRAME_HEADER, end)
    frames.push({ type: octets[at + 3]!, flags: octets[at + 4]!, id: readU31(octets, at + 5), payload })
    at = end
  }
  return frames
}

/** A client that writes frames as it likes, and keeps what it gets. */
export class RawClient {
  readonly socket: Socket
  received = Buffer.alloc(0)
  closed = false

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true })
    this.socket.on('error', () => {})
    this.socket.on('data', chunk => {
      this.received = Buffer.concat([this.received, chunk])
    })
    this.socket.on('close', () => {
      this.closed = true
    })
  }

  send(...frames: Uint8Array[]): void {
    this.socket.write(Buffer.concat(frames))
  }

  /** All frames that have come once there is such a one; without it where the server has closed. */
  async until(wanted: (frame: Frame) => boolean): Promise<Frame[]> {
    while (!this.closed && !framesIn(this.received).some(wanted)) await new Promise(setImmediate)
    return framesIn(this.received)
  }

  /** The octets of a stream's DATA once it has ended. */
  async body(id: number): Promise<Buffer> {
    const frames = await this.until(({ type, flags, id: of }) => type === FrameType.DATA && of === id && flags === 1)
    return Buffer.concat(frames.filter(({ type, id: of }) => type === FrameType.DATA && of === id).map(f => f.payload))
  }
}

export interface Serving {
  connections: Connections
  clock: SimulatedClock
  connect(): RawClient
}

/** DoH connections over plain TCP. */
export async function serveDohConnections(
  t: Test,
  handler: RequestHandler,
  limits: Partial<StreamLimits> = {},
): Promise<Serving> {
  const clock = createSimulatedClock()
  const options = streamOptions({ handler, clock, limits: { ...HTTPS_LIMITS, ...limits } })
  const shared = { head: new RequestHead(), scratch: new Uint8Array(MOST_FIELDS) }
  const connections = new Connections(options, (socket, peer, host) => {
    const doh = { options, batch: host.batch, touch: host.touch.bind(host), ...shared }
    return new DohConnection(socket, peer, doh, undefined)
  })
  connections.start()
  const server = createServer({ allowHalfOpen: true, noDelay: true }, socket => connections.accept(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const clients: RawClient[] = []
  t.teardown(async () => {
    for (const { socket } of clients) socket.destroy()
    const drained = connections.drain(0)
    await clock.advance(1)
    await drained
    server.close()
  })
  const connect = (): RawClient => {
    const client = new RawClient(port)
    clients.push(client)
    return client
  }
  return { connections, clock, connect }
}
