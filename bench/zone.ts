/**
 * Claim: a zone of ours is loaded as fast, takes as little memory, and is transferred as fast as BIND's, up to a million records.
 * Each server is started on the same core with the same zone file, turn by turn; medians are printed. The time to load is from its start
 * to its first answer, less that with an empty zone; so is the memory. "again" is a start after another with the same file, "dynamic" one with
 * the zone in our database. A transfer is timed when the server has done one before. Ours is what is packed, made of this repository at first.
 *   node bench/zone.ts [--smoke] [--rounds N] [--sizes 10000,100000,1000000] [--only namestead+BIND]
 */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Class, Opcode } from '../dns/codes.ts'
import { writeMessage } from '../dns/message.ts'
import { parseName } from '../dns/name.ts'
import { Type } from '../dns/types.ts'
import { bindCommand } from './bind.ts'
import {
  CLIENT_CORE,
  type Contender,
  childrenOf,
  end,
  freePort,
  median,
  packed,
  pinned,
  requireAlive,
} from './contender.ts'
import { ask } from './load.ts'
import { nsdCommand } from './nsd.ts'

const { values } = parseArgs({
  options: {
    smoke: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    sizes: { type: 'string' },
    only: { type: 'string', default: '' },
    /** A folder for the profiles of ours. */
    profile: { type: 'string' },
  },
})
const rounds = Number(values.rounds ?? (values.smoke ? 1 : 3))
const sizes = (values.sizes ?? (values.smoke ? '2000' : '10000,100000,1000000')).split(',').map(Number)
const APEX = 'bench.test'
const MIB = 2 ** 20
/** How long a server may take to load, in milliseconds. */
const PATIENCE = 120_000

/** What is claimed to be no more than BIND's. */
const CLAIMED = ['load, ms', 'octets a record', 'AXFR, ms'] as const

/** Transfers that are timed, after a first one. */
const TRANSFERS = 3

/** How a server is configured, in a folder of its own that holds a zone file, and started. */
interface Server {
  name: string
  /** Whether what it has loaded once is what it starts from. */
  stateful?: boolean
  command(folder: string, port: number): string[]
}

const SERVERS: readonly Server[] = [
  { name: 'namestead', command: (folder, port) => ours(folder, port, false) },
  { name: 'namestead, again', stateful: true, command: (folder, port) => ours(folder, port, false) },
  { name: 'namestead, dynamic', stateful: true, command: (folder, port) => ours(folder, port, true) },
  { name: 'BIND', command: bind },
  { name: 'Knot', command: knot },
  { name: 'NSD', command: nsd },
]

interface Measurement {
  /** Milliseconds to the first answer. */
  load: number
  /** Octets of memory, what is shared between its processes counted once. */
  memory: number
  /** Milliseconds of a transfer. */
  transfer: number
}

const root = mkdtempSync(join(tmpdir(), 'bench-zone-'))
try {
  execFileSync('taskset', ['-apc', CLIENT_CORE, String(process.pid)], { stdio: 'ignore' })
  const rows: ZoneRow[] = []
  for (const size of sizes) rows.push(...rowsOf(size, await measureAll(size)))
  report(rows)
} finally {
  rmSync(root, { recursive: true, force: true, maxRetries: 10 })
}

/** Turn by turn, so that whatever else the machine does falls on all alike. */
async function measureAll(size: number): Promise<Map<string, { full: Measurement[]; empty: Measurement[] }>> {
  const servers = SERVERS.filter(({ name }) => values.only === '' || values.only.split('+').includes(name))
  const results = new Map(servers.map(({ name }) => [name, { full: [] as Measurement[], empty: [] as Measurement[] }]))
  for (let round = 0; round < rounds; round++)
    for (const server of servers) {
      const result = results.get(server.name)!
      result.empty.push(await measure(server, 0))
      result.full.push(await measure(server, size))
    }
  return results
}

