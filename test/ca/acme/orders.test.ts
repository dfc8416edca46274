import { X509Certificate } from 'node:crypto'
import t from 'tap'
import { at, createAccount, createCsr, createKeys } from '../client.ts'
import { caConfig, createWorld } from '../world.ts'

const URN = 'urn:ietf:params:acme:error:'
const HOUR = 3_600_000

t.test('an order goes from newOrder to a certificate (RFC 8555 §7.4)', async t => {
  const world = await createWorld(t)
  const client = await createAccount(world)
  const created = await client.order(['www.example.test', '*.www.example.test'])
  t.equal(created.status, 201, created.text)
  t.match(created.json, { status: 'pending', profile: 'default', expires: '2026-01-04T00:00:00Z' })
  t.equal(created.json.authorizations.length, 2)
  for (const url of created.json.authorizations) {
    const proved = await client.prove(url)
    t.match(proved, { status: 200, json: { status: 'valid', validated: '2026-01-01T00:00:00Z' } })
    t.match(proved.headers['link'], [`<${url}>;rel="up"`])
  }
  const order = String(created.headers['location'])
  t.equal((await client.post(order, '')).json.status, 'ready')
  const { csr } = await createCsr(['www.example.test', '*.www.example.test'])
  const finalized = await client.post(created.json.finalize, { csr })
  t.match(finalized, { status: 200, json: { status: 'valid' } })
  t.equal(finalized.headers['location'], order, 'cert-manager needs the Location of a finalized order')
  const chain = await client.post(finalized.json.certificate, '')
  t.equal(chain.headers['content-type'], 'application/pem-certificate-chain')
  t.equal(chain.text.split('BEGIN CERTIFICATE').length - 1, 2, 'the leaf and its intermediate, without the root')
  const leaf = new X509Certificate(chain.text)
  t.equal(leaf.subjectAltName, 'DNS:*.www.example.test, DNS:www.example.test')
  const again = await client.post(created.json.finalize, { csr })
  t.strictSame(again.json, finalized.json, 'finalizing a finalized order gives it back')
})

t.test('identifiers that can not be ordered', async t => {
  const world = await createWorld(t)
  const client = await createAccount(world)
  const dns = (...values: string[]) => values.map(value => ({ type: 'dns', value }))
  const rows: [string, unknown, string, number][] = [
    ['none', [], 'malformed', 0],
    ['no list', 'www.example.test', 'malformed', 0],
    ['a list of null', [null], 'malformed', 0],
    ['no value', [{ type: 'dns' }], 'malformed', 0],
    ['more than a hundred', dns(...Array.from({ length: 101 }, (_, i) => `n${i}.example.test`)), 'malformed', 0],
    ['an address (RFC 8738)', [{ type: 'ip', value: '192.0.2.1' }], 'unsupportedIdentifier', 1],
    ['an unknown type', [{ type: 'email', value: 'a@example.test' }], 'unsupportedIdentifier', 1],
    ['a final dot', dns('www.example.test.'), 'malformed', 1],
    ['an empty label', dns('www..example.test'), 'malformed', 1],
    ['a wildcard in the middle', dns('a.*.example.test'), 'malformed', 1],
    ['a part of a label as wildcard', dns('w*.example.test'), 'malformed', 1],
    ['a name outside ASCII', dns('bücher.example.test'), 'malformed', 1],
    ['an address as a name', dns('192.0.2.1'), 'malformed', 1],
    ['a label of 64 octets', dns(`${'a'.repeat(64)}.example.test`), 'malformed', 1],
    ['a name of 260 octets', dns(`${'a.'.repeat(125)}example.test`), 'malformed', 1],
    ['control characters', dns('www\n.example.test'), 'malformed', 1],
    ['a name no rule covers', dns('www.example.com'), 'rejectedIdentifier', 1],
    ['a wildcard no rule allows', dns('*.plain.example.org'), 'rejectedIdentifier', 1],
    ['two bad ones among good', dns('a.example.test', 'x.example.com', 'y.example.com'), 'rejectedIdentifier', 2],
  ]
  for (const [name, identifiers, problem, subproblems] of rows) {
    const reply = await client.post(at('new-order'), { identifiers })
    t.equal(reply.json.type, URN + problem, `${name}: ${reply.text}`)
    t.equal(reply.json.subproblems?.length ?? 0, subproblems, name)
    if (subproblems > 0) t.ok(reply.json.subproblems[0].identifier.value, name)
  }
})

t.test('identifiers are echoed as they were sent, and authorized in lower case, each once', async t => {
  const world = await createWorld(t)
  const client = await createAccount(world)
  const { json } = await client.order(['WWW.Example.test', 'www.example.test'])
  t.strictSame(
    json.identifiers.map((each: { value: string }) => each.value),
    ['WWW.Example.test', 'www.example.test'],
  )
  t.equal(json.authorizations.length, 1)
  const authorization = (await client.post(json.authorizations[0], '')).json
  t.strictSame(authorization.identifier, { type: 'dns', value: 'www.example.test' })
  t.notOk('wildcard' in authorization, 'RFC 8555 §7.1.4: absent where it is none')
  t.strictSame(
    authorization.challenges.map((each: { type: string }) => each.type),
    ['dns-01'],
    'only what is served is offered',
  )
})

