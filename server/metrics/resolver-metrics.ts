import { Counter, Gauge, type Registry } from 'prom-client'
import type { ResolverReport } from '../threads/report.ts'

/** Shows what the resolvers of all threads have done and how their upstreams fare, each time that Prometheus asks. */
export function showResolver(registry: Registry, report: () => Promise<ResolverReport>): void {
  const upstream = { labelNames: ['view', 'zone', 'upstream'], registers: [registry] }
  new Counter({
    name: 'namestead_resolver_events_total',
    help: 'What the resolver has done: hits and misses of its cache, stale answers, failures, questions sent, names kept in',
    labelNames: ['event'],
    registers: [registry],
    async collect() {
      const { counters } = await report()
      this.reset()
      for (const [event, count] of Object.entries(counters)) this.inc({ event }, count)
    },
  })
  new Gauge({
    name: 'namestead_resolver_upstream_up',
    help: 'Whether the upstream answers; 1 while it was not asked yet',
    ...upstream,
    async collect() {
      const { upstreams } = await report()
      this.reset()
      for (const { view, zone, upstream, state } of upstreams)
        this.set({ view, zone, upstream }, state === 'up' || state === 'not asked yet' ? 1 : 0)
    },
  })
  new Gauge({
    name: 'namestead_resolver_upstream_round_trip_seconds',
    help: 'Smoothed round-trip time of the upstream',
    ...upstream,
    async collect() {
      const { upstreams } = await report()
      this.reset()
      for (const { view, zone, upstream, round_trip: milliseconds } of upstreams)
        if (milliseconds !== undefined) this.set({ view, zone, upstream }, milliseconds / 1000)
    },
  })
}
