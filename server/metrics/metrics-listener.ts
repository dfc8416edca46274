import type { FastifyInstance } from 'fastify'
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { Ca } from '../../ca/ca.ts'
import type { Clock } from '../../host/clock.ts'
import { askedOnce, type ResolverReport } from '../threads/report.ts'
import { showTraces } from '../tracing/metrics.ts'
import type { Tracing } from '../tracing/open.ts'
import { showWatch } from '../watch/metrics.ts'
import type { WatchReport } from '../watch/watch.ts'
import type { Zones } from '../zones/zones.ts'
import { showCa } from './ca-metrics.ts'
import { showKeys } from './key-metrics.ts'
import { showResolver } from './resolver-metrics.ts'
import { showZones } from './zone-metrics.ts'

/** What the metrics listener shows. */
export interface MetricsSource {
  /** What the serving threads have counted, in Prometheus' text format. */
  serving: () => string
  ready: () => boolean
  zones: Zones
  clock: Clock
  ca: Pick<Ca, 'inventory' | 'authorities'> | undefined
  /** What the serving threads know of their resolvers and of keys. */
  resolver?: () => Promise<ResolverReport>
  /** When the newest backup was taken, milliseconds since 1970. */
  lastBackup?: () => number | undefined
  /** Spans since the start, where something is traced. */
  traced?: Tracing['counts'] | undefined
  /** What was seen from outside. */
  watched?: () => WatchReport
}

/** `/metrics` in Prometheus' text format; `/health` while the process works; `/ready` once everything is loaded, and not while stopping. */
export function serveMetrics(app: FastifyInstance, source: MetricsSource): void {
  const { serving, ready, zones, clock, ca, resolver, lastBackup, watched, traced } = source
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix: 'namestead_' })
  showZones(registry, zones, clock)
  if (resolver) {
    const report = askedOnce(resolver)
    showResolver(registry, report)
    showKeys(registry, async () => (await report()).keys)
  }
  if (ca) showCa(registry, ca)
  if (watched) showWatch(registry, watched)
  if (traced) showTraces(registry, traced)
  new Gauge({
    name: 'namestead_backup_timestamp_seconds',
    help: 'When the newest backup was taken; 0 where none ever was',
    registers: [registry],
    collect() {
      this.set((lastBackup?.() ?? 0) / 1000)
    },
  })

  app.get('/metrics', async (_request, reply) =>
    reply.type(registry.contentType).send(serving() + (await registry.metrics())),
  )
  app.get('/health', async (_request, reply) => reply.type('text/plain').send('ok\n'))
  app.get('/ready', async (_request, reply) =>
    reply
      .code(ready() ? 200 : 503)
      .type('text/plain')
      .send(ready() ? 'ready\n' : 'not ready\n'),
  )
}
