import fc from 'fast-check'
import t from 'tap'
import { createFrameReader, frame } from '../../dns/frames.ts'

t.test('however a stream is cut, the messages come out as they went in', t => {
  const messages = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 6 })
  const cuts = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 40 })
  fc.assert(
    fc.property(messages, cuts, (messages, cuts) => {
      const stream = Buffer.concat(messages.map(frame))
      const reader = createFrameReader()
      const read: Uint8Array[] = []
      for (let at = 0, i = 0; at < stream.length; at += cuts[i % cuts.length]!, i++)
        read.push(...reader.push(stream.subarray(at, at + cuts[i % cuts.length]!)))
      return read.length === messages.length && read.every((message, i) => Buffer.compare(message, messages[i]!) === 0)
    }),
  )
  t.end()
})

t.test('the longest message passes', t => {
  const reader = createFrameReader()
  const message = new Uint8Array(65_535).fill(7)
  t.same(reader.push(frame(message)), [message])
  t.end()
})
