import t from 'tap'
import type { Log } from '../../../host/log.ts'
import { at, createAccount, createClient, createCsr, derOf } from '../client.ts'
import { caConfig, createWorld, ORIGIN } from '../world.ts'

t.test("the directory lists its resources below the CA's URL (RFC 8555 §7.1.1)", async t => {
  const world = await createWorld(t)
  const client = await createClient(world)
  const plain = await client.get(`${ORIGIN}/acme/directory`)
  t.strictSame(plain.json, {
    newNonce: at('new-nonce'),
    newAccount: at('new-account'),
    newOrder: at('new-order'),
    newAuthz: at('new-authz'),
    revokeCert: at('revoke-cert'),
    keyChange: at('key-change'),
    renewalInfo: at('renewal-info'),
    meta: {
      caaIdentities: ['ca.example.test'],
      externalAccountRequired: false,
      profiles: { default: 'valid for 90 days', short: 'valid for 24 hours' },
    },
  })
  t.strictSame((await client.get(at('directory'))).json, plain.json, 'the first issuer is the plain one')
  t.notOk(plain.headers['link'], 'the directory does not link to itself')
  t.equal(plain.headers['access-control-allow-origin'], '*')
})

t.test('directory and nonce are read by POST-as-GET, too (RFC 8555 §6.3)', async t => {
  const client = await createAccount(await createWorld(t))
  for (const url of [`${ORIGIN}/acme/directory`, at('directory')]) {
    const reply = await client.post(url, '')
    t.match(reply, { status: 200, json: { newNonce: at('new-nonce') }, headers: { 'replay-nonce': /./ } }, url)
  }
  const nonce = await client.post(at('new-nonce'), '')
  t.match(nonce, { status: 204, text: '', headers: { 'replay-nonce': /./, 'cache-control': 'no-store' } })
  t.equal([nonce.headers['replay-nonce']].flat().length, 1)
  t.match(await client.get(at('account/1')), { status: 405 })
  t.match(await client.get(at('new-nonce')), { status: 204 })
  const bare = await client.send(`${ORIGIN}/acme/directory`, '{}')
  t.match(bare, { status: 400, json: { type: 'urn:ietf:params:acme:error:malformed' } }, 'unsigned')
})

t.test('several issuers have a directory each, one root between those that ask for none of their own', async t => {
  const issuers =
    '  issuers: { acme: {}, web: {}, lab: { root: { generate: ecdsa-p256 }, issue: [{ names: ["**.lab.test"] }] } }\n'
  const world = await createWorld(t, { config: caConfig(issuers) })
  const client = await createClient(world)
  for (const name of ['acme', 'web', 'lab'])
    t.equal((await client.get(`${ORIGIN}/acme/${name}/directory`)).json.newOrder, `${ORIGIN}/acme/${name}/new-order`)
  const shown = (await world.ca.commands['ca.show']!({})) as { issuers: { root: { sha256: string } }[] }
  const [acme, web, lab] = shown.issuers.map(({ root }) => root.sha256)
  t.equal(acme, web)
  t.not(acme, lab)
  t.equal((await client.get(`${ORIGIN}/acme/none/directory`)).status, 404)
})

t.test('what the step CLI asks', async t => {
  const world = await createWorld(t)
  const client = await createClient(world)
  const { rootFingerprint } = world.ca
  const root = await client.get(`${ORIGIN}/root/${rootFingerprint}`)
  t.match(root.json.ca, /^-----BEGIN CERTIFICATE-----/)
  t.equal((await client.get(`${ORIGIN}/root/${rootFingerprint.toUpperCase()}`)).status, 200)
  t.equal((await client.get(`${ORIGIN}/root/${'0'.repeat(64)}`)).status, 404)
  t.strictSame((await client.get(`${ORIGIN}/roots`)).json, { crts: [root.json.ca] })
  t.equal((await client.get(`${ORIGIN}/roots.pem`)).text, root.json.ca)
  t.match((await client.get(`${ORIGIN}/intermediates.pem`)).text, /^-----BEGIN CERTIFICATE-----/)
  t.strictSame((await client.get(`${ORIGIN}/health`)).json, { status: 'ok' })
  t.match((await client.get(`${ORIGIN}/version`)).json, { version: /^\d/ })
  t.match((await client.get(`${ORIGIN}/provisioners`)).json.provisioners, [{ type: 'ACME', name: 'acme' }])
})

t.test('what clients of Vault ask before they log in', async t => {
  const client = await createClient(await createWorld(t))
  const expected = { status: 200, json: { initialized: true, sealed: false, standby: false } }
  t.match(await client.get(`${ORIGIN}/v1/sys/health`), expected)
})

