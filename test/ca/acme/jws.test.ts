import { createHmac, generateKeyPairSync } from 'node:crypto'
import { exportJWK } from 'jose'
import t from 'tap'
import { at, type Client, createAccount, createClient, createKeys, type Reply, type Signing } from '../client.ts'
import { createWorld } from '../world.ts'

const URN = 'urn:ietf:params:acme:error:'

t.test('account keys of every algorithm that RFC 8555 §6.2 and RFC 8037 leave us', async t => {
  const world = await createWorld(t)
  for (const alg of ['RS256', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']) {
    const client = await createClient(world, await createKeys(alg))
    const reply = await client.register()
    t.equal(reply.status, 201, `${alg}: ${reply.text}`)
    t.equal((await client.register()).status, 200, `${alg}: the same key is the same account`)
  }
})

/** One way of getting a request wrong, and the problem it gets. */
interface Wrong {
  name: string
  send(client: Client): Promise<Reply>
  problem: string
  status: number
}

const order = at('new-order')
const payload = { identifiers: [{ type: 'dns', value: 'www.example.test' }] }
const bent = (signing: Signing) => (client: Client) => client.post(order, payload, signing)
const raw = (make: (jws: Record<string, string>, client: Client) => unknown) => async (client: Client) => {
  const jws = (await client.sign(order, payload)) as unknown as Record<string, string>
  return client.send(order, JSON.stringify(make(jws, client)))
}
const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
/** A JWS whose protected header jose would not make, with the signature of another. */
const headed = (change: (header: Record<string, unknown>) => object) =>
  raw(jws => ({
    ...jws,
    protected: encoded(change(JSON.parse(Buffer.from(jws['protected']!, 'base64url').toString()))),
  }))

const WRONG: Wrong[] = [
  { name: 'alg none', send: headed(h => ({ ...h, alg: 'none' })), problem: 'badSignatureAlgorithm', status: 400 },
  {
    name: 'a MAC instead of a signature',
    send: headed(h => ({ ...h, alg: 'HS256' })),
    problem: 'badSignatureAlgorithm',
    status: 400,
  },
  {
    name: 'an algorithm we do not take',
    send: headed(h => ({ ...h, alg: 'PS256' })),
    problem: 'badSignatureAlgorithm',
    status: 400,
  },
  {
    name: 'an algorithm that does not fit the key',
    send: headed(h => ({ ...h, alg: 'RS256' })),
    problem: 'badPublicKey',
    status: 400,
  },
  { name: 'no alg', send: headed(({ alg, ...h }) => h), problem: 'malformed', status: 400 },
  {
    name: 'the url of another resource',
    send: bent({ protected: { url: at('new-account') } }),
    problem: 'unauthorized',
    status: 403,
  },
  { name: 'no url', send: headed(({ url, ...h }) => h), problem: 'malformed', status: 400 },
  { name: 'no nonce', send: bent({ without: ['nonce'] }), problem: 'badNonce', status: 400 },
  {
    name: 'a nonce that was never issued',
    send: bent({ protected: { nonce: 'AAAAAAAAAAAAAAAAAAAAAA' } }),
    problem: 'badNonce',
    status: 400,
  },
  {
    name: 'a nonce that is not base64url',
    send: bent({ protected: { nonce: 'a+b/c=' } }),
    problem: 'malformed',
    status: 400,
  },
  { name: 'an empty nonce', send: bent({ protected: { nonce: '' } }), problem: 'malformed', status: 400 },
  {
    name: 'kid and jwk',
    send: async c => bent({ protected: { jwk: c.keys.jwk } })(c),
    problem: 'malformed',
    status: 400,
  },
  { name: 'neither kid nor jwk', send: bent({ without: ['kid'] }), problem: 'malformed', status: 400 },
  {
    name: 'jwk where an account must sign',
    send: async c => bent({ protected: { jwk: c.keys.jwk }, without: ['kid'] })(c),
    problem: 'malformed',
    status: 400,
  },
  { name: 'kid where a key must sign', send: c => c.post(at('new-account'), {}), problem: 'malformed', status: 400 },
  {
    name: 'the kid of an account that is not there',
    send: bent({ protected: { kid: at('account/nobody') } }),
    problem: 'accountDoesNotExist',
    status: 400,
  },
  {
    name: 'a kid that is no account URL',
    send: bent({ protected: { kid: 'nobody' } }),
    problem: 'accountDoesNotExist',
    status: 400,
  },
  { name: 'a kid that is no text', send: headed(h => ({ ...h, kid: 1 })), problem: 'malformed', status: 400 },
  {
    name: 'the signature of another key',
    send: bent({ key: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey }),
    problem: 'malformed',
    status: 400,
  },
  {
    name: 'a payload changed after signing',
    send: raw(jws => ({ ...jws, payload: encoded({ identifiers: [] }) })),
    problem: 'malformed',
    status: 400,
  },
  {
    name: 'a signature cut short',
    send: raw(jws => ({ ...jws, signature: jws['signature']!.slice(4) })),
    problem: 'malformed',
    status: 400,
  },
  { name: 'no signature', send: raw(({ signature, ...jws }) => jws), problem: 'malformed', status: 400 },
  {
    name: 'padded base64',
    send: raw(jws => ({ ...jws, payload: `${jws['payload']}=` })),
    problem: 'malformed',
    status: 400,
  },
  {
    name: 'an unprotected header (RFC 8555 §6.2)',
    send: raw(jws => ({ ...jws, header: { kid: 'x' } })),
    problem: 'malformed',
    status: 400,
  },
  {
    name: 'several signatures (RFC 8555 §6.2)',
    send: raw(jws => ({ payload: jws['payload'], signatures: [jws] })),
    problem: 'malformed',
    status: 400,
  },
  {
    name: 'a critical extension (RFC 7515 §4.1.11)',
    send: headed(h => ({ ...h, crit: ['exp'], exp: 1 })),
    problem: 'malformed',
    status: 400,
  },
  {
    name: 'an unencoded payload (RFC 7797)',
    send: headed(h => ({ ...h, b64: false })),
    problem: 'malformed',
    status: 400,
  },
  { name: 'compact serialization', send: c => c.send(order, 'a.b.c'), problem: 'malformed', status: 400 },
  { name: 'a list', send: c => c.send(order, '[]'), problem: 'malformed', status: 400 },
  { name: 'null', send: c => c.send(order, 'null'), problem: 'malformed', status: 400 },
  { name: 'an empty body', send: c => c.send(order, ''), problem: 'malformed', status: 400 },
  { name: 'a payload that is no object', send: c => c.post(order, [] as never), problem: 'malformed', status: 400 },
  {
    name: 'plain JSON by its media type',
    send: c => c.send(order, '{}', 'application/json'),
    problem: 'malformed',
    status: 415,
  },
  {
    name: 'a body larger than the limit',
    send: c => c.send(order, `{"payload":"${'A'.repeat(200_000)}"}`),
    problem: 'malformed',
    status: 413,
  },
]

t.test('a wrong JWS gets its exact problem, a fresh nonce, and changes nothing', async t => {
  const world = await createWorld(t)
  const client = await createAccount(world)
  for (const { name, send, problem, status } of WRONG) {
    const reply = await send(client)
    t.match({ status: reply.status, type: reply.json?.type }, { status, type: URN + problem }, `${name}: ${reply.text}`)
    t.equal(reply.headers['content-type'], 'application/problem+json', name)
    t.ok(reply.headers['replay-nonce'], name)
    t.notMatch(reply.text, /null|stack|node_modules/, name)
  }
  t.same((await client.post(at(`account/${client.kid!.split('/').at(-1)}/orders`), '')).json, { orders: [] })
})

t.test('a request sent twice is refused the second time (RFC 8555 §6.5)', async t => {
  const world = await createWorld(t)
  const client = await createAccount(world)
  const body = JSON.stringify(await client.sign(order, payload))
  t.equal((await client.send(order, body)).status, 201)
  const again = await client.send(order, body)
  t.equal(again.json.type, `${URN}badNonce`)
})

t.test('a refused signature leaves the nonce usable', async t => {
  const world = await createWorld(t)
  const client = await createAccount(world)
  const nonce = await client.nonce()
  const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  t.equal((await client.post(order, payload, { protected: { nonce }, key: stranger })).status, 400)
  t.equal((await client.post(order, payload, { protected: { nonce } })).status, 201)
})

t.test('badSignatureAlgorithm lists what is taken (RFC 8555 §6.2)', async t => {
  const world = await createWorld(t)
  const client = await createAccount(world)
  const reply = await headed(h => ({ ...h, alg: 'ES256K' }))(client)
  t.strictSame(reply.json.algorithms, ['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519', 'RS256'])
})

t.test('keys that are no keys are badPublicKey', async t => {
  const world = await createWorld(t)
  const client = await createClient(world)
  const good = client.keys.jwk
  const weak = await exportJWK(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey)
  const rsa = await exportJWK(generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey)
  const rows: [string, object][] = [
    ['an RSA key of 1024 bits', weak],
    ['an RSA key with the exponent 1', { ...rsa, e: 'AQ' }],
    ['an RSA key with an even exponent', { ...rsa, e: 'AQAA' }],
    ['an RSA key whose modulus has a leading zero', { ...rsa, n: `AA${rsa.n}` }],
    ['a symmetric key', { kty: 'oct', k: 'AAAA' }],
    ['a curve nobody takes', { ...good, crv: 'secp256k1' }],
    ['a point that is not on its curve', { ...good, y: good.x }],
    ['a key without y', { kty: 'EC', crv: 'P-256', x: good.x }],
    ['a key for key agreement', { kty: 'OKP', crv: 'X25519', x: good.x }],
    ['no kty', {}],
    ['a kty from the prototype', { kty: 'constructor' }],
    ['a private key', await exportJWK(client.keys.privateKey)],
  ]
  for (const [name, jwk] of rows) {
    const jws = (await client.sign(at('new-account'), {})) as unknown as Record<string, string>
    const header = { ...JSON.parse(Buffer.from(jws['protected']!, 'base64url').toString()), jwk }
    const reply = await client.send(at('new-account'), JSON.stringify({ ...jws, protected: encoded(header) }))
    t.equal(reply.json.type, `${URN}badPublicKey`, `${name}: ${reply.text}`)
  }
})

t.test('a MAC under the public key is not taken for a signature', async t => {
  const world = await createWorld(t)
  const client = await createClient(world)
  const header = encoded({ alg: 'HS256', nonce: await client.nonce(), url: at('new-account'), jwk: client.keys.jwk })
  const body = encoded({})
  const mac = createHmac('sha256', JSON.stringify(client.keys.jwk)).update(`${header}.${body}`).digest('base64url')
  const reply = await client.send(
    at('new-account'),
    JSON.stringify({ protected: header, payload: body, signature: mac }),
  )
  t.equal(reply.json.type, `${URN}badSignatureAlgorithm`)
})

t.test('GET of what is read by POST-as-GET is 405 (RFC 8555 §6.3)', async t => {
  const world = await createWorld(t)
  const client = await createAccount(world)
  for (const path of ['new-order', 'order/x', 'authorization/x', 'certificate/x', 'account/x'])
    t.equal((await client.get(at(path))).status, 405, path)
})

t.test('nonces: 200 to HEAD, 204 to GET, each new, never cached (RFC 8555 §7.2)', async t => {
  const world = await createWorld(t)
  const client = await createClient(world)
  const got = await client.get(at('new-nonce'))
  t.equal(got.status, 204)
  t.equal(got.headers['cache-control'], 'no-store')
  t.match(got.headers['link'], /rel="index"/)
  t.not(await client.nonce(), got.headers['replay-nonce'])
})
