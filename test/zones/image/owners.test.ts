import t from 'tap'
import { printName } from '../../../dns/name.ts'
import { Type } from '../../../dns/types.ts'
import { ZoneImage } from '../../../zones/zone.ts'
import { NS, ORIGIN, records, SOA } from '../lines.ts'

const HASH = '0p9mhaveqvm6t7vbl5lop2u3t2rp3tom'

t.test('all owners are gone over: the apex, the others in canonical order, those of NSEC3', async t => {
  const addresses = Array.from({ length: 200 }, (_, i) => `n${i} 300 IN A 192.0.2.1`)
  const nsec3 = `${HASH} 60 IN NSEC3 1 0 0 - ${HASH} A`
  const image = ZoneImage.create(
    ORIGIN,
    records([SOA, NS, ...addresses, 'ns 300 IN TXT x', 'ns 300 IN AAAA ::1', nsec3]),
  )
  const version = image.latest()
  const walk = version.owners()
  const seen: string[] = []
  while (walk.next()) {
    const owner = printName(walk.owner())
    t.ok(walk.rrsets().every(rrset => printName(rrset.owner) === owner))
    seen.push(...walk.rrsets().map(({ type }) => `${owner} ${type}`))
  }
  const expected = [...version.rrsets()].map(({ owner, type }) => `${printName(owner)} ${type}`)
  t.same([...seen].sort(), [...expected].sort())
  // Of one owner the types ascend here, and the SOA is not first.
  t.same(seen.slice(2), expected.slice(2))
  t.notOk(walk.next())
})

t.test('a plain owner is told by its one type, and by how many records it has', async t => {
  const image = ZoneImage.create(
    ORIGIN,
    records([
      SOA,
      NS,
      'a 300 IN A 192.0.2.1',
      'b 300 IN A 192.0.2.1',
      'b 300 IN A 192.0.2.2',
      'c 300 IN A 192.0.2.1',
      'c 300 IN TXT x',
    ]),
  )
  const walk = image.latest().owners()
  const types: number[] = []
  while (walk.next()) types.push(walk.plainType(2))
  t.same(types, [0, Type.A, 0, 0])
})

t.test('a zone of an apex alone', async t => {
  const walk = ZoneImage.create(ORIGIN, records([SOA, NS]))
    .latest()
    .owners()
  t.ok(walk.next())
  t.equal(walk.owner().length, ORIGIN.length)
  t.notOk(walk.next())
})
