/**
 * Claim: queries do not feel what the main thread does. 20,000 queries a second are asked while 100 certificates a second are issued and a zone takes
 * 500 updates a second; their 99th percentile stays under a millisecond. Beside it the same queries alone, of ours and of BIND. All share all cores,
 * the clients too (bench/mixed-go); but what asks for certificates and updates yields to the rest, as clients elsewhere would.
 *   node bench/mixed.ts [--seconds N] [--queries N] [--certificates N] [--updates N] [--realtime auto,true,false] [--meter dnsperf] [--smoke]
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { bindCommand } from './bind.ts'
import { answering, type Contender, cpuSeconds, end, freePort, requireAlive, startOn } from './contender.ts'
import { buildClients, dnsperfMeter, kernelMeter, type LoadDone, startLoad } from './mixed-clients.ts'
import { APEX, QUERY_ROWS, writeZone } from './query-rows.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string' },
    queries: { type: 'string', default: '20000' },
    certificates: { type: 'string', default: '100' },
    updates: { type: 'string', default: '500' },
    /** What ours has for `realtime`: `auto`, the default, lets its serving threads go first while they take little; `true` always, `false` never. */
    realtime: { type: 'string', default: 'auto,false' },
    /** `kernel`, or `dnsperf`, which is taken in any case where Go is not installed. */
    meter: { type: 'string', default: 'kernel' },
    smoke: { type: 'boolean', default: false },
  },
})
const seconds = Number(values.seconds ?? (values.smoke ? 1 : 12))
/** Seconds for the first code to be compiled. */
const WARMING = values.smoke ? 1 : 4
/** A second, while queries are asked. */
const RATES = { certificates: Number(values.certificates), updates: Number(values.updates) }
/** Milliseconds: what the 99th percentile is to stay under, and the share of the rates that is to be reached meanwhile. */
const AIM = 1
const ENOUGH = 0.97

interface Row {
  what: string
  'queries/s': number
  'p50, ms': number
  'p99, ms': number
  'p99.9, ms': number
  'certificates/s': string
  'updates/s': string
  /** Of processors, how many each took. */
  'cores: server': string
  meter: string
  clients: string
}

const folder = mkdtempSync(join(tmpdir(), 'bench-mixed-'))
const clients = buildClients()
const meter = clients && values.meter === 'kernel' ? kernelMeter(clients) : dnsperfMeter(folder)
const zone = writeZone(folder, 'small')
const questions = QUERY_ROWS.find(({ id }) => id === 'hot')!.queries(folder, 0)
const SECRET = Buffer.alloc(32, 'mixed').toString('base64')
const secret = join(folder, 'secret')
writeFileSync(secret, SECRET)
const rows: Row[] = []
try {
  for (const realtime of values.realtime.split(',')) await measureOurs(realtime)
  await measureBind()
  report()
} finally {
  rmSync(folder, { recursive: true })
}

async function measureOurs(realtime: string): Promise<void> {
  const name = realtime === 'auto' ? 'namestead' : `namestead, realtime: ${realtime}`
  const ports = { dns: await freePort(), https: await freePort() }
  const contender = await startOurs(name, ports, realtime === 'auto' ? realtime : realtime === 'true')
  try {
    await ask(contender, WARMING)
    rows.push(await measure(contender, `${name}, queries alone`))
    if (!clients) return
    const start = () => startLoad(clients, { ...ports, ...RATES, apex: APEX, secret })
    // What was put off while nothing was compiled is nothing that a later second is to make up for.
    const warming = await start()
    warming.begin()
    await pause(2 * WARMING * 1000)
    await warming.end()
    const load = await start()
    load.begin()
    const row = await measure(contender, `${name}, all at once`)
    const done = await load.end()
    rows.push({ ...row, ...besides(done) })
    if (!values.smoke && realtime === 'auto' && !reached(row, done)) process.exitCode = 1
  } finally {
    await end(contender.process)
  }
}

