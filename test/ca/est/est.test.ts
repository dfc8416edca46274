import { createPrivateKey, X509Certificate } from 'node:crypto'
import t, { type Test } from 'tap'
import { makeKey } from '../../../ca/hierarchy/keystore.ts'
import { objectIdentifier, Tag, tlv, unsignedInteger } from '../../../ca/x509/der.ts'
import { distinguishedName } from '../../../ca/x509/distinguished-name.ts'
import { derBlocks, signStructure } from '../../../ca/x509/x509.ts'
import type { ShownCertificate } from '../../../host/network.ts'
import { createCsr } from '../client.ts'
import { judge } from '../fixture.ts'
import { caConfig, createWorld, type World } from '../world.ts'

const DAY = 86_400_000
const PROFILE = '{ name: default, validity: 90d, usages: [server, client], renewable: true }'
const config = (issue = '[{ names: ["**.example.test"] }]', profile = PROFILE, more = '  est: {}\n') =>
  caConfig(
    `  issuers: { acme: { issue: ${issue}, profiles: [${profile}] }, other: { issue: ${issue}, profiles: [${profile}] } }\n${more}`,
  )

const run = (world: World, command: string, args: object = {}) =>
  world.ca.commands[command]!(args as Record<string, unknown>) as Promise<never>

/** A CA with EST, and a secret for r1.net.example.test. */
async function open(t: Test, settings = config(), more: object = {}) {
  const world = await createWorld(t, { config: settings })
  const args = { name: 'routers', names: ['r1.net.example.test'], uses: 0, ...more }
  const { secret, id } = (await run(world, 'ca.enrolment.create', args)) as { secret: string; id: string }
  return { world, secret, id }
}

const basic = (secret: string, user = 'any') => `Basic ${Buffer.from(`${user}:${secret}`).toString('base64')}`
const csrFor = async (...names: string[]) => Buffer.from((await createCsr(names)).csr, 'base64url').toString('base64')

async function post(
  world: World,
  path: string,
  payload: string,
  { secret, headers = {} }: { secret?: string; headers?: Record<string, string> } = {},
) {
  const reply = await world.https.inject({
    method: 'POST',
    url: `/.well-known/est${path}`,
    headers: {
      'content-type': 'application/pkcs10',
      ...(secret !== undefined && { authorization: basic(secret) }),
      ...headers,
    },
    payload,
  })
  return { status: reply.statusCode, headers: reply.headers, body: reply.body }
}

/** The certificates of an answer, by OpenSSL. */
async function certificatesIn(body: string): Promise<X509Certificate[]> {
  const files = { answer: Buffer.from(body, 'base64') }
  const { status, output } = await judge(files, 'openssl', 'pkcs7', '-inform', 'DER', '-in', 'answer', '-print_certs')
  if (status !== 0) throw new Error(output)
  return derBlocks('CERTIFICATE', output).map(der => new X509Certificate(der))
}

const namesOf = (certificates: readonly X509Certificate[]) =>
  certificates.map(({ subject }) => /CN=(.*)/.exec(subject)?.[1])

t.test('cacerts: roots, intermediates, and what leads from one root to the other (RFC 7030 §4.1.3)', async t => {
  const { world } = await open(t)
  const get = async () => {
    const reply = await world.https.inject({ method: 'GET', url: '/.well-known/est/cacerts' })
    t.match(reply.headers, { 'content-type': 'application/pkcs7-mime' })
    return namesOf(await certificatesIn(reply.body))
  }
  t.same(await get(), ['Test Root CA', 'Test Intermediate CA 1'])
  await run(world, 'ca.renew-root')
  t.same((await get()).toSorted(), [
    'Test Intermediate CA 1',
    'Test Intermediate CA 2',
    'Test Root CA',
    'Test Root CA 2',
    'Test Root CA 2',
  ])
})

