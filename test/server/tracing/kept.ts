import { parsePrefix } from '../../../config/address.ts'
import type { Clock } from '../../../host/clock.ts'
import type { Tracer } from '../../../host/tracer.ts'
import { createTracer, type FinishedSpan } from '../../../server/tracing/spans.ts'
import { createSeededRandom } from '../../simulation/random.ts'

/** A tracer and the spans that it has kept, in the order in which they ended. */
export function keepSpans(
  clock: Clock,
  { sample = 1, trust = [] as string[] } = {},
): { tracer: Tracer; kept: FinishedSpan[] } {
  const kept: FinishedSpan[] = []
  const prefixes = trust.map(text => parsePrefix(text)!)
  const random = createSeededRandom(1)
  return { kept, tracer: createTracer({ clock, random, sample, trust: prefixes, keep: span => void kept.push(span) }) }
}

/** The names of spans as a tree, in the order in which they began: "UPDATE(receive decide)". */
export function treeOf(spans: readonly FinishedSpan[]): string {
  const below = (parent: string | undefined): string =>
    spans
      .filter(
        span => (spans.some(({ spanId }) => spanId === span.parentSpanId) ? span.parentSpanId : undefined) === parent,
      )
      .map(span => {
        const inner = below(span.spanId)
        return inner === '' ? span.name : `${span.name}(${inner})`
      })
      .join(' ')
  return below(undefined)
}