async function measureBind(): Promise<void> {
  const port = await freePort()
  const statements = [`zone "${APEX}" { type primary; file "${zone}"; }`]
  const command = bindCommand({ folder, port, statements, options: ['minimal-responses yes'] })
  const contender = await answering({ name: 'BIND', port, process: startOn('all', command) }, `h1.${APEX}`)
  try {
    await ask(contender, WARMING)
    rows.push(await measure(contender, 'BIND, queries alone'))
  } finally {
    await end(contender.process)
  }
}

function ask({ port }: Contender, seconds: number) {
  return meter(port, { file: questions, rate: Number(values.queries), seconds })
}

async function measure(contender: Contender, what: string): Promise<Row> {
  const before = cpuSeconds(contender.process.pid!)
  const { asked, answered, p50, p99, p999, cpu, late = 0, realtime } = await ask(contender, seconds)
  const used = cpuSeconds(contender.process.pid!) - before
  await requireAlive(contender)
  if (realtime === false)
    console.log('the system does not let the meter go first: what it waits for a processor, nobody is asked')
  if (answered < asked) console.log(`${what}: ${asked - answered} of ${asked} got no answer`)
  if (late > 0) console.log(`${what}: ${late} of ${asked} were asked more than half a millisecond late`)
  return {
    what,
    'queries/s': Math.round(asked / seconds),
    'p50, ms': rounded(p50),
    'p99, ms': rounded(p99),
    'p99.9, ms': rounded(p999),
    'certificates/s': '–',
    'updates/s': '–',
    'cores: server': (used / seconds).toFixed(2),
    meter: cpu === undefined ? '?' : (cpu / seconds).toFixed(2),
    clients: '–',
  }
}

function rounded(milliseconds: number): number {
  return Number(milliseconds.toFixed(3))
}

function reached(row: Row, { certificates, updates, seconds }: LoadDone): boolean {
  return (
    row['p99, ms'] < AIM &&
    certificates >= ENOUGH * RATES.certificates * seconds &&
    updates >= ENOUGH * RATES.updates * seconds
  )
}

function besides({ certificates, updates, seconds, cpu, failures, failure }: LoadDone): Partial<Row> {
  if (failures > 0) console.log(`${failures} certificates or updates failed, the first: ${failure}`)
  return {
    'certificates/s': (certificates / seconds).toFixed(0),
    'updates/s': (updates / seconds).toFixed(0),
    clients: (cpu / seconds).toFixed(2),
  }
}

function startOurs(
  name: string,
  ports: { dns: number; https: number },
  realtime: boolean | 'auto',
): Promise<Contender> {
  const own = mkdtempSync(join(folder, 'ours-'))
  const config = {
    name: `ns1.${APEX}`,
    data_dir: join(own, 'data'),
    realtime,
    listen: { dns: [`127.0.0.1:${ports.dns}`], https: [`127.0.0.1:${ports.https}`], metrics: ['127.0.0.1:0'] },
    keys: [{ name: 'bench', algorithm: 'hmac-sha256', secret: SECRET }],
    views: [
      {
        name: 'all',
        zones: [{ name: APEX, file: zone, dynamic: true, update: [{ key: 'bench', names: ['**'] }] }],
      },
    ],
    ca: {
      name: 'Bench',
      url: `https://localhost:${ports.https}`,
      authorization_reuse: '1d',
      limits: { orders: 0 },
      root: { generate: 'ecdsa-p256', validity: '3650d' },
      intermediate: { generate: 'ecdsa-p256', validity: '365d' },
      issue: [{ names: [`**.${APEX}`], profiles: ['default'] }],
      profiles: [{ name: 'default', validity: '90d' }],
    },
  }
  const file = join(own, 'namestead.yaml')
  // JSON is YAML.
  writeFileSync(file, JSON.stringify(config))
  const program = fileURLToPath(new URL('../bin/namestead.mjs', import.meta.url))
  const process = startOn('all', [globalThis.process.execPath, program, 'serve', '--config', file])
  return answering({ name, port: ports.dns, process }, `h1.${APEX}`, { seconds: 30 })
}

function report(): void {
  if (!clients) console.log('Go is not installed: queries alone, and by dnsperf, which takes most of a core itself')
  console.table(rows)
}
