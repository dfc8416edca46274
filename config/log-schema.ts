import { Rcode } from '../dns/codes.ts'
import { byShape, type Decoded, defaulted, type Kind, list, mapped, optional, record, required } from './kinds.ts'
import { accessList, choice, domainName, duration, file, flag, integer } from './values.ts'

const rcodes = choice(...(Object.keys(Rcode) as [string, ...string[]]))

const filter = record({
  sample: defaulted(integer(1, 1_000_000), 1, 'of the queries that fit, each so-manieth is logged'),
  clients: optional(accessList, 'the clients whose queries are logged; left out: all'),
  names: optional(list(domainName, { nonEmpty: true }), 'the names, and all below, that are logged; left out: all'),
  rcodes: optional(list(rcodes, { nonEmpty: true }), 'the response codes that are logged; left out: all'),
  slower: optional(duration, 'only answers that took at least so long'),
})
/** Which queries are logged; all that is given must hold. */
export type QueryLogConfig = Decoded<typeof filter>

/** Whether queries are logged, and which. */
export const queryLog: Kind<QueryLogConfig | false> = byShape<QueryLogConfig | false>({
  scalar: mapped(flag, on => on && { sample: 1 }),
  map: filter as Kind<QueryLogConfig | false>,
  label: 'true or false, or map of which queries',
})

export const dnstap = record({
  socket: required(file, 'the Unix socket of the reader, which must listen there (Frame Streams)'),
  sample: defaulted(integer(1, 1_000_000), 1, 'of the queries each so-manieth is told'),
})
