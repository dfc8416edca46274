/** What is said of a span: names in the vocabulary of the field, values without secrets. Undefined values are left out. */
export type Attributes = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>

/** Which span of which trace (W3C Trace Context §2.2.2), in lower-case hexadecimal. */
export interface SpanContext {
  traceId: string
  spanId: string
  /** Whether it is recorded, and so what is below it. */
  sampled: boolean
}

/** Something that is being done. */
export interface Span {
  readonly context: SpanContext | undefined
  set(attributes: Attributes): void
  /** It came to nothing; what is thrown within says so by itself. */
  fail(reason: string): void
}

export interface SpanOptions {
  /** Whether it is asked of us, or we ask it of others; left out: neither. */
  kind?: 'server' | 'client'
  attributes?: Attributes
  /** What it is part of; left out: the span within which it begins. */
  parent?: SpanContext | undefined
  /** When it began, by the monotonic clock, where that was before now. */
  began?: number | undefined
}

/** Records what is done for one request, and how long each part takes: OpenTelemetry's traces. */
export interface Tracer {
  /** Does the work as a span, which ends when the work, or the promise that it gives, does. */
  span<T>(name: string, options: SpanOptions, work: (span: Span) => T): T
  /** The span that we are within. */
  current(): SpanContext | undefined
  /** The span that a request from there says it is part of, where it is to be believed. */
  accept(address: string, traceparent: string | undefined): SpanContext | undefined
}

const SILENT_SPAN: Span = { context: undefined, set() {}, fail() {} }

/** Records nothing. */
export const silentTracer: Tracer = {
  span: (_name, _options, work) => work(SILENT_SPAN),
  current: () => undefined,
  accept: () => undefined,
}

/** The value of a `traceparent` field (W3C Trace Context §2.2); undefined where it is none. Of a version to come what this one knows is read. */
export function parseTraceparent(text: string): SpanContext | undefined {
  const match = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(text)
  if (!match) return undefined
  const [, version, traceId, spanId, flags, more] = match as unknown as [
    string,
    string,
    string,
    string,
    string,
    string?,
  ]
  if (version === 'ff' || (version === '00' && more !== undefined)) return undefined
  // §2.2.2.3, §2.2.2.4: all zeroes are no id.
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 }
}
