import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { TextError, WireError } from '../../dns/errors.ts'
import { parseName, printName } from '../../dns/name.ts'
import type { AnyField } from '../../dns/table.ts'
import {
  canonicalRdata,
  decompressRdata,
  isMetaType,
  makeRdata,
  parseRdataText,
  printGeneric,
  printRdata,
  printRecord,
  type Rdata,
  readRdata,
  TYPES,
  Type,
  type TypeName,
  targetOf,
  typeCode,
  typeName,
  writeRdata,
} from '../../dns/types.ts'
import { Reader, Writer } from '../../dns/wire.ts'
import { arbitraryFields, typeNames } from './arbitraries.ts'

const origin = parseName('example.')
const hex = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'))
const show = (octets: Uint8Array) => Buffer.from(octets).toString('hex')
const vectors: { source: string; type: TypeName; text: string; wire: string }[] = JSON.parse(
  readFileSync(new URL('../vectors/rdata.json', import.meta.url), 'utf8'),
)

t.test('examples of the RFCs', async t => {
  for (const { source, type, text, wire } of vectors) {
    t.equal(show(parseRdataText(Type[type], text)), wire, `${source}: ${type} from text`)
    t.equal(
      parseRdataText(Type[type], printRdata(Type[type], hex(wire))).toString(),
      hex(wire).toString(),
      `${source}: ${type} printed`,
    )
    t.equal(show(parseRdataText(Type[type], printGeneric(hex(wire)))), wire, `RFC 3597 §5: ${type} in generic form`)
  }
  const proven = new Set(vectors.map(vector => vector.type))
  t.strictSame(
    typeNames.filter(type => !proven.has(type)),
    [],
    'every type of the table has an example',
  )
})

for (const type of typeNames)
  t.test(`${type}: parse and print are inverse in wire and in text`, async t => {
    const code = TYPES[type].code
    fc.assert(
      fc.property(arbitraryFields(type), value => {
        const rdata = makeRdata(type, value)
        const text = printRdata(code, rdata)
        t.notOk(text.startsWith('\\#') && rdata.length > 0)
        same(parseRdataText(code, text), rdata)
        same(parseRdataText(code, printGeneric(rdata)), rdata)
        same(decompressRdata(code, 1, new Reader(rdata), rdata.length), rdata)
        same(makeRdata(type, readRdata(type, rdata)), rdata)
        same(canonicalRdata(code, canonicalRdata(code, rdata)), canonicalRdata(code, rdata))
        same(canonicalRdata(code, rdata), canonicalByFields(type, value))
        const writer = new Writer()
        writeRdata(code, writer, rdata)
        same(writer.copy(), rdata)
        if (printRdata(code, parseRdataText(code, text)) !== text) throw new Error(`${text} is printed otherwise`)
      }),
      { numRuns: 60 },
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), octets => {
        const rdata = readable(code, octets)
        if (rdata) same(parseRdataText(code, printRdata(code, rdata)), rdata)
      }),
      { numRuns: 200 },
    )
  })

function canonicalByFields<N extends TypeName>(type: N, value: Rdata<N>): Uint8Array {
  const writer = new Writer()
  for (const [key, field] of Object.entries<AnyField>(TYPES[type].fields))
    (field.canonical ?? field.write)(writer, value[key as keyof Rdata<N>])
  return writer.copy()
}

/** RDATA as a message would give it, unless it is malformed. */
function readable(code: number, octets: Uint8Array): Uint8Array | undefined {
  try {
    return decompressRdata(code, 1, new Reader(octets), octets.length)
  } catch (error) {
    if (error instanceof WireError) return undefined
    throw error
  }
}

function same(actual: Uint8Array, expected: Uint8Array): void {
  if (show(actual) !== show(expected)) throw new Error(`${show(actual)} is not ${show(expected)}`)
}

t.test('names of types', async t => {
  t.equal(typeCode('mx'), 15, 'mnemonics are read in any case')
  t.equal(typeCode('TYPE15'), 15, 'RFC 3597 §5: TYPE15 is MX')
  t.equal(typeCode('TYPE65536'), undefined, 'there are 65536 types')
  t.equal(typeCode('constructor'), undefined, 'what every object has is no type')
  t.equal(typeCode('NULL'), 10, 'types without fields have mnemonics too')
  t.equal(typeName(10), 'TYPE10', 'and are printed as RFC 3597 §5 has it')
  t.equal(typeName(15), 'MX')
  t.equal(typeName(62347), 'TYPE62347')
  t.equal(Type.AXFR, 252)
  for (const type of [0, 41, 128, 249, 250, 251, 252, 253, 254, 255, 65535])
    t.ok(isMetaType(type), `${type} is never stored`)
  for (const type of [1, 2, 47, 99, 127, 256, 257, 32768, 65280]) t.notOk(isMetaType(type), `${type} may be stored`)
})