t.test('csrattrs: the kind of key that the profile would rather have (RFC 7030 §4.5.2)', async t => {
  for (const [keys, expected] of [
    ['[ecdsa-p256, rsa-2048]', '3021301506072a8648ce3d0201310a06082a8648ce3d03010706082a8648ce3d040302'],
    ['[rsa-3072]', '301e301106092a864886f70d010101310402020c0006092a864886f70d01010b'],
    ['[ed25519]', '300506032b6570'],
  ] as const) {
    const profile = PROFILE.replace('}', `, keys: ${keys} }`)
    const { world } = await open(t, config(undefined, profile))
    const reply = await world.https.inject({ method: 'GET', url: '/.well-known/est/acme/csrattrs' })
    t.equal(reply.headers['content-type'], 'application/csrattrs')
    const der = Buffer.from(reply.body, 'base64')
    t.equal(der.toString('hex'), expected, keys)
  }
})

t.test('simpleenroll: a certificate by a secret, and nothing beside it (RFC 7030 §4.2.3)', async t => {
  const { world, secret, id } = await open(t)
  for (const path of ['/simpleenroll', '/acme/simpleenroll']) {
    const { status, headers, body } = await post(world, path, await csrFor('r1.net.example.test'), { secret })
    t.equal(status, 200, body)
    t.equal(headers['content-type'], 'application/pkcs7-mime; smime-type=certs-only')
    const [certificate, ...more] = await certificatesIn(body)
    t.same(more, [])
    t.equal(certificate!.subjectAltName, 'DNS:r1.net.example.test')
    const { entry } = (await run(world, 'ca.log.prove', { serial: certificate!.serialNumber })) as { entry: string }
    t.match(JSON.parse(entry), { kind: 'issued', way: 'est', by: 'routers', account: `enrolment:${id}` })
  }
})

t.test('who has no right secret is asked for one (RFC 7030 §3.2.3)', async t => {
  const { world, secret, id } = await open(t)
  const csr = await csrFor('r1.net.example.test')
  const wrong = secret.replace(/.$/, last => (last === 'a' ? 'b' : 'a'))
  for (const path of ['/simpleenroll', '/simplereenroll'])
    for (const headers of [
      {},
      { authorization: basic(wrong) },
      { authorization: `Bearer ${secret}` },
      { authorization: basic('') },
      { authorization: 'Basic' },
    ] as Record<string, string>[]) {
      const reply = await post(world, path, csr, { headers })
      t.equal(reply.status, 401, JSON.stringify(headers))
      t.match(reply.headers, { 'www-authenticate': /^Basic realm=/, 'content-type': /^text\/plain/ })
      t.notMatch(reply.body, wrong)
    }
  await run(world, 'ca.enrolment.revoke', { id })
  t.equal((await post(world, '/simpleenroll', csr, { secret })).status, 401)
})

t.test('wrong secrets from one address are not answered for ever', async t => {
  const { world, secret } = await open(t)
  const csr = await csrFor('r1.net.example.test')
  const statuses = new Set<number>()
  for (let i = 0; i < 25; i++) statuses.add((await post(world, '/simpleenroll', csr, { secret: 'wrong' })).status)
  t.same([...statuses], [401, 503])
  t.equal((await post(world, '/simpleenroll', csr, { secret })).status, 200, 'who has a right one is not shut out')
})

t.test('rules and the secret decide; the refusal is text for humans (RFC 7030 §4.2.3)', async t => {
  const { world, secret } = await open(t, config('[{ names: ["r1.net.example.test"], key: others }]'))
  const cases: [string, number, RegExp][] = [
    ['r1.net.example.test', 403, /for other accounts or keys/],
    ['www.example.test', 403, /does not cover this name/],
  ]
  for (const [name, status, because] of cases) {
    const reply = await post(world, '/simpleenroll', await csrFor(name), { secret })
    t.match(reply, { status, body: because, headers: { 'content-type': /^text\/plain/ } }, name)
  }
})

