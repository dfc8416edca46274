import { X509Certificate } from 'node:crypto'
import t, { type Test } from 'tap'
import { readSigned } from '../../../ca/cms/read.ts'
import { makeKey } from '../../../ca/hierarchy/keystore.ts'
import { readCertificate } from '../../../ca/x509/certificate-facts.ts'
import { Tag, tlv, unsignedInteger } from '../../../ca/x509/der.ts'
import { derBlocks } from '../../../ca/x509/x509.ts'
import { caConfig, createWorld, type World } from '../world.ts'
import {
  type Bent,
  contentsOf,
  csrFor,
  deviceKey,
  type Identity,
  messageOf,
  openAnswer,
  ownOf,
  selfSigned,
  TYPES,
} from './device.ts'

const DAY = 86_400_000
const self = await selfSigned()
const SCEP = '  scep: {}\n'

/** A CA with SCEP, and a device that talks to it. */
async function open(t: Test, more = SCEP, rules?: string) {
  const config = caConfig(more)
  const issue =
    rules === undefined ? config.issue : caConfig(`  issuers: { acme: { issue: [${rules}] } }\n`).issuers[0]!.issue!
  const world = await createWorld(t, { config: { ...config, issue } })
  const get = (query: string, path = '/scep') => world.http.inject({ url: `${path}?operation=${query}` })
  const authorities = async (path = '/scep') => contentsOf((await get('GetCACert', path)).rawPayload).certificates
  const [ra] = await authorities()
  const post = (message: Uint8Array, path = '/scep') =>
    world.http.inject({
      method: 'POST',
      url: `${path}?operation=PKIOperation`,
      body: Buffer.from(message),
      headers: { 'content-type': 'application/x-pki-message' },
    })
  const send = async (type: keyof typeof TYPES, content: Uint8Array, bent: Bent = {}) => {
    const by = bent.as ?? self
    const reply = await post(messageOf(TYPES[type], content, ra!, by, bent))
    if (reply.statusCode !== 200) throw new Error(`${reply.statusCode} ${reply.body}`)
    return openAnswer(reply.rawPayload, ra!, by.key)
  }
  const run = (command: string, args: object = {}) =>
    world.ca.commands[command]!(args as Record<string, unknown>) as Promise<Record<string, string>>
  const secret = async (args: object = {}) =>
    (await run('ca.enrolment.create', { name: 'routers', names: ['**.example.test'], ...args }))['secret']!
  const enrol = async (names: string[], bent?: Bent) => send('PKCSReq', await csrFor(names, await secret()), bent)
  return { world, get, authorities, ra: ra!, post, send, run, secret, enrol }
}

/** The certificate of an answer, to sign with. */
const identityOf = (certificates: readonly Uint8Array[]): Identity => ({
  key: deviceKey,
  certificate: new Uint8Array(ownOf(certificates, deviceKey).raw),
})

const rootOf = async (world: World) =>
  derBlocks('CERTIFICATE', (await world.http.inject({ url: '/roots.pem' })).body)[0]!

t.test('GetCACaps and GetCACert: what is spoken, and who (RFC 8894 §3.5, §4.2)', async t => {
  const { get, authorities, ra, world } = await open(t)
  const caps = await get('GetCACaps')
  t.equal(caps.headers['content-type'], 'text/plain')
  t.strictSame(caps.body.trim().split('\n'), [
    'AES',
    'GetNextCACert',
    'POSTPKIOperation',
    'Renewal',
    'SCEPStandard',
    'SHA-256',
    'SHA-512',
  ])
  t.equal((await get('GetCACert')).headers['content-type'], 'application/x-x509-ca-ra-cert')
  const [first, issuer, root, ...more] = (await authorities()).map(der => new X509Certificate(der))
  t.same(more, [])
  t.ok(first!.verify(issuer!.publicKey) && issuer!.verify(root!.publicKey))
  t.ok(new X509Certificate(await rootOf(world)).raw.equals(root!.raw))
  t.equal(first!.publicKey.asymmetricKeyType, 'rsa')
  t.equal(issuer!.publicKey.asymmetricKeyType, 'ec', 'the issuer stays what it is')
  t.match(first!.subject, /CN=Test Intermediate CA 1 SCEP RA/)
  t.notOk(first!.ca)
  for (const path of ['/scep/acme', '/scep/pkiclient.exe', '/scep/acme/cgi-bin/pkiclient.exe'])
    t.strictSame((await authorities(path))[0], ra, path)
  for (const path of ['/scep/none', '/scep/acme/x']) t.equal((await get('GetCACaps', path)).statusCode, 404, path)
  t.equal((await get('GetNextCACert')).statusCode, 404, 'there is no other yet')
  const off = await createWorld(t)
  t.equal((await off.http.inject({ url: '/scep?operation=GetCACaps' })).statusCode, 404, 'off unless configured')
})

