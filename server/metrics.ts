import { Opcode } from '../dns/codes.ts'
import { TRANSPORTS, type Transport } from './listen/client.ts'
import { STREAM_KINDS } from './listen/sockets.ts'

/** How a metric is kept: a counter only grows, a gauge is set. */
type MetricKind = 'counter' | 'gauge'

interface MetricRow {
  kind: MetricKind
  help: string
  /** Label names and their possible values; a metric has one number for each combination. */
  labels: Readonly<Record<string, readonly string[]>>
}

/** Response codes that are counted by name; others are "other". */
const RCODES = [
  'NOERROR',
  'FORMERR',
  'SERVFAIL',
  'NXDOMAIN',
  'NOTIMP',
  'REFUSED',
  'YXDOMAIN',
  'YXRRSET',
  'NXRRSET',
  'NOTAUTH',
  'NOTZONE',
  'other',
] as const

const OPCODES = ['QUERY', 'NOTIFY', 'UPDATE', 'other'] as const
const transport = TRANSPORTS

/** Everything that serving threads count: Prometheus name, help, labels. A row added here is counted, summed and exposed. */
export const METRICS = {
  namestead_dns_requests_total: { kind: 'counter', help: 'Requests received', labels: { transport, opcode: OPCODES } },
  namestead_dns_responses_total: { kind: 'counter', help: 'Responses sent, by RCODE', labels: { rcode: RCODES } },
  namestead_dns_silent_total: {
    kind: 'counter',
    help: 'Requests that got no response',
    labels: { reason: ['not_a_request', 'overload'] },
  },
  namestead_dns_truncated_total: { kind: 'counter', help: 'Responses with TC set', labels: {} },
  namestead_dns_rate_limited_total: {
    kind: 'counter',
    help: 'Responses limited by rate_limit',
    labels: { action: ['dropped', 'slipped'] },
  },
  namestead_dns_answer_cache_total: {
    kind: 'counter',
    help: 'Look-ups in the answer cache',
    labels: { result: ['hit', 'miss'] },
  },
  namestead_dns_answer_cache_bytes: { kind: 'gauge', help: 'Octets of answers in the answer cache', labels: {} },
  namestead_dns_answer_cache_entries: { kind: 'gauge', help: 'Answers in the answer cache', labels: {} },
  namestead_dns_forwarded_total: {
    kind: 'counter',
    help: 'Queries handed to the resolver, by what came of them',
    labels: { result: ['answered', 'failed', 'refused'] },
  },
  namestead_dns_tsig_errors_total: {
    kind: 'counter',
    help: 'Signed requests that did not verify',
    labels: { error: ['BADSIG', 'BADKEY', 'BADTIME', 'BADTRUNC'] },
  },
  namestead_dns_tsig_old_secret_total: {
    kind: 'counter',
    help: 'Requests signed with a secret that is being rotated out',
    labels: {},
  },
  namestead_dns_updates_total: { kind: 'counter', help: 'UPDATE requests, by RCODE', labels: { rcode: RCODES } },
  namestead_dns_transfers_total: {
    kind: 'counter',
    help: 'Outgoing zone transfers',
    labels: { result: ['done', 'refused', 'failed'] },
  },
  namestead_udp_batches_total: { kind: 'counter', help: 'Batches in which UDP requests were received', labels: {} },
  namestead_udp_dropped_total: { kind: 'counter', help: 'Datagrams too long, or that could not be sent', labels: {} },
  namestead_stream_connections: { kind: 'gauge', help: 'Open connections', labels: { transport: STREAM_KINDS } },
  namestead_stream_accepted_total: {
    kind: 'counter',
    help: 'Connections accepted',
    labels: { transport: STREAM_KINDS },
  },
  namestead_stream_refused_total: {
    kind: 'counter',
    help: 'Connections refused by a limit',
    labels: { transport: STREAM_KINDS },
  },
  namestead_stream_timed_out_total: {
    kind: 'counter',
    help: 'Connections closed by us: idle, not reading, or to make room',
    labels: { transport: STREAM_KINDS },
  },
} as const satisfies Record<string, MetricRow>
export type MetricName = keyof typeof METRICS

const ROWS: readonly (readonly [MetricName, MetricRow])[] = Object.entries(METRICS) as [MetricName, MetricRow][]

/** Where each metric's numbers begin in a thread's counters. */
const FIRST = new Map<MetricName, number>()
let cells = 0
for (const [name, { labels }] of ROWS) {
  FIRST.set(name, cells)
  cells += Object.values(labels).reduce((product, values) => product * values.length, 1)
}

/** Where the number of a metric with these label values, in the table's order, lies. Look it up once, not for each event. */
export function cellOf(name: MetricName, ...values: string[]): number {
  const labels = Object.entries(METRICS[name].labels as MetricRow['labels'])
  if (labels.length !== values.length) throw new TypeError(`${name} has ${labels.length} labels`)
  let cell = 0
  for (const [i, [label, known]] of labels.entries()) {
    const at = known.indexOf(values[i]!)
    if (at < 0) throw new TypeError(`${name}: ${label} is never "${values[i]}"`)
    cell = cell * known.length + at
  }
  return FIRST.get(name)! + cell
}

/** The cell of each RCODE 0 to 15 of a metric whose only label is the RCODE. */
export function rcodeCells(name: 'namestead_dns_responses_total' | 'namestead_dns_updates_total'): Uint16Array {
  return Uint16Array.from({ length: 16 }, (_, rcode) => cellOf(name, RCODES[Math.min(rcode, RCODES.length - 1)]!))
}

const REQUESTS = Object.fromEntries(TRANSPORTS.map(name => [name, requestCells(name)])) as Record<
  Transport,
  Uint16Array
>

function requestCells(transport: Transport): Uint16Array {
  const names = new Map<number, string>(Object.entries(Opcode).map(([name, code]) => [code, name]))
  const known: readonly string[] = OPCODES
  return Uint16Array.from({ length: 16 }, (_, opcode) => {
    const name = names.get(opcode) ?? 'other'
    return cellOf('namestead_dns_requests_total', transport, known.includes(name) ? name : 'other')
  })
}

/** The cell that counts requests of an opcode that came by a transport. */
export function requestCell(transport: Transport, opcode: number): number {
  return REQUESTS[transport][opcode]!
}

/** Memory for one thread's counters: written by it alone, read by any. Each number is an aligned double, never torn. */
export function createCounters(): SharedArrayBuffer {
  return new SharedArrayBuffer(cells * Float64Array.BYTES_PER_ELEMENT)
}

/** The sum over the threads, in Prometheus' text format (exposition format 0.0.4). */
export function exposeMetrics(threads: readonly SharedArrayBuffer[]): string {
  const views = threads.map(buffer => new Float64Array(buffer))
  const sum = (cell: number): number => views.reduce((total, view) => total + view[cell]!, 0)
  return ROWS.map(([name, row]) => {
    const samples = combinations(row.labels).map((labels, i) => `${name}${labels} ${sum(FIRST.get(name)! + i)}\n`)
    return `# HELP ${name} ${row.help}\n# TYPE ${name} ${row.kind}\n${samples.join('')}`
  }).join('')
}

/** The label sets of a metric as they are printed, in the order of their cells. */
function combinations(labels: MetricRow['labels']): string[] {
  let sets: string[][] = [[]]
  for (const [label, values] of Object.entries(labels))
    sets = sets.flatMap(set => values.map(value => [...set, `${label}="${value}"`]))
  return sets.map(set => (set.length === 0 ? '' : `{${set.join(',')}}`))
}
