/**
 * Claim: one serving thread answers at least 1.5 times as many queries a second as one thread of BIND, and no kind of query fewer.
 * Every server has the same zone and the same core, dnsperf (h2load for HTTPS) asks from another, in turns within one run. Printed are medians, and how far the
 * rounds lie apart. A server that did not need all of its core was asked too slowly: its rate is then dnsperf's limit, and CPU time tells more.
 *   node bench/query.ts [--rows hot,flood] [--servers namestead,BIND] [--rounds N] [--seconds N] [--cores one|all] [--smoke]
 */
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { answering, type Contender, end, freePort, median, requireAlive, startOn } from './contender.ts'
import { type Measurement, measure } from './dnsperf.ts'
import { measureHttps } from './h2load.ts'
import { APEX, makeCertificate, QUERY_ROWS, type QueryRow, writeZone, type ZoneKind } from './query-rows.ts'
import { QUERY_SERVERS, type QueryServer } from './query-servers.ts'

const { values } = parseArgs({
  options: {
    smoke: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    rows: { type: 'string' },
    servers: { type: 'string' },
    cores: { type: 'string', default: 'one' },
  },
})
const rounds = Number(values.rounds ?? (values.smoke ? 1 : 5))
const seconds = Number(values.seconds ?? (values.smoke ? 1 : 4))
const cores = values.cores === 'all' ? availableParallelism() : 1
const rows = QUERY_ROWS.filter(({ id }) => (values.rows ?? (values.smoke ? 'hot,flood' : id)).split(',').includes(id))
const servers = QUERY_SERVERS.filter(
  ({ name, installed }) =>
    (values.servers ?? (values.smoke ? 'namestead,dgram,BIND' : name)).split(',').includes(name) && installed(),
)
/** How long a server may take to load a million names, in seconds. */
const PATIENCE = 120
/** Below this share of its core a server was waiting for dnsperf. */
const BUSY = 0.93

/** What the table tells of each row beside the servers; the faster of two is the one that we compare worse with. */
const RATIOS: Readonly<Record<string, (row: QueryRow) => number>> = {
  '/ BIND': row => ratio(row, 'namestead', 'BIND'),
  '/ faster of Knot, NSD': row =>
    Math.min(...['Knot', 'NSD'].map(name => ratio(row, 'namestead', name)).filter(one => !Number.isNaN(one))),
  'dgram / BIND': row => ratio(row, 'dgram', 'BIND'),
}

/** What was measured of each server, by row. */
type Results = Map<QueryRow, Map<QueryServer, Measurement[]>>

const folder = mkdtempSync(join(tmpdir(), 'bench-query-'))
const results: Results = new Map()
try {
  makeCertificate(folder)
  for (const kind of new Set(rows.map(({ zone }) => zone))) await measureZone(kind)
  report()
} finally {
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
}

/** All rows that ask for one zone: its servers are started once. */
async function measureZone(kind: ZoneKind): Promise<void> {
  const zone = writeZone(folder, kind)
  const running = new Map<QueryServer, Contender>()
  try {
    for (const server of servers) running.set(server, await start(server, zone))
    for (const row of rows) if (row.zone === kind) results.set(row, await measureRow(row, running))
  } finally {
    await Promise.all([...running.values()].map(({ process }) => end(process)))
  }
}

async function start(server: QueryServer, zone: string): Promise<Contender> {
  const ports = { dns: await freePort(), dot: await freePort(), https: await freePort() }
  const { command, env } = server.command({ folder, zone, ports, threads: cores })
  // Servers tell of every connection that dnsperf breaks off.
  const log = openSync(join(folder, `${server.name}.log`), 'w')
  const process = startOn(cores === 1 ? 'server' : 'all', command, env, ['ignore', log, log])
  closeSync(log)
  return answering({ name: server.name, port: ports.dns, ports, process }, `h1.${APEX}`, { seconds: PATIENCE })
}

