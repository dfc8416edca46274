import t from 'tap'
import { parseTraceparent, silentTracer } from '../../host/tracer.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'

t.test('W3C Trace Context §2.2: traceparent', async t => {
  const context = { traceId: TRACE, spanId: SPAN }
  t.same(parseTraceparent(`00-${TRACE}-${SPAN}-01`), { ...context, sampled: true })
  t.same(parseTraceparent(`00-${TRACE}-${SPAN}-00`), { ...context, sampled: false })
  t.same(parseTraceparent(`00-${TRACE}-${SPAN}-03`), { ...context, sampled: true }, 'flags that nobody knows yet')
  t.same(parseTraceparent(`cc-${TRACE}-${SPAN}-01-what-comes`), { ...context, sampled: true }, 'a version to come')
  for (const bad of [
    '',
    `ff-${TRACE}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01-more`,
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}`,
    `00-${TRACE}-${SPAN}-1`,
    `00-${TRACE}${SPAN}-01`,
  ])
    t.equal(parseTraceparent(bad), undefined, bad)
})

t.test('without a collector work is done as it is', async t => {
  t.equal(
    silentTracer.span('a', {}, span => {
      span.set({ b: 1 })
      span.fail('no')
      return 7
    }),
    7,
  )
  t.equal(silentTracer.current(), undefined)
  t.equal(silentTracer.accept('127.0.0.1', `00-${TRACE}-${SPAN}-01`), undefined)
})
