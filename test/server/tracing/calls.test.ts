import fastify from 'fastify'
import t, { type Test } from 'tap'
import { traceCalls } from '../../../server/tracing/calls.ts'
import { createSimulatedClock } from '../../simulation/clock.ts'
import { keepSpans, treeOf } from './kept.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'
const CALLER = `00-${TRACE}-${SPAN}-01`

/** An application whose calls are traced, callers from 127.0.0.1 being believed unless `trust` says otherwise. */
function start(t: Test, { trust = ['127.0.0.1'], sample = 1 } = {}) {
  const { tracer, kept } = keepSpans(createSimulatedClock(), { trust, sample })
  const app = fastify()
  t.teardown(() => app.close())
  traceCalls(app, tracer, createSimulatedClock())
  app.addHook('onRequest', async request => {
    if (request.headers['x-api-key'] === 'wrong') throw Object.assign(new Error('who?'), { statusCode: 401 })
  })
  const change = () => tracer.span('commit', {}, () => ({ done: true }))
  app.patch('/api/v1/servers/:server/zones/:zone', async () => change())
  app.get('/api/v1/status', async () => change())
  app.get('/elsewhere', async () => change())
  app.put('/api/v1/refused', async (_request, reply) => reply.code(422).send({ detail: 'no such type' }))
  app.put('/api/v1/broken', async () => {
    throw new Error('broken')
  })
  const call = async (method: 'GET' | 'PATCH' | 'PUT', url: string, headers: Record<string, string> = {}) => {
    await app.inject({ method, url, headers, ...(method !== 'GET' && { payload: { a: 1 } }) })
    return kept.splice(0)
  }
  return call
}

t.test('a change is a span, and what is done for it lies within', async t => {
  const call = start(t)
  const spans = await call('PATCH', '/api/v1/servers/localhost/zones/a.example.')
  t.equal(treeOf(spans), 'PATCH /api/v1/servers/:server/zones/:zone(commit)')
  t.match(spans.at(-1), {
    ...{ kind: 'server', parentSpanId: undefined, failure: undefined },
    attributes: {
      'dns.zone': 'a.example.',
      'client.address': '127.0.0.1',
      'http.request.method': 'PATCH',
      'http.response.status_code': 200,
    },
  })
})

t.test('W3C Trace Context: a call joins the trace of its caller, where that is believed', async t => {
  const call = start(t)
  const [, joined] = await call('PATCH', '/api/v1/servers/localhost/zones/a.example.', { traceparent: CALLER })
  t.match(joined, { traceId: TRACE, parentSpanId: SPAN })
  const read = await call('GET', '/api/v1/status', { traceparent: CALLER })
  t.equal(treeOf(read), 'GET /api/v1/status(commit)', 'what is only read, too')
  t.ok(read.every(({ traceId }) => traceId === TRACE))

  t.same(
    await call('PATCH', '/api/v1/servers/localhost/zones/a.example.', { traceparent: CALLER.replace(/1$/, '0') }),
    [],
    'the caller does not record',
  )
  for (const bad of [
    'nonsense',
    CALLER.replace('00-', 'ff-'),
    `${CALLER}, ${CALLER}`,
    CALLER.replace(TRACE, '0'.repeat(32)),
  ]) {
    const [, own] = await call('PATCH', '/api/v1/servers/localhost/zones/a.example.', { traceparent: bad })
    t.match(own, { parentSpanId: undefined }, `${bad} is ignored`)
    t.not(own!.traceId, TRACE)
  }
  const stranger = start(t, { trust: ['192.0.2.1'] })
  const [, alone] = await stranger('PATCH', '/api/v1/servers/localhost/zones/a.example.', { traceparent: CALLER })
  t.not(alone!.traceId, TRACE, 'from elsewhere')
  const seldom = start(t, { sample: 1_000_000 })
  t.equal(
    (await seldom('PATCH', '/api/v1/servers/localhost/zones/a.example.', { traceparent: CALLER })).length,
    2,
    'the caller records',
  )
})

t.test('what is not traced', async t => {
  const call = start(t)
  t.equal(treeOf(await call('GET', '/api/v1/status')), 'commit', 'what is only read, by a caller without a trace')
  t.equal(treeOf(await call('GET', '/elsewhere', { traceparent: CALLER })), 'commit', 'what is no call')
  t.same(await call('PUT', '/api/v1/refused', { traceparent: CALLER, 'x-api-key': 'wrong' }), [], 'nobody')
})

t.test('what is refused says so in the words of the answer', async t => {
  const call = start(t)
  const [refused] = await call('PUT', '/api/v1/refused')
  t.match(refused, { failure: /no such type/, attributes: { 'http.response.status_code': 422 } })
  const [broken] = await call('PUT', '/api/v1/broken')
  t.match(broken, { failure: /broken/, attributes: { 'http.response.status_code': 500 } })
})
