/**
 * How many ACME orders one core of ours completes in a second beside one of Pebble and one of step-ca with BIND, with every state on disk and
 * every name proved by DNS; what passes from the update of the record to the certificate; memory and disk over many orders. Ours looks the
 * records up in its own zone; step-ca asks BIND, which takes the same updates on the same core; Pebble keeps all in memory and, as it can't
 * look at other ports, waves challenges through. The same client orders from each in turns within one run; medians are printed.
 *   node bench/issue.ts [--smoke] [--rounds N] [--orders N] [--concurrent N] [--threads] [--ours] [--profile FOLDER] [--soak N]
 * Pebble and step-ca are built from the Go module proxy where they are not in .cache: `go install …` with GOBIN=.cache.
 */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { makeKey } from '../ca/hierarchy/keystore.ts'
import { createIssuance } from '../ca/issue/issue.ts'
import { CA_MIGRATIONS, createCaStore } from '../ca/store/store.ts'
import { parseName } from '../dns/name.ts'
import { tsigKey } from '../dns/tsig-record.ts'
import { systemClock } from '../host/clock.ts'
import { openDatabase } from '../server/storage/database.ts'
import { createCsr } from '../test/ca/client.ts'
import { leafKey, openFixture, profile } from '../test/ca/fixture.ts'
import { type AcmeTarget, type OrderTimes, openAcmeClient, USER_AGENT } from './acme-client.ts'
import { startBind } from './bind.ts'
import { CLIENT_CORE, type Contender, cpuSeconds, end, freePort, median, pinned, requireAlive } from './contender.ts'
import { openPublisher, type Publisher } from './publisher.ts'
import { reportThreads, type ThreadUses, threadUses, usesBetween } from './thread-use.ts'

const { values } = parseArgs({
  options: {
    smoke: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    orders: { type: 'string' },
    concurrent: { type: 'string', default: '16' },
    /** Also what each thread of ours takes for an order. */
    threads: { type: 'boolean', default: false },
    /** Only ours. */
    ours: { type: 'boolean', default: false },
    /** Only ours; with a folder, under Node's profiler, which writes there. */
    profile: { type: 'string' },
    /** Afterwards so many orders of ours, watching memory and the database. */
    soak: { type: 'string', default: '0' },
  },
})
const rounds = Number(values.rounds ?? (values.smoke ? 1 : 5))
const orders = Number(values.orders ?? (values.smoke ? 20 : 500))
const alone = values.ours || values.profile !== undefined
const APEX = 'bench.test'
const SECRET = Buffer.alloc(32, 'bench')
const KEY = tsigKey(parseName('bench.'), 'hmac-sha256', [SECRET])
const folder = mkdtempSync(join(tmpdir(), 'bench-issue-'))
const path = (name: string) => join(folder, name)

/** An ACME server under test with the clients that order from it, one account each: step-ca fails orders of one account that come at once. */
interface AcmeContender extends Contender {
  /** Whose processor time counts besides. */
  besides?: Contender
  directory: string
  clients: Awaited<ReturnType<typeof openAcmeClient>>[]
}

interface Measurement {
  rate: number
  /** Milliseconds of server CPU for an order. */
  cpu: number
  /** Of each thread, for an order. */
  threads: ThreadUses
  times: OrderTimes[]
}

const { pem: leafPem } = await makeKey('ecdsa-p256')
let names = 0
const contenders: AcmeContender[] = []
/** What is closed at the end. */
const publishers: Publisher[] = []
try {
  execFileSync('taskset', ['-apc', CLIENT_CORE, String(process.pid)], { stdio: 'ignore' })
  const dns = await freePort()
  const publisher = publisherAt(dns)
  const ours = await startOurs(dns, publisher.publish)
  contenders.push(ours)
  if (!alone && existsSync(resolve('.cache/pebble'))) contenders.push(await startPebble())
  if (!alone && existsSync(resolve('.cache/step-ca'))) contenders.push(await startStepCa())
  if (rounds > 0) {
    report(await measureAll())
    for (const contender of contenders) if (contender.name !== 'Pebble') await measureAlone(contender)
  }
  if (Number(values.soak) > 0) await soak(ours, publisher, Number(values.soak))
  if (rounds > 0) await measureSigning()
} finally {
  for (const publisher of publishers) publisher.close()
  for (const { clients, process, besides } of contenders) {
    for (const client of clients) client.close()
    await end(process)
    if (besides) await end(besides.process)
  }
  rmSync(folder, { recursive: true, force: true })
}

function publisherAt(port: number): Publisher {
  const publisher = openPublisher(port, APEX, KEY)
  publishers.push(publisher)
  return publisher
}

