/**
 * Claim: hundreds of thousands of response policy rules cost answers from the cache nothing, others little, and no rule is looked at that can't fit. Every
 * forwarder is measured without rules and with them, on one core, with the same upstream and questions; printed are processor time of a query from the
 * cache, of one that goes upstream and of one that a rule refuses, memory, and how long it takes until rules hold: at the start, after a reload, by
 * AXFR, and one more by IXFR.
 *   node bench/rpz.ts [--rules N] [--servers namestead,unbound] [--seconds N] [--smoke]
 */
import { type ChildProcess, execFileSync } from 'node:child_process'
import {
  appendFileSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execPath } from 'node:process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { answering, type Contender, childrenOf, end, freePort, startOn } from './contender.ts'
import { measure } from './dnsperf.ts'
import { FORWARDERS, type Forwarder, type ForwarderOptions } from './forward-servers.ts'
import { makeCertificate } from './query-rows.ts'

const { values } = parseArgs({
  options: {
    rules: { type: 'string' },
    seconds: { type: 'string' },
    servers: { type: 'string', default: 'namestead,unbound' },
    smoke: { type: 'boolean', default: false },
  },
})
const rules = Number(values.rules ?? (values.smoke ? 3000 : 300_000))
const seconds = Number(values.seconds ?? (values.smoke ? 1 : 3))
const NAMES = 2000
const COLD = 200_000
const HEAD = '$TTL 300\n@ SOA ns h 1 3600 600 604800 60\n@ NS localhost.\n'
const MIB = 2 ** 20
const SECRET = Buffer.alloc(32, 1).toString('base64')
const program = fileURLToPath(new URL('../bin/namestead.mjs', import.meta.url))

const folder = mkdtempSync(join(tmpdir(), 'bench-rpz-'))
const policy = join(folder, 'policy')
writeFileSync(policy, `${HEAD}${Array.from({ length: rules }, (_, i) => ruleAt(i)).join('\n')}\n`)
const [hot, warm, cold, refused] = [
  writeQuestions('hot', NAMES, i => `h${i}.bench`),
  writeQuestions('warm', COLD, i => `w${i}.bench`),
  writeQuestions('cold', COLD, i => `c${i}.bench`),
  writeQuestions('refused', NAMES, i => `r${i * 20}.bad.test`),
]
const upstream = { port: await freePort(), tls: false }
const tables = { costs: [] as object[], holds: [] as object[] }
let server: ChildProcess | undefined
try {
  makeCertificate(folder)
  server = await startUpstream()
  const wanted = FORWARDERS.filter(({ name, installed }) => values.servers.split(',').includes(name) && installed())
  for (const forwarder of wanted) await compare(forwarder)
} finally {
  if (server) await end(server)
  rmSync(folder, { recursive: true })
}
console.log(`\n${rules} rules; ${seconds} s a row, one core`)
console.table(tables.costs)
console.log('\nuntil rules hold')
console.table(tables.holds)

/** Of twenty rules eighteen are for a name, one for all below one, and one for an address. */
function ruleAt(i: number): string {
  if (i % 20 === 18) return `*.w${i}.bad.test CNAME .`
  if (i % 20 === 19) return `32.${i & 255}.${(i >> 8) & 255}.${i >> 16}.10.rpz-ip CNAME .`
  return `r${i}.bad.test CNAME .`
}

function writeQuestions(name: string, count: number, owner: (i: number) => string): string {
  const path = join(folder, `${name}.questions`)
  writeFileSync(path, `${Array.from({ length: count }, (_, i) => `${owner(i)} A`).join('\n')}\n`)
  return path
}

async function startUpstream(): Promise<ChildProcess> {
  const script = fileURLToPath(new URL('./forward-upstream.ts', import.meta.url))
  const process = startOn('client', [execPath, script, ...[upstream.port, await freePort(), 0, folder].map(String)])
  await answering({ name: 'the upstream', port: upstream.port, process }, 'any.bench')
  return process
}

async function compare(forwarder: Forwarder): Promise<void> {
  const before = await during(start(forwarder, {}), async contender => measureCosts(forwarder, contender, false))
  tables.costs.push({ ...before.row, 'octets/rule': '' })
  const begun = performance.now()
  await during(start(forwarder, { policy }), contender => compareWith(forwarder, contender, before.memory, begun))
}

async function compareWith(forwarder: Forwarder, contender: Contender, memory: number, begun: number): Promise<void> {
  await untilRefused(contender.port, 'r0.bad.test')
  const ready = performance.now() - begun
  const after = measureCosts(forwarder, contender, true)
  tables.costs.push({ ...after.row, 'octets/rule': Math.round((after.memory - memory) / rules) })
  const row = { forwarder: forwarder.name, 'at the start, ms': Math.round(ready) }
  if (forwarder.name !== 'namestead') tables.holds.push(row)
  else tables.holds.push({ ...row, ...(await reloadOurs(contender)), ...(await transferOurs(forwarder)) })
}

/** What comes of a server that ends with it, however that ends. */
async function during<T>(started: Promise<Contender>, use: (contender: Contender) => Promise<T>): Promise<T> {
  const contender = await started
  try {
    return await use(contender)
  } finally {
    await end(contender.process)
  }
}