t.test('who waits for a person is told so, and when to ask again (RFC 7030 §4.2.3)', async t => {
  const { world, secret } = await open(t, config('[{ names: ["**.example.test"], approval: true }]'))
  const csr = await csrFor('r1.net.example.test')
  t.match(await post(world, '/simpleenroll', csr, { secret }), { status: 202, headers: { 'retry-after': /^\d+$/ } })
  const [{ id }] = (await run(world, 'ca.approvals')) as [{ id: string }]
  await run(world, 'ca.approve', { id })
  t.equal((await post(world, '/simpleenroll', csr, { secret })).status, 200)
})

t.test('a body that is no CSR in base64 is refused, and white space passed over (RFC 8951 §3)', async t => {
  const { world, secret } = await open(t)
  const csr = await csrFor('r1.net.example.test')
  const cases: [string, string, number, Record<string, string>?][] = [
    ['nothing', '', 400],
    ['no base64', '{}', 400],
    ['PEM', `-----BEGIN CERTIFICATE REQUEST-----\n${csr}\n-----END CERTIFICATE REQUEST-----\n`, 400],
    ['base64 of something else', Buffer.from('hello').toString('base64'), 400],
    ['a CSR that was changed', csr.replace(/.{8}$/, 'AAAAAAAA'), 400],
    ['too much', 'A'.repeat(100 * 1024), 413],
    ['another type', csr, 415, { 'content-type': 'application/json' }],
    ['lines', csr.replace(/.{64}/g, '$&\r\n'), 200],
    ['a field that is given up', csr, 200, { 'content-transfer-encoding': 'binary' }],
  ]
  for (const [what, body, status, headers = {}] of cases) {
    const reply = await post(world, '/simpleenroll', body, { secret, headers })
    t.equal(reply.status, status, `${what}: ${reply.body}`)
  }
})

const show = (certificate: X509Certificate): ShownCertificate => ({ verified: true, der: certificate.raw })

t.test('simplereenroll: the next certificate for another key of who shows one (RFC 7030 §3.3.2, §4.2.2)', async t => {
  const { world, secret, id } = await open(t, config(), { validity: '1d' })
  const first = await post(world, '/simpleenroll', await csrFor('r1.net.example.test'), { secret })
  const [certificate] = await certificatesIn(first.body)
  await world.clock.advance(2 * DAY)
  world.shown = show(certificate!)
  const csr = await csrFor('r1.net.example.test')
  const again = await post(world, '/simplereenroll', csr)
  t.equal(again.status, 200, again.body)
  const [next] = await certificatesIn(again.body)
  t.equal(next!.subjectAltName, certificate!.subjectAltName)
  t.notOk(next!.publicKey.equals(certificate!.publicKey))
  t.match(await post(world, '/simplereenroll', await csrFor('r2.net.example.test')), { status: 400, body: /the names/ })
  t.match(await post(world, '/other/simplereenroll', csr), { status: 200 }, 'an issuer that shares the hierarchy')
  t.match(await post(world, '/simpleenroll', csr), { status: 401 }, 'what is new is not had by what one has')
  world.shown = { verified: false }
  t.match(await post(world, '/simplereenroll', csr), { status: 401, body: /not valid/ })
  t.match(await post(world, '/simplereenroll', csr, { secret }), { status: 401 }, 'the secret has ended')
  world.shown = show(certificate!)
  await run(world, 'ca.enrolment.revoke', { id })
  t.match(await post(world, '/simplereenroll', csr), { status: 401, body: /holds no more/ })
})

t.test('a secret re-enrols, too, as it enrols', async t => {
  const { world, secret } = await open(t)
  world.shown = { verified: false }
  const reply = await post(world, '/simplereenroll', await csrFor('r1.net.example.test'), { secret })
  t.equal(reply.status, 200, reply.body)
})

t.test('a profile that is not renewable is not re-enrolled', async t => {
  const profile = PROFILE.replace('renewable: true', 'renewable: false')
  const { world, secret } = await open(t, config(undefined, profile))
  const csr = await csrFor('r1.net.example.test')
  const [certificate] = await certificatesIn((await post(world, '/simpleenroll', csr, { secret })).body)
  world.shown = show(certificate!)
  t.match(await post(world, '/simplereenroll', csr), { status: 403, body: /not renewed by showing/ })
})

