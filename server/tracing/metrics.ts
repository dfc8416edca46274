import { Counter, type Registry } from 'prom-client'
import type { Tracing } from './open.ts'

/** What became of the spans of traces. */
export function showTraces(registry: Registry, counts: Tracing['counts']): void {
  new Counter({
    name: 'namestead_trace_spans_total',
    help: 'Spans of traces that the collector took, and those that were dropped',
    labelNames: ['result'],
    registers: [registry],
    collect() {
      this.reset()
      this.inc({ result: 'sent' }, counts.sent)
      this.inc({ result: 'dropped' }, counts.dropped)
    },
  })
}
