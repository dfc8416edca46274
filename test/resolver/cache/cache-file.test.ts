import t from 'tap'
import { createAnswerCache, PARTITION_LENGTH } from '../../../resolver/cache/cache.ts'
import { loadCache, saveCache } from '../../../resolver/cache/cache-file.ts'
import { CacheMemory, createCacheBuffer } from '../../../resolver/cache/cache-memory.ts'
import { record } from '../world.ts'

const PARTITION = new Uint8Array(PARTITION_LENGTH)
const ANSWER = {
  rcode: 0,
  answer: [record('a.example. 300 A 192.0.2.1')],
  authority: [],
  authentic: true,
  unfinished: false,
}

const create = () => new CacheMemory(createCacheBuffer(1 << 20, 1), 1)

/** What a run leaves that kept an answer for 300 seconds, 100 seconds before it stopped. */
function saved(): Uint8Array {
  const memory = create()
  const cache = createAnswerCache(memory, PARTITION, 3600)
  cache.set('one', ANSWER, 300, 900_000)
  cache.set('two', ANSWER, 50, 900_000)
  return saveCache(memory, { now: 5_000_000_000, monotonic: 1_000_000 })
}

t.test('the next run takes up what is saved, aged by the time between', t => {
  const memory = create()
  t.equal(loadCache(memory, saved(), { now: 5_000_060_000, monotonic: 70_000 }), 2)
  const cache = createAnswerCache(memory, PARTITION, 3600)
  t.match(cache.get('one', 70_000), { ...ANSWER, age: 160, stale: false })
  t.match(cache.get('two', 70_000), { stale: true })
  t.end()
})

t.test('what would come from the future is not taken up', t => {
  const memory = create()
  t.equal(loadCache(memory, saved(), { now: 4_000_000_000, monotonic: 70_000 }), 0)
  t.equal(memory.size, 0)
  t.end()
})

t.test('whichever octet is damaged, or wherever the file ends, nothing of it is used', t => {
  const file = saved()
  const at = { now: 5_000_060_000, monotonic: 70_000 }
  for (let i = 0; i < file.length; i++) {
    const damaged = file.slice()
    damaged[i]! ^= 1
    const memory = create()
    if (loadCache(memory, damaged, at) !== undefined || memory.size > 0) t.fail(`octet ${i}`)
    if (loadCache(memory, file.subarray(0, i), at) !== undefined) t.fail(`cut at ${i}`)
  }
  t.end()
})
