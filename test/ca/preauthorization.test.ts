import t from 'tap'
import { at, createAccount, createClient, createCsr } from './client.ts'
import { caConfig, createWorld } from './world.ts'

const URN = 'urn:ietf:params:acme:error:'
const DAY = 86_400_000
const NAME = { identifier: { type: 'dns', value: 'www.example.test' } }

t.test('an authorization made in advance serves the next order (RFC 8555 §7.4.1)', async t => {
  const world = await createWorld(t)
  const client = await createAccount(world)
  const made = await client.post(at('new-authz'), NAME)
  t.match(made, { status: 201, json: { status: 'pending', identifier: NAME.identifier } })
  const url = String(made.headers['location'])
  t.equal((await client.prove(url)).json.status, 'valid')
  const order = await client.order(['www.example.test', 'other.example.test'])
  t.equal(order.json.authorizations[0], url)
  t.equal(order.json.status, 'pending', 'the other name is still to be proved')
  await client.prove(order.json.authorizations[1])
  const { csr } = await createCsr(['www.example.test', 'other.example.test'])
  t.equal((await client.post(order.json.finalize, { csr })).json.status, 'valid')
  const next = await client.order(['www.example.test'])
  t.not(next.json.authorizations[0], url, 'but not the one after it, unless the config says so')
})

t.test('one that is still pending is taken up, too; another account has nothing of it', async t => {
  const world = await createWorld(t)
  const [client, other] = [await createAccount(world), await createAccount(world)]
  const url = String((await client.post(at('new-authz'), NAME)).headers['location'])
  t.not((await other.order(['www.example.test'])).json.authorizations[0], url)
  const order = await client.order(['www.example.test'])
  t.strictSame(order.json.authorizations, [url])
  await client.prove(url)
  t.equal((await client.post(String(order.headers['location']), '')).json.status, 'ready')
})

t.test('what can not be authorized in advance', async t => {
  const world = await createWorld(t)
  const client = await createAccount(world)
  const rows: [string, object, string][] = [
    ['a wildcard', { identifier: { type: 'dns', value: '*.example.test' } }, 'malformed'],
    ['a name that no rule covers', { identifier: { type: 'dns', value: 'www.example.com' } }, 'rejectedIdentifier'],
    ['an unknown type', { identifier: { type: 'email', value: 'a@example.test' } }, 'unsupportedIdentifier'],
    ['nothing', {}, 'malformed'],
  ]
  for (const [name, payload, problem] of rows)
    t.equal((await client.post(at('new-authz'), payload)).json.type, URN + problem, name)
})

t.test('authorizations are used again for as long as the config says (RFC 8555 §7.1.3)', async t => {
  const world = await createWorld(t, { config: caConfig('  authorization_reuse: 10d\n') })
  const client = await createAccount(world)
  const { order } = await client.certificate(['www.example.test'])
  await world.clock.advance(9 * DAY)
  const again = await client.order(['www.example.test', '*.www.example.test'])
  t.equal(again.json.authorizations[0], order.json.authorizations[0])
  t.not(again.json.authorizations[1], order.json.authorizations[0], 'a wildcard is proved for itself')
  const alone = await client.order(['www.example.test'])
  t.equal(alone.json.status, 'ready', 'nothing is left to prove')
  t.ok(Date.parse(alone.json.expires) <= world.clock.now() + DAY, 'the order ends with it')
  await world.clock.advance(2 * DAY)
  t.equal((await client.post(String(alone.headers['location']), '')).status, 404, 'swept away with it')
  const late = await client.order(['www.example.test'])
  t.not(late.json.authorizations[0], order.json.authorizations[0])
})

t.test('a deactivated authorization serves no more', async t => {
  const world = await createWorld(t, { config: caConfig('  authorization_reuse: 10d\n') })
  const client = await createAccount(world)
  const { order } = await client.certificate(['www.example.test'])
  await client.post(order.json.authorizations[0], { status: 'deactivated' })
  const again = await client.order(['www.example.test'])
  t.not(again.json.authorizations[0], order.json.authorizations[0])
})

