import type { FastifyInstance } from 'fastify'
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { Ca } from '../ca/ca.ts'
import { printName } from '../dns/name.ts'
import type { ResolverReport } from './report.ts'
import { showResolver } from './resolver-metrics.ts'
import type { Zones } from './zones.ts'

/** What the metrics listener shows. */
export interface MetricsSource {
  /** What the serving threads have counted, in Prometheus' text format. */
  serving: () => string
  ready: () => boolean
  zones: Zones
  ca: Pick<Ca, 'inventory'> | undefined
  /** What the resolvers of the serving threads know. */
  resolver?: () => Promise<ResolverReport>
  /** When the newest backup was taken, milliseconds since 1970. */
  lastBackup?: () => number | undefined
}

/** `/metrics` in Prometheus' text format; `/health` while the process works; `/ready` once everything is loaded, and not while stopping. */
export function serveMetrics(app: FastifyInstance, source: MetricsSource): void {
  const { serving, ready, zones, ca, resolver, lastBackup } = source
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix: 'namestead_' })
  const labelNames = ['view', 'zone']
  const serial = new Gauge({
    name: 'namestead_zone_serial',
    help: 'Serial of the zone',
    labelNames,
    registers: [registry],
  })
  const records = new Gauge({
    name: 'namestead_zone_records',
    help: 'Records of the zone',
    labelNames,
    registers: [registry],
  })

  new Gauge({
    name: 'namestead_backup_timestamp_seconds',
    help: 'When the newest backup was taken; 0 where none ever was',
    registers: [registry],
    collect() {
      this.set((lastBackup?.() ?? 0) / 1000)
    },
  })

  new Counter({
    name: 'namestead_zone_transfers_in_total',
    help: 'Transfers from primaries: taken over, not to be had, refused for what they brought',
    labelNames: ['result'],
    registers: [registry],
    collect() {
      this.reset()
      for (const [result, count] of Object.entries(zones.transfersIn)) this.inc({ result }, count)
    },
  })

  if (resolver) showResolver(registry, resolver)

  if (ca)
    new Gauge({
      name: 'namestead_ca_certificates_ending',
      help: 'Certificates that end within so many days and have no successor; 0 is today',
      labelNames: ['days'],
      registers: [registry],
      async collect() {
        for (const [days, count] of await ca.inventory.counts()) this.set({ days }, count)
      },
    })

  app.get('/metrics', async (_request, reply) => {
    serial.reset()
    records.reset()
    for (const { view, origin, image } of zones) {
      if (!image) continue
      const version = image.latest()
      serial.set({ view, zone: printName(origin) }, version.serial())
      records.set({ view, zone: printName(origin) }, version.size())
    }
    return reply.type(registry.contentType).send(serving() + (await registry.metrics()))
  })
  app.get('/health', async (_request, reply) => reply.type('text/plain').send('ok\n'))
  app.get('/ready', async (_request, reply) =>
    reply
      .code(ready() ? 200 : 503)
      .type('text/plain')
      .send(ready() ? 'ready\n' : 'not ready\n'),
  )
}
