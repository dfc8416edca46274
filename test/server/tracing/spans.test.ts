import t from 'tap'
import { createSimulatedClock } from '../../simulation/clock.ts'
import { keepSpans, treeOf } from './kept.ts'

const FROM = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

t.test('spans lie within each other as the work does, whatever waits in between', async t => {
  const clock = createSimulatedClock()
  const { tracer, kept } = keepSpans(clock)
  const work = (name: string, ms: number) =>
    tracer.span(name, {}, async () => {
      await new Promise<void>(resolve => clock.after(ms, resolve))
      tracer.span('inner', { attributes: { of: name } }, span => span.set({ more: 2 }))
    })
  await clock.until(Promise.all([work('slow', 20), work('quick', 10)]))
  t.same(
    kept.map(({ name, attributes, began, ended }) => [name, attributes['of'], ended - began]),
    [
      ['inner', 'quick', 0],
      ['quick', undefined, 10],
      ['inner', 'slow', 0],
      ['slow', undefined, 20],
    ],
  )
  t.equal(treeOf(kept), 'quick(inner) slow(inner)')
  t.match(kept[0], { attributes: { of: 'quick', more: 2 }, failure: undefined, kind: 'internal' })
  t.equal(kept[0]!.traceId, kept[1]!.traceId)
  t.not(kept[0]!.traceId, kept[2]!.traceId, 'each begins a trace of its own')
  t.match(kept[0]!.traceId, /^[0-9a-f]{32}$/)
  t.match(kept[0]!.spanId, /^[0-9a-f]{16}$/)
  t.equal(kept[3]!.began, clock.now() - 20)
  t.equal(tracer.current(), undefined)
})

t.test('what fails says so, and to its caller as before', async t => {
  const { tracer, kept } = keepSpans(createSimulatedClock())
  class Odd extends Error {
    override name = 'Odd'
  }
  t.throws(() => tracer.span('a', {}, () => fail(new Odd('x'.repeat(300)))), { name: 'Odd' })
  await t.rejects(
    tracer.span('b', {}, async () => fail(Object.assign(new Error('disk'), { code: 'EIO' }))),
    { code: 'EIO' },
  )
  t.match(kept, [
    { name: 'a', failure: 'x'.repeat(200), attributes: { 'error.type': 'Odd' } },
    { name: 'b', failure: 'disk', attributes: { 'error.type': 'EIO' } },
  ])
})

function fail(error: Error): never {
  throw error
}

t.test('a clock that is set back makes no span end before it began', async t => {
  const clock = createSimulatedClock()
  const { tracer, kept } = keepSpans(clock)
  const began = clock.monotonic()
  await clock.advance(5)
  tracer.span('a', { began }, () => clock.jump(-3_600_000))
  t.equal(kept[0]!.ended - kept[0]!.began, 5)
})

t.test('W3C Trace Context is taken from whom it may be, and its flag with it', async t => {
  const { tracer, kept } = keepSpans(createSimulatedClock(), { trust: ['192.0.2.0/24'], sample: 1_000_000 })
  t.equal(tracer.accept('198.51.100.1', FROM), undefined, 'others are ignored')
  t.equal(tracer.accept('192.0.2.1', undefined), undefined)
  t.equal(tracer.accept('192.0.2.1', 'nonsense'), undefined)
  tracer.span('taken', { parent: tracer.accept('192.0.2.1', FROM) }, () => {})
  tracer.span('not wanted', { parent: tracer.accept('192.0.2.1', FROM.replace(/1$/, '0')) }, () => {})
  t.match(kept, [{ name: 'taken', traceId: FROM.slice(3, 35), parentSpanId: FROM.slice(36, 52) }])
})

t.test('of many traces some are recorded, each whole or not at all', async t => {
  const { tracer, kept } = keepSpans(createSimulatedClock(), { sample: 10 })
  for (let i = 0; i < 1000; i++) tracer.span('outer', {}, () => tracer.span('inner', {}, () => {}))
  const outer = kept.filter(({ name }) => name === 'outer')
  t.ok(outer.length > 50 && outer.length < 200, `${outer.length} of 1000`)
  t.equal(kept.length, 2 * outer.length)
})
