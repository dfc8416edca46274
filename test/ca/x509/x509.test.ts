import { X509Certificate } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { readCertificate } from '../../../ca/x509/certificate-facts.ts'
import { DerError, tlv } from '../../../ca/x509/der.ts'
import { distinguishedName } from '../../../ca/x509/distinguished-name.ts'
import { keyIdentifier } from '../../../ca/x509/public-key.ts'
import { derBlocks, formatSerial, parseSerial, pemOf, renewalId, serialOctets } from '../../../ca/x509/x509.ts'
import { dns, leafKey, leafOf, openFixture, profile } from '../fixture.ts'

t.test('serial numbers are minimal positive INTEGERs (RFC 5280 §4.1.2.2, X.690 §8.3.2)', async t => {
  const cases: [string, string, string][] = [
    ['one whose first bit is set gets a zero octet', 'ff', '00ff'],
    ['one whose first bit is clear does not', '7f', '7f'],
    ['leading zero octets are dropped', '000001', '01'],
    ['zero is one octet', '00', '00'],
  ]
  for (const [name, digits, octets] of cases)
    t.equal(Buffer.from(serialOctets(formatSerial(Buffer.from(digits, 'hex')))).toString('hex'), octets, name)
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), bytes => {
      const serial = formatSerial(bytes)
      return serial.length === 32 && formatSerial(serialOctets(serial)) === serial && parseSerial(serial) === serial
    }),
  )
})

t.test('a serial number is understood as people paste it', async t => {
  const serial = '0a1b00000000000000000000000000ff'
  for (const text of [
    '0A:1B:00:00:00:00:00:00:00:00:00:00:00:00:00:FF',
    'a1b00000000000000000000000000ff',
    `0x${serial}`,
  ])
    t.equal(parseSerial(text), serial, text)
  for (const text of ['', 'xyz', '12 34 g', 'f'.repeat(41)]) t.equal(parseSerial(text), undefined, `"${text}"`)
})

t.test('lengths are in their shortest form (X.690 §10.1)', async t => {
  const head = (length: number) => Buffer.from(tlv(0x30, new Uint8Array(length)).subarray(0, 4)).toString('hex')
  t.match(head(127), /^307f/)
  t.match(head(128), /^308180/)
  t.match(head(256), /^30820100/)
})

t.test('a certificate is named for renewal as in the example of RFC 9773 §4.1', async t => {
  const authorityKeyId = '69885b6b87464041e1b37b847ba0ae2cde01c8d4'
  t.equal(renewalId({ serial: parseSerial('87654321')!, authorityKeyId }), 'aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE')
})

t.test('what was built reads back, and node agrees', async t => {
  const { issuance, hierarchy } = await openFixture()
  const identifiers = [...dns('www.example.com', '*.example.com'), { type: 'ip' as const, value: '2001:db8::1' }]
  const { record, chain } = await issuance.issue({ publicKey: leafKey.publicKey, identifiers, profile })
  const facts = readCertificate(record.der)
  t.match(facts, { serial: record.serial, identifiers, ca: false, commonName: 'www.example.com' })
  t.equal(facts.authorityKeyId, hierarchy.current().id)
  t.equal(facts.keyId, keyIdentifier(leafKey.publicKey))
  t.same([facts.notBefore, facts.notAfter], [record.notBefore, record.notAfter])
  const node = new X509Certificate(leafOf(chain))
  t.ok(node.checkIssued(new X509Certificate(hierarchy.current().pem)))
  t.equal(node.serialNumber.toLowerCase().padStart(32, '0'), record.serial)
  t.ok(node.checkHost('a.example.com'))
  t.same(derBlocks('CERTIFICATE', chain)[0], record.der)
})

t.test('PEM has lines of 64 characters (RFC 7468 §2)', async t => {
  const pem = pemOf('CERTIFICATE', new Uint8Array(100))
  t.same(
    pem.split('\n').map(line => line.length),
    [27, 64, 64, 8, 25, 0],
  )
  t.same(derBlocks('CERTIFICATE', `noise\n${pem}${pem}`), [Buffer.alloc(100), Buffer.alloc(100)])
  t.same(derBlocks('CERTIFICATE', 'no block'), [])
})

t.test('an empty Name is an empty SEQUENCE', async t => t.same([...distinguishedName({})], [0x30, 0]))

t.test('whatever the bytes, there is a certificate or a DerError', async t => {
  const corpus = join(import.meta.dirname, '../../corpus/certificate')
  for (const file of readdirSync(corpus)) t.ok(isReadOrRefused(readFileSync(join(corpus, file))), file)
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), isReadOrRefused))
})

function isReadOrRefused(der: Uint8Array): boolean {
  try {
    readCertificate(der)
  } catch (error) {
    if (!(error instanceof DerError)) throw error
  }
  return true
}
