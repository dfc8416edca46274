import t from 'tap'
import { TextError } from '../../dns/errors.ts'
import { Scanner, scanTokens } from '../../dns/tokens.ts'

/** Every entry as its words, quoted ones in quotes, with their places. */
function scan(text: string): string[] {
  const scanner = new Scanner(text)
  const found: string[] = []
  for (;;) {
    try {
      const entry = scanner.next()
      if (!entry) return found
      const words = entry.tokens.map(
        token => `${token.quoted ? `"${token.text}"` : token.text}@${token.line}:${token.column}`,
      )
      found.push(`${entry.indented ? '_ ' : ''}${words.join(' ')}`)
    } catch (error) {
      found.push(`${error instanceof TextError && error.message}`)
    }
  }
}

t.test('entries', async t => {
  const rows: [what: string, text: string, expected: string[]][] = [
    ['words and blanks', 'a  b\tc\n d', ['a@1:1 b@1:4 c@1:6', '_ d@2:2']],
    ['comments', 'a;b\n;c\n  ;d\ne ; f', ['a@1:1', 'e@4:1']],
    ['quotes', '"a b" "" c"', ['a quotation mark inside a word; write it as \\"']],
    ['quotes side by side', '"a""b;("', ['"a"@1:1 "b;("@1:4']],
    ['escapes stay', 'a\\ b "c\\"d" \\;', ['a\\ b@1:1 "c\\"d"@1:6 \\;@1:13']],
    ['RFC 9460 §2.1: key="value" is one word', 'alpn="a b",c x', ['alpn="a b",c@1:1 x@1:14']],
    ['parentheses', 'a ( b\n\n c ) d\ne', ['a@1:1 b@1:5 c@3:2 d@3:6', 'e@4:1']],
    ['a parenthesis in parentheses', 'a ( b ( c\nd', ['a parenthesis inside parentheses', 'd@2:1']],
    [
      'a quote that is open at the end of its line',
      'a "b\nc',
      ['this quotation mark is not closed on its line', 'c@2:1'],
    ],
    ['an escaped end of line', 'a\\\nb', ['a backslash at the end of a line', 'b@2:1']],
    [
      'an escape in quotes at the end of a line',
      'a "b\\\nc',
      ['this quotation mark is not closed on its line', 'c@2:1'],
    ],
    ['a parenthesis that is never closed', 'a (\nb', ['this parenthesis is never closed']],
  ]
  for (const [what, text, expected] of rows) t.strictSame(scan(text), expected, what)
})

t.test('one RDATA', async t => {
  const tokens = scanTokens('1 ( 2\n) "3"')
  t.equal(tokens.word('a number'), '1')
  t.equal(
    tokens.wordIf(text => text === '3'),
    undefined,
  )
  t.equal(
    tokens.wordIf(text => text === '2'),
    '2',
  )
  t.throws(() => tokens.word('a word'), { message: '"3" is quoted where a word is expected' })
  t.throws(() => tokens.next('more'), { message: 'more is missing' })
  t.throws(() => scanTokens('1\n2'), { message: 'more than one line' })
  t.equal(scanTokens('').more, false)
})
