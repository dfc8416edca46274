import type { Attributes } from '../../host/tracer.ts'
import type { FinishedSpan } from './spans.ts'

/** OTLP's numbers (opentelemetry/proto/trace/v1/trace.proto). */
const KINDS = { internal: 1, server: 2, client: 3 } as const
const STATUS_ERROR = 2

/**
 * An ExportTraceServiceRequest in OTLP's JSON: Protocol Buffers' mapping, but that ids are hexadecimal and enumerations numbers. 64-bit integers
 * are text.
 */
export function encodeSpans(spans: readonly FinishedSpan[], resource: Attributes, version: string): string {
  const scope = { name: 'namestead', version }
  const scopeSpans = [{ scope, spans: spans.map(encodeSpan) }]
  return JSON.stringify({ resourceSpans: [{ resource: { attributes: encodeAttributes(resource) }, scopeSpans }] })
}

function encodeSpan({ traceId, spanId, parentSpanId, name, kind, began, ended, attributes, failure }: FinishedSpan) {
  return {
    ...{ traceId, spanId, ...(parentSpanId !== undefined && { parentSpanId }) },
    ...{ name, kind: KINDS[kind], startTimeUnixNano: nanoseconds(began), endTimeUnixNano: nanoseconds(ended) },
    attributes: encodeAttributes(attributes),
    ...(failure !== undefined && { status: { code: STATUS_ERROR, message: failure } }),
  }
}

/** A double has no room for nanoseconds since 1970: microseconds, and three zeroes. */
function nanoseconds(milliseconds: number): string {
  return `${BigInt(Math.round(milliseconds * 1000)) * 1000n}`
}

function encodeAttributes(attributes: Attributes): object[] {
  return Object.entries(attributes).flatMap(([key, value]) =>
    value === undefined ? [] : [{ key, value: encodeValue(value) }],
  )
}

function encodeValue(value: NonNullable<Attributes[string]>): object {
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'boolean') return { boolValue: value }
  if (typeof value === 'number') return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value }
  return { arrayValue: { values: value.map(one => ({ stringValue: one })) } }
}