t.test('names in RDATA', async t => {
  const message = hex('00000000 076578616d706c6500 c004 000a046d61696cc004')
  t.equal(
    printRdata(2, decompressRdata(2, 1, new Reader(message, 13), 2)),
    'example.',
    'RFC 3597 §4: NS is decompressed',
  )
  t.equal(printRdata(15, decompressRdata(15, 1, new Reader(message, 15), 9)), '10 mail.example.', 'and MX')
  t.equal(show(decompressRdata(65280, 1, new Reader(message, 13), 2)), 'c004', 'an unknown type is left alone')
  const writer = new Writer({ compress: true })
  writer.name(parseName('example.'))
  writeRdata(Type.MX, writer, parseRdataText(Type.MX, '10 mail.example.'))
  writeRdata(Type.SRV, writer, parseRdataText(Type.SRV, '1 2 3 mail.example.'))
  t.equal(
    show(writer.copy()),
    '076578616d706c6500000a046d61696cc000' + '000100020003046d61696c076578616d706c6500',
    'RFC 3597 §4: MX is compressed, SRV is not',
  )
  for (const type of ['NS', 'MX', 'SRV', 'DNAME', 'RRSIG', 'NAPTR', 'KX', 'RP'] as const)
    t.match(lowered(type), /^[^A-Z]*$/, `RFC 4034 §6.2: ${type} is canonical in lower case`)
  for (const type of ['NSEC', 'SVCB', 'HTTPS', 'IPSECKEY'] as const)
    t.match(lowered(type), /[A-Z]/, `RFC 6840 §5.1: ${type} keeps its case`)
})

function lowered(type: TypeName): string {
  const text: Partial<Record<TypeName, string>> = {
    NS: 'A.B.',
    DNAME: 'A.B.',
    MX: '1 A.B.',
    KX: '1 A.B.',
    SRV: '1 2 3 A.B.',
    RP: 'A. B.',
    RRSIG: 'A 5 2 1 1 1 1 A.B. AAAA',
    NAPTR: '1 1 "" "" "" A.B.',
    NSEC: 'A.B. MX',
    SVCB: '1 A.B.',
    HTTPS: '1 A.B.',
    IPSECKEY: '1 3 0 A.B.',
  }
  const octets = canonicalRdata(Type[type], parseRdataText(Type[type], text[type]!))
  return Buffer.from(octets).toString('latin1')
}

t.test('targets', async t => {
  const rows: [type: number, text: string, target: string | undefined][] = [
    [Type.NS, 'ns', 'ns.example.'],
    [Type.MX, '10 mail', 'mail.example.'],
    [Type.SRV, '1 2 3 host', 'host.example.'],
    [Type.CNAME, 'other', 'other.example.'],
    [Type.DNAME, 'other', 'other.example.'],
    [Type.HTTPS, '1 svc alpn=h2', 'svc.example.'],
    [Type.TXT, 'text', undefined],
    [65280, '\\# 1 00', undefined],
  ]
  for (const [type, text, target] of rows) {
    const found = targetOf(type, parseRdataText(type, text, origin))
    t.equal(found && printName(found), target, typeName(type))
  }
})

