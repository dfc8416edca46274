import { type Decoded, defaulted, dictionary, optional, record, required } from './kinds.ts'
import { pem, secret } from './secret.ts'
import { accessList, integer, text, url } from './values.ts'

export const tracing = record({
  endpoint: required(
    url('http', 'https'),
    'the collector, which takes OTLP over HTTP at `{endpoint}/v1/traces`, in JSON: `http://127.0.0.1:4318`',
  ),
  headers: defaulted(
    dictionary(secret, 'map of names to secrets'),
    {},
    'fields that are sent along, such as `authorization`; each text, `{ file: PATH }` or `{ env: NAME }`',
  ),
  roots: optional(pem, "the roots that the collector's certificate may come from, in PEM; left out: the system's"),
  service: defaulted(text, 'namestead', 'what we are called there: `service.name`'),
  sample: defaulted(integer(1, 1_000_000), 1, 'of the traces that begin here each so-manieth is recorded'),
  trust: defaulted(
    accessList,
    [],
    'the addresses from which the `traceparent` of an HTTP request is taken (W3C Trace Context): it becomes part of the trace of whoever asks; all others are ignored',
  ),
})
/** Where traces of updates, orders and calls are sent. */
export type TracingConfig = Decoded<typeof tracing>