/** A CSR that asks for this name with these attributes, each an object identifier with NULL for its value. */
async function csrWith(name: string, attributes: readonly string[], forged = false): Promise<string> {
  const { signer } = await makeKey('ecdsa-p256')
  const none = (oid: string) => tlv(Tag.SEQUENCE, objectIdentifier(oid), tlv(Tag.SET, tlv(Tag.OCTET_STRING)))
  const info = tlv(
    Tag.SEQUENCE,
    unsignedInteger(Uint8Array.of(0)),
    distinguishedName({ commonName: name }),
    signer.publicKey,
    tlv(0xa0, ...attributes.map(none)),
  )
  const sign = forged ? async () => new Uint8Array(8) : signer.sign
  return Buffer.from(await signStructure(info, { ...signer, sign })).toString('base64')
}

t.test('names are not changed by renewal (RFC 7030 §4.2.2, RFC 6402 §2.8)', async t => {
  const { world, secret } = await open(t)
  const name = 'r1.net.example.test'
  const [certificate] = await certificatesIn((await post(world, '/simpleenroll', await csrFor(name), { secret })).body)
  world.shown = show(certificate!)
  const csr = await csrWith(name, ['1.3.6.1.5.5.7.7.36'])
  t.match(await post(world, '/simplereenroll', csr), { status: 400, body: /ChangeSubjectName/ })
})

const MAKING = PROFILE.replace('}', ', server_keys: true }')

/** The parts of a multipart body by their types. */
function partsOf({ headers, body }: Awaited<ReturnType<typeof post>>): Map<string, string> {
  const [, boundary] = /^multipart\/mixed; boundary=([\w-]+)$/.exec(String(headers['content-type'])) ?? []
  const parts = body.split(`--${boundary}`)
  if (parts.at(-1) !== '--\r\n') throw new Error('the body does not end')
  return new Map(
    parts.slice(1, -1).map(part => {
      const [, type, content] = /^\r\nContent-Type: (.*)\r\n.*\r\n\r\n([\s\S]*)$/.exec(part)!
      return [type!, content!]
    }),
  )
}

/** The key and the certificate of an answer, of which one must be for the other. */
async function madeIn(t: Test, reply: Awaited<ReturnType<typeof post>>) {
  t.equal(reply.status, 200, reply.body)
  t.equal(reply.headers['cache-control'], 'no-store')
  const parts = partsOf(reply)
  t.same([...parts.keys()], ['application/pkcs8', 'application/pkcs7-mime; smime-type=certs-only'])
  const [pkcs8, certificates] = [...parts.values()]
  const key = createPrivateKey({ key: Buffer.from(pkcs8!, 'base64'), type: 'pkcs8', format: 'der' })
  const [certificate, ...more] = await certificatesIn(certificates!)
  t.same(more, [])
  t.ok(certificate!.checkPrivateKey(key))
  return { key, certificate: certificate! }
}

t.test('serverkeygen: a key of the profile with its certificate, for whoever may enrol (RFC 7030 §4.4)', async t => {
  const name = 'r1.net.example.test'
  for (const [keys, kind] of [
    ['[ecdsa-p384, rsa-2048]', 'ec'],
    ['[ecdsa-p521, ed25519]', 'ed25519'],
    ['[rsa-2048]', 'rsa'],
  ] as const) {
    const { world, secret, id } = await open(t, config(undefined, MAKING.replace('}', `, keys: ${keys} }`)))
    // RFC 7030 §4.4.1: key and signature of the request are ignored.
    const first = await madeIn(t, await post(world, '/serverkeygen', await csrWith(name, [], true), { secret }))
    t.equal(first.key.asymmetricKeyType, kind)
    t.equal(first.certificate.subjectAltName, `DNS:${name}`)
    const { entry } = (await run(world, 'ca.log.prove', { serial: first.certificate.serialNumber })) as {
      entry: string
    }
    t.match(JSON.parse(entry), { kind: 'issued', way: 'est serverkeygen', account: `enrolment:${id}` })
    world.shown = show(first.certificate)
    const next = await madeIn(t, await post(world, '/acme/serverkeygen', await csrFor(name)))
    t.notOk(next.certificate.publicKey.equals(first.certificate.publicKey), 'renewed with another key')
    t.match(await post(world, '/serverkeygen', await csrFor('r2.net.example.test')), { status: 400, body: /the names/ })
  }
})

