import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { createRevocation, isReason, REASONS } from '../../../ca/revocation/revoke.ts'
import { readCertificate } from '../../../ca/x509/certificate-facts.ts'
import { serialOctets } from '../../../ca/x509/x509.ts'
import { systemClock } from '../../../host/clock.ts'
import { createSimulatedClock } from '../../simulation/clock.ts'
import { DAY, dns, judge, leafKey, leafOf, openFixture, profile, settings } from '../fixture.ts'

const request = { publicKey: leafKey.publicKey, identifiers: dns('www.example.com'), profile }
const quick = { settings: { root: { ...settings.root, generate: 'ecdsa-p256' as const } } }

/** A certificate of a CA under the real clock, and what openssl makes of its status. */
async function openJudged(t: Test) {
  const fixture = await openFixture({ clock: systemClock })
  const { hierarchy, issuance, revocation } = fixture
  await revocation.start()
  const { record, chain } = await issuance.issue(request)
  const files = { root: hierarchy.root.pem, int: hierarchy.current().pem, leaf: leafOf(chain) }
  const url = await serve(t, revocation.ocsp)
  t.teardown(() => {
    hierarchy.close()
    revocation.close()
  })
  const ocsp = async (...args: string[]) =>
    (
      await judge(
        files,
        'openssl',
        'ocsp',
        '-url',
        url,
        '-CAfile',
        'root',
        ...(args.length ? args : ['-issuer', 'int', '-cert', 'leaf']),
      )
    ).output
  return { ...fixture, record, files, ocsp }
}

