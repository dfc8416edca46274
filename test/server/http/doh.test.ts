import { once } from 'node:events'
import { type ClientHttp2Session, connect, type OutgoingHttpHeaders } from 'node:http2'
import { request } from 'node:https'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import t, { type Test } from 'tap'
import { Flag, Opcode, Rcode } from '../../../dns/codes.ts'
import { type Message, parseMessage, writeMessage } from '../../../dns/message.ts'
import { serveDoh } from '../../../server/http/doh.ts'
import { openTakeover } from '../../../server/http/http.ts'
import { createApp } from '../../../server/http/http-app.ts'
import { dig, run, without } from '../../interop/tools.ts'
import { scratchFolder } from '../../scratch.ts'
import { selfSigned } from '../certificate.ts'
import { EDNS, queryMessage, type Served, serve } from '../serving.ts'

const CONFIG = `
views:
  - name: special
    match: { doh_path: [/dns-query/special, /dns-query/a/b] }
    zones: [{ name: a.example, file: a.zone }]
  - name: everybody
    recursion: [127.0.0.1]
    zones: [{ name: a.example, file: a.zone }]
`
const zone = (address: string): string => `$TTL 300
@ 90 SOA ns h 1 2 3 4 60
@ NS ns
ns A 127.0.0.1
www 77 A ${address}
alias 30 CNAME www
dangling 600 CNAME nothing
big TXT ${'"0123456789012345678901234567890123456789" '.repeat(60)}
`
const ZONES = { 'special a.example.': zone('192.0.2.2'), 'everybody a.example.': zone('192.0.2.1') }
const TYPE = 'application/dns-message'
const certificate = await selfSigned('localhost')

interface DohServer extends Served {
  port: number
  stopHttps: (patience: number) => Promise<void>
}

async function serveHere(t: Test): Promise<DohServer> {
  const takeover = join(scratchFolder(t), 'https.sock')
  const listener = await openTakeover(takeover)
  const served = await serve({ config: CONFIG, zones: ZONES }, { https: { certificate, takeover } })
  const app = createApp({ ...silent })
  serveDoh(app, served.workers)
  app.post('/acme/echo', async request => ({ body: request.body, address: request.ip }))
  await listener.serve(app)
  t.teardown(async () => {
    await listener.close(0)
    await served.stop()
  })
  const stopHttps = async (patience: number) => {
    await Promise.all([listener.close(patience), served.workers.stop(patience)])
  }
  return { ...served, port: served.https!.port, stopHttps }
}

const silent = (() => {
  const log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log }
  return log
})()

interface Reply {
  status: number
  headers: Record<string, unknown>
  body: Buffer
}

/** One HTTP/2 request. */
async function http2(session: ClientHttp2Session, headers: OutgoingHttpHeaders, body?: Uint8Array): Promise<Reply> {
  const stream = session.request(headers, { endStream: body === undefined })
  if (body) stream.end(body)
  const [received] = (await once(stream, 'response')) as [Record<string, unknown>]
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return { status: received[':status'] as number, headers: received, body: Buffer.concat(chunks) }
}

async function openSession(t: { teardown(task: () => unknown): void }, port: number): Promise<ClientHttp2Session> {
  const session = connect(`https://localhost:${port}`, {
    ca: certificate.certificate,
    checkServerIdentity: () => undefined,
  })
  t.teardown(() => session.destroy())
  await once(session, 'connect')
  return session
}

const get = (query: Uint8Array | string, path = '/dns-query'): OutgoingHttpHeaders => ({
  ':method': 'GET',
  ':path': `${path}?dns=${typeof query === 'string' ? query : Buffer.from(query).toString('base64url')}`,
  accept: TYPE,
})
const post = (path = '/dns-query', type = TYPE): OutgoingHttpHeaders => ({
  ':method': 'POST',
  ':path': path,
  'content-type': type,
})
const wire = (name: string, more: Partial<Message> = {}): Uint8Array =>
  writeMessage({ ...queryMessage({ name, id: 0, edns: EDNS }), ...more })

