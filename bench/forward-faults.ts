/**
 * Claim: clients keep having answers while the upstream loses questions, is slow, or is gone, as long as they ask for what was asked before. Every
 * forwarder has the same upstream, which does it wrong by turns, and the same questions at the same rate; TTLs are two seconds, so that all must be
 * renewed or served stale. Printed are answers, failures, questions without an answer within two seconds, and the 99th percentile of latency.
 *   node bench/forward-faults.ts [--servers namestead,unbound] [--seconds N]
 */
import { spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Class, Flag } from '../dns/codes.ts'
import { writeMessage } from '../dns/message.ts'
import { parseName } from '../dns/name.ts'
import { Type } from '../dns/types.ts'
import { answering, type Contender, end, freePort, pinning, startOn } from './contender.ts'
import { FORWARDERS } from './forward-servers.ts'
import { ask } from './load.ts'
import { makeCertificate } from './query-rows.ts'

const { values } = parseArgs({ options: { servers: { type: 'string' }, seconds: { type: 'string', default: '5' } } })
const TTL = '2'
const NAMES = 300
const RATE = '300'

/** How the upstream behaves: of a hundred questions so many are lost, the others take so many milliseconds. */
const PHASES: readonly [string, number, number][] = [
  ['healthy, 20 ms away', 0, 20],
  ['loses a fifth', 20, 20],
  ['takes 300 ms', 0, 300],
  ['gone', 100, 0],
  ['back', 0, 20],
]

const folder = mkdtempSync(join(tmpdir(), 'bench-faults-'))
try {
  makeCertificate(folder)
  const queries = join(folder, 'questions')
  writeFileSync(queries, `${Array.from({ length: NAMES }, (_, i) => `h${i}.bench A`).join('\n')}\n`)
  for (const forwarder of FORWARDERS) {
    if (!(values.servers ?? forwarder.name).split(',').includes(forwarder.name) || !forwarder.installed()) continue
    console.log(`\n${forwarder.name}`)
    console.table(await runPhases(forwarder, queries))
  }
} finally {
  rmSync(folder, { recursive: true })
}

async function runPhases(forwarder: (typeof FORWARDERS)[number], queries: string): Promise<object[]> {
  const [port, tlsPort, upstreamPort] = [await freePort(), await freePort(), await freePort()]
  const script = fileURLToPath(new URL('./forward-upstream.ts', import.meta.url))
  const args = [upstreamPort, tlsPort, 20, folder, TTL].map(String)
  const upstream = startOn('client', ['node', script, ...args])
  const { command, env } = forwarder.command({ folder, port, upstream: { port: upstreamPort, tls: false } })
  const log = openSync(join(folder, 'log'), 'w')
  const process = startOn('server', command, env, ['ignore', log, log])
  closeSync(log)
  try {
    await answering({ name: 'the upstream', port: upstreamPort, process: upstream }, 'any.bench')
    const contender = await answering({ name: forwarder.name, port, process }, 'any.bench')
    const rows: object[] = []
    for (const [phase, loss, delay] of PHASES) {
      await tell(upstreamPort, `${loss}.${delay}.set.`)
      rows.push({ upstream: phase, ...measurePhase(contender, queries) })
    }
    return rows
  } finally {
    await Promise.all([end(process), end(upstream)])
  }
}

async function tell(port: number, name: string): Promise<void> {
  const question = [{ name: parseName(name), type: Type.TXT, class: Class.IN }]
  const query = { id: 1, flags: Flag.RD, opcode: 0, rcode: 0, question, answer: [], authority: [], additional: [] }
  if (!(await ask(port, writeMessage(query), 500))) throw new Error('the upstream does not obey')
}

function measurePhase({ port }: Contender, queries: string): object {
  const args = ['-s', '127.0.0.1', '-p', String(port), '-d', queries, '-l', values.seconds, '-Q', RATE, '-t', '2', '-v']
  const { stdout } = spawnSync('taskset', [...pinning('client'), 'dnsperf', ...args], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
  const answers = [...stdout.matchAll(/^> (\w+) \S+ \S+ ([\d.]+)$/gm)].map(([, rcode, time]) => ({
    rcode,
    time: Number(time),
  }))
  const times = answers.map(({ time }) => time).sort((a, b) => a - b)
  const answered = answers.filter(({ rcode }) => rcode === 'NOERROR').length
  const failed = answers.filter(({ rcode }) => rcode !== 'NOERROR' && rcode !== 'T').length
  const lost = Number(/Queries lost:\s+(\d+)/.exec(stdout)?.[1] ?? Number.NaN)
  return {
    answered,
    failed,
    'without an answer': lost,
    'p99, ms': Math.round((times[Math.floor(times.length * 0.99)] ?? Number.NaN) * 1000),
  }
}
