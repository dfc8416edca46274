import fc from 'fast-check'
import t from 'tap'
import { type Cacheable, createAnswerCache } from '../../resolver/cache.ts'
import { record } from './world.ts'

const answer = (octets = 4): Cacheable => ({
  rcode: 0,
  answer: [record(`a.example. 300 TXT ${'x'.repeat(octets)}`)],
  authority: [],
  authentic: false,
  unfinished: false,
})

t.test('an answer comes back as it was stored, with its age', t => {
  const cache = createAnswerCache(1 << 20, 60)
  const stored: Cacheable = {
    rcode: 3,
    answer: [record('a.example. 300 CNAME b.example.')],
    authority: [record('example. 600 SOA ns.example. host.example. 1 2 3 4 5')],
    authentic: true,
    unfinished: true,
  }
  cache.set('key', stored, 300, 1000)
  t.same(cache.get('key', 3500), { ...stored, age: 2, stale: false })
  t.equal(cache.get('other', 3500), undefined)
  t.end()
})

t.test('past its TTL it is stale, past that by the limit it is gone', t => {
  const cache = createAnswerCache(1 << 20, 60)
  cache.set('key', answer(), 10, 0)
  t.match(cache.get('key', 9_999), { stale: false })
  t.match(cache.get('key', 10_000), { stale: true })
  t.match(cache.get('key', 69_999), { stale: true })
  t.equal(cache.get('key', 70_000), undefined)
  t.equal(cache.size, 0)
  t.equal(cache.octets, 0)
  t.end()
})

t.test('the least recently used go first', t => {
  const cache = createAnswerCache(32_000, 60)
  for (const key of ['a', 'b', 'c']) cache.set(key, answer(), 300, 0)
  for (let i = 0; cache.size < 100; i++) cache.set(`fill ${i}`, answer(), 300, 0)
  cache.get('a', 1)
  for (let i = 0; i < 60; i++) cache.set(`more ${i}`, answer(), 300, 0)
  t.ok(cache.get('a', 2))
  t.equal(cache.get('b', 2), undefined)
  t.end()
})

t.test('a huge answer is not kept, and replaces what was there', t => {
  const cache = createAnswerCache(64 * 400, 60)
  cache.set('key', answer(), 300, 0)
  cache.set('key', answer(250), 300, 0)
  t.equal(cache.get('key', 1), undefined)
  t.equal(cache.octets, 0)
  t.end()
})

t.test('whatever is stored, the octets stay within the limit and end at zero', t => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 0, max: 50 }), fc.integer({ min: 1, max: 200 }), fc.boolean())),
      steps => {
        const cache = createAnswerCache(20_000, 60)
        for (const [key, size, remove] of steps) {
          if (remove) cache.delete(`${key}`)
          else cache.set(`${key}`, answer(size), 300, 0)
          if (cache.octets > 20_000) return false
        }
        for (let key = 0; key <= 50; key++) cache.delete(`${key}`)
        return cache.octets === 0 && cache.size === 0
      },
    ),
    { numRuns: 50 },
  )
  t.end()
})
