import { Opcode } from '../../dns/codes.ts'
import { TRANSPORTS, type Transport } from '../listen/client.ts'
import { STREAM_KINDS } from '../listen/sockets.ts'

/** How a metric is kept: a counter only grows, a gauge is set, a histogram counts by size: its label is `le`, and its last number the sum. */
type MetricKind = 'counter' | 'gauge' | 'histogram'

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
/** Views that are counted each for itself, by their slots (view-slots.ts); those beyond are one. */
export const MOST_VIEWS = 16
const VIEWS: readonly string[] = [...Array(MOST_VIEWS).keys(), 'other'].map(String)
/** Seconds: from what is copied out of the answer cache to what an upstream takes. */
const SPANS = [0.00001, 0.0001, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5]
const LE: readonly string[] = [...SPANS.map(String), '+Inf', 'sum']

/** Everything that serving threads count: Prometheus name, help, labels. A row added here is counted, summed and exposed. */
export const METRICS = {
  namestead_dns_requests_total: { kind: 'counter', help: 'Requests received', labels: { transport, opcode: OPCODES } },
  namestead_dns_responses_total: { kind: 'counter', help: 'Responses sent, by RCODE', labels: { rcode: RCODES } },
  namestead_dns_view_responses_total: {
    kind: 'counter',
    help: 'Responses to queries, by view and RCODE',
    labels: { view: VIEWS, rcode: RCODES },
  },
  namestead_dns_response_seconds: {
    kind: 'histogram',
    help: 'From a query to its answer; of answers that need no waiting one in so many is timed and stands for all',
    labels: { le: LE },
  },
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
  namestead_dns_policy_decisions_total: {
    kind: 'counter',
    help: 'Answers that a response policy decided, from the answer cache too',
    labels: {},
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

/** The first of the cells that count a view's responses; see `viewCell`. */
const FIRST_OF_VIEW = Array.from(VIEWS, view => cellOf('namestead_dns_view_responses_total', view, 'NOERROR'))

/** The cell that counts responses from the view in this slot with an RCODE. */
export function viewCell(slot: number, rcode: number): number {
  return FIRST_OF_VIEW[Math.min(slot, MOST_VIEWS)]! + Math.min(rcode, RCODES.length - 1)
}

const FIRST_SPAN = cellOf('namestead_dns_response_seconds', LE[0]!)

/** Counts `weight` answers that took so many milliseconds each. */
export function countSpan(counters: Float64Array, milliseconds: number, weight = 1): void {
  const seconds = milliseconds / 1000
  let span = 0
  while (span < SPANS.length && seconds > SPANS[span]!) span++
  counters[FIRST_SPAN + span]! += weight
  counters[FIRST_SPAN + SPANS.length + 1]! += seconds * weight
}

/** What all threads have counted since their start, for whoever shows it. */
export interface Counted {
  /** By slot, and in it by RCODE: what is not zero. */
  views: ReadonlyMap<number, Record<string, number>>
  /** Upper bounds in seconds, the last being none, and how many answers each has that the one before has not. */
  spans: readonly (readonly [number, number])[]
  updates: Record<string, number>
  answerCache: Record<string, number>
}

/** The sum over the threads. */
export function sumCounters(threads: readonly SharedArrayBuffer[]): Counted {
  const sum = adder(threads)
  const labelled = (name: MetricName, values: readonly string[], first = FIRST.get(name)!) =>
    Object.fromEntries(values.map((value, i) => [value, sum(first + i)] as const).filter(([, count]) => count > 0))
  const views = FIRST_OF_VIEW.map(
    (first, slot) => [slot, labelled('namestead_dns_view_responses_total', RCODES, first)] as const,
  )
  return {
    views: new Map(views.filter(([, counts]) => Object.keys(counts).length > 0)),
    spans: [...SPANS, Number.POSITIVE_INFINITY].map((bound, i) => [bound, sum(FIRST_SPAN + i)]),
    updates: labelled('namestead_dns_updates_total', RCODES),
    answerCache: labelled('namestead_dns_answer_cache_total', METRICS.namestead_dns_answer_cache_total.labels.result),
  }
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

function adder(threads: readonly SharedArrayBuffer[]): (cell: number) => number {
  const views = threads.map(buffer => new Float64Array(buffer))
  return cell => views.reduce((total, view) => total + view[cell]!, 0)
}

/** The sum over the threads, in Prometheus' text format (exposition format 0.0.4). `views` names those that have slots. */
export function exposeMetrics(threads: readonly SharedArrayBuffer[], views: readonly string[] = []): string {
  const sum = adder(threads)
  return ROWS.map(([name, row]) => {
    const samples = row.kind === 'histogram' ? histogram(name, sum) : plain(name, row, sum, views)
    return `# HELP ${name} ${row.help}\n# TYPE ${name} ${row.kind}\n${samples.join('')}`
  }).join('')
}

function plain(name: MetricName, row: MetricRow, sum: (cell: number) => number, views: readonly string[]): string[] {
  return combinations(row.labels).flatMap((labels, i) => {
    const value = sum(FIRST.get(name)! + i)
    if (name !== 'namestead_dns_view_responses_total') return `${name}${labels} ${value}\n`
    // Slots are many more than views, as a rule, and most of them never answer some RCODEs.
    return value === 0 ? [] : `${name}${withViewName(labels, views)} ${value}\n`
  })
}

function withViewName(labels: string, views: readonly string[]): string {
  return labels.replace(/view="(\d+)"/, (_, slot) => `view="${views[Number(slot)] ?? 'other'}"`)
}

/** Cumulative, as Prometheus has it. */
function histogram(name: MetricName, sum: (cell: number) => number): string[] {
  const first = FIRST.get(name)!
  const bounds = LE.slice(0, -1)
  let count = 0
  const buckets = bounds.map((le, i) => `${name}_bucket{le="${le}"} ${(count += sum(first + i))}\n`)
  return [...buckets, `${name}_sum ${sum(first + bounds.length)}\n`, `${name}_count ${count}\n`]
}

/** The label sets of a metric as they are printed, in the order of their cells. */
function combinations(labels: MetricRow['labels']): string[] {
  let sets: string[][] = [[]]
  for (const [label, values] of Object.entries(labels))
    sets = sets.flatMap(set => values.map(value => [...set, `${label}="${value}"`]))
  return sets.map(set => (set.length === 0 ? '' : `{${set.join(',')}}`))
}
