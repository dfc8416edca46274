import t from 'tap'
import { DohStream } from '../../../../server/listen/http2/doh-stream.ts'

const PEER = { address: new Uint8Array(4), port: 1, destination: new Uint8Array(4), destinationPort: 2 }
const FRAMES = 100_000

/** A stream of a connection that does nothing. */
function stream(): DohStream {
  const owner = { ...PEER, tlsVersion: undefined, closed: false, sendLater() {}, finishStream() {} }
  return new DohStream(owner, 1, '/dns-query', 65_535)
}

/** Octets that the body takes once it has come in frames of this length. */
function heapOf(length: number): number {
  const body = stream()
  const octets = Uint8Array.from({ length }, (_, i) => i)
  const before = process.memoryUsage()
  for (let i = 0; i < FRAMES; i++) body.append(octets, 0, length)
  const after = process.memoryUsage()
  t.equal(body.received, FRAMES * length)
  return after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers
}

t.test('a body takes no more memory for coming in very many frames, or in empty ones', async t => {
  t.ok(heapOf(0) < 50 * FRAMES, 'empty frames')
  t.ok(heapOf(1) < 50 * FRAMES, 'frames of one octet')
})

t.test('the body is what came, in order', async t => {
  const body = stream()
  const octets = Uint8Array.from({ length: 1000 }, (_, i) => i)
  for (const [at, end] of [
    [0, 0],
    [0, 1],
    [1, 600],
    [600, 600],
    [600, 1000],
  ] as const)
    body.append(octets, at, end)
  t.same(Buffer.from(body.takeBody()), Buffer.from(octets))
})
