/**
 * Claim: queries do not feel what the main thread does. 20,000 queries a second are asked while 100 certificates a second are issued and a zone takes
 * 500 updates a second; their 99th percentile stays under a millisecond. Beside it the same queries alone, of ours and of BIND. All share all cores;
 * but certificates and updates are asked for by threads that yield to the rest, as clients elsewhere would.
 *   node bench/mixed.ts [--seconds N] [--queries N] [--certificates N] [--updates N] [--realtime] [--smoke]
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, createReadStream, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { answering, type Contender, end, freePort, pinning, startOn, withSbin } from './contender.ts'
import type { Done, Load } from './mixed-load.ts'
import { MIXED_KEY } from './mixed-updates.ts'
import { APEX, QUERY_ROWS, writeZone } from './query-rows.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string' },
    queries: { type: 'string', default: '20000' },
    certificates: { type: 'string', default: '100' },
    updates: { type: 'string', default: '500' },
    /** Ours lets its serving threads go first. */
    realtime: { type: 'boolean', default: false },
    smoke: { type: 'boolean', default: false },
  },
})
const seconds = values.seconds ?? (values.smoke ? '2' : '20')
/** Milliseconds: what the 99th percentile is to stay under. */
const AIM = 1

const folder = mkdtempSync(join(tmpdir(), 'bench-mixed-'))
const zone = writeZone(folder, 'small')
const questions = QUERY_ROWS.find(({ id }) => id === 'hot')!.queries(folder, 0)
const ports = { dns: await freePort(), https: await freePort(), bind: await freePort() }
const contenders: Contender[] = []
try {
  contenders.push(await startOurs(), await startBind())
  await report()
} finally {
  await Promise.all(contenders.map(({ process }) => end(process)))
  rmSync(folder, { recursive: true })
}

function startOurs(): Promise<Contender> {
  const config = {
    name: `ns1.${APEX}`,
    data_dir: join(folder, 'data'),
    realtime: values.realtime,
    listen: { dns: [`127.0.0.1:${ports.dns}`], https: [`127.0.0.1:${ports.https}`], metrics: ['127.0.0.1:0'] },
    keys: [{ name: 'bench', algorithm: MIXED_KEY.algorithm, secret: MIXED_KEY.text }],
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
  const file = join(folder, 'namestead.yaml')
  // JSON is YAML.
  writeFileSync(file, JSON.stringify(config))
  const program = fileURLToPath(new URL('../bin/namestead.mjs', import.meta.url))
  const process = startOn('all', [globalThis.process.execPath, program, 'serve', '--config', file])
  return answering({ name: 'namestead', port: ports.dns, process }, `h1.${APEX}`, { seconds: 30 })
}

function startBind(): Promise<Contender> {
  const options = [
    `directory "${folder}"`,
    `listen-on port ${ports.bind} { 127.0.0.1; }`,
    ...['listen-on-v6 { none; }', 'recursion no', 'minimal-responses yes', 'pid-file none', 'session-keyfile none'],
  ]
  const file = join(folder, 'named.conf')
  const zones = `zone "${APEX}" { type primary; file "${zone}"; };`
  writeFileSync(file, `options { ${options.join('; ')}; };\ncontrols { };\n${zones}\n`)
  const process = startOn('all', ['named', '-f', '-c', file])
  return answering({ name: 'BIND', port: ports.bind, process }, `h1.${APEX}`)
}

/** Milliseconds of each query, in ascending order. */
async function ask(port: number): Promise<Float64Array> {
  const rate = ['-Q', values.queries, '-l', seconds, '-c', '20', '-t', '1', '-v']
  const args = ['dnsperf', '-s', '127.0.0.1', '-p', String(port), '-d', questions, ...rate]
  // What it tells of every query is read afterwards: nothing but what is measured is to run now.
  const told = join(folder, 'answers')
  const output = openSync(told, 'w')
  const process = spawn('taskset', [...pinning('all'), ...args], {
    env: withSbin(),
    stdio: ['ignore', output, 'ignore'],
  })
  closeSync(output)
  await once(process, 'exit')
  const latencies: number[] = []
  for await (const line of createInterface({ input: createReadStream(told) })) {
    const answered = /^> \w+ \S+ A (\d+\.\d+)/.exec(line)
    if (answered) latencies.push(Number(answered[1]) * 1000)
    // A timed-out query is as bad as can be.
    else if (line.startsWith('> T ')) latencies.push(1000)
  }
  if (latencies.length === 0) throw new Error('nothing was answered')
  return Float64Array.from(latencies).sort()
}

async function report(): Promise<void> {
  const [certificateRate, updateRate] = [Number(values.certificates), Number(values.updates)]
  const workerData: Load = { ...ports, certificates: certificateRate, updates: updateRate }
  const load = new Worker(new URL('./mixed-load.ts', import.meta.url), { workerData })
  await once(load, 'message')
  // Warms up.
  await ask(ports.dns)
  const alone = await ask(ports.dns)
  const bind = await ask(ports.bind)
  const done = once(load, 'message')
  load.postMessage('begin')
  const mixed = await ask(ports.dns)
  load.postMessage('end')
  const [{ certificates, updates }] = (await done) as [Done]
  console.table([
    describe('namestead, queries alone', alone),
    describe('BIND, queries alone', bind),
    describe('namestead, all at once', mixed),
  ])
  const rate = (count: number) => (count / Number(seconds)).toFixed(0)
  console.log(`meanwhile ${rate(certificates)} certificates and ${rate(updates)} updates a second`)
  if (!values.smoke && percentile(mixed, 0.99) >= AIM) process.exitCode = 1
}

function describe(what: string, latencies: Float64Array): object {
  const at = (share: number) => Number(percentile(latencies, share).toFixed(3))
  return {
    what,
    'queries/s': Math.round(latencies.length / Number(seconds)),
    'p50, ms': at(0.5),
    'p99, ms': at(0.99),
    'p99.9, ms': at(0.999),
  }
}

function percentile(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!
}
