import fc from 'fast-check'
import t from 'tap'
import { compareNames, lowerName, type Name, parseName } from '../../../dns/name.ts'
import { hasAsterisk, labelsLength, SearchKey, writeLabels } from '../../../zones/image/key.ts'

function keyOf(name: Name): Uint8Array {
  const key = new SearchKey()
  key.read(name, 0, name.length - 1)
  return key.octets.slice(0, key.length)
}

const label = fc
  .uint8Array({ minLength: 1, maxLength: 5 })
  .map(octets => octets.map(octet => (octet > 200 ? octet % 3 : octet)))
const name = fc
  .array(label, { maxLength: 5 })
  .map(labels => Uint8Array.from([...labels.flatMap(octets => [octets.length, ...octets]), 0]))

t.test('keys compared by octets are in canonical order', async () => {
  fc.assert(
    fc.property(name, name, (a, b) => {
      const order = Math.sign(Buffer.compare(keyOf(a), keyOf(b)))
      if (order !== Math.sign(compareNames(a, b))) throw new Error(`${order}`)
    }),
    { numRuns: 2000 },
  )
})

t.test('a key tells its name, in lower case', async () => {
  fc.assert(
    fc.property(name, name => {
      const key = keyOf(name)
      const length = labelsLength(key, 0, key.length)
      const told = new Uint8Array(length + 1)
      writeLabels(key, 0, key.length, told, length)
      if (Buffer.compare(told, lowerName(name)) !== 0) throw new Error(told.join())
    }),
  )
})

t.test('RFC 4034 §6.1’s example', async t => {
  const names = [
    'example.',
    'a.example.',
    'yljkjljk.a.example.',
    'Z.a.example.',
    'zABC.a.EXAMPLE.',
    'z.example.',
    '\\001.z.example.',
    '*.z.example.',
    '\\200.z.example.',
  ]
  const keys = names.map(text => Buffer.from(keyOf(parseName(text))))
  t.same([...keys].sort(Buffer.compare), keys)
})

t.test('an asterisk label', async t => {
  const cases: [string, boolean][] = [
    ['*.a.', true],
    ['a.*.', true],
    ['a.*.b.', true],
    ['a*.b.', false],
    ['**.b.', false],
    ['*a.', false],
    ['\\000*.', false],
    ['a.', false],
  ]
  for (const [text, expected] of cases) {
    const key = keyOf(parseName(text))
    t.equal(hasAsterisk(key, 0, key.length), expected, text)
  }
})

t.test('the wildcard below an ancestor', async t => {
  const key = new SearchKey()
  const name = parseName('a.b.C.example.')
  key.read(name, 0, name.length - parseName('example.').length)
  const wildcard = new SearchKey()
  wildcard.readWildcard(key, 1)
  t.equal(Buffer.from(wildcard.octets.subarray(0, wildcard.length)).toString('latin1'), 'c\0*\0')
  t.same([...wildcard.ends.subarray(0, 3)], [0, 2, 4])
  t.equal(wildcard.labels, 2)
})
