import { once } from 'node:events'
import { request } from 'node:https'
import t from 'tap'
import type { Situation } from '../../../cli/replies.ts'
import { silentLog } from '../../../host/log.ts'
import { Live, type LiveEvent } from '../../../server/live/live.ts'
import { countSpan, createCounters, sumCounters, viewCell } from '../../../server/metrics/metrics.ts'
import type { QueryWatcher } from '../../../server/threads/workers.ts'
import { createSimulatedClock } from '../../simulation/clock.ts'
import { startApi } from '../api/running.ts'

function world() {
  const clock = createSimulatedClock(0)
  const buffer = createCounters()
  const counters = new Float64Array(buffer)
  const watching: (QueryWatcher | undefined)[] = []
  const asked = { situations: 0 }
  const live = new Live({
    workers: { counted: () => sumCounters([buffer]), watchQueries: watcher => void watching.push(watcher) },
    slots: ['inside'],
    situation: async () => {
      asked.situations++
      return { at: 'now' } as Situation
    },
    ...{ clock, log: silentLog },
  })
  const watcher = (queries = false) => {
    const heard: { event: LiveEvent; data: Record<string, unknown> }[] = []
    const send = (event: LiveEvent, data: object) => void heard.push({ event, data: data as Record<string, unknown> })
    let ended = false
    const leave = live.watch({ queries, send, end: () => (ended = true) })
    return { heard, leave, isEnded: () => ended, of: (event: LiveEvent) => heard.filter(one => one.event === event) }
  }
  return { clock, counters, live, watching, asked, watcher }
}

t.test('rates are what the counters grew by, per second', async t => {
  const { clock, counters, live, watcher } = world()
  const { of } = watcher()
  counters[viewCell(0, 0)]! += 50
  counters[viewCell(0, 3)]! += 5
  counters[viewCell(7, 0)]! += 10
  countSpan(counters, 0.05, 90)
  countSpan(counters, 30, 10)
  await clock.advance(5000)
  t.strictSame(of('sample')[0]!.data['views'], { inside: { NOERROR: 10, NXDOMAIN: 1 }, other: { NOERROR: 2 } })
  const { half, p95, p99 } = of('sample')[0]!.data['latency'] as Record<string, number>
  t.ok(half! > 0.00001 && half! <= 0.0001, 'half of the answers')
  t.ok(p95! > 0.025 && p99! <= 0.05 && p95! < p99!, 'and the slow ones')
  await clock.advance(5000)
  t.strictSame(of('sample')[1]!.data, { at: 10_000, views: {}, latency: null, updates: {}, cached: null })
  live.close()
})

t.test('who comes later is told what was, and all hear what is', async t => {
  const { clock, live, asked, watcher } = world()
  await clock.advance(5000 * 400)
  const one = watcher()
  t.equal((one.of('history')[0]!.data['samples'] as unknown[]).length, 360, 'half an hour')
  const other = watcher()
  await clock.advance(10_000)
  t.equal(one.of('sample').length, 2)
  t.equal(other.of('sample').length, 2)
  t.ok(asked.situations <= 3, 'what changes slowly is looked at once for all')
  one.leave()
  other.leave()
  const before = asked.situations
  await clock.advance(60_000)
  t.equal(asked.situations, before, 'and not at all while nobody watches')
  live.close()
})

t.test('threads show queries while somebody wants them', async t => {
  const { live, watching, watcher } = world()
  const plain = watcher()
  t.equal(watching.at(-1), undefined)
  const curious = watcher(true)
  watching.at(-1)!(
    [{ client: '192.0.2.1', transport: 'udp', name: 'a.example.', type: 'A', rcode: 'NOERROR', from: 'zones', ms: 0 }],
    3,
  )
  t.match(curious.of('queries'), [{ data: { skipped: 3, lines: [{ name: 'a.example.' }] } }])
  t.strictSame(plain.of('queries'), [])
  curious.leave()
  t.equal(watching.at(-1), undefined)
  live.close()
  t.ok(plain.isEnded(), 'all watches end with the daemon')
})

t.test('events come over HTTPS, and a revoked token ends them', async t => {
  const api = await startApi(t)
  const token = await api.token({ name: 'watcher', roles: ['read'] })
  const { listen } = await api.command('status')
  const port = Number(listen['https']![0]!.split(':')[1])
  const outgoing = request({
    host: '127.0.0.1',
    port,
    path: '/api/v1/events',
    headers: { 'x-api-key': token },
    rejectUnauthorized: false,
    agent: false,
  }).end()
  const [response] = await once(outgoing, 'response')
  t.match(response.headers['content-type'], 'text/event-stream')
  let text = ''
  for await (const chunk of response) {
    text += chunk
    if (text.includes('event: situation')) await api.command('token.revoke', { name: 'watcher' }).catch(() => {})
  }
  t.match(text, /^event: history\ndata: \{"samples":\[/)
  t.match(text, /event: situation\ndata: \{"at":.*"zones":\{"all":4/)
})