t.test('RDATA that a message may not have', async t => {
  const rows: [what: string, type: number, wire: string][] = [
    ['an address of three octets', 1, '0a0000'],
    ['an address of five octets', 1, '0a00000001'],
    ['an empty TXT (RFC 1035 §3.3.14: one or more)', 16, ''],
    ['a string past the end', 16, '0561'],
    ['an MX without its name', 15, '000a'],
    ['an NSEC whose windows descend (RFC 4034 §4.1.2)', 47, '00 010180 000180'],
    ['an NSEC bitmap of no octets', 47, '00 0000'],
    ['an NSEC bitmap that ends in zero', 47, '00 00024000'],
    ['an NSEC bitmap of 33 octets', 47, `00 0021${'ff'.repeat(33)}`],
    ['an NSEC3 without a hash', 50, '01 00 0001 00 00'],
    ['a DNSKEY without a key', 48, '0100 03 08'],
    ['an APL of an unknown family (RFC 3123 §4)', 42, '0003 08 01 0a'],
    ['an APL address that ends in zero', 42, '0001 08 02 0a00'],
    ['an APL prefix beyond 32', 42, '0001 21 01 0a'],
    ['a LOC of another version', 29, '01 12 16 13 80000000 80000000 00989680'],
    ['a LOC whose size has eleven digits', 29, '00 1a 16 13 80000000 80000000 00989680'],
    ['a LOC north of the pole', 29, '00 12 16 13 93500000 80000000 00989680'],
    ['an IPSECKEY with gateway type 4', 45, '0a 04 02'],
    ['a CAA tag with a space', 257, '00 0361 2062 63'],
    ['an SVCB whose keys descend (RFC 9460 §2.2)', 64, '0001 00 0004 0004 c0000201 0003 0002 0035'],
    ['an SVCB port of one octet', 64, '0001 00 0003 0001 35'],
    ['an SVCB mandatory key that is missing', 64, '0001 00 0000 0002 0001'],
  ]
  for (const [what, type, wire] of rows) {
    const octets = hex(wire)
    t.throws(() => decompressRdata(type, 1, new Reader(octets), octets.length), WireError, what)
  }
  t.equal(
    decompressRdata(1, 255, new Reader(new Uint8Array()), 0).length,
    0,
    'RFC 2136 §2.4.1: class ANY comes without data',
  )
  t.equal(decompressRdata(1, 254, new Reader(new Uint8Array()), 0).length, 0, 'RFC 2136 §2.4.3: class NONE too')
  t.equal(
    decompressRdata(1, 3, new Reader(hex('00 0001')), 3).length,
    3,
    'RFC 1035 §3.4: an A of class CH is another thing',
  )
  t.throws(() => decompressRdata(2, 1, new Reader(hex('00')), 2), WireError, 'RDATA past the end')
})

t.test('text that is refused', async t => {
  const rows: [type: TypeName, text: string, why: RegExp][] = [
    ['A', '1.2.3', /not an IPv4 address/],
    ['A', '1.2.3.256', /not an IPv4 address/],
    ['A', '1.2.3.04', /not an IPv4 address/],
    ['A', '1..2.3', /not an IPv4 address/],
    ['A', '"1.2.3.4"', /quoted/],
    ['A', '1.2.3.4 5', /"5" is more than a A record takes/],
    ['A', '', /an IPv4 address is missing/],
    ['A', '\\# 3 0A0000', /does not fit/],
    ['A', '\\# 4 0A000', /hexadecimal/],
    ['A', '\\# 5 0A000001', /4 octets of data where the length is 5/],
    ['AAAA', '1::2::3', /not an IPv6 address/],
    ['AAAA', '1:2:3:4:5:6:7', /not an IPv6 address/],
    ['AAAA', '1:2:3:4:5:6:7::8', /not an IPv6 address/],
    ['AAAA', 'fe80::1%eth0', /not an IPv6 address/],
    ['MX', 'mail', /"mail" is not a number, a number from 0 to 65535|not a number/],
    ['MX', '65536 mail', /from 0 to 65535/],
    ['MX', '10 mail..example.', /empty label/],
    ['TXT', '', /missing/],
    ['TXT', `"${'a'.repeat(256)}"`, /256 octets/],
    ['TXT', '\\256', /above/],
    ['TXT', '\\25', /incomplete/],
    ['TXT', '"a', /not closed/],
    ['TXT', 'a"b', /quotation mark inside a word/],
    ['TXT', 'a\\', /backslash/],
    ['DS', '1 8 2 ABC', /hexadecimal/],
    ['DS', '1 8 2', /missing/],
    ['DNSKEY', '256 3 8 AAA', /base64/],
    ['DNSKEY', '256 3 8 AAB=', /base64/],
    ['RRSIG', 'A 8 2 1 20300230000000 1 1 a. AAAA', /not a time/],
    ['RRSIG', 'FOO 8 2 1 1 1 1 a. AAAA', /not a record type/],
    ['NSEC3', '1 0 0 - 2T7B4G4VSA5SMI47K61MV5BV1A22BOJ A', /base32hex/],
    ['LOC', '91 N 0 E 0m', /from 0 to 90/],
    ['LOC', '90 0 1 N 0 E 0m', /more than 90 degrees/],
    ['LOC', '1 60 N 0 E 0m', /from 0 to 59/],
    ['LOC', '1 X 0 E 0m', /neither N nor S/],
    ['LOC', '1 N 0 E', /an altitude is missing/],
    ['LOC', '1 N 0 E 5km', /not a length/],
    ['APL', '3:1.2.3.4/5', /form/],
    ['APL', '1:1.2.3.4/33', /from 0 to 32/],
    ['EUI48', '00:00:5e:00:53:2a', /hyphenated/],
    ['IPSECKEY', '1 4 1 . AAAA', /from 0 to 3/],
    ['IPSECKEY', '1 0 1 a. AAAA', /no gateway/],
    ['CAA', '0 is-sue "x"', /not a tag/],
    ['SVCB', '1 . no-default-alpn', /without alpn/],
    ['SVCB', '1 . key65535=a', /not a SvcParamKey/],
    ['SVCB', '1 . key01=a', /not a SvcParamKey/],
    ['SVCB', '1 . ipv4hint=1.2.3', /not an IPv4 address/],
    ['SVCB', '1 . alpn=h2,,h3', /0 octets/],
  ]
  for (const [type, text, why] of rows) {
    t.throws(() => parseRdataText(Type[type], text, origin), TextError, `${type} ${text.slice(0, 40)}`)
    t.throws(() => parseRdataText(Type[type], text, origin), { message: why }, `${type} ${text.slice(0, 40)} says why`)
  }
  t.throws(() => parseRdataText(65280, 'word'), TextError, 'a type without fields takes the generic form only')
  t.throws(() => parseRdataText(Type.NS, '@'), TextError, '"@" needs an origin')
})

