import fc from 'fast-check'
import t from 'tap'
import { NamedConfError, parseNamedConf, type Statement } from '../../../cli/migrate/named-conf.ts'

const parse = (text: string, files: Record<string, string> = {}) =>
  parseNamedConf(text, 'named.conf', path => files[path]!)

t.test('comments of three kinds, texts, braces, and what follows them', async t => {
  const [first, second] = parse(`// one
# two
/* three
   lines */ options { directory "/var/cache; bind"; listen-on port 53 { 127.0.0.1; }; };
zone "a.example" IN { type primary; };`)
  t.strictSame(
    first!.block!.map(({ words }) => words),
    [
      ['directory', '/var/cache; bind'],
      ['listen-on', 'port', '53'],
    ],
  )
  t.strictSame(
    first!.block![1]!.block!.map(({ words }) => words),
    [['127.0.0.1']],
  )
  t.strictSame([second!.words, second!.at], [['zone', 'a.example', 'IN'], 'named.conf:5'])
})

t.test('what is included takes the place of the statement', async t => {
  const found = parse('a; include "b.conf"; view v { include "c.conf"; };', { 'b.conf': 'b;', 'c.conf': 'c;' })
  t.strictSame(
    found.map(({ words }) => words[0]),
    ['a', 'b', 'view'],
  )
  t.strictSame(
    found[2]!.block!.map(({ words, at }) => [words[0], at]),
    [['c', 'c.conf:1']],
  )
  t.throws(() => parse('include "x";', { x: 'include "x";' }), { message: /too many includes/ })
})

t.test('what is broken is told with its place', async t => {
  const rows: [string, RegExp][] = [
    ['a {\n b;', /named.conf:1: the "{" is never closed/],
    ['a\n}', /:2: a ";" is missing/],
    ['}', /:1: there is a "}" too many/],
    ['a', /:1: a ";" is missing/],
    ['"a', /:1: the text is never closed/],
    ['/* a', /:1: the comment is never closed/],
    ['{'.repeat(100), /nested too deep/],
  ]
  for (const [text, message] of rows)
    t.throws(() => parse(text), { name: 'NamedConfError', message }, text.slice(0, 20))
})

const quoted = (word: string) => `"${word.replace(/[\\"]/g, '\\$&')}"`
const printed = (statements: readonly Statement[]): string =>
  statements
    .map(({ words, block }) => `${words.map(quoted).join(' ')}${block ? ` {${printed(block)}}` : ''};`)
    .join('\n')
const shape = (statements: readonly Statement[]): unknown =>
  statements.map(({ words, block }) => (block ? [words, shape(block)] : [words]))

t.test('whatever comes, it is read and can be written again, or refused as our own error', async () => {
  const pieces = fc.constantFrom('a', ' ', '\n', ';', '{', '}', '"', '\\', '/*', '*/', '//', '#', '53', 'zone')
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 40 }), parts => {
      try {
        const statements = parse(parts.join(''))
        return JSON.stringify(shape(parse(printed(statements)))) === JSON.stringify(shape(statements))
      } catch (error) {
        return error instanceof NamedConfError
      }
    }),
    { numRuns: 2000 },
  )
})
