// biome-ignore-all lint/suspicious/noTemplateCurlyInString: $GENERATE has the same notation.
import fc from 'fast-check'
import t from 'tap'
import { parseName, printName } from '../../dns/name.ts'
import { printRecord } from '../../dns/types.ts'
import { parseZonefile, printZonefile, ZonefileReader } from '../../dns/zonefile.ts'
import { arbitraryRecord } from './arbitraries.ts'

const origin = parseName('example.')
const lines = (text: string, include?: (path: string, from: string) => { text: string; file: string }) => {
  const { records, errors } = parseZonefile(text, { origin, file: 'zone', ...(include && { include }) })
  return [...records.map(printRecord), ...errors.map(error => error.message)]
}

t.test('the zone of RFC 1035 §5.3', async t => {
  const mailboxes =
    'MOE     MB      A.ISI.EDU.\nLARRY   MB      A.ISI.EDU.\nSTOOGES MG      MOE\n        MG      LARRY\n'
  const zone = `@   IN  SOA     VENERA      Action\\.domains (
                                 20     ; SERIAL
                                 7200   ; REFRESH
                                 600    ; RETRY
                                 3600000; EXPIRE
                                 60)    ; MINIMUM

        NS      A.ISI.EDU.
        NS      VENERA
        MX      10      VENERA

A       A       26.3.0.103

VENERA  A       10.1.0.52
        A       128.9.0.32

$INCLUDE <SUBSYS>ISI-MAILBOXES.TXT
`
  const { records, errors } = parseZonefile(zone, {
    origin: parseName('ISI.EDU.'),
    file: 'zone',
    include: path => ({ text: path === '<SUBSYS>ISI-MAILBOXES.TXT' ? mailboxes : '', file: path }),
  })
  t.strictSame(errors, [])
  t.strictSame(records.map(printRecord), [
    'ISI.EDU. 60 IN SOA VENERA.ISI.EDU. Action\\.domains.ISI.EDU. 20 7200 600 3600000 60',
    'ISI.EDU. 60 IN NS A.ISI.EDU.',
    'ISI.EDU. 60 IN NS VENERA.ISI.EDU.',
    'ISI.EDU. 60 IN MX 10 VENERA.ISI.EDU.',
    'A.ISI.EDU. 60 IN A 26.3.0.103',
    'VENERA.ISI.EDU. 60 IN A 10.1.0.52',
    'VENERA.ISI.EDU. 60 IN A 128.9.0.32',
    'MOE.ISI.EDU. 60 IN MB A.ISI.EDU.',
    'LARRY.ISI.EDU. 60 IN MB A.ISI.EDU.',
    'STOOGES.ISI.EDU. 60 IN MG MOE.ISI.EDU.',
    'STOOGES.ISI.EDU. 60 IN MG LARRY.ISI.EDU.',
  ])
})

