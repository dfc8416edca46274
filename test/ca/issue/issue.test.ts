import t from 'tap'
import { makeKey } from '../../../ca/hierarchy/keystore.ts'
import { readCertificate } from '../../../ca/x509/certificate-facts.ts'
import type { KeyAlgorithm } from '../../../config/ca-schema.ts'
import { systemClock } from '../../../host/clock.ts'
import { createSimulatedClock } from '../../simulation/clock.ts'
import { constrained, DAY, dns, HTTP, judge, leafKey, leafOf, openFixture, profile, settings } from '../fixture.ts'

const request = { publicKey: leafKey.publicKey, identifiers: dns('www.internal.example.com'), profile }
const KINDS: KeyAlgorithm[] = ['ecdsa-p256', 'ecdsa-p384', 'ed25519', 'rsa-2048']

for (const kind of KINDS)
  t.test(`openssl accepts what a CA with ${kind} keys issues, under its strict checks`, async t => {
    const root = { generate: kind, validity: 3650 * DAY }
    const { hierarchy, issuance } = await openFixture({
      clock: systemClock,
      settings: { root, intermediate: { ...settings.intermediate, generate: kind } },
    })
    const { signer } = await makeKey(kind)
    const { chain } = await issuance.issue({ ...request, publicKey: signer.publicKey })
    const files = { root: hierarchy.root.pem, chain, leaf: leafOf(chain) }
    const args = [
      '-x509_strict',
      '-check_ss_sig',
      '-purpose',
      'sslserver',
      '-verify_hostname',
      'www.internal.example.com',
    ]
    t.match(await judge(files, 'openssl', 'verify', ...args, '-CAfile', 'root', '-untrusted', 'chain', 'leaf'), {
      status: 0,
    })
    t.match(await judge(files, 'openssl', 'asn1parse', '-in', 'leaf'), { status: 0 })
    hierarchy.close()
  })

t.test('openssl reads in a certificate what was put there', async t => {
  const { hierarchy, issuance } = await openFixture({ clock: systemClock })
  const { chain, record } = await issuance.issue({
    ...request,
    identifiers: [...dns('*.b.example'), { type: 'ip', value: '192.0.2.1' }],
  })
  const { output } = await judge({ leaf: leafOf(chain) }, 'openssl', 'x509', '-in', 'leaf', '-noout', '-text')
  const { id } = hierarchy.current()
  for (const expected of [
    /Version: 3/,
    /Basic Constraints: critical\s+CA:FALSE/,
    /Key Usage: critical\s+Digital Signature\n/,
    /Extended Key Usage:\s+TLS Web Server Authentication, TLS Web Client Authentication/,
    /Subject Alternative Name:\s+DNS:\*\.b\.example, IP Address:192\.0\.2\.1/,
    new RegExp(`OCSP - URI:${HTTP}/ocsp\n`),
    new RegExp(`CA Issuers - URI:${HTTP}/ca/${id}.crt`),
    new RegExp(`Full Name:\\s+URI:${HTTP}/crl/${id}.crl`),
  ])
    t.match(output, expected)
  t.equal(/Serial Number:\s+([0-9a-f:]+)/.exec(output)?.[1]?.replaceAll(':', ''), record.serial.replace(/^(00)+/, ''))
  hierarchy.close()
})

t.test('name constraints bind (RFC 5280 §4.2.1.10)', async t => {
  const { hierarchy, issuance } = await openFixture({ clock: systemClock, settings: { intermediate: constrained } })
  const { chain } = await issuance.issue(request)
  const files = { root: hierarchy.root.pem, chain, leaf: leafOf(chain) }
  t.match(await judge(files, 'openssl', 'verify', '-x509_strict', '-CAfile', 'root', '-untrusted', 'chain', 'leaf'), {
    status: 0,
  })
  await t.rejects(issuance.issue({ ...request, identifiers: dns('www.example.org') }), {
    code: 'lint',
    message: /outside the issuer's name constraints/,
  })
  t.equal(hierarchy.permits(dns('a.internal.example.com')[0]!), true)
  t.equal(hierarchy.permits(dns('*.internal.example.com')[0]!), true)
  t.equal(hierarchy.permits(dns('notinternal.example.com')[0]!), false)
  hierarchy.close()
})

t.test('an RSA key may have session keys encrypted to it, an EC key may not (RFC 8813 §3)', async t => {
  const { issuance } = await openFixture()
  const usageOf = async (kind: KeyAlgorithm) => {
    const { signer } = await makeKey(kind)
    const { chain } = await issuance.issue({ ...request, publicKey: signer.publicKey })
    return (await judge({ leaf: leafOf(chain) }, 'openssl', 'x509', '-in', 'leaf', '-noout', '-ext', 'keyUsage')).output
  }
  t.match(await usageOf('rsa-2048'), /Digital Signature, Key Encipherment/)
  t.notMatch(await usageOf('ecdsa-p256'), /Encipherment/)
})

t.test(
  'a name too long for a common name leaves the subject empty and the names critical (RFC 5280 §4.2.1.6)',
  async t => {
    const { issuance } = await openFixture()
    const long = `${'a'.repeat(60)}.example.com`
    const { chain, record } = await issuance.issue({ ...request, identifiers: dns(long) })
    t.equal(readCertificate(record.der).subject.length, 2)
    const { output } = await judge({ leaf: leafOf(chain) }, 'openssl', 'x509', '-in', 'leaf', '-noout', '-text')
    t.match(output, /Subject Alternative Name: critical/)
  },
)

