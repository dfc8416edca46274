import t from 'tap'
import { systemClock } from '../../../host/clock.ts'
import { keepSpans, treeOf } from '../../server/tracing/kept.ts'
import { createAccount, createCsr } from '../client.ts'
import { createWorld } from '../world.ts'

t.test('an order is one trace, from newOrder to the certificate', async t => {
  const { tracer, kept } = keepSpans(systemClock)
  const world = await createWorld(t, { tracer })
  const client = await createAccount(world)
  kept.splice(0)
  const created = await client.order(['www.example.test'])
  const [authorization] = created.json.authorizations
  await client.prove(authorization)
  const { csr } = await createCsr(['www.example.test'])
  const finalized = await client.post(created.json.finalize, { csr })
  t.equal(finalized.json.status, 'valid')
  kept.sort((one, other) => one.began - other.began)
  t.equal(
    treeOf(kept),
    'POST /new-order(policy commit POST /authorization/:id POST /challenge/:authorization/:id(validate(look up) commit) ' +
      'POST /order/:id/finalize(policy CAA(look up look up look up) commit lint sign record))',
  )
  t.equal(new Set(kept.map(({ traceId }) => traceId)).size, 1)
  const named = (name: string) => kept.find(span => span.name === name)!
  const order = String(created.headers['location']).split('/').at(-1)
  t.match(named('POST /new-order'), {
    kind: 'server',
    attributes: {
      ...{
        'acme.issuer': 'acme',
        'acme.order': order,
        'acme.identifiers': ['www.example.test'],
        'acme.status': 'pending',
      },
      'http.response.status_code': 201,
    },
  })
  t.match(named('validate'), { attributes: { 'acme.challenge': 'dns-01', 'acme.identifier': 'www.example.test' } })
  t.match(named('look up').attributes, {
    ...{ 'dns.question.name': '_acme-challenge.www.example.test.', 'dns.question.type': 'TXT' },
    ...{ 'dns.rcode': 'NOERROR', 'dns.records': 1 },
  })
  t.match(named('sign').attributes, { 'certificate.profile': 'default', 'certificate.serial': /^[0-9a-f]+$/ })
  const { token } = (await client.post(authorization, '')).json.challenges[0]
  t.notMatch(JSON.stringify(kept), token, 'no token is told')
})

t.test('what is refused is a span that failed, with its problem', async t => {
  const { tracer, kept } = keepSpans(systemClock)
  const world = await createWorld(t, { tracer })
  const client = await createAccount(world)
  kept.splice(0)
  t.equal((await client.order(['www.elsewhere.example'])).status, 400)
  t.match(
    kept.find(({ name }) => name === 'POST /new-order'),
    {
      failure: /no issue rule/,
      attributes: { 'acme.problem': 'rejectedIdentifier', 'http.response.status_code': 400 },
    },
  )
  t.ok(kept.find(({ name }) => name === 'policy')!.failure)
})

t.test('a client with a trace of its own gets our part in it, where it is believed', async t => {
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  for (const [trust, taken] of [
    [['127.0.0.0/8'], true],
    [['192.0.2.0/24'], false],
  ] as const) {
    const { tracer, kept } = keepSpans(systemClock, { trust: [...trust] })
    const { https } = await createWorld(t, { tracer })
    await https.inject({ method: 'POST', url: '/acme/acme/new-order', headers: { traceparent }, payload: '{}' })
    await https.inject({
      ...{ method: 'POST', url: '/acme/acme/new-order', payload: '{}' },
      headers: { traceparent, 'content-type': 'application/jose+json' },
    })
    t.equal(kept[0]!.traceId === traceparent.slice(3, 35), taken)
    t.equal(kept[0]!.parentSpanId === traceparent.slice(36, 52), taken)
  }
})
