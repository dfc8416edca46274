import { Registry } from 'prom-client'
import t from 'tap'
import { createCounters } from '../../../resolver/counters.ts'
import { showResolver } from '../../../server/metrics/resolver-metrics.ts'
import { mergeReports, type ThreadReport } from '../../../server/threads/report.ts'

const TOP = { names: [], clients: [], failures: [], blocked: [] }
const UPSTREAM = { zone: '.', upstream: '192.0.2.1:53', outstanding: 1, asked: 10, unanswered: 0 }

function thread(state: 'up' | 'down', hits: number): ThreadReport {
  const counters = { ...createCounters(), hits }
  return { top: TOP, keys: [], views: [{ view: 'v', counters, upstreams: [{ ...UPSTREAM, state, round_trip: 20 }] }] }
}

t.test('threads are added up, and an upstream is as the thread sees it that is worst off with it', async t => {
  const report = mergeReports([thread('up', 3), thread('down', 4)])
  t.match(report, {
    counters: { hits: 7, asked: 0 },
    upstreams: [{ view: 'v', state: 'down', asked: 20, outstanding: 2 }],
  })
  t.equal(report.upstreams.length, 1)
})

t.test('Prometheus is shown what is so now', async t => {
  const registry = new Registry()
  let report = mergeReports([thread('up', 3)])
  showResolver(registry, async () => report)
  t.match(await registry.metrics(), 'namestead_resolver_upstream_up{view="v",zone=".",upstream="192.0.2.1:53"} 1')
  report = mergeReports([thread('down', 5)])
  const text = await registry.metrics()
  t.match(text, 'namestead_resolver_upstream_up{view="v",zone=".",upstream="192.0.2.1:53"} 0')
  t.match(text, 'namestead_resolver_upstream_round_trip_seconds{view="v",zone=".",upstream="192.0.2.1:53"} 0.02')
  t.match(text, 'namestead_resolver_events_total{event="hits"} 5')
})