t.test('profiles, notBefore and notAfter', async t => {
  const world = await createWorld(t)
  const client = await createAccount(world)
  const directory = (await client.get('https://ca.example.test/acme/directory')).json
  t.match(directory.meta.profiles, { default: 'valid for 90 days', short: 'valid for 24 hours' })
  const names = ['www.example.test']
  const rows: [string, object, string | undefined][] = [
    ['a known profile', { profile: 'short' }, undefined],
    ['an unknown profile', { profile: 'long' }, 'invalidProfile'],
    ['a profile that is no text', { profile: 7 }, 'malformed'],
    ['a time that is none', { notAfter: 'tomorrow' }, 'malformed'],
    ['an end in the past', { notAfter: '2025-12-31T00:00:00Z' }, 'malformed'],
    [
      'an end before the beginning',
      { notBefore: '2026-01-02T00:00:00Z', notAfter: '2026-01-01T12:00:00Z' },
      'malformed',
    ],
    ['a beginning far ahead', { notBefore: '2027-01-01T00:00:00Z' }, 'malformed'],
    ['an end after what the profile gives (RFC 8555 §7.4)', { notAfter: '2026-04-01T00:06:00Z' }, 'malformed'],
    ['a beginning before what it gives', { notBefore: '2025-12-31T23:50:00Z' }, 'malformed'],
    ['a beginning a moment ago', { notBefore: '2025-12-31T23:59:59Z' }, undefined],
    ['an end within the profile', { notAfter: '2026-01-11T00:00:00+00:00' }, undefined],
  ]
  for (const [name, more, problem] of rows) {
    const reply = await client.order(names, more)
    t.equal(reply.json.type, problem && URN + problem, `${name}: ${reply.text}`)
  }
  const wished = await client.certificate(names, { notAfter: '2026-01-11T00:00:00Z' })
  t.equal(new Date(new X509Certificate(wished.chain).validTo).toISOString(), '2026-01-11T00:00:00.000Z')
  const whole = await client.certificate(names, { notAfter: '2026-04-01T00:00:30Z' })
  const { validTo } = new X509Certificate(whole.chain)
  t.equal(whole.order.json.notAfter, '2026-03-31T23:58:59Z', 'all that the profile gives, by a clock that is ahead')
  t.equal(Date.parse(validTo), Date.parse(whole.order.json.notAfter), 'and what is shown is what is issued')
  const short = await client.certificate(names, { profile: 'short' })
  t.match(new Date(new X509Certificate(short.chain).validTo).toISOString(), /^2026-01-01T23:/)
})

t.test('finalize refuses what is not right for the order, and the order stays ready', async t => {
  const world = await createWorld(t)
  const pem = (await createKeys()).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const keys = { alg: 'ES256', ...(await keysOf(pem)) }
  const client = await createAccount(world, keys)
  const { json: order } = await client.order(['www.example.test'])
  const early = await client.post(order.finalize, { csr: (await createCsr(['www.example.test'])).csr })
  t.match(early, { status: 403, json: { type: `${URN}orderNotReady` } })
  await client.prove(order.authorizations[0])
  const rows: [string, object, string][] = [
    ['no csr', {}, 'malformed'],
    ['padded base64', { csr: 'AAA=' }, 'malformed'],
    ['no CSR at all', { csr: 'AAAA' }, 'badCSR'],
    ['another name', { csr: (await createCsr(['x.example.test'])).csr }, 'badCSR'],
    ['a name too many', { csr: (await createCsr(['www.example.test', 'x.example.test'])).csr }, 'badCSR'],
    ['the key of the account (RFC 8555 §11.1)', { csr: (await createCsr(['www.example.test'], pem)).csr }, 'badCSR'],
  ]
  for (const [name, payload, problem] of rows) {
    const reply = await client.post(order.finalize, payload)
    t.equal(reply.json.type, URN + problem, `${name}: ${reply.text}`)
  }
  const done = await client.post(order.finalize, { csr: (await createCsr(['www.example.test'])).csr })
  t.equal(done.json.status, 'valid')
})

async function keysOf(pem: string) {
  const { createPrivateKey, createPublicKey } = await import('node:crypto')
  const { exportJWK } = await import('jose')
  const privateKey = createPrivateKey(pem)
  return { privateKey, jwk: await exportJWK(createPublicKey(privateKey)) }
}