t.test('RFC 8484 over HTTP/2', async t => {
  const { port } = await serveHere(t)
  const session = await openSession(t, port)
  t.equal(session.alpnProtocol, 'h2')

  t.test('§4.1 GET and POST give the same answer, of the right type', async t => {
    const got = await http2(session, get(wire('www.a.example.')))
    const posted = await http2(session, post(), wire('www.a.example.'))
    t.equal(got.status, 200)
    t.equal(got.headers['content-type'], TYPE)
    t.same(got.body, posted.body)
    t.same(
      parseMessage(got.body).answer.map(({ rdata }) => rdata),
      [Buffer.of(192, 0, 2, 1)],
    )
    t.equal(parseMessage(got.body).id, 0)
  })

  for (const [name, question, maxAge] of [
    ['an answer: its TTL', 'www.a.example.', 77],
    ['an alias: the least TTL of the chain', 'alias.a.example.', 30],
    ['NXDOMAIN: the SOA lowered to MINIMUM (RFC 2308 §5)', 'nope.a.example.', 60],
    ['an alias to nothing: the lesser of both', 'dangling.a.example.', 60],
    ['a refusal: not at all', 'elsewhere.example.', 0],
  ] as const)
    t.test(`§5.1 Cache-Control of ${name}`, async t =>
      t.equal((await http2(session, get(wire(question)))).headers['cache-control'], `max-age=${maxAge}`),
    )

  t.test('§4.2.1 an RCODE is no HTTP error', async t => {
    for (const [message, rcode] of [
      [wire('nope.a.example.'), Rcode.NXDOMAIN],
      [wire('www.a.example.', { opcode: Opcode.STATUS }), Rcode.NOTIMP],
      [wire('www.a.example.').subarray(0, 20), Rcode.FORMERR],
    ] as const) {
      const { status, body } = await http2(session, post(), message)
      t.equal(status, 200)
      t.equal(body[3]! & 15, rcode)
    }
  })

  t.test('§5.2.1 an answer longer than UDP would carry comes whole', async t => {
    const { body } = await http2(
      session,
      post(),
      wire('big.a.example.', queryMessage({ name: 'big.a.example.', type: 'TXT' })),
    )
    t.ok(body.length > 2400)
    t.notOk(parseMessage(body).flags & Flag.TC)
  })

  t.test('a path below chooses the view', async t => {
    for (const [path, address] of [
      ['/dns-query', 1],
      ['/dns-query/special', 2],
      ['/dns-query/a/b', 2],
      ['/dns-query/other', 1],
    ] as const) {
      const { body } = await http2(session, get(wire('www.a.example.'), path))
      t.equal(parseMessage(body).answer[0]!.rdata[3], address, path)
    }
  })

  t.test('what is no request is 4xx, in problem+json', async t => {
    const query = wire('www.a.example.')
    const cases: [string, OutgoingHttpHeaders, Uint8Array | undefined, number][] = [
      ['GET without dns', { ':method': 'GET', ':path': '/dns-query' }, undefined, 400],
      ['GET of nothing', get(''), undefined, 400],
      ['base64 with padding (§6)', get(`${Buffer.from(query).toString('base64url')}=`), undefined, 400],
      ['base64 that is not base64url', get('+/+/'), undefined, 400],
      ['less than a header', post(), query.subarray(0, 11), 400],
      ['a response', post(), wire('www.a.example.', { flags: Flag.QR }), 400],
      ['an empty body', post(), new Uint8Array(), 400],
      ['another media type', post('/dns-query', 'application/json'), Buffer.from('{}'), 415],
      ['more than 65535 octets', post(), new Uint8Array(65536), 413],
    ]
    for (const [name, headers, body, status] of cases) {
      const reply = await http2(session, headers, body)
      t.equal(reply.status, status, name)
      t.match(reply.headers['content-type'], 'application/problem+json', name)
    }
  })

  t.test('a zone transfer does not fit into an exchange (RFC 8484 has one answer to a request): FORMERR', async t => {
    const { body } = await http2(session, post(), writeMessage(queryMessage({ name: 'a.example.', type: 'AXFR' })))
    t.equal(parseMessage(body).rcode, Rcode.FORMERR)
  })

  t.test('a hundred requests side by side (§5.2)', async t => {
    const all = Array.from({ length: 100 }, (_, id) => http2(session, post(), wire('www.a.example.', { id })))
    t.same(
      (await Promise.all(all)).map(({ body }) => parseMessage(body).id),
      all.map((_, id) => id),
    )
  })

  t.test(
    'RFC 9113 §8.7 what is not DoH is not worked on there, and asked again on a connection of its own',
    async t => {
      const stream = session.request(ECHO)
      const [error] = (await once(stream, 'error')) as [Error]
      t.match(error.message, 'REFUSED_STREAM')
      await once(session, 'close')
      const { body } = await http2(await openSession(t, port), ECHO, Buffer.from('{"a":1}'))
      t.same(JSON.parse(String(body)), { body: { a: 1 }, address: '127.0.0.1' })
    },
  )
})

