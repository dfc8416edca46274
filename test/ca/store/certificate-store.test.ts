import t, { type Test } from 'tap'
import type { CertificateRecord, CertificateStore } from '../../../ca/store/certificate-store.ts'
import { CA_MIGRATIONS, createCaStore } from '../../../ca/store/store.ts'
import { openMemoryDatabase } from '../../../server/storage/memory-database.ts'
import { dns } from '../fixture.ts'
import { memoryStore } from '../memory-store.ts'

const STORES: Record<string, (t: Test) => CertificateStore | Promise<CertificateStore>> = {
  'the store of the tests': () => memoryStore().store,
  SQLite: async t => {
    const database = await openMemoryDatabase(CA_MIGRATIONS)
    t.teardown(() => database.close())
    return createCaStore(database)
  },
}

const serialOf = (digit: string) => digit.repeat(32)
const recordOf = (serial: string, more: Partial<CertificateRecord> = {}): CertificateRecord => ({
  serial,
  issuer: 'issuer',
  profile: 'default',
  identifiers: [...dns('a.example'), { type: 'ip', value: '::1' }],
  notBefore: 1000,
  notAfter: 5000,
  issuedAt: 2000,
  der: Uint8Array.of(0x30, 0),
  keyHash: 'key',
  account: 'account',
  ...more,
})

async function keep(store: CertificateStore, record: CertificateRecord): Promise<void> {
  await store.reserveSerial({ serial: record.serial, issuer: record.issuer, reservedAt: record.issuedAt })
  await store.storeCertificate(record)
}

for (const [name, open] of Object.entries(STORES))
  t.test(name, async t => {
    t.test('a serial is taken once, for ever', async t => {
      const store = await open(t)
      const reservation = { serial: serialOf('1'), issuer: 'issuer', reservedAt: 1 }
      await store.reserveSerial(reservation)
      await t.rejects(store.reserveSerial(reservation), { code: 'conflict' })
      t.equal(await store.certificate(serialOf('1')), undefined, 'what is merely reserved is no certificate')
      const [a, b] = await Promise.allSettled(
        [1, 2].map(() => store.reserveSerial({ ...reservation, serial: serialOf('2') })),
      )
      t.same([a!.status, b!.status].sort(), ['fulfilled', 'rejected'])
    })

    t.test('a certificate is kept as it is, once, and only under a reserved serial', async t => {
      const store = await open(t)
      await t.rejects(store.storeCertificate(recordOf(serialOf('1'))), { code: 'conflict' })
      await keep(store, recordOf(serialOf('1')))
      await t.rejects(store.storeCertificate(recordOf(serialOf('1'))), { code: 'conflict' })
      const { der, ...rest } = (await store.certificate(serialOf('1')))!
      const { der: sent, ...expected } = recordOf(serialOf('1'))
      t.same(rest, expected)
      t.same([...der], [...sent])
    })

    t.test('a revocation stands', async t => {
      const store = await open(t)
      await keep(store, recordOf(serialOf('1')))
      t.equal(await store.revokeCertificate(serialOf('9'), { at: 1, reason: 0 }), false, 'of nothing')
      t.equal(await store.revokeCertificate(serialOf('1'), { at: 3000, reason: 4 }), true)
      t.equal(await store.revokeCertificate(serialOf('1'), { at: 4000, reason: 1 }), false)
      t.same((await store.certificate(serialOf('1')))!.revocation, { at: 3000, reason: 4 })
    })

    t.test('a CRL lists the revoked of its issuer that have not expired, by serial', async t => {
      const store = await open(t)
      for (const digit of ['3', '1', '2']) await keep(store, recordOf(serialOf(digit)))
      await keep(store, recordOf(serialOf('4'), { issuer: 'other' }))
      await keep(store, recordOf(serialOf('5'), { notAfter: 4999 }))
      for (const digit of ['3', '1', '4', '5']) await store.revokeCertificate(serialOf(digit), { at: 3000, reason: 5 })
      const listed = await store.revokedCertificates('issuer', 5000)
      t.same(
        listed,
        ['1', '3'].map(digit => ({ serial: serialOf(digit), at: 3000, reason: 5 })),
      )
    })

    t.test('CRL numbers rise by one, each issuer for itself, whoever asks at once', async t => {
      const store = await open(t)
      const numbers = await Promise.all([1, 2, 3].map(() => store.nextCrlNumber('issuer', 0)))
      t.same(numbers.sort(), [1, 2, 3])
      t.equal(await store.nextCrlNumber('other', 0), 1)
      t.equal(await store.nextCrlNumber('issuer', 0), 4)
    })

    t.test('the latest issuance is remembered', async t => {
      const store = await open(t)
      t.equal(await store.latestIssuance(), 0)
      await keep(store, recordOf(serialOf('1'), { issuedAt: 7000 }))
      await keep(store, recordOf(serialOf('2'), { issuedAt: 6000 }))
      t.equal(await store.latestIssuance(), 7000)
      await store.revokeCertificate(serialOf('1'), { at: 1, reason: 0 })
      t.equal(await store.latestIssuance(), 6000, 'less what is revoked')
    })

    t.test('a key is compromised once a certificate of it was revoked for that', async t => {
      const store = await open(t)
      await keep(store, recordOf(serialOf('1')))
      await keep(store, recordOf(serialOf('2')))
      t.equal(await store.isCompromised('key'), false)
      await store.revokeCertificate(serialOf('1'), { at: 1, reason: 4 })
      t.equal(await store.isCompromised('key'), false)
      await store.revokeCertificate(serialOf('2'), { at: 1, reason: 1 })
      t.equal(await store.isCompromised('key'), true)
      t.equal(await store.isCompromised('another'), false)
    })
  })
