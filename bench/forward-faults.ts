/**
 * Claim: clients keep having answers while the upstream loses questions, is slow, silent or dead, as long as they ask for what was asked before. Every
 * forwarder has an upstream of the same kind, which does it wrong by turns, and the same questions at the same rate; TTLs are two seconds, so that all
 * must be renewed or served stale. Printed are answers, failures, questions without an answer within two seconds, and the 99th percentile of latency.
 *   node bench/forward-faults.ts [--servers namestead,unbound] [--seconds N] [--smoke]
 */
import { type ChildProcess, spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execPath } from 'node:process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { answering, type Contender, end, freePort, pinning, requireAlive, startOn } from './contender.ts'
import { worsen } from './faults.ts'
import { FORWARDERS, type Forwarder } from './forward-servers.ts'
import { makeCertificate } from './query-rows.ts'

const { values } = parseArgs({
  options: {
    servers: { type: 'string' },
    seconds: { type: 'string' },
    smoke: { type: 'boolean', default: false },
  },
})
const seconds = values.seconds ?? (values.smoke ? '1' : '5')
const TTL = 2
const NAMES = 300
const RATE = '300'

/** What becomes of the upstream: of a hundred questions so many are lost, the others take so many milliseconds; or it is killed, and started again after. */
const PHASES: readonly { upstream: string; loss?: number; delay?: number; killed?: true }[] = [
  { upstream: 'healthy, 20 ms away', delay: 20 },
  { upstream: 'a fifth is lost', loss: 20, delay: 20 },
  { upstream: 'takes 300 ms', delay: 300 },
  { upstream: 'silent', loss: 100 },
  { upstream: 'back', delay: 20 },
  { upstream: 'killed', killed: true },
  { upstream: 'started again', delay: 20 },
]

/** What dnsperf has seen of one forwarder in one phase. */
interface Row {
  forwarder: string
  answered: number
  failed: number
  'without an answer': number
  'p99, ms': number
}

const folder = mkdtempSync(join(tmpdir(), 'bench-faults-'))
const tables = new Map<string, Row[]>(PHASES.map(({ upstream }) => [upstream, []]))
try {
  makeCertificate(folder)
  const queries = join(folder, 'questions')
  writeFileSync(queries, `${Array.from({ length: NAMES }, (_, i) => `h${i}.bench A`).join('\n')}\n`)
  for (const forwarder of FORWARDERS) {
    const wanted = (values.servers ?? forwarder.name).split(',').includes(forwarder.name)
    if (wanted && forwarder.installed()) await runPhases(forwarder, queries)
  }
} finally {
  rmSync(folder, { recursive: true })
}
for (const [upstream, rows] of tables) {
  console.log(`\nupstream: ${upstream}; ${seconds} s at ${RATE} questions a second`)
  console.table(rows)
}

async function runPhases(forwarder: Forwarder, queries: string): Promise<void> {
  const [port, upstreamPort] = [await freePort(), await freePort()]
  let upstream = await startUpstream(upstreamPort)
  const contender = await start(forwarder, port, { port: upstreamPort, tls: false })
  try {
    for (const { upstream: phase, loss = 0, delay = 0, killed } of PHASES) {
      if (killed) await end(upstream, 'SIGKILL')
      else if (hasEnded(upstream)) upstream = await startUpstream(upstreamPort)
      if (!killed) await worsen(upstreamPort, loss, delay)
      tables.get(phase)!.push({ forwarder: forwarder.name, ...measurePhase(contender, queries) })
      await requireAlive(contender)
    }
  } finally {
    await Promise.all([end(contender.process), end(upstream)])
  }
}

/** Resolves once it can be told how to behave. */
async function startUpstream(port: number): Promise<ChildProcess> {
  const script = fileURLToPath(new URL('./forward-upstream.ts', import.meta.url))
  const args = [port, await freePort(), 0, folder, TTL].map(String)
  const process = startOn('client', [execPath, script, ...args])
  await answering({ name: 'the upstream', port, process }, 'any.bench')
  return process
}

async function start(forwarder: Forwarder, port: number, upstream: { port: number; tls: boolean }): Promise<Contender> {
  const { command, env } = forwarder.command({ folder, port, upstream })
  const log = openSync(join(folder, 'log'), 'w')
  const process = startOn('server', command, env, ['ignore', log, log])
  closeSync(log)
  return answering({ name: forwarder.name, port, process }, 'any.bench')
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null
}

function measurePhase({ port }: Contender, queries: string): Omit<Row, 'forwarder'> {
  const args = ['-s', '127.0.0.1', '-p', String(port), '-d', queries, '-l', seconds, '-Q', RATE, '-t', '2', '-v']
  const { stdout } = spawnSync('taskset', [...pinning('client'), 'dnsperf', ...args], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
  const answers = [...stdout.matchAll(/^> (\w+) \S+ \S+ ([\d.]+)$/gm)].map(([, rcode, time]) => ({
    rcode,
    time: Number(time),
  }))
  const times = answers.map(({ time }) => time).sort((a, b) => a - b)
  return {
    answered: answers.filter(({ rcode }) => rcode === 'NOERROR').length,
    failed: answers.filter(({ rcode }) => rcode !== 'NOERROR' && rcode !== 'T').length,
    'without an answer': Number(/Queries lost:\s+(\d+)/.exec(stdout)?.[1] ?? Number.NaN),
    'p99, ms': Math.round((times[Math.floor(times.length * 0.99)] ?? Number.NaN) * 1000),
  }
}