t.test('entries', async t => {
  const rows: [what: string, zone: string, expected: string[]][] = [
    [
      'an owner is inherited by indented lines',
      'a 1 A 192.0.2.1\n 2 A 192.0.2.2\n\t3 A 192.0.2.3',
      ['a.example. 1 IN A 192.0.2.1', 'a.example. 2 IN A 192.0.2.2', 'a.example. 3 IN A 192.0.2.3'],
    ],
    [
      'blank lines and comments do not end that',
      'a 1 A 192.0.2.1\n\n; b\n  ; c\n 2 A 192.0.2.2',
      ['a.example. 1 IN A 192.0.2.1', 'a.example. 2 IN A 192.0.2.2'],
    ],
    [
      'TTL and class come in either order',
      'a 1 IN A 192.0.2.1\nb IN 2 A 192.0.2.2\nc in A 192.0.2.3',
      ['a.example. 1 IN A 192.0.2.1', 'b.example. 2 IN A 192.0.2.2', 'c.example. 2 IN A 192.0.2.3'],
    ],
    [
      'RFC 1035 §5.1: without a TTL the last stated one counts',
      'a 5 A 192.0.2.1\nb A 192.0.2.2',
      ['a.example. 5 IN A 192.0.2.1', 'b.example. 5 IN A 192.0.2.2'],
    ],
    [
      'RFC 2308 §4: $TTL counts, whatever was stated since',
      '$TTL 1h\na 5 A 192.0.2.1\nb A 192.0.2.2',
      ['a.example. 5 IN A 192.0.2.1', 'b.example. 3600 IN A 192.0.2.2'],
    ],
    [
      'with neither, the SOA gives its MINIMUM',
      '@ SOA ns host 1 2 3 4 9\na A 192.0.2.1',
      ['example. 9 IN SOA ns.example. host.example. 1 2 3 4 9', 'a.example. 9 IN A 192.0.2.1'],
    ],
    ['TTLs have units', '$TTL 1w2d3h4m5s\na A 192.0.2.1', ['a.example. 788645 IN A 192.0.2.1']],
    [
      'RFC 2181 §8: a TTL of 2^31-1 is the longest',
      'a 2147483647 A 192.0.2.1\nb 2147483648 A 192.0.2.1',
      ['a.example. 2147483647 IN A 192.0.2.1', 'zone:2:3: "2147483648" is not a TTL, a number from 0 to 2147483647'],
    ],
    [
      'an owner may look like anything',
      'a 1 A 192.0.2.1\nIN IN A 192.0.2.2\nA A 192.0.2.3\n5 5 A 192.0.2.4',
      [
        'a.example. 1 IN A 192.0.2.1',
        'IN.example. 1 IN A 192.0.2.2',
        'A.example. 1 IN A 192.0.2.3',
        '5.example. 5 IN A 192.0.2.4',
      ],
    ],
    [
      'escapes in owners',
      'a\\.b 1 A 192.0.2.1\n\\$x A 192.0.2.2\n\\064 A 192.0.2.3\na\\ b A 192.0.2.4',
      [
        'a\\.b.example. 1 IN A 192.0.2.1',
        '\\$x.example. 1 IN A 192.0.2.2',
        '\\@.example. 1 IN A 192.0.2.3',
        'a\\032b.example. 1 IN A 192.0.2.4',
      ],
    ],
    [
      'parentheses join lines, and comments may be inside',
      'a 1 TXT ( b ; )\n c\n )\nd TXT(e)',
      ['a.example. 1 IN TXT "b" "c"', 'd.example. 1 IN TXT "e"'],
    ],
    [
      'lines may end in CR LF',
      'a 1 A 192.0.2.1\r\n A 192.0.2.2\r\n',
      ['a.example. 1 IN A 192.0.2.1', 'a.example. 1 IN A 192.0.2.2'],
    ],
    ['a byte order mark is no owner', '\ufeffa 1 A 192.0.2.1', ['a.example. 1 IN A 192.0.2.1']],
    [
      'RFC 3597 §5: CLASS1 is IN, TYPE1 is A',
      'e 1 CLASS1 TYPE1 10.0.0.2\nf IN TYPE731 \\# 2 ( ab\n cd )',
      ['e.example. 1 IN A 10.0.0.2', 'f.example. 1 IN TYPE731 \\# 2 ABCD'],
    ],
    ['an empty file has nothing', ' \n;\n', []],
  ]
  for (const [what, zone, expected] of rows) t.strictSame(lines(zone), expected, what)
})

t.test('directives', async t => {
  t.strictSame(
    lines(
      '$TTL 1\n$ORIGIN sub\na A 192.0.2.1\n$ORIGIN deep.sub.example.\na A 192.0.2.2\n@ A 192.0.2.3\n$ORIGIN .\nb A 192.0.2.4',
    ),
    [
      'a.sub.example. 1 IN A 192.0.2.1',
      'a.deep.sub.example. 1 IN A 192.0.2.2',
      'deep.sub.example. 1 IN A 192.0.2.3',
      'b. 1 IN A 192.0.2.4',
    ],
    'RFC 1035 §5.1: $ORIGIN may be relative',
  )
  const include = (path: string, from: string) => {
    if (path !== 'in side') throw new Error(`no ${path} beside ${from}`)
    return { text: 'c A 192.0.2.3\n$ORIGIN far.\nd A 192.0.2.4\n', file: 'in side' }
  }
  t.strictSame(
    lines('$TTL 1\na A 192.0.2.1\n$INCLUDE "in side" sub\n A 192.0.2.2\nb A 192.0.2.5', include),
    [
      'a.example. 1 IN A 192.0.2.1',
      'c.sub.example. 1 IN A 192.0.2.3',
      'd.far. 1 IN A 192.0.2.4',
      'a.example. 1 IN A 192.0.2.2',
      'b.example. 1 IN A 192.0.2.5',
    ],
    'RFC 1035 §5.1: an included file changes neither our origin nor our owner',
  )
  t.strictSame(lines('$INCLUDE x', include), ['zone:1:10: "x" can\'t be included: no x beside zone'])
  t.strictSame(lines('$INCLUDE x'), ['zone:1:10: $INCLUDE is not possible here'])
  t.strictSame(
    lines('\n$INCLUDE self', () => ({ text: '\n\n$INCLUDE self', file: 'self' })),
    ['self:3:10: "self" includes itself'],
    'a file that includes itself',
  )
  let file = 0
  t.strictSame(
    lines('$INCLUDE next', () => ({ text: '$INCLUDE next', file: `f${++file}` })),
    ['f15:1:10: files include each other more than 16 deep'],
    'files without end',
  )
  t.strictSame(
    lines('a 1 A 192.0.2.1\n$INCLUDE bad\nb A 192.0.2', () => ({ text: 'x A\n', file: 'bad' })),
    [
      'a.example. 1 IN A 192.0.2.1',
      'bad:1:3: an IPv4 address is missing',
      'zone:3:5: "192.0.2" is not an IPv4 address',
    ],
    'an error in an included file names that file',
  )
})

