import fc from 'fast-check'
import t from 'tap'
import { SortedRanges } from '../../../resolver/validate/ranges.ts'

const set = { owner: Uint8Array.of(0), type: 47, ttl: 0, rdatas: [], signatures: [] }
const compare = (a: number, b: number) => a - b
const range = (start: number, end: number, until = 100) => ({ start, end, until, set })

t.test('a range is found by what it begins at or before', async t => {
  const ranges = new SortedRanges(compare, 10)
  for (const start of [50, 10, 30]) ranges.insert(range(start, start + 5))
  t.equal(ranges.floor(34, 0)?.start, 30)
  t.equal(ranges.floor(30, 0)?.start, 30)
  t.equal(ranges.floor(9, 0), undefined)
  t.equal(ranges.last(0)?.start, 50)
  t.equal(ranges.floor(34, 100), undefined, 'not past its time')
})

t.test('a newer range takes the place of those that it contradicts', async t => {
  const ranges = new SortedRanges(compare, 10)
  ranges.insert(range(10, 50))
  ranges.insert(range(20, 30))
  t.equal(ranges.floor(15, 0), undefined, 'the older one said that there is no 20')
  ranges.insert(range(10, 60))
  t.equal(ranges.floor(25, 0)?.start, 10, 'the older one said that there is a 20')
  ranges.insert(range(90, 5))
  t.equal(ranges.floor(95, 0)?.start, 90, 'the last goes on to the first')
})

t.test('whatever is inserted, ranges stay in order, few, and free of contradiction', async () => {
  const point = fc.integer({ min: 0, max: 30 })
  fc.assert(
    fc.property(fc.array(fc.tuple(point, point), { maxLength: 60 }), pairs => {
      const ranges = new SortedRanges(compare, 8)
      for (const [start, end] of pairs) {
        ranges.insert(range(start, end))
        const kept = new Set(
          Array.from({ length: 31 }, (_, at) => ranges.floor(at, 0)).filter(one => one !== undefined),
        )
        if (kept.size > 8) throw new Error('too many are kept')
        for (const one of kept)
          for (const other of kept)
            if (one !== other && one.start < other.start && one.end > one.start && other.start < one.end)
              throw new Error(`${one.start}-${one.end} denies ${other.start}`)
      }
    }),
    { numRuns: 300, seed: 4034 },
  )
})
