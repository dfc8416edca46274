import fc from 'fast-check'
import t from 'tap'
import { Class } from '../../dns/codes.ts'
import { parseName } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { Type } from '../../dns/types.ts'
import {
  applyToRecords,
  type Changeset,
  decodeChange,
  diffRecords,
  encodeChange,
  invertChange,
  isEmptyChange,
  mergeChanges,
} from '../../zones/change.ts'
import { lines, record, records, SOA } from './lines.ts'

/** Few owners, types and values, so that random zones overlap. */
const anyRecord: fc.Arbitrary<ResourceRecord> = fc
  .record({ owner: fc.constantFrom('a', 'A', 'b.a', '*'), ttl: fc.constantFrom(0, 60), value: fc.nat(2) })
  .map(({ owner, ttl, value }) => ({
    owner: parseName(`${owner}.a.example.`),
    type: Type.A,
    class: Class.IN,
    ttl,
    rdata: Uint8Array.of(192, 0, 2, value),
  }))

/** A zone: any records, but none twice. */
const anyZone = fc.array(anyRecord, { maxLength: 8 }).map(all => applyToRecords(all, { deleted: [], added: [] }))
const same = (a: ResourceRecord[], b: ResourceRecord[]) => t.same(lines(a), lines(b))
const plain = ({ deleted, added }: Changeset) => ({ deleted: lines(deleted), added: lines(added) })

t.test('a difference leads from one zone to the other, and its inverse back', async () => {
  fc.assert(
    fc.property(anyZone, anyZone, (before, after) => {
      const change = diffRecords(before, after)
      same(applyToRecords(before, change), after)
      same(applyToRecords(applyToRecords(before, change), invertChange(change)), before)
    }),
  )
})

t.test('a merged changeset does what both did, however they are grouped', async t => {
  fc.assert(
    fc.property(anyZone, anyZone, anyZone, anyZone, (one, two, three, four) => {
      const [first, second, third] = [diffRecords(one, two), diffRecords(two, three), diffRecords(three, four)]
      same(applyToRecords(one, mergeChanges(first, second)), three)
      const left = mergeChanges(mergeChanges(first, second), third)
      const right = mergeChanges(first, mergeChanges(second, third))
      t.same(plain(left), plain(right))
      t.same(plain(left), plain(diffRecords(one, four)))
    }),
  )
})

t.test('a change and its inverse merge to nothing', async t => {
  fc.assert(
    fc.property(anyZone, anyZone, (before, after) => {
      const change = diffRecords(before, after)
      t.ok(isEmptyChange(mergeChanges(change, invertChange(change))))
    }),
  )
})

t.test('decoding gives back what was encoded', async t => {
  fc.assert(
    fc.property(anyZone, anyZone, (before, after) => {
      const change = diffRecords(before, after)
      t.same(plain(decodeChange(encodeChange(change))), plain(change))
    }),
  )
})

t.test('RFC 1995 §4: each list starts with the SOA', async t => {
  const before = records(['www 300 IN A 192.0.2.1', SOA])
  const after = records(['www 300 IN A 192.0.2.2', SOA.replace(' 10 ', ' 11 ')])
  const { deleted, added } = diffRecords(before, after)
  t.same([deleted[0]!.type, added[0]!.type], [Type.SOA, Type.SOA])
})

t.test('a TTL that changes deletes and adds the record', async t => {
  const [before, after] = [[record('www 300 IN A 192.0.2.1')], [record('www 60 IN A 192.0.2.1')]]
  t.same(plain(diffRecords(before, after)), { deleted: lines(before), added: lines(after) })
})

t.test('names in RDATA that differ in case alone are the same record', async t => {
  const before = [record('www 300 IN MX 10 Mail')]
  same(applyToRecords(before, { deleted: [record('WWW 300 IN MX 10 mail')], added: [] }), [])
  t.equal(diffRecords(before, before).added.length, 0)
})
