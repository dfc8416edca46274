import { once } from 'node:events'
import { Agent, request } from 'node:https'
import { createConnection, type Socket } from 'node:net'
import { join } from 'node:path'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { systemClock } from '../../../host/clock.ts'
import { silentLog } from '../../../host/log.ts'
import { openTakeover } from '../../../server/http/http.ts'
import { createApp } from '../../../server/http/http-app.ts'
import { HTTPS_LIMITS, type StreamLimits } from '../../../server/listen/connections.ts'
import { listenHttps } from '../../../server/listen/https.ts'
import { loadLibc } from '../../../server/listen/libc.ts'
import { scratchFolder } from '../../scratch.ts'
import { createSimulatedClock } from '../../simulation/clock.ts'
import { selfSigned } from '../certificate.ts'
import { streamOptions } from '../listen/stream-options.ts'

const libc = loadLibc()
const own = { ...(await selfSigned('localhost')), tickets: Buffer.alloc(48, 7) }
const skip = libc ? false : 'descriptors are not to be had here'
/** More than any test may take: who waits for it hangs. */
const PATIENCE = 3_600_000

/** HTTPS whose main thread tells the client's port; `ways` has how each connection came there. */
async function open(t: Test, { limits = HTTPS_LIMITS as StreamLimits, clock = systemClock } = {}) {
  const path = join(scratchFolder(t), 'https.sock')
  const main = await openTakeover(path)
  main.entrusted.renew(own)
  const app = createApp(silentLog)
  app.get('/', async ({ socket }) => String(socket.remotePort))
  await main.serve(app)
  const closed: (() => void)[] = []
  let entrusted = 0
  const take = (fd: number, read: Uint8Array, done: () => void): void => {
    entrusted++
    main.entrusted.take(fd, read, () => {
      done()
      closed.shift()?.()
    })
  }
  const options = streamOptions({ handler: () => 0, limits, clock })
  const where = { address: { address: '127.0.0.1', port: 0 } }
  const listener = await listenHttps(where, own, options, path, { libc: libc!, take })
  t.teardown(() => Promise.all([main.close(0), listener.close(0)]))
  const { port } = listener.address
  const shake = async (more: ConnectionOptions = {}): Promise<TLSSocket> => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...more }).on('error', () => {})
    await once(socket, 'secureConnect')
    return socket
  }
  /** Resolves once main has told that one more has closed. */
  const nextClosed = () => new Promise<void>(resolve => closed.push(resolve))
  return { main, listener, port, shake, nextClosed, entrusted: () => entrusted }
}

async function ask(socket: TLSSocket): Promise<string> {
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
  const [answer] = (await once(socket, 'data')) as [Buffer]
  return String(answer).split('\r\n\r\n')[1]!
}

t.test('who speaks no HTTP/2 shakes hands with the main thread', { skip }, async t => {
  const { shake, entrusted } = await open(t)
  for (const more of [{}, { ALPNProtocols: ['http/1.1'] }, { ALPNProtocols: ['http/1.1', 'http/1.0'] }]) {
    const socket = await shake(more)
    t.equal(await ask(socket), String(socket.localPort), "the address is the client's")
    socket.destroy()
  }
  t.equal(entrusted(), 3)
  const socket = await shake({ ALPNProtocols: ['h2', 'http/1.1'] })
  t.equal(socket.alpnProtocol, 'h2')
  socket.destroy()
  t.equal(entrusted(), 3)
})

t.test('a ClientHello may come in pieces', { skip }, async t => {
  const { port, entrusted } = await open(t)
  const plain = createConnection({ host: '127.0.0.1', port, noDelay: true })
  const write = plain.write.bind(plain) as (octets: Buffer) => boolean
  // The pieces go out as turns of the event loop come.
  Object.assign(plain, {
    write(octets: Buffer) {
      write(octets.subarray(0, 10))
      setImmediate(() => write(octets.subarray(10)))
      return true
    },
  })
  await once(plain, 'connect')
  const socket = connect({ socket: plain, rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  t.equal(await ask(socket), String(plain.localPort))
  t.equal(entrusted(), 1)
  socket.destroy()
})

t.test('they count until they close, and limits of a client hold for them', { skip }, async t => {
  const { listener, port, shake, nextClosed } = await open(t, { limits: { ...HTTPS_LIMITS, perClient: 2 } })
  const [first] = [await shake(), await shake()]
  t.match(listener.counts, { open: 2, accepted: 2, refused: 0 })
  const third: Socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false })
  const [error] = await once(third, 'error')
  t.equal((error as NodeJS.ErrnoException).code, 'ECONNRESET')
  t.match(listener.counts, { open: 2, refused: 1 })
  const closed = nextClosed()
  first!.destroy()
  await closed
  t.equal(listener.counts.open, 1)
  t.ok(await ask(await shake()))
})

t.test('the main thread is given so many handshakes, and the rest is done by the serving thread', { skip }, async t => {
  const clock = createSimulatedClock(systemClock.now())
  const { shake, entrusted } = await open(t, { clock })
  for (let i = 0; i < 70; i++) {
    const socket = await shake()
    if (i > 60) t.equal(await ask(socket), String(socket.localPort))
    socket.destroy()
  }
  t.equal(entrusted(), 64)
  await clock.advance(1000)
  const socket = await shake()
  t.ok(await ask(socket))
  t.equal(entrusted(), 65)
  socket.destroy()
})

t.test('a session that one thread began is resumed by the other', { skip }, async t => {
  const { shake, entrusted } = await open(t)
  const begun = await shake()
  const session = once(begun, 'session')
  await ask(begun)
  const resumed = await shake({ session: (await session)[0], ALPNProtocols: ['h2'] })
  t.equal(resumed.isSessionReused(), true)
  t.equal(entrusted(), 1)
  begun.destroy()
  resumed.destroy()
})

t.test(
  'a stop ends idle ones, and those that have not shaken hands, at once, and lets a request end',
  { skip },
  async t => {
    const { main, listener, port } = await open(t)
    const agent = new Agent({ keepAlive: true })
    const [response] = await once(
      request({ host: '127.0.0.1', port, agent, rejectUnauthorized: false }).end(),
      'response',
    )
    response.resume()
    await once(response, 'end')
    t.equal(listener.counts.open, 1)
    await Promise.all([main.close(PATIENCE), listener.close(PATIENCE)])
    t.equal(listener.counts.open, 0)
  },
)
