import fc from 'fast-check'
import t from 'tap'
import { TextError } from '../../dns/errors.ts'
import {
  decodeEscapes,
  parseBase32Hex,
  parseBase64,
  parseHex,
  parseTtl,
  printBase32Hex,
  printBase64,
  printHex,
  printQuoted,
} from '../../dns/text.ts'

const ascii = (text: string) => new Uint8Array(Buffer.from(text, 'latin1'))

t.test('RFC 4648 §10', async t => {
  const rows: [octets: string, base64: string, base32hex: string, hex: string][] = [
    ['', '', '', ''],
    ['f', 'Zg==', 'CO', '66'],
    ['fo', 'Zm8=', 'CPNG', '666F'],
    ['foo', 'Zm9v', 'CPNMU', '666F6F'],
    ['foob', 'Zm9vYg==', 'CPNMUOG', '666F6F62'],
    ['fooba', 'Zm9vYmE=', 'CPNMUOJ1', '666F6F6261'],
    ['foobar', 'Zm9vYmFy', 'CPNMUOJ1E8', '666F6F626172'],
  ]
  for (const [octets, base64, base32hex, hex] of rows) {
    t.strictSame(
      [printBase64(ascii(octets)), printBase32Hex(ascii(octets)), printHex(ascii(octets))],
      [base64, base32hex, hex],
    )
    t.same(
      [parseBase64(base64), parseBase32Hex(base32hex.toLowerCase()), parseHex(hex)],
      [ascii(octets), ascii(octets), ascii(octets)],
    )
  }
  for (const text of ['Zg', 'Zg=', 'Zh==', 'Z-==', 'Zg==Zg==']) t.throws(() => parseBase64(text), TextError, text)
  for (const text of ['C', 'CP', 'CPN', 'CPNMUO', 'CW', 'CO======'])
    t.throws(() => parseBase32Hex(text), TextError, text)
  for (const text of ['6', '6g', ' 66']) t.throws(() => parseHex(text), TextError, text)
})

t.test('TTLs', async t => {
  t.strictSame(
    ['0', '60', '1h', '1H30M', '1w1d1h1m1s', '2147483647'].map(parseTtl),
    [0, 60, 3600, 5400, 694861, 2147483647],
  )
  for (const text of ['', '-1', '1.5', 'h', '1h30', '1x', '2147483648', '3551w', '99999999999'])
    t.throws(() => parseTtl(text), TextError, text)
})

t.test('escapes (RFC 1035 §5.1)', async t => {
  t.same(decodeEscapes('a\\065\\\\\\"é\\é'), Uint8Array.of(97, 65, 92, 34, 0xc3, 0xa9, 0xc3, 0xa9))
  t.equal(printQuoted(Uint8Array.of(97, 34, 92, 0, 200, 32)), '"a\\"\\\\\\000\\200 "')
  t.equal(decodeEscapes(`\\a${'b'.repeat(1_000_000)}`).length, 1_000_001, 'of any length')
  fc.assert(
    fc.property(
      fc.uint8Array(),
      octets => Buffer.compare(decodeEscapes(printQuoted(octets).slice(1, -1)), octets) === 0,
    ),
  )
})

t.test('errors quote what was given, but not megabytes', async t => {
  t.throws(() => parseHex('x'.repeat(1_000_000)), { message: /^.{300,420}$/ })
})