t.test('$GENERATE', async t => {
  const rows: [line: string, expected: string[]][] = [
    ['$GENERATE 1-2 h$ 60 A 192.0.2.$', ['h1.example. 60 IN A 192.0.2.1', 'h2.example. 60 IN A 192.0.2.2']],
    [
      '$GENERATE 0-4/2 $ 60 IN PTR h$.x.',
      ['0.example. 60 IN PTR h0.x.', '2.example. 60 IN PTR h2.x.', '4.example. 60 IN PTR h4.x.'],
    ],
    [
      '$GENERATE 9-10 a${1,3} 1 MX 5 b${-9,2,x}',
      ['a010.example. 1 IN MX 5 b00.example.', 'a011.example. 1 IN MX 5 b01.example.'],
    ],
    ['$GENERATE 10-10 ${0,0,X}${0,4,o}${0,0,x} 1 MX "1 ."', ['A0012a.example. 1 IN MX 1 .']],
    ['$GENERATE 18-18 ${0,3,n}.${0,8,N}x 1 A 192.0.2.1', ['2.1.2.1.0.0.x.example. 1 IN A 192.0.2.1']],
    ['$GENERATE 1-1 a 1 TXT "x" "$"', ['a.example. 1 IN TXT "x" "1"']],
    ['$GENERATE 1-1 a$$\\$ 1 A 192.0.2.1', ['a\\$\\$.example. 1 IN A 192.0.2.1']],
    ['$GENERATE 2-1 a$ 1 A 192.0.2.1', ['zone:1:11: "2-1" is not a range from low to high']],
    ['$GENERATE 1-x a$ 1 A 192.0.2.1', ['zone:1:11: "1-x" is not a range such as 1-254 or 0-255/8']],
    ['$GENERATE 0-99999999 a$ 1 A 192.0.2.1', ['zone:1:11: this makes more than 1048576 records by $GENERATE']],
    ['$GENERATE 1-2 a${0 1 A 192.0.2.1', ['zone:1:24: "a${0" has a ${ without its }']],
    [
      '$GENERATE 1-2 a${q} 1 A 192.0.2.1',
      ['zone:1:25: "${q}" is not of the form ${offset,width,base} with base d, o, x, X, n or N'],
    ],
    ['$GENERATE 1-2 a${-9} 1 A 192.0.2.1', ['zone:1:26: "${-9}" makes 1 negative']],
    ['$GENERATE 1-2 a$ 1 A', ['zone:1:20: data is missing']],
  ]
  for (const [line, expected] of rows) t.strictSame(lines(line), expected, line)
})

