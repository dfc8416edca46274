import t from 'tap'
import { Rcode } from '../../../dns/codes.ts'
import { type Client, createAccount, createCsr } from '../client.ts'
import { faulty } from '../faulty-database.ts'
import { createWorld, type World } from '../world.ts'

const URN = 'urn:ietf:params:acme:error:'

async function ready(world: World): Promise<{ client: Client; url: string; finalize: string; csr: string }> {
  const client = await createAccount(world)
  const order = await client.order(['www.example.test'])
  await client.prove(order.json.authorizations[0])
  const { csr } = await createCsr(['www.example.test'])
  return { client, url: String(order.headers['location']), finalize: order.json.finalize, csr }
}

const issuedFor = (world: World) =>
  world.database.read({ sql: 'SELECT serial FROM ca_certificates WHERE order_id IS NOT NULL', parameters: [] })
const INSERT = 'insert into "ca_certificates"'

t.test('a disk that fails for a while delays the certificate', async t => {
  const { faults, wrap } = faulty(INSERT)
  const world = await createWorld(t, { wrap })
  const { client, url, finalize, csr } = await ready(world)
  faults.before = 2
  const reply = await client.post(finalize, { csr })
  t.match(reply, { status: 200, json: { status: 'processing' }, headers: { 'retry-after': '1', location: url } })
  t.strictSame(await issuedFor(world), [])
  await world.clock.advance(30_000)
  const done = (await client.post(url, '')).json
  t.equal(done.status, 'valid')
  t.equal((await issuedFor(world)).length, 1)
})

t.test('a disk that goes on failing ends the order without telling why', async t => {
  const { faults, wrap } = faulty(INSERT)
  const world = await createWorld(t, { wrap })
  const { client, url, finalize, csr } = await ready(world)
  faults.before = 99
  await client.post(finalize, { csr })
  await world.clock.advance(600_000)
  const failed = await client.post(url, '')
  t.match(failed.json, { status: 'invalid', error: { type: `${URN}serverInternal` } })
  t.notMatch(failed.text, /disk/)
})

t.test(
  'a disk that fails for so long that not even the failure can be kept ends the order once it works again',
  async t => {
    const certificates = faulty(INSERT)
    const orders = faulty(`update "acme_orders" set "status" = 'invalid', "error" = ?`)
    const world = await createWorld(t, { wrap: database => orders.wrap(certificates.wrap(database)) })
    const { client, url, finalize, csr } = await ready(world)
    certificates.faults.before = 99
    orders.faults.before = 3
    await client.post(finalize, { csr })
    await world.clock.advance(3_600_000)
    t.match((await client.post(url, '')).json, { status: 'invalid' })
    t.equal(orders.faults.before, 0)
  },
)

t.test('a certificate that was kept, with the answer lost, is not made twice', async t => {
  const { faults, wrap } = faulty(INSERT)
  const world = await createWorld(t, { wrap })
  const { client, url, finalize, csr } = await ready(world)
  faults.after = 1
  await client.post(finalize, { csr })
  await world.clock.advance(600_000)
  t.equal((await client.post(url, '')).json.status, 'valid')
  t.equal((await issuedFor(world)).length, 1)
})

t.test('an order that was being fulfilled when the daemon died is fulfilled at the next start', async t => {
  const { faults, wrap } = faulty(INSERT)
  const world = await createWorld(t, { wrap })
  const { client, url, finalize, csr } = await ready(world)
  faults.before = 1
  await client.post(finalize, { csr })
  await world.restart()
  for (let i = 0; i < 20; i++) await world.clock.advance(10)
  const done = await client.post(url, '')
  t.equal(done.json.status, 'valid', done.text)
  t.match((await client.post(done.json.certificate, '')).text, /BEGIN CERTIFICATE/)
  t.equal((await issuedFor(world)).length, 1)
})

