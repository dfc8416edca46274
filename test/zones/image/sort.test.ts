import fc from 'fast-check'
import t from 'tap'
import { sortKeys } from '../../../zones/image/sort.ts'

function keysOf(texts: readonly string[]) {
  const starts = [0]
  for (const text of texts) starts.push(starts.at(-1)! + text.length)
  return { octets: Buffer.from(texts.join(''), 'latin1'), starts: Uint32Array.from(starts) }
}

function expected(texts: readonly string[]): number[] {
  const before = (a: number, b: number) => (texts[a]! < texts[b]! ? -1 : texts[a]! > texts[b]! ? 1 : a - b)
  return texts.map((_, i) => i).sort(before)
}

t.test('keys are sorted by their octets, equal ones in the order they came', async () => {
  const key = fc.string({ unit: fc.constantFrom('\0', '\x01', 'a', 'b', '\xff'), maxLength: 6 })
  fc.assert(
    fc.property(fc.array(key, { maxLength: 300 }), texts => {
      const order = [...sortKeys(keysOf(texts))]
      if (order.join() !== expected(texts).join()) throw new Error(`${order} for ${JSON.stringify(texts)}`)
    }),
  )
})

t.test('long shared beginnings', async t => {
  const texts = Array.from({ length: 200 }, (_, i) => 'x'.repeat(400) + String.fromCharCode((i * 7) % 200))
  t.same([...sortKeys(keysOf(texts))], expected(texts))
  t.same([...sortKeys(keysOf([]))], [])
  t.same([...sortKeys(keysOf(['a', 'a', 'b']))], [0, 1, 2], 'what is in order stays')
})
