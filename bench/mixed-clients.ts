/** The clients of bench/mixed.ts: what measures its queries, and what asks for certificates and sends updates meanwhile. Both are bench/mixed-go. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, createReadStream, openSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { pinning, startOn, withSbin } from './contender.ts'

const inTree = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url))

/** Builds the clients, which needs the Go module proxy once; undefined where Go is not installed. Throws where they can not be built. */
export function buildClients(): string | undefined {
  if (spawnSync('go', ['version']).error) return undefined
  const program = inTree('.cache/mixed-go')
  execFileSync('go', ['build', '-o', program, '.'], { cwd: inTree('bench/mixed-go'), stdio: 'inherit' })
  return program
}

/** What is asked, and how fast. */
export interface Questions {
  /** As dnsperf reads them. */
  file: string
  /** A second. */
  rate: number
  seconds: number
}

/** How long answers took, in milliseconds; a question without an answer counts as the longest that is waited for. */
export interface Latencies {
  asked: number
  answered: number
  p50: number
  p99: number
  p999: number
  /** Seconds of processor time that the meter took; questions that it asked too late; whether it could go before all other programs. */
  cpu?: number
  late?: number
  realtime?: boolean
}

/** Asks a server on this port of 127.0.0.1. */
export type Meter = (port: number, questions: Questions) => Promise<Latencies>

/** Takes the moment in which an answer comes from the kernel, and asks when it is time to, whoever wants the processor. */
export function kernelMeter(program: string): Meter {
  return async (port, { file, rate, seconds }) => {
    const flags = { server: `127.0.0.1:${port}`, queries: file, rate, seconds }
    const process = startOn('all', [program, 'meter', ...flagsOf(flags)], {}, ['ignore', 'pipe', 'inherit'])
    return resultOf(process, createInterface({ input: process.stdout! }))
  }
}

/** Is a program like others: what it waits for a processor counts, and it takes nearly a whole one. `folder` is where it may write. */
export function dnsperfMeter(folder: string): Meter {
  return async (port, { file, rate, seconds }) => {
    const pace = ['-Q', String(rate), '-l', String(seconds), '-c', '20', '-t', '1', '-v']
    const command = ['dnsperf', '-s', '127.0.0.1', '-p', String(port), '-d', file, ...pace]
    // What it tells of every query is read afterwards: nothing but what is measured is to run now.
    const told = join(folder, 'answers')
    const output = openSync(told, 'w')
    const stdio = ['ignore', output, 'ignore'] as const
    const process = spawn('taskset', [...pinning('all'), ...command], { env: withSbin(), stdio: [...stdio] })
    closeSync(output)
    await once(process, 'exit')
    return readLatencies(told)
  }
}

/** What dnsperf counts a question with that got no answer, in milliseconds. */
const LOST = 1000

async function readLatencies(file: string): Promise<Latencies> {
  const latencies: number[] = []
  let answered = 0
  for await (const line of createInterface({ input: createReadStream(file) })) {
    const answer = /^> \w+ \S+ A (\d+\.\d+)/.exec(line)
    if (answer) answered = latencies.push(Number(answer[1]) * 1000)
    else if (line.startsWith('> T ')) latencies.push(LOST)
  }
  if (answered === 0) throw new Error('nothing was answered')
  const sorted = Float64Array.from(latencies).sort()
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!
  return { asked: sorted.length, answered, p50: at(0.5), p99: at(0.99), p999: at(0.999) }
}

/** What a server is to do besides answering. */
export interface LoadOptions {
  dns: number
  https: number
  apex: string
  /** The file with the secret of the key "bench", hmac-sha256, in base64. */
  secret: string
  /** A second. */
  certificates: number
  updates: number
}

/** What it has done. */
export interface LoadDone {
  seconds: number
  certificates: number
  updates: number
  failures: number
  /** The first of them, in words. */
  failure: string
  /** Seconds of processor time that asking for it took. */
  cpu: number
}

export interface Load {
  begin(): void
  end(): Promise<LoadDone>
}

/** Clients are elsewhere: these yield to all else. */
const ELSEWHERE = ['nice', '-n', '10']

/** Resolves once the clients have an account that has proved its name. */
export async function startLoad(program: string, options: LoadOptions): Promise<Load> {
  const { dns, https, ...more } = options
  const flags = { server: `127.0.0.1:${dns}`, directory: `https://localhost:${https}/acme/directory`, ...more }
  const command = [...ELSEWHERE, program, 'load', ...flagsOf(flags)]
  const process = startOn('all', command, {}, ['pipe', 'pipe', 'inherit'])
  const lines = createInterface({ input: process.stdout! })
  const [line] = await Promise.race([once(lines, 'line'), once(lines, 'close')])
  if (line !== 'ready') throw new Error('no certificate can be got')
  return {
    begin: () => void process.stdin!.write('begin\n'),
    end() {
      process.stdin!.end('end\n')
      return resultOf(process, lines)
    },
  }
}

function flagsOf(flags: object): string[] {
  return Object.entries(flags).flatMap(([name, value]) => [`-${name}`, String(value)])
}

/** The line of JSON that the program ends with. */
async function resultOf<Result>(process: ChildProcess, lines: Interface): Promise<Result> {
  const [line] = await Promise.race([once(lines, 'line'), once(lines, 'close')])
  if (line === undefined) throw new Error(`${process.spawnargs.join(' ')} failed`)
  return JSON.parse(line)
}
