import { once } from 'node:events'
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2'
import { get } from 'node:https'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import type { RequestHandler } from '../../../server/listen/client.ts'
import { HTTPS_LIMITS } from '../../../server/listen/connections.ts'
import { listenHttps } from '../../../server/listen/https.ts'
import { readProxyHeader } from '../../../server/listen/proxy-header.ts'
import { scratchFolder } from '../../scratch.ts'
import { createSimulatedClock } from '../../simulation/clock.ts'
import { selfSigned } from '../certificate.ts'
import { frameOf, framesIn, GREETING, getFrame, SETTINGS } from './http2/frames.ts'
import { streamOptions } from './stream-options.ts'

const certificate = await selfSigned('localhost')
const echo: RequestHandler = (request, at, end, _client, out, outAt) => {
  out.set(request.subarray(at, end), outAt)
  return end - at
}

/** An HTTPS listener, and beside it who takes over: each connection's version of HTTP, port of the client, and first octets after that. */
async function listen(t: Test) {
  const path = join(scratchFolder(t), 'https.sock')
  const taken: { version: number; port: number; text: string }[] = []
  const main = createServer(socket => {
    socket.on('data', octets => {
      const header = readProxyHeader(octets, 1, octets.length)
      if (!header?.from) return
      taken.push({ version: octets[0]!, port: header.from.port, text: octets.toString('latin1', 1 + header.length) })
      socket.write('taken over')
    })
    socket.on('error', () => {})
  })
  main.listen(path)
  await once(main, 'listening')
  const clock = createSimulatedClock()
  const options = streamOptions({ handler: echo, clock, limits: HTTPS_LIMITS })
  const listener = await listenHttps({ address: { address: '127.0.0.1', port: 0 } }, certificate, options, path)
  const sockets: TLSSocket[] = []
  t.teardown(async () => {
    for (const socket of sockets) socket.destroy()
    await listener.close(0)
    main.close()
  })
  const open = async (more: ConnectionOptions = { ALPNProtocols: ['h2'] }): Promise<TLSSocket> => {
    const socket = connect({ host: '127.0.0.1', port: listener.address.port, rejectUnauthorized: false, ...more })
    sockets.push(socket)
    socket.on('error', () => {})
    await once(socket, 'secureConnect')
    return socket
  }
  return { listener, clock, taken, open }
}

const settle = async (condition: () => boolean) => {
  while (!condition()) await new Promise(setImmediate)
}
const others = () => frameOf(1, 5, 1, Buffer.of(0x82, 0x87, 0x84))

t.test('a connection of HTTP/2 that asks for DoH first is served, wherever its octets are cut', async t => {
  const { open, taken } = await listen(t)
  const message = Buffer.concat([Buffer.alloc(12), Buffer.from('hello')])
  const all = Buffer.concat([GREETING, getFrame(1, message)])
  for (const cut of [1, 23, 24, 30, 33, 40, 50, all.length - 1, all.length]) {
    const socket = await open()
    socket.write(all.subarray(0, cut))
    await new Promise(setImmediate)
    socket.write(all.subarray(cut))
    let received = Buffer.alloc(0)
    socket.on('data', chunk => {
      received = Buffer.concat([received, chunk])
    })
    await settle(() => framesIn(received).some(({ type, flags }) => type === 0 && flags === 1))
    t.same(framesIn(received).find(({ type }) => type === 0)!.payload, message, `cut at ${cut}`)
  }
  t.same(taken, [])
})

t.test('any other is handed over with all that was read', async t => {
  const { open, taken } = await listen(t)
  const cases: [string, Buffer, ConnectionOptions, number][] = [
    ['HTTP/1.1', Buffer.from('GET / HTTP/1.1\r\n\r\n'), { ALPNProtocols: ['http/1.1'] }, 1],
    ['no ALPN', Buffer.from('GET / HTTP/1.1\r\n\r\n'), {}, 1],
    ['another path', Buffer.concat([GREETING, others()]), { ALPNProtocols: ['h2'] }, 2],
    [
      'fields in several frames',
      Buffer.concat([GREETING, frameOf(1, 1, 1, Buffer.of(0x82))]),
      { ALPNProtocols: ['h2'] },
      2,
    ],
    [
      'fields that break HPACK',
      Buffer.concat([GREETING, frameOf(1, 5, 1, Buffer.of(0x80))]),
      { ALPNProtocols: ['h2'] },
      2,
    ],
    ['no HTTP/2 at all', Buffer.from('\x16\x03 something else'), { ALPNProtocols: ['h2'] }, 2],
    [
      'a frame that is too long',
      Buffer.concat([GREETING, Buffer.of(255, 0, 0, 0, 0, 0, 0, 0, 1)]),
      { ALPNProtocols: ['h2'] },
      2,
    ],
    [
      'a great deal before anything',
      Buffer.concat([GREETING, ...Array(5000).fill(SETTINGS), frameOf(6, 0, 0).subarray(0, 1)]),
      { ALPNProtocols: ['h2'] },
      2,
    ],
  ]
  for (const [name, octets, options, version] of cases) {
    const socket = await open(options)
    socket.write(octets)
    const [answer] = (await once(socket, 'data')) as [Buffer]
    t.equal(String(answer), 'taken over', name)
    const last = taken.pop()!
    t.equal(last.version, version)
    t.equal(last.port, socket.localPort)
    if (version === 2) t.equal(last.text.slice(0, octets.length), octets.toString('latin1').slice(0, last.text.length))
  }
})