t.test('a clock set back delays the certificate until it is right again', async t => {
  const world = await createWorld(t)
  const { client, url, finalize, csr } = await ready(world)
  const other = await createAccount(world)
  await other.certificate(['other.example.test'])
  world.clock.jump(-24 * 3_600_000)
  t.equal((await client.post(finalize, { csr })).json.status, 'processing')
  world.clock.jump(24 * 3_600_000)
  await world.clock.advance(1000)
  for (let i = 0; i < 20; i++) await world.clock.advance(1)
  t.equal((await client.post(url, '')).json.status, 'valid')
})

t.test('a CAA look-up that fails for a while delays the certificate', async t => {
  const world = await createWorld(t)
  const { client, url, finalize, csr } = await ready(world)
  world.zone.fail('www.example.test', Rcode.SERVFAIL)
  t.equal((await client.post(finalize, { csr })).json.status, 'processing')
  world.zone.fail('www.example.test', Rcode.NOERROR)
  await world.clock.advance(1000)
  for (let i = 0; i < 20; i++) await world.clock.advance(1)
  t.equal((await client.post(url, '')).json.status, 'valid')
})

const RESERVE = 'insert into "ca_serials"'
const START = `update "acme_orders" set "status" = 'processing'`

t.test('what is fulfilled at once takes two commits: the start with the serial, and the certificate', async t => {
  const commits: string[][] = []
  const world = await createWorld(t, {
    wrap: database => ({
      read: statement => database.read(statement),
      close: () => database.close(),
      commit(statements) {
        commits.push(statements.map(({ sql }) => sql))
        return database.commit(statements)
      },
    }),
  })
  const { client, finalize, csr } = await ready(world)
  commits.length = 0
  t.match(await client.post(finalize, { csr }), { status: 200, json: { status: 'valid' } })
  t.equal(commits.length, 2)
  t.ok([START, RESERVE].every(part => commits[0]!.some(sql => sql.startsWith(part))))
  t.ok(commits[1]!.some(sql => sql.startsWith(INSERT)))
})

for (const part of [START, RESERVE])
  for (const when of ['before', 'after'] as const)
    t.test(`a start that fails ${when} it is written (${part}) is told as such, and made again`, async t => {
      const { faults, wrap } = faulty(part)
      const world = await createWorld(t, { wrap })
      const { client, url, finalize, csr } = await ready(world)
      faults[when] = 1
      t.equal((await client.post(finalize, { csr })).status, 500)
      t.strictSame(await issuedFor(world), [])
      t.equal((await client.post(finalize, { csr })).status, 200)
      for (let i = 0; i < 20; i++) await world.clock.advance(1)
      t.match((await client.post(url, '')).json, { status: 'valid' })
      t.equal((await issuedFor(world)).length, 1)
    })

t.test('what takes long is written down as processing first, and gone on with after a restart', async t => {
  const world = await createWorld(t)
  const { client, url, finalize, csr } = await ready(world)
  const answer = world.zone.hold('www.example.test')
  const finalized = client.post(finalize, { csr })
  await answer.asked
  t.equal((await client.post(url, '')).json.status, 'ready')
  await world.clock.advance(50)
  t.equal((await client.post(url, '')).json.status, 'processing')
  await world.clock.advance(1000)
  t.match(await finalized, { status: 200, json: { status: 'processing' } })
  const restarted = world.restart()
  answer.release()
  await restarted
  for (let i = 0; i < 20; i++) await world.clock.advance(10)
  t.equal((await client.post(url, '')).json.status, 'valid')
  t.equal((await issuedFor(world)).length, 1)
})

t.test('whoever finalizes an order that is just being fulfilled has the outcome of the first', async t => {
  const world = await createWorld(t)
  const { client, finalize, csr } = await ready(world)
  const answer = world.zone.hold('www.example.test')
  const replies = [client.post(finalize, { csr }), client.post(finalize, { csr })]
  await answer.asked
  answer.release()
  for (const reply of replies) t.match(await reply, { status: 200, json: { status: 'valid' } })
  t.equal((await issuedFor(world)).length, 1)
})
