import fc from 'fast-check'
import t from 'tap'
import { parseName } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { Type } from '../../dns/types.ts'
import { applyToRecords, diffRecords } from '../../zones/change.ts'
import { Draft, recordsOf } from '../../zones/draft.ts'
import { contentsOf, lines, NS, ORIGIN, record, records, SOA } from './lines.ts'

const OWNERS = ['@', 'a', 'b']
const LINES = [
  '300 IN A 192.0.2.1',
  '60 IN A 192.0.2.1',
  '300 IN A 192.0.2.2',
  '300 IN MX 1 B',
  '300 IN MX 1 b',
  '60 IN NS ns',
]
const anyRecord = fc
  .record({ owner: fc.constantFrom(...OWNERS), rest: fc.constantFrom(...LINES) })
  .map(({ owner, rest }) => record(`${owner} ${rest}`))
const anyStep = fc.record({ what: fc.constantFrom('add', 'delete', 'delete RRset', 'look'), about: anyRecord })

/** All that the draft shows. */
function shown(draft: Draft): ResourceRecord[] {
  return OWNERS.map(owner => (owner === '@' ? ORIGIN : parseName(owner, ORIGIN))).flatMap(owner =>
    draft.typesAt(owner).flatMap(type => recordsOf(draft.rrset(owner, type)!)),
  )
}

t.test('the changes of a draft lead from the version to what it shows, and are no more than that', async t => {
  fc.assert(
    fc.property(fc.array(anyRecord, { maxLength: 8 }), fc.array(anyStep, { maxLength: 8 }), (some, steps) => {
      // As in a zone: no record twice, and one TTL for an RRset.
      const all = [...applyToRecords(records([SOA, NS]), { deleted: [], added: some })]
      const before = contentsOf(all)
      const start = shown(new Draft(before))
      const draft = new Draft(before)
      for (const { what, about } of steps) {
        if (what === 'add') draft.add(about)
        else if (what === 'delete') draft.deleteRecord(about)
        else if (what === 'delete RRset') draft.deleteRRset(about.owner, about.type)
        else draft.holds(about)
      }
      const change = draft.changes()
      t.equal(draft.changed, change.deleted.length + change.added.length > 0)
      t.same(lines(applyToRecords(start, change)), lines(shown(draft)))
      const least = diffRecords(start, shown(draft))
      t.same([lines(change.deleted), lines(change.added)], [lines(least.deleted), lines(least.added)])
    }),
    { numRuns: 300 },
  )
})

t.test('the SOA goes first in either list', async t => {
  const draft = new Draft(contentsOf(records([SOA, NS, 'a 300 IN A 192.0.2.1'])))
  draft.add(record('a 300 IN A 192.0.2.2'))
  draft.add(record(SOA.replace(' 10 ', ' 11 ')))
  draft.deleteRecord(record('a 300 IN A 192.0.2.1'))
  const { deleted, added } = draft.changes()
  t.same(
    [deleted, added].map(list => list[0]?.type),
    [Type.SOA, Type.SOA],
  )
  t.same([deleted.length, added.length], [2, 2])
})
