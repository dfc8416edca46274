import { AsyncLocalStorage } from 'node:async_hooks'
import { addressBytes, containsAddress, type Prefix } from '../../config/address.ts'
import type { Clock } from '../../host/clock.ts'
import type { Random } from '../../host/random.ts'
import {
  type Attributes,
  parseTraceparent,
  type Span,
  type SpanContext,
  type SpanOptions,
  type Tracer,
} from '../../host/tracer.ts'

/** A span that is over; times in milliseconds since 1970, with fractions. */
export interface FinishedSpan {
  name: string
  kind: 'internal' | 'server' | 'client'
  traceId: string
  spanId: string
  parentSpanId: string | undefined
  began: number
  ended: number
  attributes: Attributes
  /** Why it came to nothing. */
  failure: string | undefined
}

export interface SpansDeps {
  clock: Clock
  random: Random
  /** Of the traces that begin here each so-manieth is recorded. */
  sample: number
  /** Where `traceparent` is believed. */
  trust: readonly Prefix[]
  /** Is given every span that is recorded, once it is over. */
  keep(span: FinishedSpan): void
}

const TRACE_OCTETS = 16
const SPAN_OCTETS = 8
/** Characters of a failure; what others say may be long. */
const LONGEST = 200

/** Makes spans, each within the one that its caller is in, however long the caller waits in between. */
export function createTracer({ clock, random, sample, trust, keep }: SpansDeps): Tracer {
  const within = new AsyncLocalStorage<SpanContext>()
  const hex = (octets: number) => Buffer.from(random.bytes(octets)).toString('hex')
  /** What the monotonic clock is to be added to: the calendar's may jump between beginning and end. */
  const epoch = clock.now() - clock.monotonic()

  const contextOf = (parent: SpanContext | undefined): SpanContext => ({
    traceId: parent?.traceId ?? hex(TRACE_OCTETS),
    spanId: hex(SPAN_OCTETS),
    sampled: parent ? parent.sampled : random.below(sample) === 0,
  })

  const begin = (name: string, options: SpanOptions) => {
    const parent = options.parent ?? within.getStore()
    const context = contextOf(parent)
    const began = epoch + (options.began ?? clock.monotonic())
    let attributes = options.attributes ?? {}
    let failure: string | undefined
    const span: Span = {
      context,
      set(more) {
        attributes = { ...attributes, ...more }
      },
      fail(reason) {
        failure = reason.slice(0, LONGEST)
      },
    }
    const end = () => {
      if (!context.sampled) return
      const { traceId, spanId } = context
      const about = { name, kind: options.kind ?? 'internal', traceId, spanId, parentSpanId: parent?.spanId } as const
      keep({ ...about, began, ended: epoch + clock.monotonic(), attributes, failure })
    }
    return { span, context, end }
  }

  return {
    span<T>(name: string, options: SpanOptions, work: (span: Span) => T): T {
      const { span, context, end } = begin(name, options)
      const fail = (error: unknown) => {
        span.set({ 'error.type': typeOf(error) })
        span.fail(error instanceof Error ? error.message : String(error))
        end()
      }
      try {
        const done = within.run(context, work, span)
        if (!(done instanceof Promise)) {
          end()
          return done
        }
        // Beside what the caller waits for, which gets the outcome as it is.
        done.then(end, fail)
        return done
      } catch (error) {
        fail(error)
        throw error
      }
    },
    current: () => within.getStore(),
    accept(address, traceparent) {
      const from = addressBytes(address)
      if (traceparent === undefined || !from || !containsAddress(trust, from)) return undefined
      return parseTraceparent(traceparent)
    },
  }
}

/** OpenTelemetry's `error.type`: a code where the error has one, else its class. */
function typeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'thrown'
  const { code } = error as { code?: unknown }
  return typeof code === 'string' ? code : error.name
}
