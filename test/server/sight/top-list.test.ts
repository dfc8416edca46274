import fc from 'fast-check'
import t from 'tap'
import { TopList } from '../../../server/sight/top-list.ts'

t.test('the most frequent come first, those of old windows are forgotten', t => {
  const list = new TopList(10)
  for (const [key, weight] of [
    ['a', 1],
    ['b', 5],
    ['a', 1],
    ['c', 2],
  ] as const)
    list.note(key, weight, 0)
  t.same(list.list(2, 0), [
    { key: 'b', count: 5 },
    { key: 'a', count: 2 },
  ])
  list.note('c', 4, 61_000)
  t.same(list.list(3, 61_000), [
    { key: 'c', count: 6 },
    { key: 'b', count: 5 },
    { key: 'a', count: 2 },
  ])
  t.same(list.list(3, 300_000), [{ key: 'c', count: 4 }])
  t.same(list.list(3, 400_000), [])
  t.end()
})

t.test('whatever comes, memory is bounded, no frequent key is missing and no count too low', t => {
  fc.assert(
    fc.property(fc.array(fc.nat(60), { maxLength: 500 }), keys => {
      const list = new TopList(16)
      const exact = new Map<string, number>()
      for (const key of keys) {
        list.note(`${key}`, 1, 0)
        exact.set(`${key}`, (exact.get(`${key}`) ?? 0) + 1)
      }
      const told = new Map(list.list(100, 0).map(({ key, count }) => [key, count]))
      if (told.size > 16) return false
      for (const [key, count] of exact) {
        if (count > keys.length / 16 && !told.has(key)) return false
        if ((told.get(key) ?? count) < count) return false
      }
      return true
    }),
  )
  t.end()
})
