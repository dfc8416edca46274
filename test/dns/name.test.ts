import fc from 'fast-check'
import t from 'tap'
import { TextError } from '../../dns/errors.ts'
import {
  ancestorName,
  compareNames,
  concatNames,
  equalNames,
  isSubdomain,
  isWildcard,
  labelCount,
  labelsOf,
  lowerName,
  nameFromKey,
  nameKey,
  parseName,
  prefixOf,
  printName,
  ROOT,
  wildcardOf,
} from '../../dns/name.ts'
import { arbitraryName } from './arbitraries.ts'

const n = (text: string) => parseName(text)
const origin = n('example.')

t.test('text to name', async t => {
  const rows: [text: string, printed: string][] = [
    ['.', '.'],
    ['www', 'www.example.'],
    ['www.', 'www.'],
    ['WwW.Example.', 'WwW.Example.'],
    ['a\\.b.c.', 'a\\.b.c.'],
    ['\\097\\000\\255.', 'a\\000\\255.'],
    ['a\\ b\\;\\(\\)\\"\\@\\$.', 'a\\032b\\;\\(\\)\\"\\@\\$.'],
    ['*.x.', '*.x.'],
    ['_acme-challenge', '_acme-challenge.example.'],
    [`${'a'.repeat(63)}.`, `${'a'.repeat(63)}.`],
  ]
  for (const [text, printed] of rows) t.equal(printName(parseName(text, origin)), printed, text.slice(0, 20))
  t.equal(printName(parseName('www')), 'www.', 'without an origin every name is absolute')
  const refused: [text: string, why: RegExp][] = [
    ['', /may not be empty/],
    ['..', /empty label/],
    ['.a', /empty label/],
    ['a..b', /empty label/],
    [`${'a'.repeat(64)}.`, /64 octets, at most 63/],
    [`${'a.'.repeat(127)}b.`, /257 octets long, at most 255/],
    ['a\\', /lone backslash/],
    ['a\\25', /incomplete/],
    ['a\\256', /above/],
    ['ü.', /not ASCII/],
  ]
  for (const [text, why] of refused) {
    t.throws(() => parseName(text), TextError, text.slice(0, 20))
    t.throws(() => parseName(text), { message: why }, `${text.slice(0, 20)} says why`)
  }
  t.equal(parseName('a.'.repeat(127)).length, 255, 'RFC 1035 §3.1: 255 octets are allowed')
  t.throws(() => parseName('a.'.repeat(124).slice(0, -1), origin), TextError, 'and 257 with the origin are not')
})

t.test('RFC 4343: names are equal whatever the case of their ASCII letters', async t => {
  t.ok(equalNames(n('WWW.example.'), n('www.EXAMPLE.')))
  t.notOk(equalNames(n('\\225.'), n('\\193.')), 'other octets have no case')
  t.notOk(equalNames(n('a.bc.'), n('ab.c.')))
  t.equal(nameKey(n('WWW.Example.')), nameKey(n('www.example.')))
  t.equal(printName(nameFromKey(nameKey(n('WWW.Example.')))), 'www.example.')
  t.equal(printName(lowerName(n('WWW.Example.'))), 'www.example.')
})

t.test('the tree', async t => {
  t.ok(isSubdomain(n('a.b.example.'), n('B.example.')))
  t.ok(isSubdomain(n('example.'), n('example.')))
  t.ok(isSubdomain(n('example.'), ROOT))
  t.notOk(isSubdomain(n('ab.example.'), n('b.example.')), 'labels count, not endings')
  t.notOk(isSubdomain(n('x\\003foo.'), n('foo.')), 'a length octet inside a label is none')
  t.notOk(isSubdomain(n('example.'), n('a.example.')))
  t.equal(labelCount(n('a.b.c.')), 3)
  t.equal(labelCount(ROOT), 0)
  t.strictSame(
    labelsOf(n('ab.c.')).map(label => Buffer.from(label).toString()),
    ['ab', 'c'],
  )
  t.equal(printName(ancestorName(n('a.b.c.'), 2)), 'c.')
  t.throws(() => ancestorName(ROOT), RangeError)
  t.ok(isWildcard(n('*.a.')))
  t.notOk(isWildcard(n('**.a.')))
  t.notOk(isWildcard(n('a.*.')))
  t.equal(printName(wildcardOf(n('a.'))!), '*.a.')
  t.equal(wildcardOf(n('a.'.repeat(127))), undefined, 'a name that long has no wildcard below it')
  t.equal(printName(concatNames(n('a.b.'), n('c.'))!), 'a.b.c.')
  t.equal(concatNames(n('a.'.repeat(127)), n('c.')), undefined, 'RFC 6672 §2.2: too long for a substitution')
  t.equal(printName(prefixOf(n('a.b.example.'), n('example.'))), 'a.b.')
})

t.test('RFC 4034 §6.1: canonical order', async t => {
  const sorted = [
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
  const shuffled = [...sorted].reverse().map(n).sort(compareNames)
  t.strictSame(shuffled.map(printName), sorted)
  t.equal(compareNames(n('A.b.'), n('a.B.')), 0)
})

t.test('properties', async () => {
  fc.assert(fc.property(arbitraryName, name => Buffer.compare(parseName(printName(name)), name) === 0))
  fc.assert(
    fc.property(arbitraryName, arbitraryName, (a, b) => {
      const joined = concatNames(a, b)
      if (!joined) return true
      return (
        isSubdomain(joined, b) &&
        equalNames(prefixOf(joined, b), a) &&
        labelCount(joined) === labelCount(a) + labelCount(b)
      )
    }),
  )
  fc.assert(
    fc.property(
      arbitraryName,
      arbitraryName,
      (a, b) =>
        Math.sign(compareNames(a, b)) === -Math.sign(compareNames(b, a)) &&
        (compareNames(a, b) === 0) === equalNames(a, b) &&
        equalNames(a, b) === (nameKey(a) === nameKey(b)),
    ),
  )
})
