import t from 'tap'
import { type Cacheable, createAnswerCache, PARTITION_LENGTH } from '../../../resolver/cache/cache.ts'
import { CacheMemory, createCacheBuffer } from '../../../resolver/cache/cache-memory.ts'
import { record } from '../world.ts'

const answer = (octets = 4): Cacheable => ({
  rcode: 0,
  answer: [record(`a.example. 300 TXT ${'x'.repeat(octets)}`)],
  authority: [],
  authentic: false,
  unfinished: false,
})

function create(memory = new CacheMemory(createCacheBuffer(1 << 20, 1), 1), partition = 0) {
  return createAnswerCache(memory, new Uint8Array(PARTITION_LENGTH).fill(partition), 60)
}

t.test('an answer comes back as it was stored, with its age', t => {
  const cache = create()
  const stored: Cacheable = {
    rcode: 3,
    answer: [record('a.example. 300 CNAME b.example.')],
    authority: [record('example. 600 SOA ns.example. host.example. 1 2 3 4 5')],
    authentic: true,
    security: { status: 'secure', reason: 'why', ede: { code: 1, text: 'an algorithm' } },
    unfinished: true,
  }
  cache.set('key', stored, 300, 1000)
  t.same(cache.get('key', 3500), { ...stored, age: 2, lifetime: 300, stale: false })
  t.equal(cache.get('other', 3500), undefined)
  t.end()
})

t.test('past its TTL it is stale, past that by the limit it is gone', t => {
  const cache = create()
  cache.set('key', answer(), 10, 0)
  t.match(cache.get('key', 9_999), { stale: false })
  t.match(cache.get('key', 10_000), { stale: true })
  t.match(cache.get('key', 69_999), { stale: true })
  t.equal(cache.get('key', 70_000), undefined)
  t.end()
})

t.test('what one partition holds another does not see', t => {
  const memory = new CacheMemory(createCacheBuffer(1 << 20, 1), 1)
  const [one, two] = [create(memory, 1), create(memory, 2)]
  one.set('key', answer(), 10, 0)
  t.equal(two.get('key', 0), undefined)
  two.delete('key')
  t.ok(one.get('key', 0))
  t.end()
})
