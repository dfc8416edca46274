import { once } from 'node:events'
import { connect as connectPlain } from 'node:net'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import t from 'tap'
import type { RequestHandler } from '../../../server/listen/client.ts'
import { STREAM_LIMITS } from '../../../server/listen/connections.ts'
import { frame } from '../../../server/listen/framing.ts'
import { listenTls, type ServerCertificate } from '../../../server/listen/tls.ts'
import { selfSigned } from '../certificate.ts'
import { streamOptions } from './stream-options.ts'

const transports: string[] = []
const versions: (string | undefined)[] = []
const echo: RequestHandler = (request, at, end, client, out, outAt) => {
  transports.push(client.transport)
  versions.push(client.tlsVersion)
  out.set(request.subarray(at, end), outAt)
  return end - at
}

async function listen(
  t: { teardown(task: () => unknown): void },
  certificate: ServerCertificate,
  limits = STREAM_LIMITS,
) {
  const options = streamOptions({ handler: echo, limits })
  const listener = await listenTls({ address: { address: '127.0.0.1', port: 0 } }, certificate, options)
  t.teardown(() => listener.close(0))
  const open = async (more: ConnectionOptions & { localAddress?: string } = {}): Promise<TLSSocket> => {
    const socket = connect({ host: '127.0.0.1', port: listener.address.port, rejectUnauthorized: false, ...more })
    t.teardown(() => socket.destroy())
    await once(socket, 'secureConnect')
    return socket
  }
  return { listener, open }
}

async function exchange(socket: TLSSocket, text: string): Promise<string> {
  socket.write(frame(Buffer.from(text)))
  const [answer] = (await once(socket, 'data')) as [Buffer]
  return answer.subarray(2).toString()
}

t.test('DNS over TLS (RFC 7858)', async t => {
  const { listener, open } = await listen(t, await selfSigned('first.example'))

  t.test('§3.3 messages are framed as over TCP', async t => {
    const socket = await open()
    t.equal(await exchange(socket, 'hello'), 'hello')
    t.equal(transports.at(-1), 'tls')
    t.equal(socket.getPeerCertificate().subject.CN, 'first.example')
  })

  t.test('a client may name the protocol by ALPN, or not', async t => {
    t.equal((await open({ ALPNProtocols: ['dot'] })).alpnProtocol, 'dot')
    t.equal((await open()).alpnProtocol, false)
  })

  t.test('RFC 8310 §9: nothing older than TLS 1.2', async t => {
    const socket = connect({
      host: '127.0.0.1',
      port: listener.address.port,
      rejectUnauthorized: false,
      maxVersion: 'TLSv1.1',
      minVersion: 'TLSv1',
      ciphers: 'ALL@SECLEVEL=0',
    })
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException]
    t.match(error.message, /protocol version|unsupported protocol|no protocols available/i)
  })

  t.test('RFC 9103 §7.2: it is told whether a connection is good enough for transfers', async t => {
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      await exchange(await open({ maxVersion: version, minVersion: version }), 'hello')
      t.equal(versions.at(-1), version)
    }
  })

  t.test('a client that speaks no TLS is dropped, and does no harm', async t => {
    const plain = connectPlain(listener.address.port, '127.0.0.1')
    plain.on('error', () => {})
    plain.write(frame(Buffer.from('not a ClientHello')))
    plain.resume()
    await once(plain, 'close')
    t.equal(await exchange(await open(), 'still here'), 'still here')
  })

  t.test('a client that leaves before its handshake is let go', async t => {
    const plain = connectPlain({ port: listener.address.port, host: '127.0.0.1', allowHalfOpen: true })
    t.teardown(() => plain.destroy())
    plain.resume().end()
    await once(plain, 'end')
  })

  t.test('a client may close its half of the connection once it has asked', async t => {
    const socket = await open()
    socket.end(frame(Buffer.from('the last')))
    const [answer] = (await once(socket, 'data')) as [Buffer]
    t.equal(answer.subarray(2).toString(), 'the last')
  })

  t.test('a renewed certificate is for new connections; the old ones live on', async t => {
    const before = await open()
    listener.renew(await selfSigned('second.example'))
    const after = await open()
    t.equal(after.getPeerCertificate().subject.CN, 'second.example')
    t.equal(await exchange(before, 'old'), 'old')
    t.equal(await exchange(after, 'new'), 'new')
  })
})

t.test('RFC 9210 §4.3: a client that shakes no hands does not take the room of others', async t => {
  const limits = { ...STREAM_LIMITS, connections: 8, perClient: 4 }
  const { listener, open } = await listen(t, await selfSigned('first.example'), limits)
  const idle = Array.from({ length: 2 * limits.connections }, () => {
    const socket = connectPlain(listener.address.port, '127.0.0.1')
    socket.on('error', () => {})
    t.teardown(() => socket.destroy())
    return socket.resume()
  })
  // Half of them are let go.
  let closed = 0
  await new Promise<void>(resolve => {
    for (const socket of idle) socket.once('close', () => ++closed === 8 && resolve())
  })
  t.equal(await exchange(await open({ localAddress: '127.0.0.2' }), 'hello'), 'hello')
  for (const socket of idle) socket.destroy()
  for (let i = 0; i < 20; i++) {
    const socket = await open({ localAddress: '127.0.0.3' })
    t.equal(await exchange(socket, 'again'), 'again')
    socket.destroy()
    await once(socket, 'close')
  }
})

t.test('a stop does not wait for a client that has not shaken hands', async t => {
  const { listener } = await listen(t, await selfSigned('first.example'))
  const plain = connectPlain(listener.address.port, '127.0.0.1')
  await once(plain, 'connect')
  // Accepted once a later connection is.
  const later = connect({ host: '127.0.0.1', port: listener.address.port, rejectUnauthorized: false })
  await once(later, 'secureConnect')
  later.destroy()
  await Promise.all([listener.close(0), once(plain.resume(), 'close')])
})

t.test('a proxy says before the handshake for whom it speaks', async t => {
  const header = Buffer.from('0d0a0d0a000d0a515549540a2111000cc0000209c63364051f900035', 'hex')
  const seen: string[] = []
  const handler: RequestHandler = (request, at, end, client, out, outAt, limit) => {
    seen.push(`${client.address.join('.')} ${client.port} ${client.destination.join('.')} ${client.destinationPort}`)
    return echo(request, at, end, client, out, outAt, limit)
  }
  const proxies = () => [{ bytes: Uint8Array.of(127, 0, 0, 1), length: 32 }]
  const options = streamOptions({ handler, proxies, limits: STREAM_LIMITS })
  const listener = await listenTls(
    { address: { address: '127.0.0.1', port: 0 } },
    await selfSigned('first.example'),
    options,
  )
  t.teardown(() => listener.close(0))
  const { port } = listener.address
  for (const together of [true, false]) {
    const plain = connectPlain({ host: '127.0.0.1', port })
    await once(plain, 'connect')
    if (together) plain.cork()
    plain.write(header)
    if (!together) await new Promise(setImmediate)
    const socket = connect({ socket: plain, rejectUnauthorized: false })
    if (together) setImmediate(() => plain.uncork())
    await once(socket, 'secureConnect')
    t.equal(await exchange(socket, 'hello'), 'hello')
    socket.destroy()
  }
  t.same(seen, ['192.0.2.9 8080 198.51.100.5 53', '192.0.2.9 8080 198.51.100.5 53'])
  const headless = connect({ host: '127.0.0.1', port, rejectUnauthorized: false })
  headless.on('error', () => {})
  await new Promise(resolve => headless.on('close', resolve))
  t.equal(seen.length, 2, 'without a header the connection ends')
})
