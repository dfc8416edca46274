import fc from 'fast-check'
import t from 'tap'
import { parseMessage } from '../../dns/message.ts'
import { equalNames, parseName } from '../../dns/name.ts'
import { systemRandom } from '../../host/random.ts'
import { buildQuery, mixCase, questionKey, type UpstreamQuestion } from '../../resolver/question.ts'

const question = (name: string): UpstreamQuestion => ({
  name: parseName(name),
  type: 1,
  class: 1,
  recursionDesired: true,
  dnssecOk: false,
  checkingDisabled: false,
})

t.test('mixing the case of a name changes letters only', t => {
  const label = fc.uint8Array({ minLength: 1, maxLength: 63 })
  const name = fc
    .array(label, { maxLength: 3 })
    .map(labels => Uint8Array.from([...labels.flatMap(octets => [octets.length, ...octets]), 0]))
  fc.assert(fc.property(name, name => equalNames(name, mixCase(name, systemRandom))))
  t.end()
})

t.test('a name of a thousand tries is in both cases of every letter', t => {
  const name = parseName('abcdefghij.example.')
  const seen = new Set(Array.from({ length: 1000 }, () => Buffer.from(mixCase(name, systemRandom)).toString('latin1')))
  t.ok(seen.size > 900)
  t.end()
})

t.test('questions with different answers have different keys', t => {
  const rows: [UpstreamQuestion, string][] = [
    [question('a.example.'), ''],
    [question('b.example.'), ''],
    [{ ...question('a.example.'), type: 28 }, ''],
    [{ ...question('a.example.'), dnssecOk: true }, ''],
    [{ ...question('a.example.'), checkingDisabled: true }, ''],
    [{ ...question('a.example.'), dnssecOk: true, checkingDisabled: true }, ''],
    [question('a.example.'), '\u0007example\u0000'],
    [question('.'), ''],
  ]
  t.equal(new Set(rows.map(([question, scope]) => questionKey(scope, question))).size, rows.length)
  t.equal(questionKey('', question('A.Example.')), questionKey('', question('a.example.')))
  t.end()
})

t.test('padding makes every query a multiple of 128 octets, whatever its name', t => {
  for (let length = 1; length < 64; length++) {
    const name = `${'x'.repeat(length)}.${'y'.repeat(63)}.${'z'.repeat(63)}.`
    const { wire } = buildQuery(question(name), { edns: true, mixedCase: false, padded: true }, 1, systemRandom)
    t.equal(wire.length % 128, 0)
    t.doesNotThrow(() => parseMessage(wire))
  }
  t.end()
})