t.test('RFC 3597 §5: records of unknown and known types in generic form', async t => {
  t.equal(show(parseRdataText(731, '\\# 6 abcd ( ef 01 23 45 )')), 'abcdef012345')
  t.equal(parseRdataText(62347, '\\# 0').length, 0)
  t.equal(printRdata(1, parseRdataText(1, '\\# 4 0A000001')), '10.0.0.1')
  t.equal(printRdata(62347, new Uint8Array()), '\\# 0')
  t.equal(printRdata(1, hex('0a00')), '\\# 2 0A00', 'data that does not fit its type is printed all the same')
})

t.test('text has more than one form', async t => {
  const rows: [type: TypeName, text: string, printed: string][] = [
    ['SOA', 'ns host ( 1 1h30m ; refresh\n 5M 1w2d 1d )', 'ns.example. host.example. 1 5400 300 777600 86400'],
    ['TXT', 'plain "quoted ; ( " esc\\"aped \\065 \\;', '"plain" "quoted ; ( " "esc\\"aped" "A" ";"'],
    ['TXT', '"\\127\\000é"', '"\\127\\000\\195\\169"'],
    ['TXT', '""', '""'],
    ['MX', '10 @', '10 example.'],
    ['NS', 'a\\.b', 'a\\.b.example.'],
    ['AAAA', '2001:DB8:0:0:8:800:200C:417A', '2001:db8::8:800:200c:417a'],
    ['AAAA', '::ffff:192.0.2.1', '::ffff:192.0.2.1'],
    ['AAAA', '2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['AAAA', '2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['DNSKEY', '256 3 ECDSAP256SHA256 AA AA', '256 3 13 AAAA'],
    ['CERT', '1 0 RSASHA256 AAAA', 'PKIX 0 8 AAAA'],
    ['RRSIG', 'TYPE1 8 1 60 2147483648 0 1 @ AAAA', 'A 8 1 60 20380119031408 19700101000000 1 example. AAAA'],
    ['NSEC', '@ TYPE2 A A', 'example. A NS'],
    ['LOC', '42 N 71 W -24', '42 0 0.000 N 71 0 0.000 W -24m 1m 10000m 10m'],
    ['LOC', '1 2 S 3 4 5.67 E 0.05m 0.5m', '1 2 0.000 S 3 4 5.670 E 0.05m 0.50m 10000m 10m'],
    ['APL', '!2:fe80::/10', '!2:fe80::/10'],
    ['CAA', '0 issue ca.example.net', '0 issue "ca.example.net"'],
    ['HTTPS', '0 @', '0 example.'],
    ['SVCB', '1 . key3="\\000\\053" key1=\\002h2', '1 . alpn=h2 port=53'],
    ['SVCB', '1 . ech=AEj+DQ== ohttp', '1 . ech=AEj+DQ== ohttp'],
    ['SVCB', '1 . key9 key10=""', '1 . key9 key10'],
  ]
  for (const [type, text, printed] of rows)
    t.equal(printRdata(Type[type], parseRdataText(Type[type], text, origin)), printed, `${type} ${text}`)
})

t.test('one line of a master file', async t => {
  const record = { owner: parseName('www.Example.'), type: 1, class: 1, ttl: 60, rdata: hex('c0000201') }
  t.equal(printRecord(record), 'www.Example. 60 IN A 192.0.2.1')
})
