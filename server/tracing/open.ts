import type { FastifyInstance } from 'fastify'
import type { TracingConfig } from '../../config/schema.ts'
import { type Name, printName } from '../../dns/name.ts'
import { createFetch } from '../../host/fetch.ts'
import type { Log } from '../../host/log.ts'
import type { Tracer } from '../../host/tracer.ts'
import { VERSION } from '../../host/version.ts'
import type { World } from '../../host/world.ts'
import { traceCalls } from './calls.ts'
import { SpanExporter } from './exporter.ts'
import { encodeSpans } from './otlp.ts'
import { createTracer } from './spans.ts'

/** Traces that are sent to a collector. */
export interface Tracing {
  tracer: Tracer
  /** Has the calls of an application that is to be served traced. */
  follow(app: FastifyInstance): void
  /** Spans since the start. */
  readonly counts: Readonly<{ sent: number; dropped: number }>
  /** Sends what is left, within so many milliseconds. */
  close(patience: number): Promise<void>
}

/** As configured; `name` is our own host name. */
export function openTracing(tracing: TracingConfig, name: Name, { clock, random }: World, log: Log): Tracing {
  const instance = Buffer.from(random.bytes(8)).toString('hex')
  const resource = {
    'service.name': tracing.service,
    'service.version': VERSION,
    'service.instance.id': instance,
    'host.name': printName(name),
  }
  const exporter = new SpanExporter({
    ...{
      url: `${tracing.endpoint}/v1/traces`,
      headers: tracing.headers,
      fetch: createFetch(tracing.roots),
      clock,
      log,
    },
    encode: spans => encodeSpans(spans, resource, VERSION),
  })
  const { sample, trust } = tracing
  const tracer = createTracer({ clock, random, sample, trust, keep: span => exporter.keep(span) })
  return {
    tracer,
    follow: app => traceCalls(app, tracer, clock),
    counts: exporter.counts,
    close: patience => exporter.close(patience),
  }
}
