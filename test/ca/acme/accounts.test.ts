import { FlattenedSign } from 'jose'
import t from 'tap'
import { readContact } from '../../../ca/acme/accounts.ts'
import { at, createAccount, createClient, createKeys, rollover } from '../client.ts'
import { caConfig, createWorld } from '../world.ts'

const URN = 'urn:ietf:params:acme:error:'

t.test('newAccount creates once, finds again, and can be asked only to look (RFC 8555 §7.3, §7.3.1)', async t => {
  const world = await createWorld(t)
  const client = await createClient(world)
  const missing = await client.register({ onlyReturnExisting: true })
  t.equal(missing.json.type, `${URN}accountDoesNotExist`)
  t.equal(missing.status, 400)
  const made = await client.register({ contact: ['mailto:ops@example.test'] })
  t.equal(made.status, 201)
  t.match(made.json, { status: 'valid', contact: ['mailto:ops@example.test'], termsOfServiceAgreed: true })
  t.match(made.json.orders, /\/account\/[\w-]+\/orders$/)
  const url = client.kid
  const found = await client.register({ onlyReturnExisting: true })
  t.equal(found.status, 200)
  t.equal(client.kid, url)
  t.strictSame(found.json, made.json)
})

t.test('contacts are mailto: URLs of one address (RFC 8555 §7.3)', async t => {
  const rows: [string, unknown, string | undefined][] = [
    ['none given', undefined, undefined],
    ['an empty list', [], undefined],
    ['one address', ['mailto:a@example.test'], undefined],
    ['two contacts', ['mailto:a@example.test', 'mailto:b@example.test'], undefined],
    ['another scheme', ['tel:+15551234'], 'unsupportedContact'],
    ['header fields', ['mailto:a@example.test?subject=x'], 'invalidContact'],
    ['two addresses in one', ['mailto:a@example.test,b@example.test'], 'invalidContact'],
    ['no domain', ['mailto:root'], 'invalidContact'],
    ['a domain of dots', ['mailto:a@..'], 'invalidContact'],
    ['a domain that begins with a hyphen', ['mailto:a@-example.test'], 'invalidContact'],
    ['a domain with a label of 64 octets', [`mailto:a@${'x'.repeat(64)}.test`], 'invalidContact'],
    ['a wildcard', ['mailto:a@*.example.test'], 'invalidContact'],
    ['an address that is no name', ['mailto:a@192.0.2.1'], 'invalidContact'],
    ['a line feed', ['mailto:a@example.test\n'], 'invalidContact'],
    ['text instead of a list', 'mailto:a@example.test', 'invalidContact'],
    ['too many', Array(11).fill('mailto:a@example.test'), 'invalidContact'],
  ]
  for (const [name, value, problem] of rows) {
    if (problem === undefined) t.doesNotThrow(() => readContact(value, { contact: 'optional' }), name)
    else t.throws(() => readContact(value, { contact: 'optional' }), { type: problem } as unknown as Error, name)
  }
})

t.test('an account is updated and deactivated; then it may do nothing (RFC 8555 §7.3.2, §7.3.6)', async t => {
  const world = await createWorld(t)
  const client = await createAccount(world)
  const order = await client.order(['www.example.test'])
  const changed = await client.post(client.kid!, { contact: ['mailto:new@example.test'], status: 'valid', orders: 'x' })
  t.match(changed.json, { status: 'valid', contact: ['mailto:new@example.test'] })
  t.strictSame((await client.post(client.kid!, '')).json.contact, ['mailto:new@example.test'])
  const bad = await client.post(client.kid!, { contact: ['mailto:'] })
  t.equal(bad.json.type, `${URN}invalidContact`)
  t.equal((await client.post(client.kid!, { status: 'deactivated' })).json.status, 'deactivated')
  const after = await client.order(['www.example.test'])
  t.match(after, { status: 403, json: { type: `${URN}unauthorized` } })
  const again = await client.register()
  t.match(again, { status: 403, json: { type: `${URN}unauthorized` } }, 'nor does its key make another')
  const row = await world.database.read({ sql: 'SELECT status FROM acme_orders', parameters: [] })
  t.strictSame(row, [{ status: 'invalid' }], `its open order ${order.headers['location']} is ended`)
})

t.test('what comes with the end of an account is refused like what comes after it', async t => {
  const world = await createWorld(t)
  const client = await createAccount(world)
  const url = client.kid!
  const bodies = [{ status: 'deactivated' }, { status: 'deactivated' }, { contact: ['mailto:a@example.test'] }]
  const signed = await Promise.all(bodies.map(async body => JSON.stringify(await client.sign(url, body))))
  const replies = await Promise.all(signed.map(body => client.send(url, body)))
  t.equal(replies[0]!.status, 200)
  for (const late of replies.slice(1)) t.match(late, { status: 403, json: { type: `${URN}unauthorized` } })
})