async function startOurs(dns: number, publish: AcmeTarget['publish']): Promise<AcmeContender> {
  const https = await freePort()
  const config = {
    name: `ns1.${APEX}`,
    data_dir: path('data'),
    workers: 1,
    listen: { dns: [`127.0.0.1:${dns}`], https: [`127.0.0.1:${https}`] },
    keys: [{ name: 'bench', algorithm: KEY.algorithm, secret: SECRET.toString('base64') }],
    // Nothing is asked of the world outside: the zone above is ours too.
    views: [
      {
        name: 'all',
        zones: [
          { name: APEX, dynamic: true, update: [{ key: 'bench', names: ['**'] }] },
          { name: 'test', dynamic: true },
        ],
      },
    ],
    ca: {
      name: 'Bench',
      url: `https://localhost:${https}`,
      issue: [{ names: [`**.${APEX}`] }],
      limits: { accounts: 0, orders: 0, failures: 0 },
    },
    log: { level: 'warn' },
  }
  // JSON is YAML.
  writeFileSync(path('namestead.yaml'), JSON.stringify(config))
  const program = fileURLToPath(new URL('../bin/namestead.mjs', import.meta.url))
  const profiler = values.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${values.profile}`]
  const node = [globalThis.process.execPath, ...profiler]
  const process = pinned([...node, program, 'serve', '--config', path('namestead.yaml')])
  const directory = `https://localhost:${https}/acme/directory`
  return opened({ name: 'namestead', port: https, process }, { directory, publish })
}

async function startPebble(): Promise<AcmeContender> {
  const port = await freePort()
  selfSigned('pebble')
  const pebble = {
    listenAddress: `127.0.0.1:${port}`,
    managementListenAddress: `127.0.0.1:${await freePort()}`,
    certificate: path('pebble.crt'),
    privateKey: path('pebble.key'),
    httpPort: 5002,
    tlsPort: 5001,
    keyAlgorithm: 'ecdsa',
    profiles: { default: { description: '90 days', validityPeriod: 7_776_000 } },
  }
  writeFileSync(path('pebble.json'), JSON.stringify({ pebble }))
  const settings = [
    'PEBBLE_VA_ALWAYS_VALID=1',
    'PEBBLE_VA_NOSLEEP=1',
    'PEBBLE_WFE_NONCEREJECT=0',
    'PEBBLE_AUTHZREUSE=0',
  ]
  const command = ['env', ...settings, 'GOMAXPROCS=1', resolve('.cache/pebble'), '-config', path('pebble.json')]
  const process = pinned(command, ['ignore', 'ignore', 'ignore'])
  const target = { directory: `https://localhost:${port}/dir`, publish: async () => {} }
  return opened({ name: 'Pebble', port, process }, target)
}

async function startStepCa(): Promise<AcmeContender> {
  const port = await freePort()
  const dns = await freePort()
  const bind = await startBind(folder, dns, { apex: APEX, algorithm: KEY.algorithm, secret: SECRET.toString('base64') })
  selfSigned(
    'step-root',
    '-addext',
    'basicConstraints=critical,CA:true',
    '-addext',
    'keyUsage=critical,keyCertSign,cRLSign',
  )
  const config = {
    root: path('step-root.crt'),
    crt: path('step-root.crt'),
    key: path('step-root.key'),
    address: `127.0.0.1:${port}`,
    dnsNames: ['localhost'],
    logger: { format: 'text' },
    db: { type: 'badgerv2', dataSource: path('step-db') },
    authority: { provisioners: [{ type: 'ACME', name: 'acme', challenges: ['dns-01'] }] },
  }
  writeFileSync(path('step.json'), JSON.stringify(config))
  const command = [
    'env',
    'GOMAXPROCS=1',
    resolve('.cache/step-ca'),
    '--resolver',
    `127.0.0.1:${dns}`,
    path('step.json'),
  ]
  const process = pinned(command, ['ignore', 'ignore', 'ignore'])
  const target = { directory: `https://localhost:${port}/acme/acme/directory`, publish: publisherAt(dns).publish }
  return { ...(await opened({ name: 'BIND + step-ca', port, process }, target)), besides: bind }
}

function selfSigned(name: string, ...more: string[]): void {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', path(`${name}.key`)]
  const certificate = ['-out', path(`${name}.crt`), '-days', '30', '-subj', `/CN=${name}`]
  execFileSync('openssl', ['req', '-x509', ...key, ...certificate, ...more], { stdio: 'ignore' })
}

