import { createServer, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import t, { type Test } from 'tap'
import { Rcode } from '../../../dns/codes.ts'
import { parseMessage } from '../../../dns/message.ts'
import { parseName, printName } from '../../../dns/name.ts'
import { printRecord } from '../../../dns/types.ts'
import { silentLog } from '../../../host/log.ts'
import type { ConnectOptions, Network, SocketAddress } from '../../../host/network.ts'
import { systemNetwork } from '../../../host/system-network.ts'
import { createResolver } from '../../../resolver/resolver.ts'
import { createSimulatedClock } from '../../simulation/clock.ts'
import { createSeededRandom } from '../../simulation/random.ts'
import { respond, upstream } from '../world.ts'

type Headers = Record<string, string | number | string[] | undefined>
type Answerer = (query: Uint8Array, headers: Headers, stream: ServerHttp2Stream) => void

const ok = { ':status': 200, 'content-type': 'application/dns-message' }

/** A resolver whose one upstream is a DoH server inside the process, reached without TLS, and for whose answers it waits however slow the machine is. */
async function createDohWorld(t: Test, answer: Answerer, alpn = 'h2') {
  const server = createServer()
  const sockets: Socket[] = []
  server.on('connection', (socket: Socket) => sockets.push(socket))
  server.on('stream', (stream, headers) => {
    const chunks: Uint8Array[] = []
    stream.on('error', () => {})
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('end', () => answer(new Uint8Array(Buffer.concat(chunks)), headers as Headers, stream))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const asked: { remote: SocketAddress; options: ConnectOptions }[] = []
  const network: Network = {
    udp: () => Promise.reject(new Error('no datagrams here')),
    connect: async (remote, options) => {
      asked.push({ remote, options })
      return { ...(await systemNetwork.connect({ address: '127.0.0.1', port }, {})), alpn }
    },
  }
  const rules = [{ zone: parseName('.'), to: [upstream('https://192.0.2.53#doh.example')] }]
  const resolver = createResolver({
    rules,
    network,
    clock: createSimulatedClock(),
    random: createSeededRandom(1),
    log: silentLog,
  })
  t.teardown(() => {
    resolver.close()
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const ask = async (name: string) => {
    const told = await resolver.resolve({ name: parseName(name), type: 1, class: 1 })
    return { ...told, answer: told.answer.map(printRecord) }
  }
  return { ask, asked, sockets }
}

const address: Answerer = (bytes, _headers, stream) => {
  const query = parseMessage(bytes)
  stream.respond(ok)
  stream.end(respond(query, { answer: [`${printName(query.question[0]!.name)} 60 A 192.0.2.1`] }))
}

t.test('RFC 8484 §4.1: a query is a POST of a message with ID 0', async t => {
  const seen: { id: number; headers: Headers }[] = []
  const { ask, asked } = await createDohWorld(t, (bytes, headers, stream) => {
    seen.push({ id: parseMessage(bytes).id, headers })
    address(bytes, headers, stream)
  })
  t.match(await ask('www.example.com.'), { rcode: Rcode.NOERROR, answer: ['www.example.com. 60 IN A 192.0.2.1'] })
  t.match(seen, [
    {
      id: 0,
      headers: {
        ':method': 'POST',
        ':path': '/dns-query',
        ':authority': 'doh.example',
        'content-type': 'application/dns-message',
      },
    },
  ])
  t.match(asked, [
    { remote: { address: '192.0.2.53', port: 443 }, options: { tls: { servername: 'doh.example', alpn: ['h2'] } } },
  ])
})

t.test('one connection serves many questions', async t => {
  const { ask, asked } = await createDohWorld(t, address)
  const told = await Promise.all(Array.from({ length: 30 }, (_, i) => ask(`n${i}.example.com.`)))
  for (const { rcode } of told) t.equal(rcode, Rcode.NOERROR)
  t.equal(asked.length, 1)
})

t.test('RFC 8484 §5.1: the age that an HTTP cache tells is taken off the TTLs', async t => {
  const { ask } = await createDohWorld(t, (bytes, _headers, stream) => {
    stream.respond({ ...ok, age: '20' })
    stream.end(respond(parseMessage(bytes), { answer: ['www.example.com. 60 A 192.0.2.1'] }))
  })
  t.same((await ask('www.example.com.')).answer, ['www.example.com. 40 IN A 192.0.2.1'])
})

t.test('responses that are no answers end in SERVFAIL', async t => {
  const said = (headers: Headers, body?: string | Uint8Array): Answerer => {
    return (_bytes, _headers, stream) => {
      stream.respond(headers)
      stream.end(body)
    }
  }
  const rows: [string, Answerer][] = [
    ['an HTTP error', said({ ':status': 503 })],
    ['another media type', said({ ':status': 200, 'content-type': 'text/html' }, '<p>')],
    ['an empty body', said(ok)],
    ['a body longer than a message', said(ok, new Uint8Array(70_000))],
    ['a stream that is reset', (_bytes, _headers, stream) => stream.close(2)],
    [
      'an answer to another question',
      (bytes, _headers, stream) => {
        const query = parseMessage(bytes)
        stream.respond(ok)
        stream.end(
          respond(
            { ...query, question: [{ ...query.question[0]!, name: parseName('x.') }] },
            { answer: ['x. 1 A 192.0.2.1'] },
          ),
        )
      },
    ],
  ]
  for (const [sentence, answer] of rows) {
    const { ask } = await createDohWorld(t, answer)
    t.match(await ask('www.example.com.'), { rcode: Rcode.SERVFAIL, answer: [] }, sentence)
  }
})

t.test('a connection that breaks is replaced', async t => {
  let count = 0
  const { ask, asked, sockets } = await createDohWorld(t, (bytes, headers, stream) => {
    if (++count === 2) sockets[0]!.destroy()
    else address(bytes, headers, stream)
  })
  t.match(await ask('a.example.com.'), { rcode: Rcode.NOERROR })
  t.match(await ask('b.example.com.'), { rcode: Rcode.NOERROR })
  t.equal(asked.length, 2)
})

t.test('a server without HTTP/2 is not talked to', async t => {
  const { ask } = await createDohWorld(t, address, 'http/1.1')
  t.match(await ask('www.example.com.'), { rcode: Rcode.SERVFAIL, ede: { text: /does not speak HTTP\/2/ } })
})
