import { createPublicKey } from 'node:crypto'
import { exportJWK } from 'jose'
import t from 'tap'
import { REASONS } from '../../../ca/revocation/revoke.ts'
import { at, createAccount, createClient, derOf } from '../client.ts'
import { createWorld } from '../world.ts'

const URN = 'urn:ietf:params:acme:error:'
const url = at('revoke-cert')

t.test('the account that holds a certificate revokes it, once (RFC 8555 §7.6)', async t => {
  const world = await createWorld(t)
  const client = await createAccount(world)
  const certificate = derOf((await client.certificate(['www.example.test'])).chain)
  for (const reason of [REASONS.cACompromise, 6, 7, 8, 11, -1, '1', null]) {
    const refused = await client.post(url, { certificate, reason })
    t.equal(refused.json.type, `${URN}badRevocationReason`, `reason ${reason}`)
  }
  const done = await client.post(url, { certificate, reason: REASONS.superseded })
  t.match(done, { status: 200, text: '' })
  const again = await client.post(url, { certificate })
  t.match(again, { status: 400, json: { type: `${URN}alreadyRevoked` } })
})

t.test('so does the key of the certificate', async t => {
  const world = await createWorld(t)
  const holder = await createAccount(world)
  const { chain, key } = await holder.certificate(['www.example.test'])
  const jwk = await exportJWK(createPublicKey(key))
  const client = await createClient(world, { alg: 'ES256', privateKey: key, jwk })
  const done = await client.post(url, { certificate: derOf(chain), reason: REASONS.keyCompromise })
  t.equal(done.status, 200, done.text)
})

t.test('so does an account that is authorized for all its names', async t => {
  const world = await createWorld(t)
  const certificate = derOf(
    (await (await createAccount(world)).certificate(['www.example.test', '*.www.example.test'])).chain,
  )
  const other = await createAccount(world)
  t.match(await other.post(url, { certificate }), { status: 403, json: { type: `${URN}unauthorized` } }, 'for none')
  const { json: order } = await other.order(['www.example.test', '*.www.example.test'])
  await other.prove(order.authorizations[0])
  t.equal((await other.post(url, { certificate })).status, 403, 'for one of two')
  await other.prove(order.authorizations[1])
  t.equal((await other.post(url, { certificate })).status, 200, 'for both')
})

t.test('what can not be revoked', async t => {
  const world = await createWorld(t)
  const elsewhere = await createWorld(t)
  const foreign = derOf((await (await createAccount(elsewhere)).certificate(['www.example.test'])).chain)
  const client = await createAccount(world)
  const rows: [string, object, string, number][] = [
    ['nothing', {}, 'malformed', 400],
    ['padded base64', { certificate: 'AAA=' }, 'malformed', 400],
    ['no certificate', { certificate: 'AAAA' }, 'malformed', 400],
    ['a certificate of another CA', { certificate: foreign }, 'malformed', 404],
  ]
  for (const [name, payload, problem, status] of rows)
    t.match(await client.post(url, payload), { status, json: { type: URN + problem } }, name)
  const stranger = await createClient(world)
  const mine = derOf((await client.certificate(['www.example.test'])).chain)
  t.match(await stranger.post(url, { certificate: mine }), { status: 403 }, 'a key that is not its own')
})