t.test('CRL, OCSP and issuer certificates over plain HTTP', async t => {
  const world = await createWorld(t)
  const client = await createAccount(world)
  const { chain } = await client.certificate(['www.example.test'])
  const { record } = {
    record: (
      await world.database.read({ sql: 'SELECT issuer FROM ca_certificates WHERE account IS NOT NULL', parameters: [] })
    )[0]!,
  }
  const get = (url: string) => world.http.inject({ method: 'GET', url })
  const crl = await get(`/crl/${record['issuer']}.crl`)
  t.match(crl, { statusCode: 200, headers: { 'content-type': 'application/pkix-crl' } })
  const issuer = await get(`/ca/${record['issuer']}.crt`)
  t.match(issuer, { statusCode: 200, headers: { 'content-type': 'application/pkix-cert' } })
  t.equal(issuer.rawPayload[0], 0x30, 'DER (RFC 5280 §4.2.2.1)')
  for (const url of ['/crl/00.crl', '/crl/x', '/ca/00.crt', '/ca/']) t.equal((await get(url)).statusCode, 404, url)
  for (const request of [
    { method: 'POST', url: '/ocsp', body: 'x', headers: { 'content-type': 'application/ocsp-request' } },
    { method: 'GET', url: '/ocsp/x.y' },
    { method: 'GET', url: '/ocsp/AAAA' },
  ] as const) {
    const answer = await world.http.inject(request)
    t.match(answer.headers, { 'content-type': 'application/ocsp-response' }, request.url)
  }
  t.equal((await get('/roots.pem')).statusCode, 200)
  t.equal((await get('/acme/directory')).statusCode, 404, 'ACME is for HTTPS alone (RFC 8555 §6.1)')
  t.ok(derOf(chain))
})

t.test('load is shed with 503 and Retry-After, never with 4xx', async t => {
  let release = () => {}
  const held = new Promise<void>(resolve => {
    release = resolve
  })
  const world = await createWorld(t, {
    wrap: database => ({
      read: s => database.read(s),
      close: () => database.close(),
      commit: async s => {
        if (s.some(({ sql }) => sql.includes('"acme_accounts"'))) await held
        return database.commit(s)
      },
    }),
  })
  const clients = await Promise.all(Array.from({ length: 257 }, () => createClient(world)))
  const url = at('new-account')
  const bodies: string[] = []
  for (const client of clients) bodies.push(JSON.stringify(await client.sign(url, {})))
  const replies = bodies.map(body => clients[0]!.send(url, body))
  const shed = await Promise.race(replies)
  const type = 'urn:ietf:params:acme:error:rateLimited'
  t.match(shed, { status: 503, headers: { 'retry-after': /^\d+$/ }, json: { type } })
  release()
  const statuses = (await Promise.all(replies)).map(({ status }) => status)
  t.equal(statuses.filter(status => status === 201).length, 256)
  t.equal((await clients[0]!.register()).status, 200, 'and then all is well again')
})

t.test('whoever sends too much is told so, though it is still sending', async t => {
  const world = await createWorld(t)
  const origin = await world.https.listen({ port: 0, host: '127.0.0.1' })
  const headers = { 'content-type': 'application/jose+json' }
  for (const size of [128 * 1024 + 1, 300_000, 1_000_000, 3_000_000]) {
    const reply = await fetch(`${origin}/acme/acme/new-order`, { method: 'POST', headers, body: 'a'.repeat(size) })
    t.equal(reply.status, 413, `${size} octets`)
    t.match(await reply.json(), { type: 'urn:ietf:params:acme:error:malformed', detail: /larger than 131072/ })
    t.ok(reply.headers.get('replay-nonce'))
  }
  const most = await fetch(`${origin}/acme/acme/new-order`, { method: 'POST', headers, body: 'a'.repeat(128 * 1024) })
  t.match(await most.json(), { detail: /not JSON/ })
})

t.test('one request id goes through all log lines of an order, and no secret into any', async t => {
  const lines: Record<string, unknown>[] = []
  const recording = (fields: object): Log => {
    const write = (more: object, message: string) => void lines.push({ ...fields, ...more, message })
    return { debug: write, info: write, warn: write, error: write, child: more => recording({ ...fields, ...more }) }
  }
  const world = await createWorld(t, { log: recording({}) })
  const client = await createAccount(world)
  const { json: order } = await client.order(['www.example.test'])
  await client.prove(order.authorizations[0])
  lines.length = 0
  await client.post(order.finalize, { csr: (await createCsr(['www.example.test'])).csr })
  const fulfilled = lines.find(line => line['message'] === 'order fulfilled')
  t.match(fulfilled, { requestId: /./, order: /./, account: /./, serial: /./ })
  const row = (await world.database.read({ sql: 'SELECT request FROM acme_orders', parameters: [] }))[0]
  t.equal(row!['request'], fulfilled!['requestId'], 'kept, for the lines of a later start')
  t.notMatch(JSON.stringify(lines), /PRIVATE KEY/)
})
