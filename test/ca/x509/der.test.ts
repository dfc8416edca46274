import { AsnConvert } from '@peculiar/asn1-schema'
import { AlgorithmIdentifier } from '@peculiar/asn1-x509'
import fc from 'fast-check'
import t from 'tap'
import {
  DerError,
  elementsIn,
  objectIdentifier,
  oidOf,
  only,
  sequence,
  Tag,
  textOf,
  time,
  timeOf,
  tlv,
  unsignedInteger,
} from '../../../ca/x509/der.ts'

const bytes = (digits: string) => Buffer.from(digits.replaceAll(' ', ''), 'hex')

t.test('what is written reads back', async _t => {
  fc.assert(
    fc.property(fc.nat(254), fc.uint8Array({ maxLength: 70_000 }), (tag, content) => {
      if ((tag & 0x1f) === 0x1f) return true
      return Buffer.from(only(tlv(tag, content), tag).content).equals(content)
    }),
    { numRuns: 50 },
  )
})

t.test('what is not DER is refused', async t => {
  const rows: [string, string][] = [
    ['a length that is missing', '30'],
    ['a length cut short (X.690 §8.1.3.5)', '30 82 01'],
    ['an indefinite length (X.690 §10.1)', '30 80 00 00'],
    ['a length in more octets than it needs (X.690 §10.1)', '04 81 01 00'],
    ['a length with a zero octet before it', `04 82 00 80 ${'00'.repeat(128)}`],
    ['content cut short', '30 02 05'],
    ['a length of four octets', '04 84 01 00 00 00'],
    ['a tag of more than one octet (X.690 §8.1.2.4)', '1f 81 01 00'],
  ]
  for (const [name, digits] of rows) t.throws(() => elementsIn(bytes(digits)), DerError, name)
  t.throws(() => only(bytes('05 00 05 00'), 0x05), DerError, 'a second element')
  t.throws(() => only(bytes(''), 0x05), DerError, 'nothing')
  t.throws(() => sequence(bytes('31 00')), DerError, 'another tag')
})

t.test('object identifiers are as in X.690 §8.19.5', async t => {
  const rows = ['2.999.3', '1.2.840.10045.4.3.2', '2.5.29.17', '0.9.2342.19200300.100.1.25', '1.3.6.1.4.1.32473.1']
  for (const text of rows) {
    t.equal(oidOf(elementsIn(objectIdentifier(text))[0]), text)
    const theirs = AsnConvert.serialize(new AlgorithmIdentifier({ algorithm: text }))
    t.same(objectIdentifier(text), Buffer.from(theirs).subarray(2), `${text} as the library has it`)
  }
  t.same(objectIdentifier('2.999.3'), bytes('06 03 88 37 03'))
  for (const digits of ['06 00', '06 02 88 b7']) t.throws(() => oidOf(elementsIn(bytes(digits))[0]), DerError, digits)
})

t.test('integers are minimal and positive (X.690 §8.3.2)', async t => {
  const rows: [string, string][] = [
    ['00', '02 01 00'],
    ['7f', '02 01 7f'],
    ['80', '02 02 00 80'],
    ['0000ff01', '02 03 00 ff 01'],
    ['', '02 01 00'],
  ]
  for (const [octets, der] of rows) t.same(unsignedInteger(bytes(octets)), bytes(der), octets)
})

t.test('times are UTCTime from 1950 through 2049, else GeneralizedTime (RFC 5280 §4.1.2.5)', async t => {
  const rows = [
    '1950-01-01T00:00:00Z',
    '1999-12-31T23:59:59Z',
    '2049-12-31T23:59:59Z',
    '2050-01-01T00:00:00Z',
    '1949-12-31T23:59:59Z',
  ]
  const tags = rows.map(row => time(Date.parse(row))[0])
  t.same(tags, [Tag.UTC_TIME, Tag.UTC_TIME, Tag.UTC_TIME, Tag.GENERALIZED_TIME, Tag.GENERALIZED_TIME])
  for (const row of rows) t.equal(timeOf(elementsIn(time(Date.parse(row)))[0]), Date.parse(row), row)
  const wrong = ['240101000000', '2401010000Z', '240101000000+0100', '241301000000Z', '']
  for (const text of wrong) t.throws(() => timeOf(elementsIn(tlv(Tag.UTC_TIME, Buffer.from(text)))[0]), DerError, text)
})

t.test('character strings are read by their kind', async t => {
  const text = (tag: number, content: Uint8Array) => textOf(elementsIn(tlv(tag, content))[0]!)
  t.equal(text(Tag.UTF8_STRING, Buffer.from('Bücher')), 'Bücher')
  t.equal(text(Tag.TELETEX_STRING, Buffer.from('Bücher', 'latin1')), 'Bücher')
  t.equal(text(Tag.BMP_STRING, bytes('0042 00fc 0063')), 'Büc')
  t.throws(() => text(0x1c, bytes('00000042')), DerError, 'UniversalString')
})
