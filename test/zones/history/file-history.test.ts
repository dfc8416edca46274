import t from 'tap'
import { parseName } from '../../../dns/name.ts'
import { parseZonefile } from '../../../dns/zonefile.ts'
import { applyToRecords } from '../../../zones/change.ts'
import { recordsOfVersion } from '../../../zones/history/baseline.ts'
import { FileHistory } from '../../../zones/history/file-history.ts'
import { differenceOf } from '../../../zones/write/version-difference.ts'
import { ZoneImage, type ZoneVersion } from '../../../zones/zone.ts'
import { lines } from '../lines.ts'

const ORIGIN = parseName('a.example.')

const version = (serial: number, ...rest: string[]): ZoneVersion => {
  const text = ['$TTL 60', `@ SOA ns1 h ${serial} 1 1 1 1`, '@ NS ns1', ...rest, ''].join('\n')
  const { records, errors } = parseZonefile(text, { origin: ORIGIN, file: 'z' })
  if (errors[0]) throw errors[0]
  return ZoneImage.create(ORIGIN, records).latest()
}

const FILL = Array.from({ length: 20 }, (_, i) => `h${i} A 192.0.2.${i}`)

const CASES: [string, string[], string[], { deleted: string[]; added: string[] }][] = [
  ['nothing but the serial', ['www A 192.0.2.1'], ['www A 192.0.2.1'], { deleted: [], added: [] }],
  [
    'a name that comes first',
    ['www A 192.0.2.1'],
    ['aaa A 192.0.2.2', 'www A 192.0.2.1'],
    { deleted: [], added: ['aaa'] },
  ],
  [
    'a name that comes last',
    ['www A 192.0.2.1'],
    ['www A 192.0.2.1', 'zzz A 192.0.2.2'],
    { deleted: [], added: ['zzz'] },
  ],
  ['a name that goes', ['b A 192.0.2.1', 'c A 192.0.2.1'], ['c A 192.0.2.1'], { deleted: ['b'], added: [] }],
  [
    'all names',
    ['b A 192.0.2.1', 'c A 192.0.2.1'],
    ['a A 192.0.2.1', 'd A 192.0.2.1'],
    { deleted: ['b', 'c'], added: ['a', 'd'] },
  ],
  ['a type beside another', ['b A 192.0.2.1'], ['b A 192.0.2.1', 'b TXT x'], { deleted: [], added: ['b'] }],
  ['another type', ['b A 192.0.2.1'], ['b TXT x'], { deleted: ['b'], added: ['b'] }],
  [
    'one record of several',
    ['b A 192.0.2.1', 'b A 192.0.2.2'],
    ['b A 192.0.2.2', 'b A 192.0.2.3'],
    { deleted: ['b'], added: ['b'] },
  ],
  ['a TTL', ['b 60 A 192.0.2.1'], ['b 61 A 192.0.2.1'], { deleted: ['b'], added: ['b'] }],
]

for (const [name, before, after, expected] of CASES)
  t.test(`what differs: ${name}`, async t => {
    const [was, is] = [version(1, ...before), version(2, ...after)]
    const change = await differenceOf(was, is, true)
    const labels = (records: typeof change.added) => {
      t.equal(records[0]!.type, 6, 'RFC 1995 §4: the SOA comes first')
      return records.slice(1).map(({ owner }) => String.fromCharCode(...owner.subarray(1, 1 + owner[0]!)))
    }
    t.strictSame({ deleted: labels(change.deleted), added: labels(change.added) }, expected)
    t.strictSame(
      lines(applyToRecords(recordsOfVersion(was), change)).sort(),
      lines(recordsOfVersion(is)).sort(),
      'it leads from one to the other',
    )
  })

t.test('the same content has no difference', async t => {
  t.strictSame(await differenceOf(version(1, ...FILL), version(1, ...FILL), true), { deleted: [], added: [] })
})

t.test('a history leads from every serial that it knows to the newest', async t => {
  const versions = [1, 2, 3].map(serial => version(serial, ...FILL, `v${serial} A 192.0.2.99`))
  let history = new FileHistory()
  for (const [i, is] of versions.slice(1).entries())
    history = history.with(versions[i]!, is, await differenceOf(versions[i]!, is, true), 7)
  for (const was of versions.slice(0, 2))
    t.strictSame(
      lines(applyToRecords(recordsOfVersion(was), history.since(was.serial())!)).sort(),
      lines(recordsOfVersion(versions[2]!)).sort(),
    )
  t.equal(history.since(3), undefined)
  t.equal(history.since(0), undefined)
})

t.test('a history is the same when it is read back', async t => {
  const versions = [1, 2, 2, 3, 4, 5].map((serial, i) => version(serial, ...FILL, `v${i} A 192.0.2.99`))
  let history = new FileHistory()
  for (const [i, is] of versions.slice(1).entries())
    history = history.with(versions[i]!, is, await differenceOf(versions[i]!, is, true), 1_700_000_000_000 + i)
  t.strictSame(FileHistory.decode(history.encode()), history)
  t.strictSame(FileHistory.decode(new FileHistory().encode()), new FileHistory())
})

t.test('after a change that nobody saw it begins anew', async t => {
  const [one, two, three] = [1, 2, 3].map(serial => version(serial, ...FILL, `v${serial} A 192.0.2.99`)) as [
    ZoneVersion,
    ZoneVersion,
    ZoneVersion,
  ]
  const history = new FileHistory().with(one, two, await differenceOf(one, two, true), 7)
  t.ok(history.since(1))
  const later = history.afterUnseen(2, 3)
  t.equal(later.since(1), undefined)
  const four = version(4, ...FILL)
  t.ok(later.with(three, four, await differenceOf(three, four, true), 7).since(3))
  const same = history.afterUnseen(2, 2)
  t.equal(same.with(two, three, await differenceOf(two, three, true), 7).since(2), undefined, 'serial 2 was two things')
})

t.test('a history is never larger than the zone', async t => {
  const [was, is] = [version(1, ...FILL), version(2, ...FILL.map(line => line.replace('192.0.2', '198.51.100')))]
  t.equal(new FileHistory().with(was, is, await differenceOf(was, is, true), 7).since(1), undefined)
})

t.test('a serial that has stood for two contents leads nowhere', async t => {
  for (const [name, serials, expected] of [
    ['the same serial', [1, 2, 2, 3, 4], [undefined, undefined, 1]],
    ['a serial that went back', [1, 3, 2, 4, 5], [undefined, undefined, undefined, 1]],
  ] as const) {
    const versions = serials.map((serial, i) => version(serial, ...FILL, `v${i} A 192.0.2.99`))
    let history = new FileHistory()
    for (const [i, is] of versions.slice(1).entries())
      history = history.with(versions[i]!, is, await differenceOf(versions[i]!, is, true), 7)
    t.strictSame(
      expected.map((_, i) => history.since(i + 1)?.added.filter(({ type }) => type === 1).length),
      expected,
      name,
    )
  }
})
