/**
 * Looks for memory that the kernel writes to and the garbage collector has moved or taken back: datagrams of random octets go through each kind of batched
 * listener and come back, while memory is allocated and collected all the time. An answer that differs from its question ends it with exit code 1.
 *   node --expose-gc --max-old-space-size=48 --max-semi-space-size=1 scripts/soak-batches.ts [--datagrams 1000000]
 */
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { LATER, type RequestHandler } from '../server/listen/client.ts'
import type { DatagramListener, DatagramOptions } from '../server/listen/datagrams.ts'
import { EndOfTurn } from '../server/listen/end-of-turn.ts'
import { LINUX, loadLibc } from '../server/listen/libc.ts'
import { Poller } from '../server/listen/poller.ts'
import { openSockets } from '../server/listen/sockets.ts'
import { createBatches, listenBatched, listenPolled } from '../server/listen/udp.ts'
import { listenLate } from '../server/listen/udp-late.ts'

const { values } = parseArgs({ options: { datagrams: { type: 'string', default: '1000000' } } })
const { gc } = globalThis
if (!gc) throw new Error('to be run with --expose-gc')
const libc = loadLibc()!
const AT_ONCE = 200
const SIZES = [12, 64, 512, 1200]
/** One of so many answers comes later. */
const POSTPONED = 7
/** What is kept of the memory that is allocated in between, for the collector to have something to move. */
const KEPT = 256

const octets = Uint8Array.from({ length: 1 << 16 }, () => Math.random() * 256)
const garbage: ArrayBuffer[] = []

/** Sends back what came, with the octets turned about, at once or later. */
const turn: RequestHandler = (request, at, end, client, out, outAt) => {
  if (request[at]! % POSTPONED === 0) {
    const [kept, answer] = [client.retain(), new Uint8Array(end - at)]
    for (let i = at; i < end; i++) answer[i - at] = request[i]! ^ 255
    setImmediate(() => {
      kept.send(answer)
      kept.finish()
    })
    return LATER
  }
  for (let i = at; i < end; i++) out[outAt + i - at] = request[i]! ^ 255
  return end - at
}

const options: DatagramOptions = {
  handler: turn,
  beforeBatch() {
    garbage[Math.floor(Math.random() * KEPT)] = new ArrayBuffer(1 + Math.floor(Math.random() * 16_384))
  },
  onError(error) {
    throw error
  },
}

/** Every kind of listener, each on a socket of its own. */
async function listeners(): Promise<DatagramListener[]> {
  const dns = Array.from({ length: 3 }, () => ({ address: '127.0.0.1', port: 0 }))
  const sockets = await openSockets({ dns, dot: [], workers: 1, libc })
  const [first, second, third] = sockets.forWorker(0).filter(({ kind }) => kind === 'udp')
  const informed = new Uint8Array(Int32Array.of(1).buffer)
  libc.setsockopt(third!.fd!, LINUX.IPPROTO_IP, LINUX.IP_PKTINFO, informed, informed.length)
  const poller = await Poller.create(libc)
  return [
    await listenBatched(first!.fd!, first!.address, createBatches(libc, new EndOfTurn()), options),
    listenPolled(second!.fd!, second!.address, createBatches(libc, new EndOfTurn()), poller!, options),
    listenLate([{ fd: third!.fd!, local: third!.address }], createBatches(libc, new EndOfTurn()), options),
  ]
}

/** Sends a part of `octets` and takes the answer; the socket has one question under way. */
async function exchange(socket: Socket): Promise<void> {
  const size = SIZES[Math.floor(Math.random() * SIZES.length)]!
  const at = Math.floor(Math.random() * (octets.length - size))
  const answer = once(socket, 'message') as Promise<[Buffer]>
  socket.send(octets, at, size)
  const [message] = await answer
  const same = message.length === size && message.every((octet, i) => octet === (octets[at + i]! ^ 255))
  if (!same) throw new Error(`an answer of ${message.length} octets is not that to a question of ${size}`)
}

const served = await listeners()
let left = Number(values.datagrams)
await Promise.all(
  Array.from({ length: AT_ONCE }, async (_, i) => {
    const socket = createSocket('udp4')
    socket.connect(served[i % served.length]!.address.port, '127.0.0.1')
    await once(socket, 'connect')
    while (left-- > 0) {
      await exchange(socket)
      if (left % 500 === 0) gc({ type: left % 1000 === 0 ? 'major' : 'minor' })
    }
    socket.close()
  }),
)
const dropped = served.reduce((sum, { counts }) => sum + counts.dropped, 0)
console.log(`${values.datagrams} datagrams came back as they should; ${dropped} were dropped`)
process.exit(dropped > 0 ? 1 : 0)