t.test(
  'a device enrols by its secret, and has a certificate of the EC issuer with its chain (RFC 8894 §3.3.1)',
  async t => {
    const { enrol, run, world } = await open(t)
    const answer = await enrol(['r1.example.test'])
    t.match(answer, { status: '0', failure: undefined })
    t.equal(
      Buffer.from(answer.recipientNonce).toString('hex'),
      '07'.repeat(16),
      "the client's nonce comes back (§3.2.1.5)",
    )
    const own = ownOf(answer.certificates, deviceKey)
    t.equal(own.subjectAltName, 'DNS:r1.example.test')
    const issuer = answer.certificates.map(der => new X509Certificate(der)).find(one => own.checkIssued(one))!
    t.ok(own.verify(issuer.publicKey) && issuer.publicKey.asymmetricKeyType === 'ec')
    const serial = own.serialNumber
    const entry = JSON.parse((await run('ca.log.prove', { serial }))['entry']!)
    t.match(entry, { kind: 'issued', way: 'scep', by: 'routers', transaction: answer.transaction, profile: 'default' })
    t.match(await run('ca.list', { name: 'r1.example.test' }), [{ status: 'valid' }])
    t.ok(world.ca)
  },
)

t.test('GET carries a message as well (RFC 8894 §4.1)', async t => {
  const { get, ra, secret } = await open(t)
  const message = messageOf(TYPES.PKCSReq, await csrFor(['r1.example.test'], await secret()), ra, self)
  const reply = await get(`PKIOperation&message=${encodeURIComponent(Buffer.from(message).toString('base64'))}`)
  t.equal(reply.headers['content-type'], 'application/x-pki-message')
  t.equal(openAnswer(reply.rawPayload, ra, deviceKey).status, '0')
})

t.test('a certificate is renewed by its own signature (RFC 8894 §3.3.1.2), and by that of older clients', async t => {
  const { enrol, send, run, world } = await open(t)
  const first = identityOf((await enrol(['r1.example.test'])).certificates)
  await world.clock.advance(60 * DAY)
  const { pem } = await makeKey('rsa-2048')
  const next = await send('RenewalReq', await csrFor(['r1.example.test'], undefined, pem), { as: first })
  t.equal(next.status, '0')
  t.equal(next.certificates.length, 2)
  t.notOk(ownOf(next.certificates, deviceKey), 'with another key')
  t.equal((await send('PKCSReq', await csrFor(['r1.example.test']), { as: first })).status, '0')
  t.match(await send('RenewalReq', await csrFor(['r2.example.test']), { as: first }), {
    status: '2',
    failure: '2',
    text: /names of the former/,
  })
  t.match(await send('RenewalReq', await csrFor(['r1.example.test'])), {
    failure: '2',
    text: /must be signed with a certificate of ours/,
  })
  const [known] = (await run('ca.enrolment.list')) as unknown as { id: string }[]
  await run('ca.enrolment.revoke', { id: known!.id })
  t.match(await send('RenewalReq', await csrFor(['r1.example.test']), { as: first }), {
    failure: '2',
    text: /enrolment secret that still holds/,
  })
})

t.test('a revoked certificate renews nothing, nor does one that was had otherwise', async t => {
  const { enrol, send, run } = await open(t)
  const first = identityOf((await enrol(['r1.example.test'])).certificates)
  await run('ca.revoke', { serial: readCertificate(first.certificate).serial })
  t.match(await send('RenewalReq', await csrFor(['r1.example.test']), { as: first }), {
    failure: '2',
    text: /not valid any more/,
  })
  const signed = await run('ca.sign', {
    csr: `-----BEGIN CERTIFICATE REQUEST-----\n${Buffer.from(await csrFor(['r3.example.test'])).toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`,
  })
  const other = { key: deviceKey, certificate: derBlocks('CERTIFICATE', signed['certificate']!)[0]! }
  t.match(await send('RenewalReq', await csrFor(['r3.example.test']), { as: other }), {
    failure: '2',
    text: /enrolment secret/,
  })
})