t.test('who registers agrees to the terms (RFC 8555 §7.3.3) and names a contact where asked to', async t => {
  const terms = 'https://ca.example.test/terms'
  const accounts = `{ terms_of_service: "${terms}", contact: required, contact_domains: [example.test] }`
  const world = await createWorld(t, {
    config: caConfig(`  accounts: ${accounts}\n  website: https://ca.example.test/about\n`),
  })
  const client = await createClient(world)
  const { meta } = (await client.get('https://ca.example.test/acme/directory')).json
  t.match(meta, { termsOfService: terms, website: 'https://ca.example.test/about' })
  const contact = ['mailto:ops@example.test']
  const refused = await client.register({ contact, termsOfServiceAgreed: false })
  t.match(refused, { status: 403, json: { type: `${URN}userActionRequired` } })
  t.match(String(refused.headers['link']), `<${terms}>;rel="terms-of-service"`)
  for (const [what, bad] of Object.entries({ none: [], elsewhere: ['mailto:ops@example.com'] }))
    t.equal((await client.register({ contact: bad })).json.type, `${URN}invalidContact`, what)
  t.equal((await client.register()).json.type, `${URN}invalidContact`)
  t.match(await client.register({ contact }), { status: 201, json: { termsOfServiceAgreed: true } })
})

t.test('who asks for too much is told when to come back, with 503', async t => {
  const world = await createWorld(t, { config: caConfig('  limits: { accounts: 2, orders: 3, failures: 1 }\n') })
  const client = await createAccount(world)
  await createAccount(world)
  const stranger = await createClient(world)
  const rateLimited = { status: 503, headers: { 'retry-after': /^\d+$/ }, json: { type: `${URN}rateLimited` } }
  t.match(await stranger.register(), rateLimited)
  t.equal((await client.register()).status, 200, 'who is known is not counted')
  const order = await client.order(['www.example.test'])
  const failing = await client.order(['www.example.test'])
  const [{ url }] = (await client.post(failing.json.authorizations[0], '')).json.challenges
  await client.post(url, {})
  await world.clock.advance(60_000)
  t.match(await client.prove(order.json.authorizations[0]), rateLimited, 'a validation has failed')
  await client.order(['www.example.test'])
  t.match(await client.order(['www.example.test']), rateLimited)
  await world.clock.advance(3_600_000)
  t.equal((await client.order(['www.example.test'])).status, 201)
  t.equal((await client.prove(order.json.authorizations[0])).json.status, 'valid')
  t.equal((await stranger.register()).status, 201)
})

t.test('an address is certified where a rule covers it and a challenge can prove it (RFC 8738)', async t => {
  const config = caConfig('  challenges: [http-01, dns-01]\n')
  const issue = config.issue.concat(
    caConfig('  issuers: { a: { issue: [{ addresses: [192.0.2.0/24] }] } }\n').issuers[0]!.issue!,
  )
  const world = await createWorld(t, { config: { ...config, issue } })
  const client = await createAccount(world)
  const order = (value: string) => client.post(at('new-order'), { identifiers: [{ type: 'ip', value }] })
  const made = await order('192.0.2.7')
  t.equal(made.status, 201, made.text)
  const { challenges, identifier } = (await client.post(made.json.authorizations[0], '')).json
  t.strictSame(identifier, { type: 'ip', value: '192.0.2.7' })
  t.strictSame(
    challenges.map((each: { type: string }) => each.type),
    ['http-01'],
    'DNS proves no addresses',
  )
  t.match((await order('198.51.100.1')).json, {
    type: `${URN}rejectedIdentifier`,
    detail: /no issue rule covers this address/,
  })
  t.match((await order('192.0.2.007')).json, { type: `${URN}malformed` })
})
