/** Sends messages that were made beforehand, so many at a time, and waits for the reply to each. */
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'

export type Transport = 'udp' | 'tcp'

export interface Load {
  port: number
  transport: Transport
  /** Messages without a reply at any time; each has a socket of its own. */
  concurrent: number
  wires: readonly Uint8Array[]
}

/** How long no reply may come before the measurement has failed. */
const PATIENCE = 10_000

/** The seconds that it took. Rejects where a reply is missing or has an RCODE other than NOERROR. */
export async function sendAll({ port, transport, concurrent, wires }: Load): Promise<number> {
  const lanes = await Promise.all(
    Array.from({ length: Math.min(concurrent, wires.length) }, () => OPEN[transport](port)),
  )
  let next = 0
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error('a reply is missing')), PATIENCE)
  const begin = performance.now()
  try {
    await Promise.race([late.promise, Promise.all(lanes.map(work))])
    return (performance.now() - begin) / 1000
  } finally {
    clearTimeout(timer)
    for (const lane of lanes) lane.close()
  }

  async function work(lane: Lane): Promise<void> {
    while (next < wires.length) {
      const wire = wires[next++]!
      requireDone(wire, await lane.exchange(wire))
      timer.refresh()
    }
  }
}

function requireDone(request: Uint8Array, reply: Uint8Array): void {
  if (reply[0] !== request[0] || reply[1] !== request[1]) throw new Error('a reply has the ID of another message')
  const rcode = reply[3]! & 15
  if (rcode !== 0) throw new Error(`a reply has the RCODE ${rcode}`)
}

/** A socket that has one message under way. */
interface Lane {
  exchange(wire: Uint8Array): Promise<Uint8Array>
  close(): void
}

const OPEN: Record<Transport, (port: number) => Promise<Lane>> = { udp: openUdp, tcp: openTcp }

async function openUdp(port: number): Promise<Lane> {
  const socket: Socket = createSocket('udp4')
  socket.connect(port, '127.0.0.1')
  await once(socket, 'connect')
  const waiting = waitingRoom()
  socket.on('message', waiting.arrived).on('error', waiting.failed)
  return {
    exchange(wire) {
      socket.send(wire)
      return waiting.reply()
    },
    close: () => socket.close(),
  }
}

async function openTcp(port: number): Promise<Lane> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  const waiting = waitingRoom()
  let kept = Buffer.alloc(0)
  socket.on('error', waiting.failed).on('data', data => {
    kept = kept.length > 0 ? Buffer.concat([kept, data]) : data
    // RFC 1035 §4.2.2: two octets of length go before the message.
    if (kept.length < 2 || kept.length < 2 + kept.readUInt16BE()) return
    const reply = kept.subarray(2)
    kept = Buffer.alloc(0)
    waiting.arrived(reply)
  })
  return {
    exchange(wire) {
      const framed = Buffer.allocUnsafe(wire.length + 2)
      framed.writeUInt16BE(wire.length)
      framed.set(wire, 2)
      socket.write(framed)
      return waiting.reply()
    },
    close: () => socket.destroy(),
  }
}

/** Where the one reply that is awaited is handed over. */
function waitingRoom() {
  let pending: { resolve: (reply: Uint8Array) => void; reject: (error: Error) => void } | undefined
  return {
    arrived: (reply: Uint8Array): void => pending?.resolve(reply),
    failed: (error: Error): void => pending?.reject(error),
    reply(): Promise<Uint8Array> {
      return new Promise((resolve, reject) => {
        pending = { resolve, reject }
      })
    },
  }
}

/** The reply to one message over UDP; undefined where none has come after so many milliseconds. */
export async function ask(port: number, wire: Uint8Array, milliseconds: number): Promise<Uint8Array | undefined> {
  const socket = createSocket('udp4')
  const reply = new Promise<Uint8Array | undefined>(resolve => {
    socket.on('message', resolve)
    // Nobody listens there yet.
    socket.on('error', () => {})
    setTimeout(() => resolve(undefined), milliseconds)
  })
  socket.send(wire, port, '127.0.0.1')
  const message = await reply
  socket.close()
  return message
}