t.test('an account sees no other account', async t => {
  const world = await createWorld(t)
  const [one, other] = [await createAccount(world), await createAccount(world)]
  const order = await one.order(['www.example.test'])
  for (const url of [
    one.kid!,
    `${one.kid}/orders`,
    String(order.headers['location']),
    order.json.finalize,
    order.json.authorizations[0],
  ])
    t.match(await other.post(url, ''), { status: 403, json: { type: `${URN}unauthorized` } }, url)
})

t.test('keyChange replaces the key of an account (RFC 8555 §7.3.5)', async t => {
  const world = await createWorld(t)
  const client = await createAccount(world)
  const other = await createAccount(world)
  const next = await createKeys('ES384')
  const rows: [string, object, number][] = [
    ['the inner payload names another account', { payload: { account: other.kid } }, 400],
    ['oldKey is another key', { payload: { oldKey: other.keys.jwk } }, 400],
    ['oldKey is missing', { payload: { oldKey: undefined } }, 400],
    ['the inner url is another', { header: { url: at('new-account') } }, 400],
    ['the inner JWS has a nonce', { header: { nonce: 'AAAA' } }, 400],
  ]
  for (const [name, bend, status] of rows) t.equal((await rollover(client, next, bend)).status, status, name)
  const same = await rollover(client, client.keys)
  t.match(same, { status: 409, headers: { location: client.kid } }, 'the new key is the old one')
  const taken = await rollover(client, other.keys)
  t.equal(taken.status, 409, 'the new key belongs to another account')
  t.equal(taken.headers['location'], other.kid)

  const done = await rollover(client, next)
  t.equal(done.status, 200, done.text)
  t.equal((await client.post(client.kid!, '')).status, 400, 'the old key no longer signs')
  const renewed = await createClient(world, next)
  renewed.kid = client.kid
  t.equal((await renewed.post(renewed.kid!, '')).status, 200)
  t.equal((await renewed.register({ onlyReturnExisting: true })).headers['location'], client.kid)
})

const EAB = '  accounts: { external_binding: required }\n'

t.test('accounts that must be bound to an external one (RFC 8555 §7.3.4)', async t => {
  const world = await createWorld(t, { config: caConfig(EAB) })
  const { kid, hmac_key } = (await world.ca.commands['ca.eab.create']!({ name: 'cluster-a' })) as Record<string, string>
  const client = await createClient(world)
  t.equal((await client.get('https://ca.example.test/acme/directory')).json.meta.externalAccountRequired, true)
  const secret = Buffer.from(hmac_key!, 'base64url')
  const url = at('new-account')
  const bind = (header: object = {}, jwk: object = client.keys.jwk, key = secret) =>
    new FlattenedSign(Buffer.from(JSON.stringify(jwk)))
      .setProtectedHeader({ alg: 'HS256', kid, url, ...header } as never)
      .sign(key)
  const rows: [string, unknown, string][] = [
    ['no binding', undefined, 'externalAccountRequired'],
    ['an unknown key id', await bind({ kid: 'nobody' }), 'unauthorized'],
    ['the wrong secret', await bind({}, client.keys.jwk, Buffer.alloc(32)), 'unauthorized'],
    ['another account key', await bind({}, (await createKeys()).jwk), 'malformed'],
    ['another url', await bind({ url: at('new-order') }), 'malformed'],
    ['a nonce', await bind({ nonce: 'AAAA' }), 'malformed'],
    ['a signature instead of a MAC', { ...(await client.sign(url, client.keys.jwk)) }, 'badSignatureAlgorithm'],
    ['text', 'x', 'malformed'],
  ]
  for (const [name, externalAccountBinding, problem] of rows) {
    const reply = await client.register({ externalAccountBinding })
    t.equal(reply.json.type, URN + problem, `${name}: ${reply.text}`)
  }
  for (const alg of ['HS256', 'HS384', 'HS512']) {
    const keys = await createKeys()
    const each = await createClient(world, keys)
    const reply = await each.register({ externalAccountBinding: await bind({ alg }, keys.jwk) })
    t.equal(reply.status, 201, `${alg}: ${reply.text}`)
    t.equal((await each.order(['www.example.test'])).status, 201)
  }
  const bound = await createClient(world)
  const made = await bound.register({ externalAccountBinding: await bind({}, bound.keys.jwk) })
  t.equal(made.status, 201)
  await world.ca.commands['ca.eab.revoke']!({ kid })
  const refused = await bound.order(['www.example.test'])
  t.match(refused, { status: 403, json: { type: `${URN}unauthorized` } }, 'a revoked key takes its accounts with it')
  await t.rejects(world.ca.commands['ca.eab.revoke']!({ kid }), { exit: 1 } as unknown as Error)
})