t.test('a certificate of one issuer is no reason for one of another', async t => {
  const shared = '{ issue: [{ names: ["**.example.test"] }] }'
  const apart = '{ root: { generate: ecdsa-p256 }, issue: [{ names: ["**.example.test"] }] }'
  const world = await createWorld(t, {
    config: caConfig(
      `  scep: { issuers: [acme, shared, apart] }\n  issuers: { acme: {}, shared: ${shared}, apart: ${apart} }\n`,
    ),
  })
  const at = async (path: string, type: keyof typeof TYPES, content: Uint8Array, as: Identity = self) => {
    const { rawPayload } = await world.http.inject({ url: `${path}?operation=GetCACert` })
    const [ra] = contentsOf(rawPayload).certificates
    const body = Buffer.from(messageOf(TYPES[type], content, ra!, as))
    const url = `${path}?operation=PKIOperation`
    return openAnswer((await world.http.inject({ method: 'POST', url, body })).rawPayload, ra!, as.key)
  }
  const names = ['r1.example.test']
  const obtain = async (issuer?: string) => {
    const wanted = { name: 'routers', names: ['**.example.test'], issuer }
    const { secret } = (await world.ca.commands['ca.enrolment.create']!(wanted)) as { secret: string }
    return identityOf((await at('/scep/acme', 'PKCSReq', await csrFor(names, secret))).certificates)
  }
  const tied = await obtain('acme')
  const renewal = await csrFor(names)
  t.equal((await at('/scep/acme', 'RenewalReq', renewal, tied)).status, '0')
  t.match(await at('/scep/shared', 'RenewalReq', renewal, tied), { status: '2', text: /secret is for another issuer/ })
  const free = await obtain()
  t.match(await at('/scep/apart', 'RenewalReq', renewal, free), { status: '2', text: /is of another issuer/ })
})

t.test('what a person must approve is pending until then (RFC 8894 §3.3.3)', async t => {
  const { send, secret, run } = await open(t, SCEP, '{ names: ["**.example.test"], approval: true }')
  const csr = await csrFor(['r1.example.test'], await secret())
  t.match(await send('PKCSReq', csr), { status: '3', certificates: [] })
  const poll = tlv(Tag.SEQUENCE, tlv(Tag.SEQUENCE), tlv(Tag.SEQUENCE))
  t.match(await send('CertPoll', poll), { status: '3' })
  t.match(await send('CertPoll', poll, { transaction: 'another' }), { status: '2', failure: '4' })
  const stranger = await selfSigned((await makeKey('rsa-2048')).pem)
  const { transaction } = await send('CertPoll', poll)
  t.match(await send('CertPoll', poll, { as: stranger, transaction }), { status: '2', failure: '4', text: /this key/ })
  const [asked] = (await run('ca.approvals')) as unknown as { id: string }[]
  await run('ca.approve', { id: asked!.id })
  const done = await send('CertPoll', poll)
  t.equal(ownOf(done.certificates, deviceKey).subjectAltName, 'DNS:r1.example.test')
  const again = await send('CertPoll', poll)
  t.equal(
    ownOf(again.certificates, deviceKey).serialNumber,
    ownOf(done.certificates, deviceKey).serialNumber,
    'the answer may be lost',
  )
})

t.test('GetCert and GetCRL for who holds a certificate of ours (RFC 8894 §3.3.4, §3.3.5)', async t => {
  const { enrol, send } = await open(t)
  const as = identityOf((await enrol(['r1.example.test'])).certificates)
  const { issuer, serial } = readCertificate(as.certificate)
  const wanted = tlv(Tag.SEQUENCE, issuer, unsignedInteger(Buffer.from(serial, 'hex')))
  t.strictSame(
    (await send('GetCert', wanted, { as })).certificates.map(der => Buffer.from(der)),
    [Buffer.from(as.certificate)],
  )
  t.equal((await send('GetCRL', wanted, { as })).crls.length, 1)
  t.match(await send('GetCert', wanted), { failure: '4', text: /certificate of ours/ })
  t.match(await send('GetCert', tlv(Tag.SEQUENCE, issuer, unsignedInteger(Uint8Array.of(9))), { as }), {
    failure: '4',
    text: /no such/,
  })
  t.match(await send('GetCert', Uint8Array.of(5, 0), { as }), { failure: '4' })
})

