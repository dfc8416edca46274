import t from 'tap'
import { SpanExporter } from '../../../server/tracing/exporter.ts'
import { encodeSpans } from '../../../server/tracing/otlp.ts'
import type { FinishedSpan } from '../../../server/tracing/spans.ts'
import { createSimulatedClock } from '../../simulation/clock.ts'
import { keepLog } from '../../zones/kept-log.ts'

const SPAN: FinishedSpan = {
  ...{ name: 'UPDATE', kind: 'server', traceId: 'ab'.repeat(16), spanId: 'cd'.repeat(8), parentSpanId: undefined },
  ...{ began: 1_767_225_600_000.25, ended: 1_767_225_600_001.5, failure: 'no' },
  attributes: { text: 'a', whole: 7, part: 0.5, flag: true, list: ['x', 'y'], none: undefined },
}

t.test("OTLP's JSON", async t => {
  const { resourceSpans } = JSON.parse(encodeSpans([SPAN], { 'service.name': 'ns' }, '1.2.3'))
  t.same(resourceSpans, [
    {
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 'ns' } }] },
      scopeSpans: [
        {
          scope: { name: 'namestead', version: '1.2.3' },
          spans: [
            {
              ...{ traceId: SPAN.traceId, spanId: SPAN.spanId, name: 'UPDATE', kind: 2 },
              ...{ startTimeUnixNano: '1767225600000250000', endTimeUnixNano: '1767225600001500000' },
              attributes: [
                { key: 'text', value: { stringValue: 'a' } },
                { key: 'whole', value: { intValue: '7' } },
                { key: 'part', value: { doubleValue: 0.5 } },
                { key: 'flag', value: { boolValue: true } },
                { key: 'list', value: { arrayValue: { values: [{ stringValue: 'x' }, { stringValue: 'y' }] } } },
              ],
              status: { code: 2, message: 'no' },
            },
          ],
        },
      ],
    },
  ])
})

function open() {
  const clock = createSimulatedClock()
  const { log, logged } = keepLog()
  const stage = { answer: async (): Promise<Response> => new Response('{}') }
  const bodies: FinishedSpan[][] = []
  const headers: object[] = []
  const exporter = new SpanExporter({
    ...{ url: 'http://collector/v1/traces', headers: { authorization: 'secret' }, clock, log },
    encode: spans => JSON.stringify(spans),
    fetch: (_url, request) => {
      bodies.push(JSON.parse(String(request!.body)))
      headers.push(request!.headers!)
      return stage.answer()
    },
  })
  const keep = (count: number) => {
    for (let i = 0; i < count; i++) exporter.keep(SPAN)
  }
  return { clock, logged, stage, bodies, headers, exporter, keep }
}

t.test('spans are sent in batches, after a second', async t => {
  const { clock, bodies, headers, exporter, keep, logged } = open()
  keep(700)
  t.same(bodies, [], 'nobody waits')
  await clock.advance(1000)
  t.same(
    bodies.map(({ length }) => length),
    [512, 188],
  )
  t.match(headers[0], { authorization: 'secret', 'content-type': 'application/json' })
  t.same(exporter.counts, { sent: 700, dropped: 0 })
  keep(1)
  await exporter.close(1000)
  t.same(exporter.counts, { sent: 701, dropped: 0 }, 'what is left goes before the end')
  keep(1)
  t.equal(exporter.counts.dropped, 1)
  t.same([logged, clock.pending()], [[], 0])
})

t.test('no more than 2048 spans wait', async t => {
  const { clock, stage, exporter, keep } = open()
  stage.answer = () => new Promise(() => {})
  keep(1)
  await clock.advance(1000)
  keep(3000)
  t.same(exporter.counts, { sent: 0, dropped: 952 })
  const closing = exporter.close(5000)
  await clock.advance(5000)
  await closing
})

t.test('a collector that is away is tried again, then the batch is dropped, which is told once', async t => {
  const { clock, stage, bodies, exporter, keep, logged } = open()
  stage.answer = async () => Promise.reject(new Error('connection refused'))
  keep(3)
  await clock.advance(1000)
  await clock.advance(21_000)
  t.equal(bodies.length, 4)
  t.same(exporter.counts, { sent: 0, dropped: 3 })
  stage.answer = async () => new Response(null, { status: 400 })
  keep(2)
  await clock.advance(1000)
  t.equal(bodies.length, 5, 'what it will never take is not sent again')
  let tries = 0
  stage.answer = async () => new Response(null, { status: tries++ === 0 ? 503 : 200 })
  keep(1)
  await clock.advance(3000)
  t.same(exporter.counts, { sent: 1, dropped: 5 })
  t.same(
    logged.map(({ message, fields }) => [message, fields['reason']]),
    [
      ['traces are dropped: the collector does not take them', 'connection refused'],
      ['the collector takes traces again', undefined],
    ],
  )
  t.notMatch(JSON.stringify(logged), 'secret')
})
