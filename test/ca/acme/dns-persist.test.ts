import t from 'tap'
import { hashedAccountUris } from '../../../ca/challenges/account-hash.ts'
import { at, type Client, createAccount, createClient, createCsr, createKeys, rollover } from '../client.ts'
import { caConfig, createWorld, ORIGIN } from '../world.ts'

const NAME = 'www.example.test'
const config = caConfig('  challenges: [dns-persist-01]\n')

/** The record by which a client's account may have the name. */
function recordOf(client: Client, prefix: string, more = ''): string {
  const [uri] = hashedAccountUris(prefix, { accountUrl: client.kid!, thumbprints: [client.thumbprint] }, NAME)
  return `"ca.example.test; accounturi=${uri}${more}"`
}

/** Orders the name and answers its challenge. */
async function answer(client: Client) {
  const { json: order } = await client.order([NAME])
  const { json: authorization } = await client.post(order.authorizations[0], '')
  const [challenge] = authorization.challenges
  return { order, authorization: order.authorizations[0], challenge, reply: await client.post(challenge.url, {}) }
}

t.test('a record made from the directory alone proves control, order after order', async t => {
  const world = await createWorld(t, { config })
  const client = await createAccount(world)
  const { meta } = (await client.get(`${ORIGIN}/acme/directory`)).json
  t.match(meta, { issuerDomainNames: ['ca.example.test'], accountHashPrefix: at('account-hash/') })
  world.zone.set(`_validation-persist.${NAME}`, 'TXT', recordOf(client, meta.accountHashPrefix))
  const first = await answer(client)
  t.match(first.challenge, { type: 'dns-persist-01', issuerDomainNames: ['ca.example.test'], token: undefined })
  t.match(first.reply.json, { status: 'valid' })
  const { csr } = await createCsr([NAME])
  t.match((await client.post(first.order.finalize, { csr })).json, { status: 'valid' })
})

t.test('a record goes on to hold when the account changes its key (draft-ietf-acme-dns-persist-02 §4.2)', async t => {
  const world = await createWorld(t, { config })
  const client = await createAccount(world)
  world.zone.set(`_validation-persist.${NAME}`, 'TXT', recordOf(client, at('account-hash/')))
  let current = client
  for (const alg of ['ES384', 'ES256']) {
    const keys = await createKeys(alg)
    t.equal((await rollover(current, keys)).status, 200)
    current = await createClient(world, keys)
    current.kid = client.kid
  }
  t.match((await answer(current)).reply.json, { status: 'valid' })
  const other = await createAccount(world)
  t.match((await answer(other)).reply.json, { status: 'processing' }, 'for this account alone')
})

t.test('an authorization ends with its record (draft-ietf-acme-dns-persist-02 §4.1)', async t => {
  const world = await createWorld(t, { config })
  const client = await createAccount(world)
  const until = Date.UTC(2026, 0, 1, 1) / 1000
  world.zone.set(`_validation-persist.${NAME}`, 'TXT', recordOf(client, at('account-hash/'), `; persistUntil=${until}`))
  const { order, authorization } = await answer(client)
  t.match((await client.post(authorization, '')).json, { status: 'valid', expires: '2026-01-01T01:00:00Z' })
  world.clock.jump(3_600_001)
  t.match((await client.post(authorization, '')).json, { status: 'expired' })
  const late = await client.post(order.finalize, { csr: (await createCsr([NAME])).csr })
  t.match(late.json, { status: 'invalid', error: { type: 'urn:ietf:params:acme:error:unauthorized' } })
})
