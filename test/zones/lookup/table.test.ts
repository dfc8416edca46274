import t from 'tap'
import { parseName, printName } from '../../../dns/name.ts'
import { ZoneTable } from '../../../zones/lookup/table.ts'
import { imageOf } from '../ask.ts'

const image = (origin: string) => imageOf(origin, '@ 300 SOA . . 1 2 3 4 5\n')
const found = (zones: ZoneTable, name: string) => {
  const zone = zones.find(Uint8Array.from([9, 9, ...parseName(name)]), 2)
  return zone && printName(zone.origin)
}

t.test('the longest origin that the name ends in', async t => {
  const zones = new ZoneTable(['a.example.', 'Example.', 'b.a.EXAMPLE.', 'xample.'].map(image))
  const cases: [string, string | undefined][] = [
    ['example.', 'Example.'],
    ['x.EXAMPLE.', 'Example.'],
    ['a.example.', 'a.example.'],
    ['A.Example.', 'a.example.'],
    ['x.y.z.a.example.', 'a.example.'],
    ['b.a.example.', 'b.a.EXAMPLE.'],
    ['ba.example.', 'Example.'],
    ['xample.', 'xample.'],
    ['.', undefined],
    ['test.', undefined],
  ]
  for (const [name, origin] of cases) t.equal(found(zones, name), origin, name)
})

t.test('above a name', async t => {
  const zones = new ZoneTable(['a.example.', 'example.'].map(image))
  const above = (name: string) => zones.findAbove(parseName(name), 0)?.origin
  t.same(above('a.example.'), parseName('example.'))
  t.same(above('x.a.example.'), parseName('a.example.'))
  t.equal(above('example.'), undefined)
  t.equal(above('.'), undefined)
})

t.test('the root zone takes what no other does', async t => {
  const zones = new ZoneTable([image('.'), image('example.')])
  t.equal(found(zones, 'test.'), '.')
  t.equal(found(zones, '.'), '.')
  t.equal(found(zones, 'a.example.'), 'example.')
  t.same(zones.findAbove(parseName('example.'), 0)?.origin, parseName('.'))
  t.equal(zones.findAbove(parseName('.'), 0), undefined, 'the root has no parent')
})

t.test('zones come, are replaced and go', async t => {
  const zones = new ZoneTable()
  t.equal(found(zones, 'a.example.'), undefined)
  for (let i = 0; i < 300; i++) zones.set(image(`z${i}.example.`))
  t.equal(zones.size, 300)
  for (let i = 0; i < 300; i++) if (found(zones, `x.z${i}.example.`) !== `z${i}.example.`) t.fail(`zone ${i} is lost`)
  const other = image('z7.example.')
  zones.set(other)
  t.equal(zones.size, 300)
  t.equal(zones.get(parseName('Z7.example.')), other)
  zones.delete(parseName('Z7.Example.'))
  t.equal(found(zones, 'z7.example.'), undefined)
  t.equal([...zones].length, 299)
})
