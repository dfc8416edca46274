import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { join } from 'node:path'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { makeKey, type Signer } from '../../ca/hierarchy/keystore.ts'
import type { Profile } from '../../ca/issue/profiles.ts'
import { systemClock } from '../../host/clock.ts'
import { silentLog } from '../../host/log.ts'
import { openTakeover } from '../../server/http/http.ts'
import { createApp } from '../../server/http/http-app.ts'
import { shownOn } from '../../server/http/take-over.ts'
import { certificateField } from '../../server/listen/certificate-field.ts'
import { HTTPS_LIMITS } from '../../server/listen/connections.ts'
import { EndOfTurn } from '../../server/listen/end-of-turn.ts'
import { listenHttps } from '../../server/listen/https.ts'
import { loadLibc } from '../../server/listen/libc.ts'
import { writeProxyHeader } from '../../server/listen/proxy-header.ts'
import type { TlsSecrets } from '../../server/listen/tls.ts'
import { DAY, dns, leafOf, openFixture, profile } from '../ca/fixture.ts'
import { scratchFolder } from '../scratch.ts'
import { createSimulatedClock } from '../simulation/clock.ts'
import { selfSigned } from './certificate.ts'

const own = await selfSigned('localhost')
/** It was at work some days ago, so that what it made for a day has ended. */
const ca = await openFixture({ clock: createSimulatedClock(systemClock.now() - 10 * DAY) })
const issuers = [ca.hierarchy.root.pem, ca.hierarchy.current().pem]

/** A certificate of the test's CA, PEM with its key. */
async function certified(part: Partial<Profile> = {}, names = ['client.internal.example.com']) {
  const { pem, signer } = (await makeKey('ecdsa-p256')) as { pem: string; signer: Signer }
  const request = { publicKey: signer.publicKey, identifiers: dns(...names), profile: { ...profile, ...part } }
  const { record, chain } = await ca.issuance.issue(request)
  return { cert: leafOf(chain), key: pem, der: record.der }
}

/** Which thread shakes hands with a client that speaks no HTTP/2: the serving thread, which hands over what it decrypts, or the main thread. */
const WAYS = ['handed over', 'entrusted'] as const

/** HTTPS whose every answer is what the client has shown: "none", "not verified", or the certificate in hex. */
async function open(t: Test, way: (typeof WAYS)[number], clients: readonly string[] | null = issuers) {
  const path = join(scratchFolder(t), 'https.sock')
  const takeover = await openTakeover(path)
  const app = createApp(silentLog)
  app.get('/', async ({ socket }) => {
    const shown = shownOn(socket)
    return shown ? (shown.verified ? Buffer.from(shown.der).toString('hex') : 'not verified') : 'none'
  })
  await takeover.serve(app)
  const options = {
    ...{ handler: () => 0, beforeBatch() {}, endOfTurn: new EndOfTurn(), clock: systemClock, limits: HTTPS_LIMITS },
    onError(error: Error) {
      throw error
    },
  }
  const secrets: TlsSecrets = { ...own, tickets: Buffer.alloc(48, 7), ...(clients && { clients }) }
  const { entrusted } = takeover
  entrusted.renew(secrets)
  const libc = way === 'entrusted' ? loadLibc() : undefined
  const whole = libc && { libc, take: entrusted.take.bind(entrusted) }
  const listener = await listenHttps({ address: { address: '127.0.0.1', port: 0 } }, secrets, options, path, whole)
  const renew = (renewed: TlsSecrets) => {
    entrusted.renew(renewed)
    listener.renew(renewed)
  }
  t.teardown(() => Promise.all([takeover.close(0), listener.close(0)]))
  return { port: listener.address.port, renew, secrets }
}

