import { AsnConvert } from '@peculiar/asn1-schema'
import { CertificateList, IssuingDistributionPoint, id_ce_issuingDistributionPoint } from '@peculiar/asn1-x509'
import t from 'tap'
import { readCertificate } from '../../ca/x509/certificate-facts.ts'
import { serialOctets } from '../../ca/x509/x509.ts'
import { dns, HTTP, judge, leafKey, openFixture, profile } from './fixture.ts'

type Fixture = Awaited<ReturnType<typeof openFixture>>

const issue = async ({ issuance }: Fixture, name: string) =>
  (await issuance.issue({ publicKey: leafKey.publicKey, identifiers: dns(name), profile })).record
const lists = (der: Uint8Array, serial: string) => Buffer.from(der).includes(Buffer.from(serialOctets(serial)))

t.test('a certificate is listed in the whole CRL and in its part, which says what it is (RFC 5280 §5.2.5)', async t => {
  const fixture = await openFixture({ crl: { partitions: 4 } })
  const { revocation, hierarchy } = fixture
  const { id } = hierarchy.current()
  const records = await Promise.all(Array.from({ length: 12 }, (_, i) => issue(fixture, `n${i}.example.com`)))
  for (const { der, crlPartition } of records)
    t.ok(Buffer.from(der).includes(`${HTTP}/crl/${id}/${crlPartition}.crl`), 'it names its part')
  const [one] = records
  await revocation.revoke(one!.serial, 1)
  for (const part of [0, 1, 2, 3]) {
    const crl = (await revocation.crl(id, part))!
    t.equal(lists(crl.der, one!.serial), part === one!.crlPartition, `part ${part}`)
    const { tbsCertList } = AsnConvert.parse(crl.der, CertificateList)
    const extension = tbsCertList.crlExtensions!.find(({ extnID }) => extnID === id_ce_issuingDistributionPoint)!
    t.ok(extension.critical)
    const point = AsnConvert.parse(extension.extnValue.buffer, IssuingDistributionPoint)
    t.equal(point.distributionPoint!.fullName![0]!.uniformResourceIdentifier, `${HTTP}/crl/${id}/${part}.crl`)
    t.ok(point.onlyContainsUserCerts)
  }
  const whole = (await revocation.crl(id))!
  t.ok(lists(whole.der, one!.serial))
  t.notOk(
    AsnConvert.parse(whole.der, CertificateList).tbsCertList.crlExtensions!.some(
      ({ extnID }) => extnID === id_ce_issuingDistributionPoint,
    ),
  )
  t.equal(await revocation.crl(id, 4), undefined, 'there is no fifth part')
})

t.test('openssl takes a part for what it is', async t => {
  const fixture = await openFixture({ crl: { partitions: 2 } })
  const { revocation, hierarchy } = fixture
  const record = await issue(fixture, 'www.example.com')
  await revocation.revoke(record.serial, 4)
  const crl = (await revocation.crl(hierarchy.current().id, record.crlPartition))!
  const files = { 'crl.der': crl.der, 'ca.pem': hierarchy.current().pem }
  const { status, output } = await judge(
    files,
    'openssl',
    'crl',
    '-inform',
    'DER',
    '-in',
    'crl.der',
    '-CAfile',
    'ca.pem',
    '-noout',
    '-text',
  )
  t.equal(status, 0, output)
  t.match(
    output,
    /verify OK[\s\S]*Issuing Distribution Point: critical[\s\S]*Superseded|Issuing Distribution Point: critical[\s\S]*Superseded/i,
  )
})

t.test('certificates keep to the part that they were issued for', async t => {
  const before = await openFixture({ crl: { partitions: 8 } })
  const record = await issue(before, 'www.example.com')
  const after = await openFixture({
    crl: { partitions: 1 },
    memory: before.memory,
    files: before.files,
    clock: before.clock,
  })
  const { id } = after.hierarchy.current()
  await after.revocation.revoke(record.serial)
  t.ok(lists((await after.revocation.crl(id, record.crlPartition))!.der, record.serial))
  const plain = await issue(after, 'new.example.com')
  t.equal(plain.crlPartition, undefined)
  t.ok(Buffer.from(plain.der).includes(`${HTTP}/crl/${id}.crl`))
})

t.test('a profile leaves pointers out, and adds what it is told to', async t => {
  const { issuance } = await openFixture()
  const base = { publicKey: leafKey.publicKey, identifiers: dns('www.example.com') }
  const value = Buffer.from('BAEq', 'base64')
  const plain = await issuance.issue({
    ...base,
    profile: {
      ...profile,
      ocsp: false,
      crl: false,
      must_staple: true,
      common_name: false,
      subject: { country: 'DE', organization: 'Example', unit: 'Ops' },
      extensions: [{ oid: '1.3.6.1.4.1.32473.1', critical: false, value }],
    },
  })
  const files = { 'leaf.pem': plain.chain }
  const { output } = await judge(files, 'openssl', 'x509', '-in', 'leaf.pem', '-noout', '-text', '-nameopt', 'RFC2253')
  t.match(output, /Subject: OU=Ops,O=Example,C=DE/)
  t.notMatch(output, /OCSP - URI|CRL Distribution Points/)
  t.match(output, /TLS Feature:\s+status_request/)
  t.match(output, /1\.3\.6\.1\.4\.1\.32473\.1/)
  const none = await issuance.issue({ ...base, profile: { ...profile, common_name: false } })
  const facts = readCertificate(none.record.der)
  t.equal(facts.commonName, '')
  t.ok(facts.extensions.find(({ oid }) => oid === '2.5.29.17')!.critical, 'then the names are critical')
})

t.test('a profile says which keys and names it takes, whoever asks', async t => {
  const { issuance } = await openFixture()
  const base = { publicKey: leafKey.publicKey, profile }
  const spiffe = { type: 'uri', value: 'spiffe://example.com/web' } as const
  const email = { type: 'email', value: 'ops@example.com' } as const
  const rows: [string, Parameters<typeof issuance.issue>[0], RegExp | undefined][] = [
    ['a URI, where it takes none', { ...base, identifiers: [spiffe] }, /no names of the kind "uri"/],
    ['a URI', { ...base, identifiers: [spiffe], profile: { ...profile, san: ['uri'] } }, undefined],
    ['a mail address', { ...base, identifiers: [email], profile: { ...profile, san: ['email'] } }, undefined],
    [
      'another key',
      { ...base, identifiers: dns('a.example'), profile: { ...profile, keys: ['rsa-3072'] } },
      /not ecdsa-p256/,
    ],
    [
      'too many names',
      { ...base, identifiers: dns('a.b', 'c.d'), profile: { ...profile, max_names: 1 } },
      /1 names at most/,
    ],
  ]
  for (const [name, request, fault] of rows)
    if (fault) await t.rejects(issuance.issue(request), { code: 'profile', message: fault } as unknown as Error, name)
    else {
      const { chain, record } = await issuance.issue(request)
      const { output } = await judge({ 'leaf.pem': chain }, 'openssl', 'x509', '-in', 'leaf.pem', '-noout', '-text')
      t.match(output, record.identifiers[0]!.value, name)
    }
})