t.test('a client that waits for our SETTINGS before it asks is handed over', async t => {
  const { open, taken, clock } = await listen(t)
  const socket = await open()
  socket.write(GREETING)
  await settle(() => clock.pending() > 1)
  t.same(taken, [])
  await clock.advance(100)
  await once(socket, 'data')
  t.match(taken, [{ version: 2, text: GREETING.toString('latin1') }])
})

t.test('one that says nothing at all is closed once it has idled', async t => {
  const { open, clock, listener } = await listen(t)
  const socket = await open()
  await clock.advance(HTTPS_LIMITS.idle - 1000)
  t.equal(listener.counts.open, 1)
  const closed = once(socket, 'close')
  await clock.advance(2000)
  await closed
  t.match(listener.counts, { open: 0, timedOut: 1 })
})

t.test('a connection that nobody takes over is closed', async t => {
  const options = streamOptions({ handler: echo, clock: createSimulatedClock(), limits: HTTPS_LIMITS, onError() {} })
  const nowhere = join(scratchFolder(t), 'nobody')
  const listener = await listenHttps({ address: { address: '127.0.0.1', port: 0 } }, certificate, options, nowhere)
  t.teardown(() => listener.close(0))
  const request = get({ host: '127.0.0.1', port: listener.address.port, rejectUnauthorized: false, agent: false })
  await once(request, 'error')
  await settle(() => listener.counts.open === 0)
})

t.test('session tickets of one thread are good at another (RFC 8446 §4.6.1)', async t => {
  const tickets = Buffer.alloc(48, 7)
  const options = streamOptions({ handler: echo, clock: createSimulatedClock(), limits: HTTPS_LIMITS, onError() {} })
  const nowhere = join(scratchFolder(t), 'nobody')
  const start = (secrets: typeof certificate & { tickets?: Uint8Array }) =>
    listenHttps({ address: { address: '127.0.0.1', port: 0 } }, secrets, options, nowhere)
  const threads = [
    await start({ ...certificate, tickets }),
    await start({ ...certificate, tickets }),
    await start(certificate),
  ]
  t.teardown(() => Promise.all(threads.map(thread => thread.close(0))))
  const visit = (thread: number, session?: Buffer): TLSSocket => {
    const { port } = threads[thread]!.address
    const at = { host: '127.0.0.1', port, ALPNProtocols: ['h2'], rejectUnauthorized: false }
    const socket = connect({ ...at, ...(session && { session }) })
    t.teardown(() => socket.destroy())
    return socket.on('error', () => {})
  }
  const isReused = async (thread: number, session: Buffer): Promise<boolean> => {
    const socket = visit(thread, session)
    await once(socket, 'secureConnect')
    return socket.isSessionReused()
  }
  const [session] = (await once(visit(0), 'session')) as [Buffer]
  t.equal(await isReused(1, session), true)
  t.equal(await isReused(2, session), false, 'one that has another key')
  threads[1]!.renew({ ...certificate, tickets: Buffer.alloc(48, 8) })
  t.equal(await isReused(1, session), false, 'nor does one that has got a new key')
})

t.test('hundreds of sessions of node’s own client', async t => {
  const { listener } = await listen(t)
  const sessions: ClientHttp2Session[] = []
  const message = Buffer.concat([Buffer.alloc(12), Buffer.from('many')])
  const ask = async () => {
    const session = connectHttp2(`https://127.0.0.1:${listener.address.port}`, { rejectUnauthorized: false })
    sessions.push(session)
    const stream = session.request({ ':path': `/dns-query?dns=${message.toString('base64url')}` })
    const [chunk] = (await once(stream, 'data')) as [Buffer]
    return chunk.equals(message)
  }
  const answered = await Promise.all(Array.from({ length: 100 }, ask))
  t.ok(answered.every(Boolean))
  for (const session of sessions) session.destroy()
  await settle(() => listener.counts.open === 0)
})
