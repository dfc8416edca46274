import { createHash, createPublicKey, X509Certificate } from 'node:crypto'
import t from 'tap'
import { entityTag, spiffeBundle, trustedRoots } from '../../../ca/hierarchy/trust.ts'
import { openFixture } from '../fixture.ts'
import { caConfig, createWorld } from '../world.ts'

const formerOf = async () => (await openFixture({ settings: { name: 'Former' } })).hierarchy.root.pem

t.test('a former root is handed out beside the root, wherever roots are', async t => {
  const former = await formerOf()
  const world = await createWorld(t, { config: { ...caConfig(), former_roots: [{ certificate: former }] } })
  const { body, headers } = await world.http.inject({ url: '/roots.pem' })
  t.equal(body.match(/BEGIN CERTIFICATE/g)?.length, 2)
  t.ok(body.endsWith(former))
  t.match(await world.ca.commands['ca.roots']!({}), [{ subject: 'Test Root CA' }, { subject: 'Former Root CA' }])
  const sha256 = createHash('sha256').update(new X509Certificate(former).raw).digest('hex')
  t.strictSame(
    (await world.https.inject({ url: `/root/${sha256}` })).json(),
    { ca: former },
    'and found by what it hashes to',
  )

  const unchanged = await world.http.inject({
    url: '/roots.pem',
    headers: { 'if-none-match': String(headers['etag']) },
  })
  t.strictSame([unchanged.statusCode, unchanged.body], [304, ''], 'RFC 9110 §13.1.2')
  world.ca.reload(caConfig())
  const changed = await world.http.inject({ url: '/roots.pem', headers: { 'if-none-match': String(headers['etag']) } })
  t.equal(changed.statusCode, 200)
  t.notSame(changed.headers['etag'], headers['etag'])
})

t.test('the bundle as SPIFFE has it', async t => {
  const world = await createWorld(t)
  const bundle = (await world.https.inject({ url: '/roots.spiffe' })).json()
  const [root] = trustedRoots([(await world.https.inject({ url: '/roots.pem' })).body])
  t.match(bundle, { spiffe_refresh_hint: 3600, keys: [{ use: 'x509-svid', kty: 'EC', crv: 'P-384', x5c: [/./] }] })
  const [key] = bundle.keys
  t.ok(new X509Certificate(Buffer.from(key.x5c[0], 'base64')).publicKey.equals(createPublicKey({ key, format: 'jwk' })))
  t.equal(bundle.spiffe_sequence, Date.parse(root!.not_before) / 1000)
})

t.test('each root is there once, and the tag is that of the set', async t => {
  const [one, other] = [await formerOf(), await formerOf()]
  const twice = trustedRoots([one, one + other])
  t.equal(twice.length, 2)
  t.equal(entityTag(twice), entityTag(trustedRoots([one, other])))
  t.not(entityTag(twice), entityTag(trustedRoots([one])))
  t.match(spiffeBundle([]), { spiffe_sequence: 0, keys: [] })
  t.throws(() => trustedRoots(['x']), /no certificate/)
})