t.test('two finalizes at once give one certificate', async t => {
  const world = await createWorld(t)
  const client = await createAccount(world)
  const { json: order } = await client.order(['www.example.test'])
  await client.prove(order.authorizations[0])
  const csrs = await Promise.all([createCsr(['www.example.test']), createCsr(['www.example.test'])])
  const replies = await Promise.all(csrs.map(({ csr }) => client.post(order.finalize, { csr })))
  for (const reply of replies) t.equal(reply.status, 200, reply.text)
  const rows = await world.database.read({
    sql: 'SELECT order_id FROM ca_certificates WHERE order_id IS NOT NULL',
    parameters: [],
  })
  t.equal(rows.length, 1)
})

t.test('the list of orders comes in pages (RFC 8555 §7.1.2.1)', async t => {
  const world = await createWorld(t)
  const client = await createAccount(world)
  const made = new Set<string>()
  for (let i = 0; i < 103; i++) made.add(String((await client.order([`n${i}.example.test`])).headers['location']))
  const first = await client.post(`${client.kid}/orders`, '')
  t.equal(first.json.orders.length, 100)
  const next = [first.headers['link']]
    .flat()
    .map(link => /<(.*)>;rel="next"/.exec(String(link))?.[1])
    .find(Boolean)
  const second = await client.post(next!, '')
  t.equal(second.json.orders.length, 3)
  t.strictSame(new Set([...first.json.orders, ...second.json.orders]), made)
})

t.test('what has expired is invalid, then gone', async t => {
  const world = await createWorld(t)
  const client = await createAccount(world)
  const created = await client.order(['www.example.test'])
  world.clock.jump(3 * 24 * HOUR)
  t.equal((await client.post(String(created.headers['location']), '')).json.status, 'invalid')
  t.equal((await client.post(created.json.authorizations[0], '')).json.status, 'invalid')
  t.strictSame((await client.post(`${client.kid}/orders`, '')).json.orders, [])
  await world.clock.advance(2 * HOUR)
  t.equal((await client.post(String(created.headers['location']), '')).status, 404)
  for (const table of ['acme_orders', 'acme_authorizations', 'acme_challenges', 'acme_order_authorizations'])
    t.strictSame(await world.database.read({ sql: `SELECT * FROM ${table}`, parameters: [] }), [], table)
})

t.test('rules that change while an order is open are asked again at finalize', async t => {
  const world = await createWorld(t)
  const client = await createAccount(world)
  const { json: order } = await client.order(['www.example.test'])
  await client.prove(order.authorizations[0])
  t.strictSame(world.ca.reload({ ...caConfig(), issue: [] }), [])
  const reply = await client.post(order.finalize, { csr: (await createCsr(['www.example.test'])).csr })
  t.equal(reply.json.type, `${URN}rejectedIdentifier`)
  t.strictSame(world.ca.reload({ ...caConfig(), name: 'Other' }), ['ca.name'], 'what needs a restart is named')
})

t.test('staging has the same rules and another root', async t => {
  const world = await createWorld(t, { config: caConfig('  staging: true\n') })
  const client = await createAccount(world)
  const directory = await client.get('https://ca.example.test/acme/staging/directory')
  t.equal(directory.json.newOrder, 'https://ca.example.test/acme/staging/new-order')
  const foreign = await client.post(directory.json.newOrder, { identifiers: [] })
  t.equal(foreign.json.type, `${URN}accountDoesNotExist`, 'accounts belong to one directory')
})

t.test('alternate chains are offered by Link, each with the others (RFC 8555 §7.4.2)', async t => {
  const world = await createWorld(t)
  const client = await createAccount(world)
  const plain = await client.certificate(['www.example.test'])
  t.notMatch(JSON.stringify((await client.post(plain.order.json.certificate, '')).headers), /alternate/)
  await world.ca.commands['ca.renew-root']!({})
  const { order, chain } = await client.certificate(['www.example.test'])
  const url = order.json.certificate
  const alternate = `${url}/1`
  const first = await client.post(url, '')
  t.match([first.headers['link']].flat().join(), `<${alternate}>;rel="alternate"`)
  const second = await client.post(alternate, '')
  t.equal(second.headers['content-type'], 'application/pem-certificate-chain')
  t.match([second.headers['link']].flat().join(), `<${url}>;rel="alternate"`)
  t.equal(chain.split('BEGIN').length - second.text.split('BEGIN').length, 1, 'the first leads on to the old root')
  t.ok(chain.startsWith(second.text))
  for (const none of ['2', 'x', '-1', '01x']) t.equal((await client.post(`${url}/${none}`, '')).status, 404, none)
  const show = (await world.ca.commands['ca.show']!({})) as { issuers: object[] }
  t.match(show.issuers[0], {
    roots: [{ subject: 'Test Root CA 2' }, { subject: 'Test Root CA' }],
    cross_certificates: [{ subject: 'Test Root CA 2', issuer: 'Test Root CA' }],
  })
  t.equal(((await world.ca.commands['ca.roots']!({})) as object[]).length, 2, 'both roots are handed out')
  t.match((await world.http.inject('/intermediates.pem')).body.split('BEGIN').length, 4)
  await world.restart()
  t.equal(((await world.ca.commands['ca.roots']!({})) as object[]).length, 2)
})
