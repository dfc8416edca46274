import { createServer, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Server } from 'node:net'
import t, { type Test } from 'tap'
import { http01 } from '../../../ca/challenges/http01.ts'
import { systemNetwork } from '../../../host/system-network.ts'
import { certificateFor } from './certificate.ts'
import { ACCOUNT, createNetwork } from './network.ts'

const keyAuthorization = 'token.thumbprint'
const PATH = '/.well-known/acme-challenge/token'

async function listen(t: Test, server: Server): Promise<number> {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => new Promise(resolve => server.close(resolve)))
  return (server.address() as AddressInfo).port
}

/** Tries the challenge against a server; every host is that server, and it is told which were connected to. */
async function attempt(t: Test, answer: RequestListener, value = 'www.example.test') {
  const { key, certificate } = await certificateFor(['www.example.test'])
  const [http, https] = [createServer(answer), createTlsServer({ key, cert: certificate }, answer)]
  const ports = { 'http-01': await listen(t, http), 'tls-alpn-01': await listen(t, https) }
  const hosts: string[] = []
  const network = createNetwork({
    ports,
    connect(host, port, options = {}) {
      hosts.push(`${host}:${port === ports['http-01'] ? 'http' : port === ports['tls-alpn-01'] ? 'https' : port}`)
      return systemNetwork.connect({ address: '127.0.0.1', port }, options)
    },
  })
  const type = /^[\d.]+$|:/.test(value) ? ('ip' as const) : ('dns' as const)
  const subject = { identifier: { type, value }, wildcard: false }
  const tried = http01.validate(
    { subject, token: 'token', keyAuthorization, accountUrl: ACCOUNT, thumbprints: [] },
    network,
  )
  return { tried, hosts, ports }
}

t.test('the key authorization at its path is enough (RFC 8555 §8.3)', async t => {
  const seen: (string | undefined)[] = []
  const { tried, hosts } = await attempt(t, (request, response) => {
    seen.push(request.method, request.url, request.headers.host?.replace(/:\d+$/, ''))
    response.end(`${keyAuthorization} \r\n`)
  })
  await tried
  t.strictSame(seen, ['GET', PATH, 'www.example.test'])
  t.strictSame(hosts, ['www.example.test:http'])
})

t.test('an address is asked by itself (RFC 8738 §4)', async t => {
  for (const [value, host] of [
    ['192.0.2.1', '192.0.2.1'],
    ['2001:db8::1', '[2001:db8::1]'],
  ] as const) {
    let named: string | undefined
    const { tried } = await attempt(
      t,
      (request, response) => {
        named = request.headers.host?.replace(/:\d+$/, '')
        response.end(keyAuthorization)
      },
      value,
    )
    await tried
    t.equal(named, host)
  }
})

t.test('what is not the key authorization is refused', async t => {
  const rows: [string, RequestListener, RegExp][] = [
    ['another body', (_, response) => void response.end('token.other'), /something else/],
    ['more than it', (_, response) => void response.end(keyAuthorization + 'x'.repeat(100_000)), /something else/],
    ['space before it', (_, response) => void response.end(` ${keyAuthorization}`), /something else/],
    ['404', (_, response) => void response.writeHead(404).end(keyAuthorization), /status 404/],
    ['204', (_, response) => void response.writeHead(204).end(), /status 204/],
    ['a redirect to nowhere', (_, response) => void response.writeHead(302).end(), /status 302/],
    ['a connection that breaks', request => void request.socket.destroy(), /ECONNRESET/],
    ['no HTTP', request => void request.socket.end('220 mail\r\n\r\n'), /HPE_|ECONNRESET/],
  ]
  for (const [name, answer, fault] of rows) {
    const { tried } = await attempt(t, answer)
    await t.rejects(tried, { message: fault } as unknown as Error, name)
    await tried.catch(error => t.notMatch(error.message, 'thumbprint', 'what was expected is not told'))
  }
})

const redirect = (to: string | ((ports: number) => string), status = 302): RequestListener => {
  return (request, response) => {
    if (request.url !== PATH) return void response.end(keyAuthorization)
    response.writeHead(status, { location: typeof to === 'string' ? to : to(0) }).end()
  }
}

t.test('redirects are followed to web servers alone (RFC 8555 §10.2)', async t => {
  for (const status of [301, 302, 303, 307, 308]) {
    const { tried, hosts } = await attempt(t, redirect('/elsewhere', status))
    await tried
    t.strictSame(hosts, ['www.example.test:http', 'www.example.test:http'], String(status))
  }
  const refused: [string, RegExp][] = [
    ['ftp://www.example.test/x', /no http: or https: URL/],
    ['file:///etc/passwd', /no http: or https: URL/],
    ['http://user:pw@www.example.test/x', /credentials/],
    ['http://www.example.test:6379/x', /port 6379/],
    ['https://www.example.test:8443/x', /port 8443/],
    ['http://[::1', /no http: or https: URL/],
  ]
  for (const [to, fault] of refused)
    await t.rejects((await attempt(t, redirect(to))).tried, { message: fault } as unknown as Error, to)
})

t.test('a redirect to HTTPS is followed whatever the certificate, which may be what is to be renewed', async t => {
  let to = ''
  const { tried, hosts, ports } = await attempt(t, (request, response) => {
    if ('encrypted' in request.socket) return void response.end(keyAuthorization)
    response.writeHead(301, { location: to }).end()
  })
  to = `https://other.example.test:${ports['tls-alpn-01']}/x`
  await tried
  t.strictSame(hosts, ['www.example.test:http', 'other.example.test:https'])
})

t.test('a circle of redirects ends', async t => {
  const { tried, hosts } = await attempt(t, (_, response) => void response.writeHead(302, { location: PATH }).end())
  await t.rejects(tried, { type: 'incorrectResponse', message: /more than 10 redirects/ } as unknown as Error)
  t.equal(hosts.length, 11)
})

t.test('it proves names and addresses, no wildcards', async t => {
  t.ok(http01.appliesTo({ identifier: { type: 'ip', value: '192.0.2.1' }, wildcard: false }))
  t.notOk(http01.appliesTo({ identifier: { type: 'dns', value: 'example.test' }, wildcard: true }))
})
