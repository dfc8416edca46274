import t from 'tap'
import { printName } from '../../../dns/name.ts'
import { readCatalog } from '../../../zones/catalog/read.ts'
import { ZoneImage } from '../../../zones/zone.ts'
import { ORIGIN, records } from '../lines.ts'

const SOA = '@ 0 IN SOA invalid. invalid. 1 3600 600 86400 0'
const NS = '@ 0 IN NS invalid.'
const VERSION = 'version 0 IN TXT "2"'

const read = (...lines: string[]) => readCatalog(ZoneImage.create(ORIGIN, records([SOA, NS, ...lines])).latest())

t.test('RFC 9432 §4: members, their labels, groups and new owners', t => {
  const members = read(
    VERSION,
    'A1.zones 0 IN PTR one.example.',
    'group.a1.zones 0 IN TXT "signed"',
    'group.a1.zones 0 IN TXT "far" "away"',
    'b2.zones 0 IN PTR two.example.',
    'COO.b2.zones 0 IN PTR other.catalog.',
  )
  t.match(
    members.map(({ zone, label, coo, groups }) => ({
      zone: printName(zone),
      label,
      coo: coo && printName(coo),
      groups,
    })),
    [
      { zone: 'one.example.', label: 'a1', coo: undefined, groups: ['signed', 'faraway'] },
      { zone: 'two.example.', label: 'b2', coo: 'other.catalog.', groups: [] },
    ],
  )
  t.end()
})

t.test('RFC 9432 §4.3: what is not understood is passed over', t => {
  const members = read(
    VERSION,
    'a.zones 0 IN PTR one.example.',
    'a.zones 0 IN TXT "x"',
    'serial.a.zones 0 IN TXT "1"',
    'group.a.zones 0 IN A 192.0.2.1',
    'coo.a.zones 0 IN TXT "x"',
    'x.ext.a.zones 0 IN PTR far.example.',
    'ext 0 IN PTR far.example.',
    'version 0 IN A 192.0.2.1',
    'zones 0 IN PTR far.example.',
    'b 0 IN PTR far.example.',
    'coo.c.zones 0 IN PTR far.example.',
  )
  t.equal(members.length, 1)
  t.match(members[0], { label: 'a', groups: [] })
  t.notOk(members[0]!.coo)
  t.end()
})

t.test('a catalog without members is one', t => {
  t.same(read(VERSION), [])
  t.end()
})

for (const [what, lines, message] of [
  ['RFC 9432 §4.3.1: no version', [], /no version/],
  ['RFC 9432 §4.3.1: a version that is not known', ['version 0 IN TXT "1"'], /version "1"; only 2/],
  ['RFC 9432 §4.3.1: two versions', [VERSION, 'version 0 IN TXT "3"'], /several versions/],
  ['RFC 9432 §4.2: a node with two zones', [VERSION, 'a.zones 0 IN PTR x.', 'a.zones 0 IN PTR y.'], /several PTR/],
  ['RFC 9432 §4.2: a zone with two nodes', [VERSION, 'a.zones 0 IN PTR x.', 'b.zones 0 IN PTR X.'], /lists X\. twice/i],
  [
    'RFC 9432 §4.4.1: two new owners',
    [VERSION, 'a.zones 0 IN PTR x.', 'coo.a.zones 0 IN PTR y.', 'coo.a.zones 0 IN PTR z.'],
    /several PTR/,
  ],
] as const)
  t.test(`broken: ${what}`, t => {
    t.throws(() => read(...lines), { name: 'ZoneError', message })
    t.end()
  })
