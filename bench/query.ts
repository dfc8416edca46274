/**
 * Claim: one serving thread answers at least as many queries a second as one thread of BIND, at no more CPU a query.
 * Both serve the same zone on the same core, dnsperf asks from another, in turns within one run; medians are printed.
 *   node bench/query.ts [--smoke] [--rounds N] [--seconds N] [--names N]
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import {
  answering,
  CLIENT_CORE,
  type Contender,
  cpuSeconds,
  end,
  freePort,
  median,
  pinned,
  requireAlive,
} from './contender.ts'

const { values } = parseArgs({
  options: {
    smoke: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    names: { type: 'string', default: '10000' },
    /** More arguments for dnsperf, for example `--dnsperf=-e` for EDNS. */
    dnsperf: { type: 'string', default: '' },
  },
})
const rounds = Number(values.rounds ?? (values.smoke ? 1 : 5))
const seconds = Number(values.seconds ?? (values.smoke ? 1 : 5))
const APEX = 'bench.test'
/**
 * Queries that dnsperf has outstanding: few enough for the receive buffer that the system gives a socket. With 400 BIND, which asks for no
 * larger one, loses some; each of those then holds a place for a second, and its rate says more about the buffer than about BIND.
 */
const OUTSTANDING = '100'
/** Share of queries that may be lost before the rates can't be compared. */
const TOLERABLE_LOSS = 0.0001

interface Measurement {
  rate: number
  completed: number
  lost: number
  /** Microseconds of server CPU for a query. */
  cpu: number
}

const directory = mkdtempSync(join(tmpdir(), 'bench-query-'))
const contenders: Contender[] = []
try {
  writeInputs()
  contenders.push(await startOurs(await freePort()))
  contenders.push(await startBind(await freePort()))
  report(await measureAll())
} finally {
  await Promise.all(contenders.map(({ process }) => end(process)))
  rmSync(directory, { recursive: true })
}

function writeInputs(): void {
  const count = Number(values.names)
  const hosts = Array.from({ length: count }, (_, i) => `h${i} IN A 10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`)
  const soa = '@ IN SOA ns1 hostmaster 1 3600 600 86400 300'
  writeFileSync(
    path('zone'),
    [`$ORIGIN ${APEX}.`, '$TTL 300', soa, '@ IN NS ns1', 'ns1 IN A 127.0.0.1', ...hosts, ''].join('\n'),
  )
  // Every name once, in an order that is the same for both and jumps about.
  const order = Array.from({ length: count }, (_, i) => (i * 7919) % count)
  writeFileSync(path('queries'), order.map(i => `h${i}.${APEX} A\n`).join(''))
}

function path(name: string): string {
  return join(directory, name)
}

async function startOurs(port: number): Promise<Contender> {
  const program = new URL('./serving-process.ts', import.meta.url).pathname
  const process = pinned([globalThis.process.execPath, program, path('zone'), APEX, String(port)])
  return answering({ name: 'namestead', port, process }, `h1.${APEX}`)
}

async function startBind(port: number): Promise<Contender> {
  const options = [
    `directory "${directory}"`,
    `listen-on port ${port} { 127.0.0.1; }`,
    'listen-on-v6 { none; }',
    'recursion no',
    // As ours: nothing beyond the answer.
    'minimal-responses yes',
    'pid-file none',
    'session-keyfile none',
  ]
  const zone = `zone "${APEX}" { type primary; file "${path('zone')}"; }`
  writeFileSync(path('named.conf'), `options { ${options.join('; ')}; };\ncontrols { };\n${zone};\n`)
  const process = pinned(['named', '-f', '-n', '1', '-U', '1', '-c', path('named.conf')])
  return answering({ name: 'BIND', port, process }, `h1.${APEX}`)
}

/** Turn by turn, so that whatever else the machine does falls on all alike. */
async function measureAll(): Promise<Map<string, Measurement[]>> {
  const results = new Map<string, Measurement[]>(contenders.map(({ name }) => [name, []]))
  if (!values.smoke) for (const contender of contenders) measure(contender, 1)
  for (let round = 0; round < rounds; round++)
    for (const contender of contenders) {
      results.get(contender.name)!.push(measure(contender, seconds))
      await requireAlive(contender)
    }
  return results
}

function measure({ port, process }: Contender, duration: number): Measurement {
  const before = cpuSeconds(process.pid!)
  const more = values.dnsperf.split(' ').filter(word => word !== '')
  const args = [
    '-s',
    '127.0.0.1',
    '-p',
    String(port),
    '-d',
    path('queries'),
    '-l',
    String(duration),
    '-c',
    '20',
    '-q',
    OUTSTANDING,
    '-t',
    '1',
    ...more,
  ]
  const text = execFileSync('taskset', ['-c', CLIENT_CORE, 'dnsperf', ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const number = (pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? Number.NaN)
  const completed = number(/Queries completed:\s+(\d+)/)
  return {
    rate: number(/Queries per second:\s+([\d.]+)/),
    completed,
    lost: number(/Queries lost:\s+(\d+)/),
    cpu: ((cpuSeconds(process.pid!) - before) * 1e6) / completed,
  }
}

function report(results: Map<string, Measurement[]>): void {
  const rows = [...results].map(([name, measurements]) => ({
    server: name,
    'queries/s': Math.round(median(measurements.map(({ rate }) => rate))),
    'CPU µs/query': Number(median(measurements.map(({ cpu }) => cpu)).toFixed(2)),
    lost: measurements.reduce((sum, { lost }) => sum + lost, 0),
  }))
  console.table(rows)
  const [ours, bind] = rows
  const ratio = ours!['queries/s'] / bind!['queries/s']
  console.log(
    `${values.names} names, ${rounds} rounds of ${seconds} s each, medians: ours / BIND = ${ratio.toFixed(2)}`,
  )
  const comparable = [...results.values()].every(measurements => isWhole(measurements))
  if (!comparable) console.log('queries were lost: the rates can not be compared, only the CPU time')
  // A second on a busy machine, not warmed up, proves only that both can be measured.
  if (!values.smoke && (!comparable || ratio < 1)) process.exitCode = 1
}

function isWhole(measurements: readonly Measurement[]): boolean {
  const sum = (of: (measurement: Measurement) => number): number => measurements.reduce((all, one) => all + of(one), 0)
  return sum(({ lost }) => lost) <= TOLERABLE_LOSS * sum(({ completed }) => completed)
}