/** With a client, once it answers. */
async function opened(contender: Contender, target: AcmeTarget): Promise<AcmeContender> {
  for (const until = Date.now() + 20_000; ; ) {
    if (await isUp(target.directory)) {
      const lanes = Array.from({ length: Number(values.concurrent) }, () => openAcmeClient(target))
      return { ...contender, directory: target.directory, clients: await Promise.all(lanes) }
    }
    if (Date.now() > until || contender.process.exitCode !== null) break
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  await end(contender.process)
  throw new Error(`${contender.name} did not start`)
}

async function isUp(url: string): Promise<boolean> {
  const sent = request(url, { rejectUnauthorized: false, headers: { 'user-agent': USER_AGENT } })
  sent.end()
  try {
    const [response] = await once(sent, 'response')
    response.resume()
    return response.statusCode === 200
  } catch {
    return false
  }
}

/** Turn by turn, so that whatever else the machine does falls on all alike. */
async function measureAll(): Promise<Map<string, Measurement[]>> {
  const results = new Map<string, Measurement[]>(contenders.map(({ name }) => [name, []]))
  if (!values.smoke)
    for (const contender of contenders) await measure(contender, Math.max(50, orders), Number(values.concurrent))
  for (let round = 0; round < rounds; round++)
    for (const contender of contenders) {
      results.get(contender.name)!.push(await measure(contender, orders, Number(values.concurrent)))
      await requireAlive(contender)
    }
  return results
}

/** So many whole orders, each for a new name, so many at a time. */
async function measure(contender: AcmeContender, count: number, concurrent: number): Promise<Measurement> {
  const { clients, process, besides } = contender
  const cpuOf = () => cpuSeconds(process.pid!) + (besides ? cpuSeconds(besides.process.pid!) : 0)
  const work: { name: string; csr: string }[] = []
  for (let i = 0; i < count; i++) {
    const name = `n${++names}.${APEX}`
    work.push({ name, csr: (await createCsr([name], leafPem)).csr })
  }
  const times: OrderTimes[] = []
  const cpu = cpuOf()
  const threadsBefore = threadUses(process.pid!)
  const begun = performance.now()
  const lane = async (client: AcmeContender['clients'][number]) => {
    for (let next = work.pop(); next; next = work.pop()) times.push(await client.order(next.name, next.csr))
  }
  await Promise.all(clients.slice(0, concurrent).map(lane))
  const seconds = (performance.now() - begun) / 1000
  const threads = usesBetween(threadsBefore, threadUses(process.pid!), count)
  return { rate: count / seconds, cpu: ((cpuOf() - cpu) * 1000) / count, threads, times }
}

function report(results: Map<string, Measurement[]>): void {
  const ours = median(results.get('namestead')!.map(({ rate }) => rate))
  const rows = [...results].map(([server, measured]) => {
    const rate = median(measured.map(one => one.rate))
    const whole = median(measured.flatMap(({ times }) => times.map(one => one.whole)))
    return {
      server,
      'orders/s': Math.round(rate),
      'ours/theirs': Number((ours / rate).toFixed(2)),
      'CPU ms/order': Number(median(measured.map(({ cpu }) => cpu)).toFixed(2)),
      'order p50 ms': Math.round(whole),
    }
  })
  console.log(`${rounds} rounds of ${orders} orders, ${values.concurrent} at once`)
  console.table(rows)
  if (values.threads)
    reportThreads(
      'namestead, for an order',
      results.get('namestead')!.map(({ threads }) => threads),
    )
}

/** One order at a time: what a client waits between its update and its certificate. */
async function measureAlone(contender: AcmeContender): Promise<void> {
  const { times } = await measure(contender, values.smoke ? 10 : 200, 1)
  const sorted = times.map(({ fromUpdate }) => fromUpdate).sort((a, b) => a - b)
  const at = (share: number) => sorted[Math.floor(sorted.length * share)]!.toFixed(1)
  console.log(`${contender.name}, from update to certificate, one at a time: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`)
}

/** Memory and disk over many orders, whose records clients take away again. */
async function soak(ours: AcmeContender, publisher: Publisher, count: number): Promise<void> {
  const lanes = Array.from({ length: Number(values.concurrent) }, () =>
    openAcmeClient({ directory: ours.directory, ...publisher }),
  )
  const clients = await Promise.all(lanes)
  for (let done = 0; done < count; ) {
    const { rate } = await measure({ ...ours, clients }, Math.min(1000, count - done), Number(values.concurrent))
    done += 1000
    const database = ['namestead.db', 'namestead.db-wal'].map(name => statSync(path(`data/${name}`)).size)
    const [file, log] = database.map(size => Math.round(size / 2 ** 20))
    if (done % 5000 === 0 || done >= count)
      console.log(
        `${done} orders: ${Math.round(rate)}/s, ${residentMiB(ours.process.pid!)} MiB resident, database ${file} MiB and its log ${log}, ` +
          `${Math.round((database[0]! + database[1]!) / names)} octets an order`,
      )
  }
  for (const client of clients) client.close()
}

function residentMiB(pid: number): number {
  return Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024)
}

/** Certificates a second without ACME around them: serial reserved, built, linted, signed, committed with its line in the record. */
async function measureSigning(): Promise<void> {
  const fixture = await openFixture({ clock: systemClock })
  const database = await openDatabase(path('signing.db'), CA_MIGRATIONS)
  const issuance = createIssuance({ ...fixture, store: createCaStore(database) })
  const count = values.smoke ? 50 : 5000
  let next = 0
  const lane = async () => {
    while (next < count) {
      const identifiers = [{ type: 'dns' as const, value: `s${next++}.${APEX}` }]
      await issuance.issue({ publicKey: leafKey.publicKey, identifiers, profile })
    }
  }
  const begun = performance.now()
  await Promise.all(Array.from({ length: 16 }, lane))
  console.log(`signed and stored: ${Math.round((count * 1000) / (performance.now() - begun))} certificates a second`)
  await database.close()
}
