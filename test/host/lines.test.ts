import t from 'tap'
import { LineReader } from '../../host/lines.ts'

t.test('lines come out whole, wherever the pieces end', async t => {
  for (const pieces of [
    ['one\ntwo\n\nthree'],
    ['o', 'ne', '\n', 'two\n\nth', 'ree'],
    [...'one\ntwo\n\nthree'],
    ['one\n', 'two\n', '\nthree'],
  ]) {
    const reader = new LineReader()
    t.strictSame(
      pieces.flatMap(piece => reader.read(piece)),
      ['one', 'two', ''],
    )
    t.equal(reader.length, 5, 'the rest of the last line')
    t.strictSame(reader.read('\n'), ['three'])
    t.equal(reader.length, 0)
  }
})
