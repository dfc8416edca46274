import fc from 'fast-check'
import t from 'tap'
import { compilePattern, matchesPattern, mayMatchBelow } from '../../config/pattern.ts'
import { parseName } from '../../dns/name.ts'

const ORIGIN = parseName('internal.example.com')

t.test('patterns in a zone', async t => {
  const cases: [pattern: string, owner: string, covered: boolean, why: string][] = [
    ['**.apps.internal.example.com', 'a.apps.internal.example.com', true, 'one label for **'],
    ['**.apps.internal.example.com', 'a.b.apps.internal.example.com', true, 'two labels for **'],
    ['**.apps.internal.example.com', 'apps.internal.example.com', true, 'no label for **'],
    ['**.apps.internal.example.com', 'xapps.internal.example.com', false, 'a label is whole or not at all'],
    ['**.apps.internal.example.com', 'A.APPS.internal.EXAMPLE.com', true, 'case is ignored'],
    ['*.apps.internal.example.com', 'a.apps.internal.example.com', true, 'one label for *'],
    ['*.apps.internal.example.com', 'a.b.apps.internal.example.com', false, '* is exactly one'],
    ['*.apps.internal.example.com', 'apps.internal.example.com', false, '* is never none'],
    ['_acme-challenge.**', '_acme-challenge.internal.example.com', true, 'relative, ** is none'],
    ['_acme-challenge.**', '_acme-challenge.a.b.internal.example.com', true, 'relative, ** is two'],
    ['_acme-challenge.**', 'x._acme-challenge.internal.example.com', false, 'nothing may stand before'],
    ['_acme-challenge.*', '_acme-challenge.a.internal.example.com', true, 'relative, one label'],
    ['_acme-challenge.*', '_acme-challenge.internal.example.com', false, 'relative, one label is needed'],
    ['a.**.b.**', 'a.x.b.internal.example.com', true, 'two ** in one pattern'],
    ['a.**.b.**', 'a.b.x.b.y.internal.example.com', true, 'a ** that has to be tried longer'],
    ['**', 'a.internal.example.com', true, '** is every name below the apex'],
    ['**', 'internal.example.com', false, 'the apex only where named in full'],
    ['**.internal.example.com', 'internal.example.com', false, 'the apex only where named in full'],
    ['*.example.com', 'internal.example.com', false, 'the apex only where named in full'],
    ['internal.example.com', 'internal.example.com', true, 'the apex named in full'],
    ['a.example.org', 'a.internal.example.com', false, 'another domain'],
  ]
  for (const [pattern, owner, covered, why] of cases)
    t.equal(matchesPattern(compilePattern(pattern), parseName(owner), ORIGIN), covered, `${pattern} ${owner}: ${why}`)
})

t.test('wildcard owners are covered only where the rule says so', async t => {
  const pattern = compilePattern('**.apps.internal.example.com')
  const wildcard = parseName('*.apps.internal.example.com')
  t.equal(matchesPattern(pattern, wildcard, ORIGIN), false)
  t.equal(matchesPattern(pattern, wildcard, ORIGIN, { wildcards: true }), true)
})

t.test('without an origin, as for the CA, a relative pattern stands by itself', async t => {
  t.equal(matchesPattern(compilePattern('**'), parseName('any.example.net')), true)
  t.equal(matchesPattern(compilePattern('**.example.net'), parseName('example.net')), true)
  t.equal(matchesPattern(compilePattern('*'), parseName('a.example.net')), false)
})

t.test('what is not a pattern', async t => {
  for (const text of ['', 'a..b', `${'a'.repeat(64)}.b`, '**.**', 'a.**.**.b', 'ä.example'])
    t.throws(() => compilePattern(text), { name: 'TextError' }, text)
})

t.test('matching agrees with the same pattern as a regular expression', async () => {
  const label = fc.constantFrom('a', 'b', 'c')
  const patternLabel = fc.constantFrom('a', 'b', '*', '**')
  const pattern = fc
    .array(patternLabel, { minLength: 1, maxLength: 6 })
    .filter(labels => labels.every((one, i) => one !== '**' || labels[i + 1] !== '**'))
  fc.assert(
    fc.property(pattern, fc.array(label, { minLength: 1, maxLength: 7 }), (labels, name) => {
      const source = labels.map(one => (one === '**' ? '(\\w\\.)*' : one === '*' ? '\\w\\.' : `${one}\\.`)).join('')
      const expected = new RegExp(`^${source}$`).test(`${name.join('.')}.`)
      return matchesPattern(compilePattern(labels.join('.')), parseName(name.join('.'))) === expected
    }),
  )
})

t.test('whether a pattern can cover anything below a domain', async t => {
  const cases: [string, string, boolean][] = [
    ['**.a.example', 'a.example', true],
    ['**.a.example', 'x.a.example', true],
    ['**.a.example', 'b.example', false],
    ['www.a.example', 'a.example', true],
    ['www.a.example', 'x.a.example', false],
    ['a.example', 'x.a.example', false],
    ['**', 'a.example', true],
  ]
  for (const [pattern, domain, may] of cases)
    t.equal(mayMatchBelow(compilePattern(pattern), parseName(domain)), may, `${pattern} below ${domain}`)
})
