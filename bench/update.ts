/**
 * Claim: of durable signed updates that come many at once, one core of ours takes twice as many a second as one of BIND. How many it takes of
 * one client that waits for each reply, and of a signed zone, is printed beside it.
 * Both keep the same dynamic zone on the same disk and serve it on the same core; every reply stands for a change that is synced. The same
 * messages, signed beforehand, go to both in turns within one run, each replacing the address of a name; medians are printed.
 *   node bench/update.ts [--smoke] [--rounds N] [--messages N] [--names N] [--mode UDP] [--signed] [--threads]
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Class, Opcode } from '../dns/codes.ts'
import { type Message, writeMessage } from '../dns/message.ts'
import { type Name, parseName } from '../dns/name.ts'
import { signRequest } from '../dns/tsig.ts'
import { type TsigKey, tsigKey } from '../dns/tsig-record.ts'
import { Type } from '../dns/types.ts'
import { startBind, updatedZone } from './bind.ts'
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
import { sendAll, type Transport } from './load.ts'
import { reportThreads, type ThreadUses, threadUses, usesBetween } from './thread-use.ts'

const { values } = parseArgs({
  options: {
    smoke: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    messages: { type: 'string' },
    names: { type: 'string', default: '1000' },
    /** The zone is signed: every update is, too. */
    signed: { type: 'boolean', default: false },
    /** Only the ways of asking whose name has this in it. */
    mode: { type: 'string', default: '' },
    /** Also what each thread takes for an update. */
    threads: { type: 'boolean', default: false },
    /** Only ours; with a folder, under Node's profiler, which writes there. */
    ours: { type: 'boolean', default: false },
    profile: { type: 'string' },
  },
})
const rounds = Number(values.rounds ?? (values.smoke ? 1 : 7))
/** Messages of one measurement with many at once; a fifth of it for one at a time. */
const messages = Number(values.messages ?? (values.smoke ? 200 : 5000))
const APEX = 'bench.test'
const ZONE = { apex: APEX, names: Number(values.names) }
const SECRET = Buffer.alloc(32, 'bench')
const KEY: TsigKey = tsigKey(parseName('bench.'), 'hmac-sha256', [SECRET])

/** One way of asking. */
interface Mode {
  name: string
  transport: Transport
  concurrent: number
}

const ALL_MODES: readonly Mode[] = [
  { name: 'UDP, alone', transport: 'udp', concurrent: 1 },
  { name: 'UDP, 100 at once', transport: 'udp', concurrent: 100 },
  { name: 'TCP, alone', transport: 'tcp', concurrent: 1 },
  { name: 'TCP, 100 at once', transport: 'tcp', concurrent: 100 },
]
const MODES = ALL_MODES.filter(({ name }) => name.includes(values.mode))

interface Measurement {
  rate: number
  /** Microseconds of server CPU for an update. */
  cpu: number
  /** Of each thread, for an update. */
  threads: ThreadUses
}

let lastMessage = 0
const directory = mkdtempSync(join(tmpdir(), 'bench-update-'))
const contenders: Contender[] = []
try {
  execFileSync('taskset', ['-apc', CLIENT_CORE, String(process.pid)], { stdio: 'ignore' })
  contenders.push(await startOurs(await freePort()))
  if (!values.ours && !values.profile) {
    const zone = { ...ZONE, algorithm: KEY.algorithm, secret: SECRET.toString('base64'), signed: values.signed }
    contenders.push(await startBind(directory, await freePort(), zone))
  }
  const results = await measureAll()
  report(results)
} finally {
  await Promise.all(contenders.map(({ process }) => end(process)))
  rmSync(directory, { recursive: true, force: true, maxRetries: 10 })
}

function path(name: string): string {
  return join(directory, name)
}

function startOurs(port: number): Promise<Contender> {
  writeFileSync(path('ours.zone'), updatedZone(ZONE))
  const config = {
    name: 'ns1.bench.test',
    data_dir: path('data'),
    workers: 1,
    listen: { dns: [`127.0.0.1:${port}`] },
    keys: [{ name: 'bench', algorithm: KEY.algorithm, secret: SECRET.toString('base64') }],
    views: [
      {
        name: 'all',
        zones: [
          {
            ...{ name: APEX, file: path('ours.zone'), dynamic: true, update: [{ key: 'bench', names: ['**'] }] },
            ...(values.signed && { dnssec: { sign: true } }),
          },
        ],
      },
    ],
  }
  // JSON is YAML.
  writeFileSync(path('namestead.yaml'), JSON.stringify(config))
  const program = fileURLToPath(new URL('../bin/namestead.mjs', import.meta.url))
  const profiler = values.profile ? ['--cpu-prof', `--cpu-prof-dir=${values.profile}`] : []
  const process = pinned([
    globalThis.process.execPath,
    ...profiler,
    program,
    'serve',
    '--config',
    path('namestead.yaml'),
  ])
  return answering({ name: 'namestead', port, process }, `h1.${APEX}`)
}