async function measure(server: Server, size: number): Promise<Measurement> {
  const folder = join(root, `${server.name.replace(/\W+/g, '-')}-${size}`)
  mkdirSync(folder, { recursive: true })
  writeZone(join(folder, 'zone'), size)
  if (server.stateful) await end((await start(server, folder, size)).contender.process)
  const { contender, load } = await start(server, folder, size)
  try {
    const memory = residentOctets(contender.process.pid!)
    const transfers: number[] = []
    for (let i = 0; i <= TRANSFERS; i++) transfers.push(await transferTime(contender.port, size))
    const transfer = median(transfers.slice(1))
    await requireAlive(contender)
    return { load, memory, transfer }
  } finally {
    await end(contender.process)
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
  }
}

function writeZone(file: string, size: number): void {
  const soa = '@ IN SOA ns1 hostmaster 1 3600 600 86400 300'
  writeFileSync(file, `$ORIGIN ${APEX}.\n$TTL 300\n${soa}\n@ IN NS ns1\nns1 IN A 127.0.0.1\n`)
  const PART = 100_000
  for (let from = 0; from < size; from += PART) {
    const part = Array.from({ length: Math.min(PART, size - from) }, (_, i) => from + i)
    appendFileSync(file, part.map(i => `h${i} IN A 10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}\n`).join(''))
  }
}

async function start(server: Server, folder: string, size: number): Promise<{ contender: Contender; load: number }> {
  const port = await freePort()
  const command = server.command(folder, port)
  const last = size === 0 ? 'ns1' : `h${size - 1}`
  const query = message(`${last}.${APEX}.`, Type.A)
  const begin = performance.now()
  const contender = {
    name: server.name,
    port,
    process: pinned(command, ['ignore', 'ignore', values.smoke ? 'ignore' : 'inherit']),
  }
  for (const until = begin + PATIENCE; performance.now() < until; ) {
    const reply = await ask(port, query, 10)
    // NOERROR, and one answer.
    if (reply && (reply[3]! & 15) === 0 && reply[7] === 1) return { contender, load: performance.now() - begin }
    await requireAlive(contender)
  }
  await end(contender.process)
  throw new Error(`${server.name} did not load ${size} records`)
}

function message(name: string, type: number): Uint8Array {
  const question = [{ name: parseName(name), type, class: Class.IN }]
  return writeMessage({
    id: 1,
    opcode: Opcode.QUERY,
    flags: 0,
    rcode: 0,
    question,
    answer: [],
    authority: [],
    additional: [],
  })
}

/** Of the process and those that it has started, each page counted by the share that it has in it. */
function residentOctets(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  const own = Number(/^Pss:\s+(\d+) kB/m.exec(rollup)![1]) * 1024
  return childrenOf(pid).reduce((sum, child) => sum + residentOctets(child), own)
}

/** Milliseconds until the whole zone has come; that it is whole is seen by the number of records. */
async function transferTime(port: number, size: number): Promise<number> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  const query = message(`${APEX}.`, Type.AXFR)
  const begin = performance.now()
  socket.write(Buffer.from([query.length >> 8, query.length, ...query]))
  // SOA, NS, its address, and the SOA again (RFC 5936 §2.2).
  let missing = size + 4
  let kept: Buffer = Buffer.alloc(0)
  for await (const data of socket as AsyncIterable<Buffer>) {
    kept = kept.length > 0 ? Buffer.concat([kept, data]) : data
    let at = 0
    while (at + 2 <= kept.length && at + 2 + kept.readUInt16BE(at) <= kept.length) {
      if ((kept[at + 5]! & 15) !== 0) throw new Error(`the transfer was refused with RCODE ${kept[at + 5]! & 15}`)
      missing -= kept.readUInt16BE(at + 8)
      at += 2 + kept.readUInt16BE(at)
    }
    kept = kept.subarray(at)
    if (missing <= 0) break
  }
  socket.destroy()
  if (missing !== 0) throw new Error(`the transfer ended with ${missing} records missing`)
  return performance.now() - begin
}