t.test('what is refused, and in which words', async t => {
  const { send, secret, run } = await open(t)
  const rows: [string, Promise<Uint8Array>, Bent, object][] = [
    ['no secret', csrFor(['r1.example.test']), {}, { failure: '2', text: /secret is none of ours/ }],
    ['a wrong secret', csrFor(['r1.example.test'], 'a'.repeat(32)), {}, { failure: '2', text: /none of ours/ }],
    [
      'a name that no rule covers',
      csrFor(['r1.example.org'], await secret({ names: ['**'] })),
      {},
      { failure: '2', text: /no issue rule covers/ },
    ],
    [
      'a name that the secret does not cover',
      csrFor(['a.b.example.test'], await secret({ names: ['*.example.test'] })),
      {},
      { failure: '2', text: /does not cover/ },
    ],
    ['a CSR without names', csrFor([], await secret()), {}, { failure: '2', text: /asks for no name/ }],
    [
      'triple DES',
      csrFor(['r1.example.test'], await secret()),
      { cipher: 'des-ede3-cbc' },
      { failure: '0', text: /cipher/ },
    ],
    ['SHA-1', csrFor(['r1.example.test'], await secret()), { digest: 'sha1' }, { failure: '0', text: /sha1/ }],
    [
      'a CSR of another key than the signer',
      csrFor(['r1.example.test'], await secret(), (await makeKey('rsa-2048')).pem),
      {},
      { failure: '1' },
    ],
    ['something that is no CSR', Promise.resolve(Buffer.from('hello')), {}, { failure: '1' }],
    [
      'a CSR that was cut',
      csrFor(['r1.example.test'], await secret()),
      { content: octets => octets.subarray(0, 100) },
      { failure: '1' },
    ],
  ]
  for (const [what, content, bent, expected] of rows)
    t.match(await send('PKCSReq', await content, bent), { status: '2', certificates: [], ...expected }, what)
  t.same(await run('ca.list', { name: 'example' }), [], 'nothing was issued')
})

t.test('whoever changes a message of another learns nothing from the answer', async t => {
  const { send, ra, post } = await open(t)
  const csr = await csrFor(['r1.example.test'], 'x')
  const plain = messageOf(TYPES.PKCSReq, csr, ra, self)
  const broken = await post(flip(plain, Buffer.from(plain).length - 20))
  t.match(
    openAnswer(broken.rawPayload, ra, deviceKey),
    { failure: '1', text: /not signed by the key/ },
    'a signature that does not fit',
  )
  const words = new Set<string>()
  // Wrong padding, right padding around rubbish, and a CSR of somebody else: one answer.
  for (const content of [
    Buffer.alloc(0),
    Buffer.from('rubbish'),
    await csrFor(['r1.example.test'], 'x', (await makeKey('rsa-2048')).pem),
  ])
    words.add((await send('PKCSReq', content)).text!)
  const toNobody = await selfSigned((await makeKey('rsa-2048')).pem)
  const misdirected = await post(messageOf(TYPES.PKCSReq, csr, toNobody.certificate, self))
  words.add(openAnswer(misdirected.rawPayload, ra, deviceKey).text!)
  t.equal(words.size, 1)
})

t.test('what can not be answered by a message is a plain refusal', async t => {
  const { post, get, ra } = await open(t)
  const good = messageOf(TYPES.PKCSReq, await csrFor(['r1.example.test']), ra, self)
  const rows: [string, Uint8Array, number][] = [
    ['nothing', new Uint8Array(), 400],
    ['no message', Buffer.from('hello'), 400],
    ['a message that was cut', good.subarray(0, 500), 400],
    ['an answer', messageOf('3', new Uint8Array(4), ra, self), 400],
    ['no transactionID', messageOf(TYPES.PKCSReq, new Uint8Array(4), ra, self, { without: 'transactionID' }), 400],
    [
      'a transactionID that is too long',
      messageOf(TYPES.PKCSReq, new Uint8Array(4), ra, self, { transaction: 'x'.repeat(256) }),
      400,
    ],
    ['no senderNonce', messageOf(TYPES.PKCSReq, new Uint8Array(4), ra, self, { without: 'senderNonce' }), 400],
    ['too much', Buffer.alloc(70_000), 413],
  ]
  for (const [what, message, status] of rows) t.equal((await post(message)).statusCode, status, what)
  t.equal((await get('PKIOperation')).statusCode, 400)
  t.equal((await get('')).statusCode, 400)
})

t.test('who sends very many messages is put off', async t => {
  const { post, world } = await open(t)
  for (let i = 0; i < 60; i++) await post(Buffer.from('x'))
  const reply = await post(Buffer.from('x'))
  t.equal(reply.statusCode, 503)
  t.ok(reply.headers['retry-after'])
  await world.clock.advance(1000)
  t.equal((await post(Buffer.from('x'))).statusCode, 400)
})

