import { once } from 'node:events'
import { Agent, type ClientRequest, get, type IncomingMessage } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { get as getTls, Agent as TlsAgent } from 'node:https'
import { connect, type Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import t, { type Test } from 'tap'
import { silentLog } from '../../../host/log.ts'
import { type Early, openHttp } from '../../../server/http/http.ts'
import { createApp } from '../../../server/http/http-app.ts'
import { selfSigned } from '../certificate.ts'
import { type HttpsServer, openHttps } from '../https.ts'

async function listening(t: Test, early: Early) {
  const listener = await openHttp([{ address: '127.0.0.1', port: 0 }], early)
  t.teardown(() => listener.close(0))
  const { port } = listener.bound[0]!
  const ask = async () => {
    const [response] = (await once(get({ port, path: '/', agent: false }), 'response')) as [IncomingMessage]
    response.resume()
    return response.statusCode
  }
  const app = createApp(silentLog)
  app.get('/', async () => 'here')
  return { listener, ask, app }
}

t.test('a request that comes during the start has its answer once everything is there', async t => {
  const { listener, ask, app } = await listening(t, 'waits')
  let status: number | undefined
  const asked = ask().then(code => {
    status = code
  })
  for (let turn = 0; turn < 50; turn++) await setImmediate()
  t.equal(status, undefined, 'it waits')
  await listener.serve(app)
  await asked
  t.equal(status, 200)
  t.equal(await ask(), 200)
})

t.test('or is told at once to come again', async t => {
  const { listener, ask, app } = await listening(t, 'is refused')
  t.equal(await ask(), 503)
  await listener.serve(app)
  t.equal(await ask(), 200)
})

/** More than any test may take: who waits for it hangs. */
const PATIENCE = 3_600_000
const INSECURE = { host: '127.0.0.1', rejectUnauthorized: false }

/** What is there to wait for of an open connection. */
interface Opened {
  end: Promise<unknown>
}

/** Connections that nothing is asked on, or nothing any more, each with its end. */
const IDLE: Record<string, { tls: boolean; open: (port: number) => Promise<Opened> }> = {
  'of TCP': { tls: false, open: async port => ended(connect(port, '127.0.0.1'), 'connect') },
  'of TCP that never began TLS': { tls: true, open: async port => ended(connect(port, '127.0.0.1'), 'connect') },
  'of TLS': { tls: true, open: async port => ended(connectTls({ port, ...INSECURE }), 'secureConnect') },
  'of HTTP/1.1, kept alive': {
    tls: false,
    open: port => answered(get({ port, path: '/', agent: new Agent({ keepAlive: true }) })),
  },
  'of HTTP/1.1 in TLS, kept alive': {
    tls: true,
    open: port => answered(getTls({ port, path: '/', agent: new TlsAgent({ keepAlive: true }), ...INSECURE })),
  },
  'of HTTP/2': {
    tls: true,
    async open(port) {
      const session = connectHttp2(`https://127.0.0.1:${port}`, { rejectUnauthorized: false })
      const end = once(session, 'close')
      const stream = session.request({ ':path': '/' })
      stream.resume()
      await once(stream, 'close')
      return { end }
    },
  },
}

async function openPlain(): Promise<Omit<HttpsServer, 'renew'>> {
  const listener = await openHttp([{ address: '127.0.0.1', port: 0 }])
  return { ...listener, port: listener.bound[0]!.port }
}

async function ended(socket: Socket, opened: string): Promise<Opened> {
  socket.on('error', () => {})
  await once(socket, opened)
  return { end: once(socket, 'close') }
}

async function answered(request: ClientRequest): Promise<Opened> {
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const { socket } = response
  const end = once(socket, 'close')
  response.resume()
  await once(response, 'end')
  await setImmediate()
  // An agent lets the process end with connections that it keeps alive.
  socket.ref()
  return { end }
}

for (const [what, { tls, open }] of Object.entries(IDLE))
  t.test(`a stop waits for no idle connection ${what}`, async t => {
    const listener = tls ? await openHttps(t, await selfSigned('127.0.0.1')) : await openPlain()
    const app = createApp(silentLog)
    app.get('/', async () => 'here')
    await listener.serve(app)
    const { end } = await open(listener.port)
    await listener.close(PATIENCE)
    await end
    t.pass('both ends are closed')
  })

t.test('a stop lets what was asked be answered, and closes the connection then', async t => {
  const listener = await openHttp([{ address: '127.0.0.1', port: 0 }])
  const app = createApp(silentLog)
  const { promise, resolve } = Promise.withResolvers<string>()
  const { promise: asked, resolve: reached } = Promise.withResolvers<void>()
  app.get('/', () => {
    reached()
    return promise
  })
  await listener.serve(app)
  const request = get({ port: listener.bound[0]!.port, path: '/', agent: new Agent({ keepAlive: true }) })
  const done = answered(request)
  await asked
  const closed = listener.close(PATIENCE)
  resolve('late')
  await await done
  await closed
  t.pass('both ends are closed')
})