/** Turn by turn, so that whatever else the machine does falls on all alike. */
async function measureAll(): Promise<Map<string, Map<string, Measurement[]>>> {
  const results = new Map(
    MODES.map(({ name }) => [name, new Map<string, Measurement[]>(contenders.map(one => [one.name, []]))]),
  )
  if (!values.smoke) for (const contender of contenders) await measure(contender, ALL_MODES[1]!, -1)
  for (let round = 0; round < rounds; round++)
    for (const mode of MODES)
      for (const contender of contenders) {
        results
          .get(mode.name)!
          .get(contender.name)!
          .push(await measure(contender, mode, round))
        await requireAlive(contender)
      }
  return results
}

async function measure({ port, process }: Contender, mode: Mode, round: number): Promise<Measurement> {
  const wires = updates(mode.concurrent > 1 ? messages : messages / 5, round + MODES.indexOf(mode) * 100)
  const before = cpuSeconds(process.pid!)
  const threadsBefore = threadUses(process.pid!)
  const seconds = await sendAll({ ...mode, port, wires })
  const cpu = ((cpuSeconds(process.pid!) - before) * 1e6) / wires.length
  const threads = usesBetween(threadsBefore, threadUses(process.pid!), wires.length)
  return { rate: wires.length / seconds, cpu, threads }
}

/** Updates of which each changes something: the address of a name, to one that it has not had for long. */
function updates(count: number, seed: number): Uint8Array[] {
  const now = Math.floor(Date.now() / 1000)
  return Array.from({ length: count }, (_, i) => {
    const number = ++lastMessage
    const owner = parseName(`h${i % ZONE.names}.${APEX}.`)
    const address = Uint8Array.of(10, seed & 255, number >> 8, number)
    return signRequest(writeMessage(replacing(number & 0xffff, owner, address)), KEY, now).wire
  })
}

/** RFC 2136 §2.5.2 and §2.5.1: the RRset goes, the record comes. */
function replacing(id: number, owner: Name, address: Uint8Array): Message {
  return {
    id,
    flags: 0,
    opcode: Opcode.UPDATE,
    rcode: 0,
    question: [{ name: parseName(`${APEX}.`), type: Type.SOA, class: Class.IN }],
    answer: [],
    authority: [
      { owner, type: Type.A, class: Class.ANY, ttl: 0, rdata: new Uint8Array() },
      { owner, type: Type.A, class: Class.IN, ttl: 60, rdata: address },
    ],
    additional: [],
  }
}

function report(results: Map<string, Map<string, Measurement[]>>): void {
  const rows = [...results].map(([mode, measured]) => {
    const of = (name: string, value: (one: Measurement) => number) => median((measured.get(name) ?? []).map(value))
    const [ours, bind] = ['namestead', 'BIND'].map(name => of(name, one => one.rate)) as [number, number]
    return {
      mode,
      'namestead/s': Math.round(ours),
      'BIND/s': Math.round(bind),
      ratio: Number((ours / bind).toFixed(2)),
      'namestead CPU µs': Math.round(of('namestead', one => one.cpu)),
      'BIND CPU µs': Math.round(of('BIND', one => one.cpu)),
    }
  })
  console.table(rows)
  if (values.threads)
    for (const [mode, measured] of results)
      for (const [server, all] of measured)
        reportThreads(
          `${mode}, ${server}, for an update`,
          all.map(({ threads }) => threads),
        )
  console.log(`${values.names} names, ${rounds} rounds of ${messages} messages, ${messages / 5} alone, medians`)
  // A few messages on a busy machine, not warmed up, prove only that both can be measured.
  const claimed = values.smoke || values.signed ? [] : MODES.filter(({ concurrent }) => concurrent > 1)
  if (claimed.some(({ name }) => rows.find(({ mode }) => mode === name)!.ratio < 2)) process.exitCode = 1
}
