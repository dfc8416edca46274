import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { createFetch, fetchText } from '../../host/fetch.ts'
import { selfSigned } from '../server/certificate.ts'

async function listen(t: Test, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return (server.address() as AddressInfo).port
}

const echo: RequestListener = async (request, response) => {
  const { method, url, headers } = request
  if (url === '/moved') return response.writeHead(302, { location: '/' }).end()
  if (url === '/nothing') return response.writeHead(204).end()
  if (url === '/large') return response.end(Buffer.alloc((1 << 20) + 1))
  if (url === '/cut') return response.writeHead(200, { 'content-length': '10' }).write('half', () => response.destroy())
  response.setHeader('set-cookie', ['a=1', 'b=2'])
  response.end(JSON.stringify({ method, url, type: headers['content-type'], body: await text(request) }))
}

t.test('asks as fetch does, and goes nowhere else', async t => {
  const url = `http://127.0.0.1:${await listen(t, createServer(echo))}`
  const fetch = createFetch()
  const answer = await fetch(`${url}/a?b`, { method: 'POST', headers: { 'content-type': 'text/odd' }, body: 'äö' })
  t.equal(answer.status, 200)
  t.same(answer.headers.getSetCookie(), ['a=1', 'b=2'])
  t.same(await answer.json(), { method: 'POST', url: '/a?b', type: 'text/odd', body: 'äö' })
  t.match(await fetch(`${url}/moved`), { status: 302 })
  t.match(await fetch(`${url}/nothing`), { status: 204, body: null })
  await t.rejects(fetch(`${url}/large`), /sends more than 1048576 octets/)
  await t.rejects(fetch(`${url}/cut`), /aborted/)
  await t.rejects(fetch(url, { signal: AbortSignal.abort() }), { name: 'AbortError' })
  await t.rejects(fetchText(`${url}/moved`, undefined), /answered 302/)
})

t.test('over TLS, from whose certificate is of the roots alone', async t => {
  const { certificate, key } = await selfSigned('localhost')
  const url = `https://localhost:${await listen(t, createSecureServer({ cert: certificate, key }, echo))}`
  t.match(await fetchText(url, certificate), '"method":"GET"')
  await t.rejects(fetchText(url, undefined), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
})
