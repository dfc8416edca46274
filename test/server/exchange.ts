import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { request } from 'node:https'
import { join } from 'node:path'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import type { Test } from 'tap'
import { silentLog } from '../../host/log.ts'
import { serveDoh } from '../../server/http/doh.ts'
import { openTakeover } from '../../server/http/http.ts'
import { createApp } from '../../server/http/http-app.ts'
import { scratchFolder } from '../scratch.ts'
import { selfSigned } from './certificate.ts'
import { exchangeUdp, FrameClient, type Served, type ServingFixture, serve } from './serving.ts'

/** The ways by which a question may come, on real sockets; HTTPS by both versions of HTTP. */
export const WAYS = ['udp', 'tcp', 'tls', 'https', 'https1'] as const
export type Way = (typeof WAYS)[number]

/** Serves a fixture by all the ways until the test ends. */
export async function serveEveryWay(t: Test, fixture: ServingFixture): Promise<Served> {
  const certificate = await selfSigned('localhost')
  const takeover = join(scratchFolder(t), 'https.sock')
  const main = await openTakeover(takeover)
  const https = { certificate, takeover, entrusted: main.entrusted }
  const served = await serve(fixture, { dot: certificate, https })
  const app = createApp(silentLog)
  serveDoh(app, served.workers)
  await main.serve(app)
  t.teardown(() => Promise.all([main.close(0), served.stop()]))
  return served
}

const DNS_MESSAGE = 'application/dns-message'
const INSECURE = { host: '127.0.0.1', rejectUnauthorized: false } as const

/** Sends octets by one of the ways, from `source` where given, and resolves with the answer. */
export async function exchange(served: Served, way: Way, wire: Uint8Array, source?: string): Promise<Uint8Array> {
  switch (way) {
    case 'udp':
      return exchangeUdp(served.dns, wire, source)
    case 'tcp': {
      const client = new FrameClient(served.dns, source)
      return exchangeFrame(client, wire)
    }
    case 'tls':
      return exchangeTls(served.dot!.port, wire, source)
    case 'https':
      return exchangeHttp2(served.https!.port, wire, source)
    case 'https1':
      return exchangeHttp1(served.https!.port, wire, source)
  }
}

async function exchangeFrame(client: FrameClient, wire: Uint8Array): Promise<Uint8Array> {
  client.send(wire)
  const [answer] = await client.messages(1)
  await client.end()
  return answer!
}

async function exchangeTls(port: number, wire: Uint8Array, localAddress?: string): Promise<Uint8Array> {
  const socket = connectTls({ ...INSECURE, port, ...(localAddress && { localAddress }) } as ConnectionOptions)
  socket.write(Buffer.concat([Buffer.of(wire.length >> 8, wire.length & 255), wire]))
  let read = Buffer.alloc(0)
  while (read.length < 2 || read.length < 2 + read.readUInt16BE()) {
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    read = Buffer.concat([read, chunk])
  }
  socket.destroy()
  return read.subarray(2)
}

async function exchangeHttp2(port: number, wire: Uint8Array, localAddress?: string): Promise<Uint8Array> {
  const session = connectHttp2(`https://127.0.0.1:${port}`, {
    ...INSECURE,
    ...(localAddress && {
      createConnection: () =>
        connectTls({ ...INSECURE, port, localAddress, ALPNProtocols: ['h2'] } as ConnectionOptions),
    }),
  })
  const stream = session.request({ ':method': 'POST', ':path': '/dns-query', 'content-type': DNS_MESSAGE })
  stream.end(wire)
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  session.destroy()
  return Buffer.concat(chunks)
}

async function exchangeHttp1(port: number, wire: Uint8Array, localAddress?: string): Promise<Uint8Array> {
  const headers = { 'content-type': DNS_MESSAGE, 'content-length': wire.length }
  const at = { ...INSECURE, port, path: '/dns-query', method: 'POST', headers, agent: false } as const
  const sent = request({ ...at, ...(localAddress && { localAddress }) })
  sent.end(wire)
  const [response] = (await once(sent, 'response')) as [AsyncIterable<Buffer>]
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk)
  return Buffer.concat(chunks)
}