/** Turn by turn, so that whatever else the machine does falls on all alike. */
async function measureRow(
  row: QueryRow,
  running: Map<QueryServer, Contender>,
): Promise<Map<QueryServer, Measurement[]>> {
  const able = [...running].filter(([server]) => server.transports.includes(row.transport))
  const measured = new Map<QueryServer, Measurement[]>(able.map(([server]) => [server, []]))
  // The first round only warms up.
  for (let round = values.smoke ? 1 : 0; round <= rounds; round++) {
    const queries = row.queries(folder, round)
    for (const [server, contender] of able) {
      const options = { queries, seconds: round === 0 ? 1 : seconds, transport: row.transport, more: row.dnsperf ?? [] }
      const ask = row.transport === 'doh' ? measureHttps : measure
      const measurement = ask(contender, options, cores === 1 ? 'client' : 'all')
      if (round > 0) measured.get(server)!.push(measurement)
      await requireAlive(contender)
    }
  }
  return measured
}

function report(): void {
  console.log(`${rounds} rounds of ${seconds} s each; medians; ${cores} core(s) for the server`)
  for (const [row, measured] of results) {
    console.log(`\n${row.title}`)
    console.table([...measured].map(([server, measurements]) => describe(server, measurements)))
  }
  console.log(`\n${markdown()}`)
  if (!values.smoke && rows.some(row => RATIOS['/ BIND']!(row) < row.aim)) process.exitCode = 1
}

function describe({ name }: QueryServer, measurements: readonly Measurement[]): object {
  const rates = measurements.map(({ rate }) => rate)
  const lost = measurements.reduce((sum, one) => sum + one.lost, 0)
  const completed = measurements.reduce((sum, one) => sum + one.completed, 0)
  return {
    server: name,
    'queries/s': Math.round(median(rates)),
    from: Math.round(Math.min(...rates)),
    to: Math.round(Math.max(...rates)),
    'CPU µs/query': Number(median(measurements.map(({ cpu }) => cpu)).toFixed(2)),
    'of its core': `${Math.round(median(measurements.map(({ share }) => share)) * 100)} %`,
    'average latency, µs': Math.round(median(measurements.map(({ latency }) => latency))),
    lost: `${lost} of ${completed}`,
  }
}

/** One server over another: of the rates where dnsperf keeps the first busy, else of the queries that a second of CPU is enough for. */
function ratio(row: QueryRow, name: string, other: string): number {
  const of = (server: string) => [...results.get(row)!].find(([one]) => one.name === server)?.[1] ?? []
  const [ours, theirs] = [of(name), of(other)]
  if (ours.length === 0 || theirs.length === 0) return Number.NaN
  const middle = (from: readonly Measurement[], what: 'rate' | 'cpu' | 'share') => median(from.map(one => one[what]))
  const rates = middle(ours, 'rate') / middle(theirs, 'rate')
  return middle(ours, 'share') >= BUSY ? rates : Math.max(rates, middle(theirs, 'cpu') / middle(ours, 'cpu'))
}

/** One table of all: thousands of queries a second, and behind them microseconds of CPU for one. */
function markdown(): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const head = ['1000 queries/s (CPU µs/query)', ...servers.map(({ name }) => name), ...Object.keys(RATIOS)]
  const body = [...results].map(([row, measured]) => [
    row.title,
    ...servers.map(server => cell(measured.get(server))),
    ...Object.values(RATIOS).map(of => (Number.isFinite(of(row)) ? of(row).toFixed(2) : '–')),
  ])
  return [line(head), line(head.map(() => '---')), ...body.map(line)].join('\n')
}

function cell(measurements: readonly Measurement[] | undefined): string {
  if (!measurements || measurements.length === 0) return '–'
  const rates = measurements.map(({ rate }) => rate)
  const middle = median(rates)
  const spread = Math.round(((Math.max(...rates) - Math.min(...rates)) / 2 / middle) * 100)
  const limited = cores === 1 && median(measurements.map(({ share }) => share)) < BUSY ? '≥ ' : ''
  return `${limited}${(middle / 1000).toFixed(1)} ± ${spread} % (${median(measurements.map(({ cpu }) => cpu)).toFixed(2)})`
}