async function start(forwarder: Forwarder, options: Pick<ForwarderOptions, 'policy'>): Promise<Contender> {
  const port = await freePort()
  const { command, env } = forwarder.command({ folder, port, upstream, ...options })
  const path = join(folder, `${forwarder.name}.log`)
  const log = openSync(path, 'w')
  const process = startOn('server', command, env, ['ignore', log, log])
  closeSync(log)
  const contender = await answering({ name: forwarder.name, port, process }, 'any.bench', { seconds: 60 })
  const { ready } = forwarder
  // Names are served before all else is opened: that work is not a query's.
  if (ready !== undefined) await until(() => readFileSync(path, 'utf8').includes(ready))
  return contender
}

function measureCosts({ name }: Forwarder, contender: Contender, judged: boolean) {
  const ask = (queries: string, more: readonly string[] = []) =>
    measure(contender, { queries, seconds, transport: 'udp', more }, 'client')
  // What is to come from the cache is asked for twice before.
  ask(hot, ['-n', '2'])
  const memory = residentOctets(contender.process.pid!)
  // What has never asked an upstream is compiled while it does: that does not count.
  ask(warm)
  const [hits, misses] = [ask(hot), ask(cold)]
  const row = {
    forwarder: name,
    rules: judged ? rules : 0,
    'cached, CPU µs': Number(hits.cpu.toFixed(2)),
    'cached, queries/s': Math.round(hits.rate),
    'upstream, CPU µs': Number(misses.cpu.toFixed(1)),
    'refused, CPU µs': judged ? Number(ask(refused).cpu.toFixed(1)) : '',
    'memory, MiB': Math.round(memory / MIB),
  }
  return { row, memory }
}

/** Of a process and those that it has started. */
function residentOctets(pid: number): number {
  const own = Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024
  return childrenOf(pid).reduce((sum, child) => sum + residentOctets(child), own)
}

/** Our daemon reads its file again, with one rule more. */
async function reloadOurs({ port }: Contender): Promise<object> {
  appendFileSync(policy, 'reloaded.test CNAME .\n')
  const begun = performance.now()
  command('reload', '--config', configOf(port))
  await untilRefused(port, 'reloaded.test')
  return { 'after a reload, ms': Math.round(performance.now() - begun) }
}

/** One daemon of ours has the rules from another, which then gets one more. */
async function transferOurs(forwarder: Forwarder): Promise<object> {
  const port = await freePort()
  mkdirSync(join(folder, String(port)))
  writeFileSync(
    configOf(port),
    `data_dir: ./data
listen: { dns: ["127.0.0.1:${port}"] }
workers: 1
log: { level: warn }
acls: { here: [127.0.0.1] }
keys: [{ name: bench, algorithm: hmac-sha256, secret: ${SECRET} }]
views:
  - name: all
    zones: [{ name: policy.rpz, file: ${policy}, dynamic: true, transfer: [{ from: [here] }], update: [{ key: bench, names: ["**"], types: [CNAME] }] }]
`,
  )
  const primary = startOn('client', [execPath, program, 'serve', '--config', configOf(port)])
  try {
    await untilServed(port)
    const begun = performance.now()
    return await during(start(forwarder, { policy: { primary: port } }), secondary =>
      followPrimary(secondary, port, begun),
    )
  } finally {
    await end(primary)
  }
}

async function followPrimary(secondary: Contender, port: number, begun: number): Promise<object> {
  await untilRefused(secondary.port, 'r0.bad.test')
  const whole = performance.now() - begun
  execFileSync('nsupdate', ['-y', `hmac-sha256:bench:${SECRET}`], {
    input: `server 127.0.0.1 ${port}\nzone policy.rpz\nupdate add added.test.policy.rpz 60 CNAME .\nsend\n`,
  })
  const changed = performance.now()
  command('zone', 'refresh', 'policy.rpz', '--config', configOf(secondary.port))
  await untilRefused(secondary.port, 'added.test')
  const rest = performance.now() - changed
  return { 'by AXFR from the start on, ms': Math.round(whole), 'one by IXFR, ms': Math.round(rest) }
}

/** As forward-servers.ts has it. */
function configOf(port: number): string {
  return join(folder, String(port), 'namestead.yaml')
}

function command(...args: string[]): void {
  execFileSync(execPath, [program, ...args], { stdio: 'ignore' })
}

function untilServed(port: number): Promise<void> {
  return until(() => dig(port, 'policy.rpz', 'SOA').includes('status: NOERROR'))
}

function untilRefused(port: number, name: string): Promise<void> {
  return until(() => dig(port, name, 'A').includes('status: NXDOMAIN'))
}

function dig(port: number, name: string, type: string): string {
  try {
    const args = ['@127.0.0.1', '-p', String(port), '+time=1', '+tries=1', name, type]
    return execFileSync('dig', args, { encoding: 'utf8' })
  } catch {
    return ''
  }
}

async function until(condition: () => boolean): Promise<void> {
  for (const end = Date.now() + 60_000; Date.now() < end; await new Promise(resolve => setTimeout(resolve, 20)))
    if (condition()) return
  throw new Error('not within a minute')
}