t.test('with `legacy`, triple DES and SHA-1 are taken and used in the answer; never single DES or MD5', async t => {
  const { get, enrol } = await open(t, '  scep: { legacy: true }\n')
  t.match((await get('GetCACaps')).body, /DES3\nSHA-1\n/)
  t.match(await enrol(['r1.example.test'], { cipher: 'des-ede3-cbc', digest: 'sha1' }), { status: '0' })
})

t.test('the registration authority keeps its key, and follows the intermediate', async t => {
  const { world, ra, run, authorities } = await open(t, `${SCEP}  intermediate: { validity: 1000d }\n`)
  await world.restart(caConfig(`${SCEP}  intermediate: { validity: 1000d }\n`))
  t.strictSame(Buffer.from((await authorities())[0]!), Buffer.from(ra), 'a restart changes nothing')
  await run('ca.renew-intermediate')
  const [next, issuer] = (await authorities()).map(der => new X509Certificate(der))
  t.ok(next!.verify(issuer!.publicKey))
  t.notOk(next!.raw.equals(Buffer.from(ra)))
  t.ok(next!.publicKey.equals(new X509Certificate(ra).publicKey))
  world.clock.jump(340 * DAY)
  const [later] = (await authorities()).map(der => new X509Certificate(der))
  t.ok(Date.parse(later!.validTo) > world.clock.now() + 300 * DAY, 'and is renewed before it ends')
})

/** What GetNextCACert gives, as who trusts the registration authority of now reads it. */
async function nextOf({ get, authorities }: Awaited<ReturnType<typeof open>>) {
  const reply = await get('GetNextCACert')
  if (reply.statusCode !== 200) return reply.statusCode
  const message = readSigned(reply.rawPayload)
  message.verify(false)
  const [ra] = await authorities()
  if (!Buffer.from(message.signer.der).equals(ra!)) throw new Error('it is not signed by the registration authority')
  const { certificates } = contentsOf(message.content)
  return [reply.headers['content-type'], ...certificates.map(der => new X509Certificate(der).subject)]
}

t.test('GetNextCACert: the root of now, while devices are led to the one before (RFC 8894 §4.7)', async t => {
  const opened = await open(t)
  t.equal(await nextOf(opened), 404)
  await opened.run('ca.renew-root')
  const [, , , root] = (await opened.authorities()).map(der => new X509Certificate(der).subject)
  t.match(root, /CN=Test Root CA$/, 'GetCACert leads to the root of before, by way of the cross certificate')
  t.match(await nextOf(opened), [/x-x509-next-ca-cert/, /CN=Test Intermediate CA 2$/, /CN=Test Root CA 2$/])
})

t.test('GetNextCACert: the intermediate that is not valid yet (RFC 8894 §4.7)', async t => {
  const opened = await open(t)
  opened.world.clock.jump(100 * DAY)
  await opened.run('ca.renew-intermediate')
  opened.world.clock.jump(-100 * DAY)
  t.match(await nextOf(opened), [/x-x509-next-ca-cert/, /CN=Test Intermediate CA 2$/, /CN=Test Root CA$/])
  opened.world.clock.jump(101 * DAY)
  t.equal(await nextOf(opened), 404, 'by then it signs')
})

t.test('keys of another kind than RSA are refused in their terms (RFC 8894 §3.1)', async t => {
  const { post, ra, secret, run } = await open(t)
  const { pem } = await makeKey('ecdsa-p256')
  const csr = await csrFor(['r1.example.test'], await secret(), pem)
  const signed = await post(messageOf(TYPES.PKCSReq, csr, ra, await selfSigned(pem)))
  t.match(openAnswer(signed.rawPayload, ra, deviceKey), {
    status: '2',
    failure: '0',
    text: /kind ec; here it must be RSA/,
  })
  const lent = await post(messageOf(TYPES.PKCSReq, csr, ra, self))
  t.match(openAnswer(lent.rawPayload, ra, deviceKey), { status: '2', failure: '1', text: /no request of its signer/ })
  t.same(await run('ca.list', { name: 'example' }), [], 'nothing was issued')
})

/** The octets with one bit changed. */
function flip(octets: Uint8Array, at: number): Uint8Array {
  return octets.map((octet, i) => (i === at ? octet ^ 1 : octet))
}