const ECHO = { ':method': 'POST', ':path': '/acme/echo', 'content-type': 'application/json' }

t.test('a connection of HTTP/2 that began with something else does DoH too', async t => {
  const { port } = await serveHere(t)
  const session = await openSession(t, port)
  const put = { ':method': 'PUT', ':path': '/dns-query', 'content-type': TYPE }
  t.equal((await http2(session, put, wire('www.a.example.'))).status, 404, 'another method')
  const { status, body } = await http2(session, post(), wire('www.a.example.'))
  t.equal(status, 200)
  t.equal(parseMessage(body).answer.length, 1)
})

t.test('HTTP/1.1 is left to clients that know no other', async t => {
  const { port } = await serveHere(t)
  const reply = await new Promise<Reply>((resolve, reject) => {
    const headers = { 'content-type': TYPE }
    const options = { port, host: '127.0.0.1', method: 'POST', path: '/dns-query', headers, rejectUnauthorized: false }
    const sent = request(options, response => {
      const chunks: Buffer[] = []
      response.on('data', chunk => chunks.push(chunk))
      response.on('end', () =>
        resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks) }),
      )
    })
    sent.on('error', reject)
    sent.end(wire('www.a.example.'))
  })
  t.equal(reply.status, 200)
  t.equal(parseMessage(reply.body).answer.length, 1)
})

t.test('closing: what is open ends, whatever it speaks', async t => {
  const { port, stopHttps } = await serveHere(t)
  const session = await openSession(t, port)
  const silentClient = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] })
  await once(silentClient, 'secureConnect')
  silentClient.on('error', () => {})
  silentClient.write('POST /dns-query HTTP/1.1\r\nhost: a\r\n')
  const stuck = session.request(post())
  stuck.on('error', () => {})
  session.on('error', () => {})
  await stopHttps(100)
  t.pass('closed')
})

t.test('dig, kdig and curl ask by HTTPS', { skip: without('dig', 'kdig', 'curl') }, async t => {
  const { port } = await serveHere(t)
  const at = (program: string, ...args: string[]) =>
    run(program, ['@127.0.0.1', '-p', String(port), 'www.a.example', 'A', '+short', ...args])
  for (const [name, expected, ...args] of [
    ['POST', '192.0.2.1', '+https'],
    ['GET', '192.0.2.1', '+https-get'],
    ['another path', '192.0.2.2', '+https=/dns-query/special'],
  ] as const) {
    t.strictSame(await dig(port, 'www.a.example', 'A', ...args), [expected], `dig, ${name}`)
    t.equal((await at('kdig', ...args)).stdout.trim(), expected, `kdig, ${name}`)
  }
  for (const [version, option] of [
    ['2', '--http2'],
    ['1.1', '--http1.1'],
  ] as const) {
    const url = `https://127.0.0.1:${port}/dns-query?dns=${Buffer.from(wire('www.a.example.')).toString('base64url')}`
    const { stdout } = await run('curl', [
      '-sk',
      option,
      '-o',
      '/dev/null',
      '-w',
      '%{http_version} %{http_code} %{content_type}',
      url,
    ])
    t.equal(stdout, `${version} 200 ${TYPE}`)
  }
})