/** An OCSP responder on loopback. */
async function serve(t: Test, answer: (request: Uint8Array) => Promise<{ der: Uint8Array }>): Promise<string> {
  const server = createServer(async (request, response) => {
    const body = await buffer(request)
    response.setHeader('Content-Type', 'application/ocsp-response').end((await answer(body)).der)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

t.test('openssl sees a certificate good, then revoked, by OCSP', async t => {
  const { ocsp, record, revocation } = await openJudged(t)
  t.match(await ocsp(), /leaf: good[\s\S]+Response verify OK/, 'with a nonce, which is repeated (RFC 9654 §2.1)')
  t.match(await ocsp('-no_nonce', '-sha256', '-issuer', 'int', '-cert', 'leaf'), /leaf: good[\s\S]+Response verify OK/)
  t.equal(await revocation.revoke(record.serial, REASONS.keyCompromise), true)
  for (const nonce of [[], ['-no_nonce', '-sha256']])
    t.match(
      await ocsp(...nonce, '-issuer', 'int', '-cert', 'leaf'),
      /leaf: revoked[\s\S]+Reason: keyCompromise/,
      'and no cached answer says otherwise',
    )
  t.match(await ocsp('-issuer', 'int', '-serial', '12345'), /12345: unknown/, 'a serial of nobody (RFC 6960 §2.2)')
  t.match(
    await ocsp('-issuer', 'root', '-cert', 'int'),
    /int: good[\s\S]+Response verify OK/,
    'the root answers for its intermediate',
  )
  t.match(
    await ocsp('-issuer', 'int', '-cert', 'leaf', '-serial', '7'),
    /leaf: revoked[\s\S]+7: unknown/,
    'two questions at once',
  )
  t.match(await ocsp('-issuer', 'leaf', '-cert', 'leaf'), /unauthorized \(6\)/, 'an issuer that is not ours')
})

t.test('openssl sees it in the CRL, whose number rises (RFC 5280 §5.2.3)', async t => {
  const { files, hierarchy, record, revocation } = await openJudged(t)
  const crlOf = async (id: string) => (await revocation.crl(id))!
  const before = await crlOf(hierarchy.current().id)
  const text = async (der: Uint8Array, ca: string) =>
    (
      await judge(
        { ...files, crl: der },
        'openssl',
        'crl',
        '-inform',
        'DER',
        '-in',
        'crl',
        '-CAfile',
        ca,
        '-noout',
        '-text',
      )
    ).output
  t.match(
    await text(before.der, 'int'),
    /No Revoked Certificates[\s\S]+verify OK/,
    'absent where nothing is revoked (§5.1.2.6)',
  )
  await revocation.revoke(record.serial, REASONS.superseded)
  const after = await crlOf(hierarchy.current().id)
  t.equal(after.number, before.number + 1)
  const listed = await text(after.der, 'int')
  t.match(listed, new RegExp(`Serial Number: ${record.serial.replace(/^(00)+/, '').toUpperCase()}`))
  t.match(listed, /CRL Reason Code:\s+Superseded/)
  t.match(listed, /verify OK/)
  t.match(await text((await crlOf(hierarchy.root.id)).der, 'root'), /verify OK/)
  t.equal(await revocation.crl('beef'), undefined)
  const [crl, rootCrl] = [after.der, (await crlOf(hierarchy.root.id)).der]
  const verify =
    'for c in crl rootCrl; do openssl crl -inform DER -in $c -out $c.pem; done; openssl verify -x509_strict -crl_check_all -CRLfile crl.pem -CRLfile rootCrl.pem -CAfile root -untrusted int leaf'
  t.match(
    (await judge({ ...files, crl, rootCrl }, 'sh', '-c', verify)).output,
    /error 23 at 0 depth lookup: certificate revoked/,
  )
})

t.test('a reason that is not given is left out, not said to be unspecified (RFC 5280 §5.3.1)', async t => {
  const { hierarchy, record, revocation } = await openJudged(t)
  await revocation.revoke(record.serial)
  const { der } = (await revocation.crl(hierarchy.current().id))!
  const { output } = await judge({ crl: der }, 'openssl', 'crl', '-inform', 'DER', '-in', 'crl', '-noout', '-text')
  t.notMatch(output, /Reason/)
})

t.test('what may not be revoked is not', async t => {
  const { issuance, revocation, memory, clock } = await openFixture(quick)
  const { record } = await issuance.issue(request)
  for (const reason of [6, 7, 8, 11, -1])
    t.rejects(revocation.revoke(record.serial, reason), RangeError, `reason ${reason}`)
  t.equal(await revocation.revoke('00'.repeat(16)), false, 'never issued')
  t.equal(await revocation.revoke(record.serial, 4), true)
  const first = memory.records.get(record.serial)!.revocation
  t.equal(await revocation.revoke(record.serial, 1), false, 'twice')
  t.same(memory.records.get(record.serial)!.revocation, first, 'the first stands')
  t.same(first, { at: clock.now(), reason: 4 })
  t.same([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10].filter(isReason), [0, 1, 2, 3, 4, 5, 9, 10])
})

t.test('a CRL is signed anew each day, and numbers rise across restarts', async t => {
  const clock = createSimulatedClock()
  const { revocation, hierarchy, ...deps } = await openFixture({ ...quick, clock })
  const { id } = hierarchy.current()
  await revocation.start()
  const first = (await revocation.crl(id))!
  t.equal(first.nextUpdate - clock.now(), 7 * DAY)
  await clock.advance(DAY / 2)
  t.equal((await revocation.crl(id))!.number, first.number, 'kept for the day')
  await clock.advance(DAY)
  const second = (await revocation.crl(id))!
  t.equal(second.number, first.number + 1)
  t.ok(second.thisUpdate >= first.thisUpdate + DAY)
  revocation.close()
  const restarted = createRevocation({ ...deps, hierarchy })
  t.ok((await restarted.crl(id))!.number > second.number)
  hierarchy.close()
})

t.test('an entry stays until a CRL after the certificate has expired (RFC 5280 §3.3)', async t => {
  const clock = createSimulatedClock()
  const { issuance, revocation, hierarchy } = await openFixture({ ...quick, clock })
  await revocation.start()
  const { record } = await issuance.issue({ ...request, notAfter: clock.now() + 5 * DAY })
  await revocation.revoke(record.serial)
  const { id } = hierarchy.current()
  const isListed = async () =>
    Buffer.from((await revocation.crl(id))!.der).includes(Buffer.from(serialOctets(record.serial)))
  t.equal(await isListed(), true)
  await clock.advance(7 * DAY)
  t.equal(await isListed(), true, 'two days after it has expired')
  await clock.advance(10 * DAY)
  t.equal(await isListed(), false, 'twelve days after')
  revocation.close()
  hierarchy.close()
})

t.test('a hundred revocations at once share a few signatures, and all are listed', async t => {
  const { issuance, revocation, hierarchy, memory } = await openFixture(quick)
  const { id } = hierarchy.current()
  const issued = await Promise.all(Array.from({ length: 100 }, () => issuance.issue(request)))
  const before = (await revocation.crl(id))!.number
  const seen = await Promise.all(issued.map(({ record }) => revocation.revoke(record.serial)))
  const { number, der } = (await revocation.crl(id))!
  t.ok(number - before <= 5, `${number - before} CRLs`)
  for (const { record } of issued)
    if (!Buffer.from(der).includes(Buffer.from(serialOctets(record.serial)))) t.fail('missing')
  t.ok(seen.every(Boolean))
  t.equal([...memory.records.values()].filter(record => record.revocation).length, 100)
})

t.test('the intermediate that signs can be revoked: the next takes over first', async t => {
  const { issuance, revocation, hierarchy, memory } = await openFixture(quick)
  const old = hierarchy.current()
  t.equal(await revocation.revoke(old.serial, REASONS.cACompromise), true)
  t.not(hierarchy.current().id, old.id)
  t.equal((await issuance.issue(request)).record.issuer, hierarchy.current().id)
  const crl = (await revocation.crl(hierarchy.root.id))!
  t.ok(Buffer.from(crl.der).includes(Buffer.from(serialOctets(old.serial))))
  t.ok(memory.records.get(old.serial)?.revocation)
})

t.test('an OCSP answer without a nonce is signed once an hour, and again after a revocation', async t => {
  const clock = createSimulatedClock()
  const { issuance, revocation, hierarchy, memory, ...deps } = await openFixture({ ...quick, clock })
  const { record, chain } = await issuance.issue(request)
  const command = 'openssl ocsp -no_nonce -issuer int -cert leaf -reqout q && base64 -w0 q'
  const { output } = await judge({ int: hierarchy.current().pem, leaf: leafOf(chain) }, 'sh', '-c', command)
  const question = Buffer.from(output, 'base64')
  const first = await revocation.ocsp(question)
  t.equal(await revocation.ocsp(question), first)
  t.equal(first.nextUpdate! - clock.now(), DAY / 6)
  await clock.advance(DAY / 24)
  const second = await revocation.ocsp(question)
  t.not(second, first)
  await revocation.revoke(record.serial)
  t.not(await revocation.ocsp(question), second)
  const responders = () => [...memory.records.values()].filter(one => one.profile === 'ocsp')
  t.equal(responders().length, 1)
  const facts = readCertificate(responders()[0]!.der)
  t.match(facts.commonName, /OCSP$/)
  await clock.advance(8 * DAY)
  await revocation.ocsp(question)
  t.equal(responders().length, 2, 'the responder has a new key and certificate at half of its life')
  deps.store.certificate = async () => Promise.reject(new Error('disk'))
  await clock.advance(DAY)
  t.same([...(await revocation.ocsp(question)).der], [0x30, 3, 0x0a, 1, 2], 'internalError where the store fails')
  t.same([...(await revocation.ocsp(new Uint8Array(3))).der], [0x30, 3, 0x0a, 1, 1], 'malformedRequest')
})

t.test('nothing on a CRL is later than the CRL (RFC 5280 §5.1.2.4)', async t => {
  const { issuance, revocation, hierarchy, clock } = await openFixture()
  const { record } = await issuance.issue(request)
  const { id } = hierarchy.current()
  t.equal((await revocation.crl(id))!.thisUpdate, clock.now() - 60_000, 'an empty one is dated back, for slow clocks')
  await revocation.revoke(record.serial)
  t.equal((await revocation.crl(id))!.thisUpdate, clock.now())
  hierarchy.close()
})
