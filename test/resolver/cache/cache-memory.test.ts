import fc from 'fast-check'
import t from 'tap'
import { CacheMemory, createCacheBuffer } from '../../../resolver/cache/cache-memory.ts'

const OCTETS = 64_000
const keyOf = (text: string): Uint8Array => Buffer.from(text)
const value = (octets: number, fill = 7) => ({
  wire: new Uint8Array(octets).fill(fill),
  flags: fill,
  stored: 2 ** 40 + 5,
  expires: 2 ** 41,
})

function create(octets = OCTETS) {
  const buffer = createCacheBuffer(octets, 4711)
  return { buffer, memory: new CacheMemory(buffer, 1), other: new CacheMemory(buffer, 2) }
}

t.test('what one thread keeps another finds, replaces, and removes', t => {
  const { memory, other } = create()
  memory.set(keyOf('a'), value(101))
  t.same(other.get(keyOf('a')), value(101))
  other.set(keyOf('a'), value(7, 9))
  t.same(memory.get(keyOf('a')), value(7, 9))
  t.equal(memory.size, 1)
  memory.delete(keyOf('a'))
  t.equal(other.get(keyOf('a')), undefined)
  t.equal(other.octets, 0)
  t.end()
})

t.test('where room is needed the oldest go first, but those that were used stay', t => {
  const { memory } = create()
  for (const key of ['used', 'idle']) memory.set(keyOf(key), value(100))
  for (let i = 0; i < 3000; i++) {
    memory.get(keyOf('used'))
    memory.set(keyOf(`fill ${i}`), value(100))
  }
  t.equal(memory.get(keyOf('idle')), undefined)
  t.ok(memory.get(keyOf('used')))
  t.ok(memory.octets <= OCTETS)
  t.end()
})

t.test('one that would take an eighth of its segment is not kept, nor what was there before', t => {
  const { memory } = create()
  memory.set(keyOf('key'), value(10))
  memory.set(keyOf('key'), value(OCTETS / 8))
  t.equal(memory.get(keyOf('key')), undefined)
  t.end()
})

t.test('entries can be listed, and removed by their key', t => {
  const { memory } = create()
  for (const key of ['a1', 'a2', 'b1']) memory.set(keyOf(key), value(10))
  t.same([...memory.entries()].map(({ key }) => Buffer.from(key).toString()).sort(), ['a1', 'a2', 'b1'])
  t.equal(
    memory.removeWhere(key => key[0] === 0x61),
    2,
  )
  t.same(
    [...memory.entries()].map(({ key }) => Buffer.from(key).toString()),
    ['b1'],
  )
  memory.clear()
  t.equal(memory.size, 0)
  t.end()
})

t.test('a thread that dies with a lock costs its segment, and no more', t => {
  const { buffer, memory, other } = create()
  memory.set(keyOf('a'), value(10))
  // Held as if by thread 2, in the middle of a write.
  new Int32Array(buffer)[2] = 2
  t.equal(memory.get(keyOf('a')), undefined, 'a miss, in bounded time')
  memory.releaseLocksOf(3)
  t.equal(memory.get(keyOf('a')), undefined, 'somebody else')
  memory.releaseLocksOf(2)
  t.equal(memory.size, 0)
  memory.set(keyOf('a'), value(10))
  t.same(other.get(keyOf('a')), value(10))
  t.end()
})

t.test('whatever is stored, it is what is found, and the counts are right', t => {
  const step = fc.tuple(
    fc.integer({ min: 0, max: 60 }),
    fc.integer({ min: 0, max: 600 }),
    fc.integer({ min: 0, max: 9 }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), steps => {
      const { memory } = create(20_000)
      const model = new Map<number, number>()
      for (const [key, size, action] of steps) {
        if (action === 0) {
          memory.delete(keyOf(`${key}`))
          model.delete(key)
        } else if (action < 4) {
          const found = memory.get(keyOf(`${key}`))
          if (found && (found.wire.length !== model.get(key) || found.flags !== key)) return false
        } else {
          memory.set(keyOf(`${key}`), value(size, key))
          model.set(key, size)
        }
        if (memory.octets > 20_000) return false
      }
      const entries = [...memory.entries()]
      if (entries.length !== memory.size) return false
      for (const { key, value } of entries) if (model.get(Number(Buffer.from(key))) !== value.wire.length) return false
      for (const key of model.keys()) memory.delete(keyOf(`${key}`))
      return memory.octets === 0 && memory.size === 0
    }),
    { numRuns: 200 },
  )
  t.end()
})