t.test('without a base URL a certificate names no CRL, OCSP or issuer URL', async t => {
  const { issuance, ...deps } = await openFixture()
  const { createIssuance } = await import('../../../ca/issue/issue.ts')
  const { record } = await createIssuance({ ...deps, httpUrl: undefined }).issue(request)
  t.notMatch(Buffer.from(record.der).toString('latin1'), /http:/)
})

t.test('the serial is reserved before anything is signed, and nothing is handed out that is not stored', async t => {
  const calls: string[] = []
  const fixture = await openFixture()
  const { store, hierarchy } = fixture
  const signer = hierarchy.current().signer
  const sign = signer.sign
  const { reserveSerial, storeCertificate } = store
  const noting = <A, R>(call: string, inner: (argument: A) => R) => {
    return (argument: A): R => {
      calls.push(call)
      return inner(argument)
    }
  }
  Object.assign(signer, { sign: noting('sign', sign) })
  store.reserveSerial = noting('reserve', reserveSerial)
  store.storeCertificate = noting('store', storeCertificate)
  await fixture.issuance.issue(request)
  t.same(calls, ['reserve', 'sign', 'store'])
  store.reserveSerial = async () => Promise.reject(new Error('disk full'))
  await t.rejects(fixture.issuance.issue(request), { message: 'disk full' })
  t.same(calls, ['reserve', 'sign', 'store'], 'nothing was signed without a serial')
  Object.assign(store, { reserveSerial, storeCertificate: async () => Promise.reject(new Error('disk full')) })
  await t.rejects(fixture.issuance.issue(request), { message: 'disk full' })
  t.equal([...fixture.memory.records.values()].filter(record => record.profile === 'default').length, 1)
  t.notMatch(fixture.lines.slice(-1), [
    { message: 'certificate issued', fields: { serial: [...fixture.memory.reserved].at(-1) } },
  ])
})

t.test('a clock that was set back stops issuing with a sentence, across restarts too', async t => {
  const clock = createSimulatedClock()
  const { issuance, ...deps } = await openFixture({ clock })
  await clock.advance(10 * DAY)
  await issuance.issue(request)
  clock.jump(-60_000)
  await t.resolves(issuance.issue(request), 'a minute is what time synchronization does')
  clock.jump(-DAY)
  const refusal = {
    code: 'clock',
    message: /^the clock says 2026-01-\S+, but the CA was at work at 2026-01-11\S+ already; set the clock right/,
  }
  await t.rejects(issuance.issue(request), refusal)
  const { createIssuance } = await import('../../../ca/issue/issue.ts')
  await t.rejects(createIssuance(deps).issue(request), refusal)
  clock.jump(-30 * DAY)
  await t.rejects(createIssuance(deps).issue(request), { code: 'clock' }, 'before the intermediate begins')
  clock.jump(31 * DAY + 60_000)
  await t.resolves(issuance.issue(request))
})

t.test('a clock that was ahead for a while does no lasting harm', async t => {
  const clock = createSimulatedClock()
  const { issuance, revocation, hierarchy, memory } = await openFixture({ clock })
  await issuance.issue(request)
  const before = hierarchy.current()
  clock.jump(300 * DAY)
  await hierarchy.renewIntermediate()
  const { record } = await issuance.issue(request)
  clock.jump(-300 * DAY)
  t.equal(hierarchy.current().id, before.id, 'the intermediate of the future waits')
  await t.rejects(issuance.issue(request), { code: 'clock', message: /revoke what was issued under it/ })
  await revocation.revoke(record.serial)
  const ahead = [...memory.records.values()].filter(one => one.issuedAt > clock.now() && !one.revocation)
  for (const { serial } of ahead) await revocation.revoke(serial)
  t.equal((await issuance.issue(request)).record.issuer, before.id)
})

t.test('a key whose certificate was revoked for keyCompromise is not certified again (CA/B BR §6.1.1.3)', async t => {
  const { issuance, revocation } = await openFixture()
  const first = await issuance.issue(request)
  const second = await issuance.issue(request)
  await revocation.revoke(first.record.serial, 4)
  await t.resolves(issuance.issue(request), 'superseded says nothing about the key')
  await revocation.revoke(second.record.serial, 1)
  await t.rejects(issuance.issue(request), { code: 'key', message: /make another key/ })
})

t.test('a wish for another validity is kept within the profile', async t => {
  const { issuance, clock } = await openFixture()
  const now = clock.now()
  const shorter = await issuance.issue({ ...request, notAfter: now + 5 * DAY })
  t.equal(shorter.record.notAfter, now + 5 * DAY)
  const longer = await issuance.issue({ ...request, notAfter: now + 500 * DAY })
  t.equal(longer.record.notAfter, now - 60_000 + 90 * DAY - 1000)
  await t.rejects(issuance.issue({ ...request, notAfter: now - DAY }), { code: 'validity' })
})

t.test('serials of a hundred certificates differ and have 128 bits', async t => {
  const { issuance } = await openFixture()
  const serials = await Promise.all(
    Array.from({ length: 100 }, async () => (await issuance.issue(request)).record.serial),
  )
  t.equal(new Set(serials).size, 100)
  t.ok(serials.every(serial => /^[0-9a-f]{32}$/.test(serial)))
})