function ours(folder: string, port: number, dynamic: boolean): string[] {
  const zone = { name: APEX, file: join(folder, 'zone'), dynamic, transfer: [{ from: ['127.0.0.1'] }] }
  const listen = { dns: [`127.0.0.1:${port}`] }
  const config = {
    name: 'ns1.bench.test',
    data_dir: join(folder, 'data'),
    workers: 1,
    listen,
    views: [{ name: 'all', zones: [zone] }],
  }
  // JSON is YAML.
  writeFileSync(join(folder, 'namestead.yaml'), JSON.stringify(config))
  const profiler = values.profile ? ['--cpu-prof', `--cpu-prof-dir=${values.profile}`] : []
  return [process.execPath, ...profiler, packed(root), 'serve', '--config', join(folder, 'namestead.yaml')]
}

function bind(folder: string, port: number): string[] {
  const zone = `zone "${APEX}" { type primary; file "${join(folder, 'zone')}"; }`
  return bindCommand({ folder, port, threads: 1, statements: [zone], options: ['allow-transfer { any; }'] })
}

function knot(folder: string, port: number): string[] {
  const lines = [
    ...[
      'server:',
      `  rundir: "${folder}"`,
      `  listen: "127.0.0.1@${port}"`,
      '  udp-workers: 1',
      '  tcp-workers: 1',
      '  background-workers: 1',
    ],
    ...['database:', `  storage: "${folder}"`, 'acl:', '  - id: all', '    address: 127.0.0.1', '    action: transfer'],
    ...[
      'zone:',
      `  - domain: ${APEX}`,
      `    file: "${join(folder, 'zone')}"`,
      '    acl: all',
      '    journal-content: none',
      '    zonefile-sync: -1',
    ],
  ]
  writeFileSync(join(folder, 'knot.conf'), `${lines.join('\n')}\n`)
  return ['knotd', '-c', join(folder, 'knot.conf')]
}

function nsd(folder: string, port: number): string[] {
  return nsdCommand({ folder, apex: APEX, zone: join(folder, 'zone'), port, threads: 1 })
}

/** What was measured of one server with a zone of one size. */
interface ZoneRow {
  records: number
  server: string
  'load, ms': number
  'octets a record': number
  'AXFR, ms': number
  'start with an empty zone, ms': number
  'all, MiB': number
}

function rowsOf(size: number, results: Map<string, { full: Measurement[]; empty: Measurement[] }>): ZoneRow[] {
  return [...results].map(([server, { full, empty }]) => {
    const of = (from: Measurement[], what: keyof Measurement) => median(from.map(one => one[what]))
    const more = (what: keyof Measurement) => Math.max(0, of(full, what) - of(empty, what))
    return {
      records: size,
      server,
      'load, ms': Math.round(more('load')),
      'octets a record': Math.round(more('memory') / size),
      'AXFR, ms': Math.round(of(full, 'transfer')),
      'start with an empty zone, ms': Math.round(of(empty, 'load')),
      'all, MiB': Math.round(of(full, 'memory') / MIB),
    }
  })
}

function report(rows: readonly ZoneRow[]): void {
  console.table(rows)
  console.log(`${rounds} rounds, medians`)
  const worse = sizes.flatMap(size => {
    const [ours, bind] = ['namestead', 'BIND'].map(name =>
      rows.find(one => one.records === size && one.server === name),
    )
    return ours && bind ? CLAIMED.filter(what => ours[what] > bind[what]).map(what => `${what} of ${size} records`) : []
  })
  if (worse.length > 0) console.log(`more than BIND: ${worse.join('; ')}`)
  // Once, on a busy machine, proves only that all can be measured.
  if (!values.smoke && worse.length > 0) process.exitCode = 1
}
