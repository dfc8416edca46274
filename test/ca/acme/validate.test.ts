import { createHash } from 'node:crypto'
import t from 'tap'
import { Rcode } from '../../../dns/codes.ts'
import { type Client, createAccount } from '../client.ts'
import { faulty } from '../faulty-database.ts'
import { createWorld, type World } from '../world.ts'

const URN = 'urn:ietf:params:acme:error:'
const NAME = '_acme-challenge.www.example.test'

/** An order for one name, its dns-01 challenge, and the TXT value that meets it. */
async function challenge(world: World) {
  const client = await createAccount(world)
  const order = await client.order(['www.example.test'])
  const [authorization] = order.json.authorizations
  const [{ url, token }] = (await client.post(authorization, '')).json.challenges
  const digest = createHash('sha256').update(`${token}.${client.thumbprint}`).digest('base64url')
  return { client, order: String(order.headers['location']), authorization, url, digest }
}

const statusOf = async (client: Client, url: string) => (await client.post(url, '')).json.status

t.test('looking at a challenge does not start it', async t => {
  const world = await createWorld(t)
  const { client, url, digest } = await challenge(world)
  world.zone.set(NAME, 'TXT', `"${digest}"`)
  const seen = await client.post(url, '')
  t.match(seen.json, { status: 'pending', url })
  t.strictSame(world.zone.lookups, [])
})

t.test('a TXT record among others, or in several strings, is enough (RFC 8555 §8.4)', async t => {
  const world = await createWorld(t)
  for (const texts of [
    (digest: string) => ['"other"', `"${digest}"`],
    (digest: string) => [`"${digest.slice(0, 10)}" "${digest.slice(10)}"`],
  ]) {
    const { client, url, digest } = await challenge(world)
    world.zone.set(NAME, 'TXT', ...texts(digest))
    t.equal((await client.post(url, {})).json.status, 'valid')
  }
})

t.test('a client that was a moment early is given time', async t => {
  const world = await createWorld(t)
  const { client, order, authorization, url, digest } = await challenge(world)
  const first = await client.post(url, {})
  t.match(first, { status: 200, json: { status: 'processing', url } })
  t.equal(first.headers['retry-after'], '1')
  const polled = await client.post(authorization, '')
  t.match(polled, { json: { status: 'pending' }, headers: { 'retry-after': '1' } })
  await world.clock.advance(1000)
  t.equal(await statusOf(client, url), 'processing')
  world.zone.set(NAME, 'TXT', `"${digest}"`)
  await world.clock.advance(3000)
  t.equal(await statusOf(client, url), 'valid')
  t.equal(await statusOf(client, order), 'ready')
})

t.test('what is never right fails with its reason, and the order with it', async t => {
  const rows: [string, (world: World) => void, string, RegExp][] = [
    ['no record', () => {}, 'dns', /no TXT record at _acme-challenge\.www\.example\.test\./],
    ['another value', world => world.zone.set(NAME, 'TXT', '"wrong"'), 'incorrectResponse', /none of the 1 TXT/],
    ['SERVFAIL', world => world.zone.fail(NAME, Rcode.SERVFAIL), 'dns', /SERVFAIL/],
    ['REFUSED', world => world.zone.fail(NAME, Rcode.REFUSED), 'dns', /REFUSED/],
  ]
  for (const [name, arrange, problem, detail] of rows) {
    const world = await createWorld(t)
    arrange(world)
    const { client, order, authorization, url } = await challenge(world)
    await client.post(url, {})
    await world.clock.advance(60_000)
    const failed = (await client.post(url, '')).json
    t.match(failed, { status: 'invalid', error: { type: URN + problem, detail } }, name)
    t.match(
      (await client.post(authorization, '')).json,
      { status: 'invalid', challenges: [{ status: 'invalid' }] },
      name,
    )
    t.match((await client.post(order, '')).json, { status: 'invalid', error: { type: URN + problem } }, name)
    t.equal((await client.post(url, {})).json.status, 'invalid', 'and can not be tried again')
    t.equal(world.zone.lookups.length, 9, 'one try at once and eight more')
  }
})

t.test('a look-up that never ends fails as a try, and holds nothing for ever', async t => {
  const world = await createWorld(t)
  world.zone.hang(NAME)
  const { client, url } = await challenge(world)
  const reply = client.post(url, {})
  await world.clock.until(reply)
  t.equal((await reply).json.status, 'processing')
  await world.clock.advance(180_000)
  t.match((await client.post(url, '')).json, { status: 'invalid', error: { detail: /no answer in time/ } })
})

t.test('two answers to one challenge start one validation', async t => {
  const world = await createWorld(t)
  const { client, url } = await challenge(world)
  await Promise.all([client.post(url, {}), client.post(url, {}), client.post(url, {})])
  t.equal(world.zone.lookups.length, 1)
})

t.test('a deactivated authorization ends its order, whatever becomes of the challenge (RFC 8555 §7.5.2)', async t => {
  const world = await createWorld(t)
  const { client, order, authorization, url, digest } = await challenge(world)
  await client.post(url, {})
  const ended = await client.post(authorization, { status: 'deactivated' })
  t.match(ended, { status: 200, json: { status: 'deactivated' } })
  world.zone.set(NAME, 'TXT', `"${digest}"`)
  await world.clock.advance(60_000)
  t.equal(await statusOf(client, authorization), 'deactivated')
  t.equal(await statusOf(client, order), 'invalid')
  t.equal((await client.post(authorization, { status: 'deactivated' })).status, 400, 'once is enough')
})

t.test('a challenge that was being tried when the daemon died is taken up again', async t => {
  const world = await createWorld(t)
  const { client, order, url, digest } = await challenge(world)
  await client.post(url, {})
  world.zone.set(NAME, 'TXT', `"${digest}"`)
  await world.restart()
  await world.clock.advance(1000)
  t.equal(await statusOf(client, url), 'valid')
  t.equal(await statusOf(client, order), 'ready')
})

t.test('a disk that fails for a while delays the outcome', async t => {
  for (const [right, status] of [
    [true, 'valid'],
    [false, 'invalid'],
  ] as const) {
    const { faults, wrap } = faulty('update "acme_authorizations" set "status" =')
    const world = await createWorld(t, { wrap })
    const { client, url, digest } = await challenge(world)
    if (right) world.zone.set(NAME, 'TXT', `"${digest}"`)
    faults.before = 3
    await client.post(url, {})
    await world.clock.advance(120_000)
    t.equal(await statusOf(client, url), status)
  }
})