/** Asks once over HTTP/1.1; the body of the answer, and the session to come back with. */
async function ask(port: number, more: ConnectionOptions = {}, head = '') {
  const socket: TLSSocket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...more })
  let session: Buffer | undefined
  let resumed = false
  socket.on('secureConnect', () => {
    resumed = socket.isSessionReused()
  })
  socket.on('session', one => {
    session = one
  })
  socket.write(`${head}GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)
  let text = ''
  for await (const chunk of socket) text += chunk
  return { body: text.split('\r\n\r\n').at(-1)!, session, status: text.slice(9, 12), resumed }
}

for (const way of WAYS)
  t.test(way, async t => {
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const)
      t.test(`${version}: a certificate of ours arrives, in resumed sessions, too`, async t => {
        const { port } = await open(t, way)
        const { cert, key, der } = await certified()
        const tls = { maxVersion: version, minVersion: version }
        const first = await ask(port, { ...tls, cert, key })
        t.equal(first.body, Buffer.from(der).toString('hex'))
        const again = await ask(port, { ...tls, session: first.session })
        t.equal(again.resumed, true)
        t.equal(again.body, Buffer.from(der).toString('hex'), 'the session is still the one in which it was shown')
        const without = await ask(port, tls)
        t.equal(without.body, 'none', 'it is asked for, not required')
        const resumed = await ask(port, { ...tls, session: without.session })
        t.equal(resumed.resumed, true)
        t.equal(resumed.body, 'none', 'a session without one does not become one with it')
      })

    t.test('over HTTP/2 as well', async t => {
      const { port } = await open(t, way)
      const { cert, key, der } = await certified()
      const session = connectHttp2(`https://127.0.0.1:${port}`, { rejectUnauthorized: false, cert, key })
      t.teardown(() => session.destroy())
      const stream = session.request({ ':path': '/' })
      let body = ''
      for await (const chunk of stream) body += chunk
      t.equal(body, Buffer.from(der).toString('hex'))
    })

    t.test('one with many names is handed over whole', async t => {
      const { port } = await open(t, way)
      const names = Array.from({ length: 100 }, (_, i) => `host-${i}.a-rather-long-label.internal.example.com`)
      const { cert, key, der } = await certified({}, names)
      t.ok(der.length > 4000)
      t.equal((await ask(port, { cert, key })).body, Buffer.from(der).toString('hex'))
    })

    t.test('what does not verify is not handed over', async t => {
      const { port } = await open(t, way)
      const stranger = await selfSigned('client.internal.example.com')
      const other = await openFixture({ clock: systemClock })
      const { pem: key, signer } = await makeKey('ecdsa-p256')
      const identifiers = dns('client.internal.example.com')
      const { chain } = await other.issuance.issue({ publicKey: signer.publicKey, identifiers, profile })
      const cases = {
        'one that vouches for itself': { cert: stranger.certificate, key: stranger.key },
        'one of another CA of the same name': { cert: leafOf(chain), key },
        'one that has ended': await certified({ validity: DAY }),
        // RFC 5280 §4.2.1.12.
        'one for servers alone': await certified({ usages: ['server'] }),
      }
      for (const [name, { cert, key }] of Object.entries(cases))
        t.equal((await ask(port, { cert, key })).body, 'not verified', name)
    })

    t.test('nobody can say of himself what the handshake did not show', async t => {
      const { port } = await open(t, way)
      const { der } = await certified()
      const field = certificateField({ verified: true, der })
      const peer = { address: Buffer.of(127, 0, 0, 1), destination: Buffer.of(127, 0, 0, 1) }
      const header = writeProxyHeader({ ...peer, port: 1, destinationPort: 1 }, field)
      for (const octets of [header, Buffer.concat([Buffer.of(1), header])]) {
        const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false })
        socket.write(Buffer.concat([octets, Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')]))
        const [answer] = (await once(socket, 'data')) as [Buffer]
        t.match(String(answer), /^HTTP\/1.1 400 /)
        socket.destroy()
      }
    })

    t.test('where nothing needs one, clients are not asked; what is needed may change', async t => {
      const { port, renew, secrets } = await open(t, way, null)
      const { cert, key, der } = await certified()
      t.equal((await ask(port, { cert, key })).body, 'none')
      renew({ ...secrets, clients: issuers, tickets: Buffer.alloc(48, 8) })
      const asked = await ask(port, { cert, key })
      t.equal(asked.body, Buffer.from(der).toString('hex'))
      renew({ ...own, tickets: Buffer.alloc(48, 9) })
      t.equal((await ask(port, { cert, key, session: asked.session })).body, 'none')
    })
  })
