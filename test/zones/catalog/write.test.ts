import t from 'tap'
import { compilePattern } from '../../../config/pattern.ts'
import { parseName, printName } from '../../../dns/name.ts'
import { readCatalog } from '../../../zones/catalog/read.ts'
import { firstOfCatalog, listedBy, listZones } from '../../../zones/catalog/write.ts'
import { applyToRecords, isEmptyChange } from '../../../zones/change.ts'
import { recordsOfVersion } from '../../../zones/history/baseline.ts'
import { ZoneImage, type ZoneVersion } from '../../../zones/zone.ts'
import { ORIGIN, record } from '../lines.ts'

const names = (...texts: string[]) => texts.map(text => parseName(text))
const rules = (more: object = {}) => ({ zones: [compilePattern('**')], groups: [], moved: [], ...more })
const first = () => ZoneImage.create(ORIGIN, [record('@ 0 IN SOA ns h 7 1 1 1 1'), ...firstOfCatalog(ORIGIN)]).latest()

let count = 0
const newLabel = () => `label${++count}`
const list = (tip: ZoneVersion, zones: string[], more: object = {}): ZoneVersion => {
  const change = listZones(tip, listedBy(rules(more), names(...zones)), newLabel)
  return ZoneImage.create(ORIGIN, applyToRecords(recordsOfVersion(tip), change)).latest()
}
const shown = (version: ZoneVersion) =>
  Object.fromEntries(readCatalog(version).map(({ zone, label }) => [printName(zone), label]))

t.test('RFC 9432 §5.4: a zone keeps its label while it is listed, and gets a new one when it comes again', t => {
  const one = list(first(), ['a.example.', 'b.example.'])
  const before = shown(one)
  t.equal(one.serial(), 8)
  const two = list(one, ['c.example.', 'A.example.'])
  t.equal(shown(two)['a.example.'] ?? shown(two)['A.example.'], before['a.example.'])
  t.equal(two.serial(), 9)
  const three = list(two, ['a.example.', 'b.example.', 'c.example.'])
  t.not(shown(three)['b.example.'], before['b.example.'])
  t.ok(isEmptyChange(listZones(three, listedBy(rules(), names('c.example.', 'a.example.', 'b.example.')), newLabel)))
  t.end()
})

t.test('rules choose the zones, their groups and their new owners', t => {
  const version = list(first(), ['a.one.example.', 'b.one.example.', 'two.example.'], {
    zones: [compilePattern('**.one.example')],
    groups: [
      { name: 'far', zones: [compilePattern('a.**')] },
      { name: 'all', zones: [compilePattern('**')] },
    ],
    moved: [{ zones: [compilePattern('b.one.example')], to: parseName('other.catalog.') }],
  })
  const members = readCatalog(version).map(({ zone, groups, coo }) => [
    printName(zone),
    [...groups].sort(),
    coo && printName(coo),
  ])
  t.same(
    new Map(members.map(([zone, ...rest]) => [zone, rest])),
    new Map([
      ['a.one.example.', [['all', 'far'], undefined]],
      ['b.one.example.', [['all'], 'other.catalog.']],
    ]),
  )
  t.end()
})

t.test('what was no catalog becomes one', t => {
  const other = ZoneImage.create(ORIGIN, [
    record('@ 0 IN SOA ns h 7 1 1 1 1'),
    record('@ 0 IN NS ns'),
    record('x.zones 0 IN PTR y.'),
  ]).latest()
  t.same(Object.keys(shown(list(other, ['a.example.']))), ['a.example.'])
  t.end()
})
