import t from 'tap'
import type { CertificateRecord, CertificateStore } from '../../../ca/store/certificate-store.ts'
import type { NewOrder } from '../../../ca/store/order-statements.ts'
import { CA_MIGRATIONS, createCaStore } from '../../../ca/store/store.ts'
import { ConflictError } from '../../../host/database.ts'
import { openMemoryDatabase } from '../../../server/storage/memory-database.ts'
import { memoryStore } from '../memory-store.ts'

const open = () => createCaStore(openMemoryDatabase(CA_MIGRATIONS))
const serial = (n: number) => n.toString(16).padStart(32, '0')

function record(n: number, more: Partial<CertificateRecord> = {}): CertificateRecord {
  return {
    serial: serial(n),
    issuer: 'aa',
    profile: 'default',
    identifiers: [{ type: 'dns', value: `n${n}.example.test` }],
    notBefore: 1000 * n,
    notAfter: 1000 * n + 500,
    issuedAt: 1000 * n,
    der: Uint8Array.of(n, 0, 255),
    keyHash: `key${n}`,
    ...more,
  }
}

const STORES: Record<string, () => CertificateStore> = { tables: open, 'the one in memory': () => memoryStore().store }

for (const [name, make] of Object.entries(STORES))
  t.test(`every certificate store: ${name}`, async t => {
    const store = make()
    await store.reserveSerial({ serial: serial(1), issuer: 'aa', reservedAt: 1 })
    await t.rejects(
      store.reserveSerial({ serial: serial(1), issuer: 'bb', reservedAt: 1 }),
      ConflictError,
      'a serial is taken once',
    )
    t.equal(await store.certificate(serial(1)), undefined, 'a serial merely reserved is no certificate')
    await t.rejects(store.storeCertificate(record(2)), ConflictError, 'nothing is kept under a serial not reserved')
    await store.storeCertificate(record(1))
    await t.rejects(store.storeCertificate(record(1)), ConflictError, 'nor twice')
    const kept = await store.certificate(serial(1))
    t.strictSame({ ...kept, der: [...kept!.der] }, { ...record(1), der: [1, 0, 255] })
    t.equal(await store.latestIssuance(), 1000)
    t.equal(await store.revokeCertificate(serial(1), { at: 1200, reason: 1 }), true)
    t.equal(await store.revokeCertificate(serial(1), { at: 1300, reason: 4 }), false, 'the first revocation stands')
    t.equal(await store.revokeCertificate(serial(9), { at: 1300, reason: 4 }), false, 'nor is an unknown one revoked')
    t.strictSame((await store.certificate(serial(1)))!.revocation, { at: 1200, reason: 1 })
    t.strictSame(await store.revokedCertificates('aa', 1500), [{ serial: serial(1), at: 1200, reason: 1 }])
    t.strictSame(await store.revokedCertificates('aa', 1501), [], 'less those that ended before')
    t.strictSame(await store.revokedCertificates('bb', 0), [], 'less those of other issuers')
    t.equal(await store.isCompromised('key1'), true)
    t.equal(await store.isCompromised('key2'), false)
    t.strictSame(
      [await store.nextCrlNumber('aa', 0), await store.nextCrlNumber('aa', 0), await store.nextCrlNumber('bb', 0)],
      [1, 2, 1],
    )
  })

const PASSED = { at: 2, proof: '{}', until: 100 }

function newOrder(id: string, more: Partial<NewOrder['order']> = {}): NewOrder {
  const authorization = {
    id: `${id}-a`,
    account: 'me',
    type: 'dns',
    value: 'www.example.test',
    wildcard: 0,
    status: 'pending',
  } as const
  return {
    order: {
      id,
      issuer: 'acme',
      account: 'me',
      status: 'pending',
      identifiers: '[]',
      profile: 'default',
      request: 'r',
      created_at: 0,
      expires_at: 100,
      ...more,
    },
    ids: [`${id}-a`],
    authorizations: [{ ...authorization, expires_at: more.expires_at ?? 100 }],
    challenges: [{ id: `${id}-c`, authorization: `${id}-a`, type: 'dns-01', token: 't', status: 'pending' }],
  }
}

t.test('each state of an order moves once, from the state before it (RFC 8555 §7.1.6)', async t => {
  const store = open()
  await store.addOrder(newOrder('o'))
  const challenge = async () => (await store.authorization('o-a'))!.challenges[0]!
  await t.rejects(store.startOrder('o', Uint8Array.of(1), 'r'), ConflictError, 'pending is not ready')
  await store.startChallenge({ id: 'o-c', authorization: 'o-a' }, 1, 'r')
  await t.rejects(
    store.startChallenge({ id: 'o-c', authorization: 'o-a' }, 1, 'r'),
    ConflictError,
    'a challenge is begun once',
  )
  t.equal((await store.processingChallenges()).length, 1)
  await store.passChallenge(await challenge(), PASSED)
  await t.rejects(store.failChallenge(await challenge(), '{}'), ConflictError, 'a passed challenge does not fail')
  t.equal((await store.order('o'))!.status, 'ready')
  await t.rejects(store.failOrder((await store.order('o'))!, { type: 'x', detail: 'y' }, 3), ConflictError)
  await store.startOrder('o', Uint8Array.of(1), 'r')
  t.strictSame(
    (await store.processingOrders()).map(({ id }) => id),
    ['o'],
  )
  await store.reserveSerial({ serial: serial(1), issuer: 'aa', reservedAt: 1, order: 'o' })
  await store.storeCertificate(record(1, { order: 'o', account: 'me' }))
  t.match(await store.order('o'), { status: 'valid', certificate: serial(1), csr: null })
  await store.reserveSerial({ serial: serial(2), issuer: 'aa', reservedAt: 1, order: 'o' })
  await t.rejects(store.storeCertificate(record(2, { order: 'o' })), ConflictError, 'an order has one certificate')
  t.equal(await store.certificate(serial(2)), undefined, 'and nothing is kept of a second')
})