t.test('errors have their place, and all are found', async t => {
  t.strictSame(
    lines(
      [
        ' A 192.0.2.1',
        'a 1 A 192.0.2.256',
        'b 1 FOO x',
        'c 1 CH A 192.0.2.1',
        'd 1 AXFR 192.0.2.1',
        'e..f 1 A 192.0.2.1',
        ' 1 MX 10',
        'f 1 TXT "open',
        'g 1 TXT ) x',
        '$TTL 5x',
        '$ORIGIN',
        '$FOO',
        '$TTL 1 2',
        'h 1 A 192.0.2.1 2',
        '"i" 1 A 192.0.2.1',
        'é 1 A 192.0.2.1',
        'j 1 A ( 192.0.2.1',
      ].join('\n'),
    ),
    [
      'zone:1:2: this line gives no owner, and there is none before it to take over',
      'zone:2:7: "192.0.2.256" is not an IPv4 address',
      'zone:3:5: "FOO" is not a record type',
      'zone:4:5: class CH, where only IN is served',
      "zone:5:5: AXFR records can't be in a zone",
      'zone:6:1: "e..f" has an empty label',
      'zone:7:7: a domain name is missing',
      'zone:8:9: this quotation mark is not closed on its line',
      'zone:9:9: a closing parenthesis without an opening one',
      'zone:10:6: "5x" is not a TTL, a number from 0 to 2147483647',
      'zone:11:1: a domain name is missing',
      'zone:12:1: "$FOO" is not $ORIGIN, $TTL, $INCLUDE or $GENERATE; a name that begins so is written \\$',
      'zone:13:8: "2" is more than $TTL takes',
      'zone:14:17: "2" is more than a A record takes',
      'zone:15:1: "i" is quoted where an owner is expected',
      'zone:16:1: "é" has a character that is not ASCII; write it in its xn-- form or as \\DDD',
      'zone:17:7: this parenthesis is never closed',
    ],
  )
  t.strictSame(lines('a A 192.0.2.1'), [
    'zone:1:5: this record has no TTL, and there is neither a $TTL nor a TTL before it',
  ])
})

t.test('of very many errors a thousand are looked for', async t => {
  const count = (text: string) => parseZonefile(text, { origin, file: 'zone' }).errors.length
  t.equal(count('odd\n'.repeat(5000)), 1000)
  t.equal(count('")\n'.repeat(5000)), 1000)
  const reader = new ZonefileReader('$TTL 60\n$GENERATE 1-5000 a$ A 192.0.2.1\n', { origin, file: 'zone' })
  for (const _record of reader) reader.report('it is outside the zone')
  t.equal(reader.errors.length, 1000)
})

t.test('reading record by record', async t => {
  const reader = new ZonefileReader('$TTL 1\na A 192.0.2.1\n\n  A 192.0.2.2', { origin, file: 'zone' })
  const places: string[] = []
  for (const record of reader) {
    places.push(`${printName(record.owner)} ${reader.place.line}:${reader.place.column}`)
    if (places.length === 2) reader.report('is not wanted')
  }
  t.strictSame(places, ['a.example. 2:1', 'a.example. 4:3'])
  t.strictSame(
    reader.errors.map(String),
    ['ZonefileError: zone:4:3: is not wanted'],
    'the caller may add what it finds',
  )
})

t.test('printing', async t => {
  const zone =
    '$ORIGIN example.\n@\t1\tIN\tNS\tns.Example.\nwww\t1\tIN\tA\t192.0.2.1\nwww.Example.\t1\tIN\tA\t192.0.2.2\nother.\t1\tIN\tTXT\t"a b"\n'
  const { records } = parseZonefile(zone, { origin, file: 'zone' })
  t.equal(printZonefile(records, origin), zone, 'owners are relative where no letter changes')
  t.equal(
    printZonefile(records.slice(1, 2), parseName('.'), () => 'whose it is'),
    '$ORIGIN .\nwww.example.\t1\tIN\tA\t192.0.2.1\t; whose it is\n',
  )
  t.equal(printZonefile(records.slice(1, 2), parseName('.')), '$ORIGIN .\nwww.example.\t1\tIN\tA\t192.0.2.1\n')
  const arbitraryZone = fc.array(arbitraryRecord, { maxLength: 5 })
  fc.assert(
    fc.property(arbitraryZone, zone => {
      const { records, errors } = parseZonefile(printZonefile(zone, origin), { origin, file: 'zone' })
      if (errors[0]) throw errors[0]
      t.strictSame(records.map(printRecord), zone.map(printRecord))
      return records.every(
        (record, i) =>
          Buffer.compare(record.rdata, zone[i]!.rdata) === 0 && Buffer.compare(record.owner, zone[i]!.owner) === 0,
      )
    }),
    { numRuns: 150 },
  )
})
