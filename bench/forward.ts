/**
 * Claim: on one core, answers from a warm cache come at least as fast as unbound's and three times as fast as CoreDNS', and no more questions go
 * upstream than unbound sends. Every forwarder has the same core, the same upstream and the same questions, in turns within one run; printed are
 * medians, and questions sent upstream for each that was answered.
 *   node bench/forward.ts [--rows cached,mixed,uncached,dot] [--servers namestead,unbound] [--rounds N] [--seconds N] [--smoke]
 */
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execPath } from 'node:process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Class, Flag } from '../dns/codes.ts'
import { parseMessage, writeMessage } from '../dns/message.ts'
import { parseName } from '../dns/name.ts'
import { readRdata, Type } from '../dns/types.ts'
import { answering, type Contender, end, freePort, median, requireAlive, startOn } from './contender.ts'
import { type Measurement, measure } from './dnsperf.ts'
import { FORWARDERS, type Forwarder } from './forward-servers.ts'
import { ask } from './load.ts'
import { makeCertificate } from './query-rows.ts'

const { values } = parseArgs({
  options: {
    smoke: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    rows: { type: 'string' },
    servers: { type: 'string' },
  },
})

/** What is asked: of so many names a part is asked for over and over, the rest only once. */
interface Row {
  id: string
  title: string
  /** The share of questions for names that were asked before. */
  cached: number
  /** Milliseconds that the upstream takes. */
  delay: number
  tls: boolean
}

const ROWS: readonly Row[] = [
  { id: 'cached', title: 'all from the cache', cached: 1, delay: 0, tls: false },
  { id: 'mixed', title: '90 % from the cache', cached: 0.9, delay: 0, tls: false },
  { id: 'uncached', title: 'none from the cache, the upstream 20 ms away', cached: 0, delay: 20, tls: false },
  {
    id: 'dot',
    title: '90 % from the cache, the upstream by DNS over TLS, 20 ms away',
    cached: 0.9,
    delay: 20,
    tls: true,
  },
]
const HOT = 10_000
const QUESTIONS = 400_000
/** Seconds that filling a cache may take. */
const WARMING = 60

const rounds = Number(values.rounds ?? (values.smoke ? 1 : 5))
const seconds = Number(values.seconds ?? (values.smoke ? 1 : 4))
const rows = ROWS.filter(({ id }) => (values.rows ?? id).split(',').includes(id))
const forwarders = FORWARDERS.filter(
  ({ name, installed }) => (values.servers ?? name).split(',').includes(name) && installed(),
)

/** A measurement, and the questions that went upstream meanwhile. */
interface Result extends Measurement {
  upstream: number
}

const folder = mkdtempSync(join(tmpdir(), 'bench-forward-'))
try {
  makeCertificate(folder)
  for (const row of rows) report(row, await measureRow(row))
} finally {
  rmSync(folder, { recursive: true })
}

async function measureRow(row: Row): Promise<Map<Forwarder, Result[]>> {
  const upstream = { port: await freePort(), tlsPort: await freePort() }
  const script = fileURLToPath(new URL('./forward-upstream.ts', import.meta.url))
  const args = [upstream.port, upstream.tlsPort, row.delay, folder].map(String)
  const process = startOn('client', [execPath, script, ...args])
  const running = new Map<Forwarder, Contender>()
  try {
    await answering({ name: 'the upstream', port: upstream.port, process }, 'any.bench')
    for (const forwarder of forwarders) running.set(forwarder, await start(forwarder, row, upstream))
    return await measureAll(row, running, upstream.port)
  } finally {
    await Promise.all([process, ...[...running.values()].map(({ process }) => process)].map(child => end(child)))
  }
}

async function start(forwarder: Forwarder, row: Row, upstream: { port: number; tlsPort: number }): Promise<Contender> {
  const port = await freePort()
  const { command, env } = forwarder.command({
    ...{ folder, port },
    upstream: { port: row.tls ? upstream.tlsPort : upstream.port, tls: row.tls },
  })
  const log = openSync(join(folder, `${forwarder.name}.log`), 'w')
  const process = startOn('server', command, env, ['ignore', log, log])
  closeSync(log)
  return answering({ name: forwarder.name, port, process }, 'any.bench')
}