t.test('serverkeygen is for profiles that say so, and decided as enrolment is', async t => {
  const name = 'r1.net.example.test'
  const csr = await csrFor(name)
  const plain = await open(t)
  t.match(await post(plain.world, '/serverkeygen', csr, { secret: plain.secret }), { status: 403, body: /themselves/ })
  const { world, secret } = await open(t, config('[{ names: ["**.example.test"], approval: true }]', MAKING), {
    uses: 1,
  })
  t.match(await post(world, '/serverkeygen', csr), { status: 401 })
  t.match(await post(world, '/serverkeygen', await csrFor('a.example.test'), { secret }), { status: 403 })
  t.match(await post(world, '/serverkeygen', csr, { secret }), { status: 202, headers: { 'retry-after': /^\d+$/ } })
  const [{ id }] = (await run(world, 'ca.approvals')) as [{ id: string }]
  await run(world, 'ca.approve', { id })
  await madeIn(t, await post(world, '/serverkeygen', csr, { secret }))
  t.match(await post(world, '/serverkeygen', csr, { secret }), { status: 401, body: /used up/ })
})

t.test(
  'a key that is to be encrypted for the client is refused, for no key of its is known (RFC 7030 §4.4.1)',
  async t => {
    const { world, secret } = await open(t, config(undefined, MAKING))
    for (const [oid, word] of [
      ['1.2.840.113549.1.9.16.2.37', /without DecryptKeyIdentifier/],
      ['1.2.840.113549.1.9.16.2.54', /without AsymmetricDecryptKeyIdentifier/],
    ] as const) {
      const csr = await csrWith('r1.net.example.test', ['1.2.840.113549.1.9.15', oid])
      t.match(await post(world, '/serverkeygen', csr, { secret }), { status: 400, body: word })
    }
  },
)

t.test('fullcmc is told to be absent, whatever comes (RFC 7030 §4.3)', async t => {
  const { world, secret } = await open(t)
  const headers = { 'content-type': 'application/pkcs7-mime; smime-type=CMC-request' }
  t.match(await post(world, '/fullcmc', 'MIIB', { headers, secret }), { status: 501, body: /simpleenroll/ })
  t.match(await post(world, '/acme/fullcmc', '', {}), { status: 501, headers: { 'content-type': /^text\/plain/ } })
  t.match(await post(world, '/nowhere/fullcmc', '', {}), { status: 404 })
})

t.test('a secret of one issuer is none of another', async t => {
  const { world, secret } = await open(t, config(), { issuer: 'acme' })
  const csr = await csrFor('r1.net.example.test')
  t.match(await post(world, '/other/simpleenroll', csr, { secret }), { status: 403, body: /another issuer/ })
  t.equal((await post(world, '/acme/simpleenroll', csr, { secret })).status, 200)
})

t.test('only what the configuration names is there, as it is now', async t => {
  const { world } = await open(t, config(undefined, undefined, ''))
  const status = async (path: string) =>
    (await world.https.inject({ method: 'GET', url: `/.well-known/est${path}/cacerts` })).statusCode
  const statuses = () => Promise.all(['', '/acme', '/other', '/nowhere'].map(status))
  t.same(await statuses(), [404, 404, 404, 404])
  t.same(world.ca.reload(config()), [])
  t.same(await statuses(), [200, 200, 200, 404])
  world.ca.reload(config(undefined, undefined, '  est: { issuers: [other] }\n'))
  t.same(await statuses(), [404, 404, 200, 404])
})
