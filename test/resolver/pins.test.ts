import { createHash, X509Certificate } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { createServer, type TLSSocket } from 'node:tls'
import t from 'tap'
import { Ede, Rcode } from '../../dns/codes.ts'
import { createFrameReader, frame } from '../../dns/frames.ts'
import { parseMessage } from '../../dns/message.ts'
import { parseName, printName } from '../../dns/name.ts'
import { silentLog } from '../../host/log.ts'
import { systemRandom } from '../../host/random.ts'
import { createSystemNetwork } from '../../host/system-network.ts'
import { createResolver } from '../../resolver/resolver.ts'
import { selfSigned } from '../server/certificate.ts'
import { createSimulatedClock } from '../simulation/clock.ts'
import { respond } from './world.ts'

/** A server over TLS that nobody vouches for, and that closes each connection after one answer. */
async function startServer(t: { teardown(task: () => unknown): void }) {
  const { certificate, key } = await selfSigned('dns.example')
  const resumed: boolean[] = []
  const server = createServer({ cert: certificate, key, ALPNProtocols: ['dot'] }, (socket: TLSSocket) => {
    const frames = createFrameReader()
    resumed.push(socket.isSessionReused())
    socket.on('error', () => {})
    socket.on('data', chunk => {
      for (const message of frames.push(chunk)) {
        const query = parseMessage(message)
        const name = printName(query.question[0]!.name)
        socket.end(frame(respond(query, { answer: [`${name} 0 A 192.0.2.80`] })))
      }
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const spki = new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'der' })
  const pin = createHash('sha256').update(spki).digest('base64')
  return { port: (server.address() as AddressInfo).port, pin, resumed }
}

function ask(t: { teardown(task: () => unknown): void }, port: number, how: { pins?: string[]; hostname?: string }) {
  const to = [{ transport: 'tls' as const, address: '127.0.0.1', port, ...how }]
  const resolver = createResolver({
    ...{ rules: [{ zone: parseName('.'), to }], network: createSystemNetwork() },
    ...{ clock: createSimulatedClock(), random: systemRandom, log: silentLog },
  })
  t.teardown(() => resolver.close())
  return () => resolver.resolve({ name: parseName('www.example.'), type: 1, class: 1 })
}

t.test('RFC 7858 §4.2: a certificate with a pinned key is taken, whoever has signed it', async t => {
  const { port, pin } = await startServer(t)
  const other = createHash('sha256').update('another key').digest('base64')
  t.match(await ask(t, port, { pins: [other, pin] })(), { rcode: Rcode.NOERROR, answer: [{ type: 1 }] })
  const refused = ask(t, port, { pins: [other] })
  for (let i = 0; i < 2; i++) t.match(await refused(), { rcode: Rcode.SERVFAIL, answer: [] }, 'nothing of it is kept')
  t.match(await ask(t, port, { pins: [other] })(), {
    rcode: Rcode.SERVFAIL,
    ede: { code: Ede.NETWORK_ERROR, text: /not one of those pinned/ },
  })
})

t.test('RFC 8310 §5: without pins, or with a name beside them, the certificate must be trusted too', async t => {
  const { port, pin } = await startServer(t)
  for (const how of [{}, { hostname: 'dns.example' }, { pins: [pin], hostname: 'dns.example' }])
    t.match(await ask(t, port, how)(), { rcode: Rcode.SERVFAIL }, JSON.stringify(how))
})

t.test('RFC 8446 §2.2: a later connection resumes the session, and its pinned key is checked as well', async t => {
  const { port, pin, resumed } = await startServer(t)
  const asked = ask(t, port, { pins: [pin] })
  for (let i = 0; i < 3; i++) t.match(await asked(), { rcode: Rcode.NOERROR, ede: undefined })
  t.ok(resumed.slice(1).some(Boolean), `${resumed}`)
})