async function measureAll(row: Row, running: Map<Forwarder, Contender>, upstream: number) {
  const results = new Map<Forwarder, Result[]>([...running.keys()].map(forwarder => [forwarder, []]))
  if (row.cached > 0) await fillCaches(running)
  await warmUp(row, running)
  for (let round = 0; round < rounds; round++) {
    const queries = writeQuestions(row, round)
    for (const [forwarder, contender] of running) {
      const before = await countAt(upstream)
      const measurement = measure(contender, { queries, seconds, transport: 'udp', more: [] }, 'client')
      const asked = (await countAt(upstream)) - before
      results.get(forwarder)!.push({ ...measurement, upstream: asked / measurement.completed })
      await requireAlive(contender)
    }
  }
  return results
}

/** Every forwarder is asked twice for all that is to come from the cache: what a busy machine lost is there then. */
async function fillCaches(running: Map<Forwarder, Contender>): Promise<void> {
  const queries = join(folder, 'hot')
  writeFileSync(queries, `${Array.from({ length: HOT }, (_, i) => `h${i}.bench A`).join('\n')}\n`)
  for (const contender of running.values()) {
    measure(contender, { queries, seconds: WARMING, transport: 'udp', more: ['-n', '2'] }, 'client')
    await requireAlive(contender)
  }
}

/** Who compiles code as it runs has done so before it is measured: all have a round first that does not count. */
async function warmUp(row: Row, running: Map<Forwarder, Contender>): Promise<void> {
  const queries = writeQuestions(row, rounds)
  for (const contender of running.values()) {
    measure(contender, { queries, seconds: seconds * 2, transport: 'udp', more: [] }, 'client')
    await requireAlive(contender)
  }
}

/** Cold names differ from round to round; every forwarder gets the same. */
function writeQuestions({ cached }: Row, round: number): string {
  const path = join(folder, 'questions')
  const period = cached === 1 ? 0 : Math.round(1 / (1 - cached))
  const line = (_: unknown, i: number) =>
    period > 0 && i % period === 0 ? `c${i}.r${round}.bench A` : `h${(i * 7919) % HOT}.bench A`
  writeFileSync(path, `${Array.from({ length: cached === 1 ? HOT : QUESTIONS }, line).join('\n')}\n`)
  return path
}

async function countAt(port: number): Promise<number> {
  const question = [{ name: parseName('count.'), type: Type.TXT, class: Class.IN }]
  const query = { id: 1, flags: Flag.RD, opcode: 0, rcode: 0, question, answer: [], authority: [], additional: [] }
  const reply = await ask(port, writeMessage(query), 300)
  if (!reply) throw new Error('the upstream does not answer')
  const [text] = readRdata('TXT', parseMessage(reply).answer[0]!.rdata).strings
  return Number(Buffer.from(text!).toString())
}

function report({ title }: Row, measured: Map<Forwarder, Result[]>): void {
  console.log(`\n${title}; ${rounds} rounds of ${seconds} s, medians, one core`)
  const middle = (results: readonly Result[], what: keyof Result) => median(results.map(one => one[what]))
  console.table(
    [...measured].map(([{ name }, results]) => ({
      forwarder: name,
      'queries/s': Math.round(middle(results, 'rate')),
      'CPU µs/query': Number(middle(results, 'cpu').toFixed(2)),
      'of its core': `${Math.round(middle(results, 'share') * 100)} %`,
      'average latency, µs': Math.round(middle(results, 'latency')),
      lost: results.reduce((sum, { lost }) => sum + lost, 0),
      'upstream/query': Number(middle(results, 'upstream').toFixed(4)),
    })),
  )
  const rateOf = (name: string) => {
    const found = [...measured].find(([forwarder]) => forwarder.name === name)
    return found && middle(found[1], 'rate')
  }
  for (const name of ['unbound', 'CoreDNS', 'dnsdist']) {
    const [own, other] = [rateOf('namestead'), rateOf(name)]
    if (own && other) console.log(`ours / ${name}: ${(own / other).toFixed(2)}`)
  }
}