t.test('an order is started in the commit that takes its serial, or neither happens', async t => {
  const store = open()
  await store.addOrder(newOrder('o'))
  const start = { csr: Uint8Array.of(1), request: 'r' }
  const reservation = { serial: serial(1), issuer: 'aa', reservedAt: 1, order: 'o', start }
  await t.rejects(store.reserveSerial(reservation), ConflictError, 'pending is not ready')
  await t.rejects(store.storeCertificate(record(1)), ConflictError, 'and the serial was not taken')
  await store.passChallenge((await store.authorization('o-a'))!.challenges[0]!, PASSED)
  await store.reserveSerial({ serial: serial(2), issuer: 'aa', reservedAt: 1 })
  await t.rejects(store.reserveSerial({ ...reservation, serial: serial(2) }), ConflictError, 'a serial is taken once')
  t.match(await store.order('o'), { status: 'ready', csr: null }, 'and the order was not started')
  await store.reserveSerial(reservation)
  t.match(await store.order('o'), { status: 'processing', csr: Uint8Array.of(1), request: 'r' })
  t.match(await store.processingOrders(), [{ id: 'o', csr: Buffer.of(1), request: 'r' }], 'on disk too')
  await t.rejects(store.reserveSerial({ ...reservation, serial: serial(3) }), ConflictError, 'it is started once')
  await store.storeCertificate(record(1, { order: 'o' }))
  t.match(await store.order('o'), { status: 'valid', certificate: serial(1) })
})

t.test('of an order under way nothing is read again', async t => {
  const database = openMemoryDatabase(CA_MIGRATIONS)
  const read = () => Promise.reject(new Error('it is known'))
  const store = createCaStore({ ...database, commit: statements => database.commit(statements), read })
  await store.addOrder(newOrder('o'))
  t.match(await store.order('o'), { status: 'pending', authorizations: ['o-a'], certificate: null })
  await store.passChallenge((await store.authorization('o-a'))!.challenges[0]!, PASSED)
  t.match(await store.order('o'), { status: 'ready' })
  await store.startOrder('o', Uint8Array.of(1), 'r')
  t.match(await store.order('o'), { status: 'processing', csr: Uint8Array.of(1) })
  await store.reserveSerial({ serial: serial(1), issuer: 'aa', reservedAt: 1, order: 'o' })
  await store.storeCertificate(record(1, { order: 'o', account: 'me' }))
  t.match(await store.order('o'), { status: 'valid', certificate: serial(1), csr: null })
})

t.test('an order follows an authorization that fails or is given up', async t => {
  const store = open()
  await store.addOrder(newOrder('failed'))
  await store.failChallenge((await store.authorization('failed-a'))!.challenges[0]!, '{"type":"x"}')
  t.match(await store.order('failed'), { status: 'invalid', error: '{"type":"x"}' })
  await store.addOrder(newOrder('given-up'))
  await store.deactivateAuthorization('given-up-a', '{"type":"y"}')
  t.match(await store.order('given-up'), { status: 'invalid', error: '{"type":"y"}' })
})

t.test('an order is ready only with all its authorizations', async t => {
  const store = open()
  const order = newOrder('o')
  const [first] = order.authorizations
  order.ids.push('o-b')
  order.authorizations.push({ ...first!, id: 'o-b' })
  order.challenges.push({ ...order.challenges[0]!, id: 'o-d', authorization: 'o-b' })
  await store.addOrder(order)
  for (const [i, [challenge, authorization]] of [
    ['o-c', 'o-a'],
    ['o-d', 'o-b'],
  ].entries()) {
    await store.startChallenge({ id: challenge!, authorization: authorization! }, 1, 'r')
    await store.passChallenge((await store.authorization(authorization!))!.challenges[0]!, PASSED)
    t.equal((await store.order('o'))!.status, i === 0 ? 'pending' : 'ready')
  }
})

t.test('the clean-up takes what is over, a part at a time, and leaves what is being fulfilled', async t => {
  const store = open()
  for (let i = 0; i < 5; i++) await store.addOrder(newOrder(`o${i}`))
  await store.addOrder(newOrder('busy', { status: 'processing' }))
  await store.addOrder(newOrder('young', { expires_at: 1000 }))
  const removed = [
    await store.removeExpired(500, 3),
    await store.removeExpired(500, 3),
    await store.removeExpired(500, 3),
  ]
  t.ok(removed[0]! > 0 && removed[1]! > 0)
  t.equal(removed[2], 0)
  t.ok(await store.order('busy'))
  t.ok(await store.authorization('busy-a'))
  t.ok(await store.order('young'))
  t.ok(await store.authorization('young-a'))
  t.equal(await store.order('o0'), undefined)
})
