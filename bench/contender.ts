/** Servers that are measured beside each other: started on one core, watched, and ended. */
import { type ChildProcess, execFileSync, type StdioOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The numbers of the cores that this process may run on, as in "0-3,6": in a container not always those from 0. */
const allowed = /^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]!
const cores = allowed.split(',').flatMap(range => [...new Set(range.split('-'))])
/** The core that servers have to themselves, as far as the machine allows, and the one of whoever asks them. */
export const SERVER_CORE = cores.at(0)!
export const CLIENT_CORE = cores.at(-1)!

/** Whose cores a program runs on. */
export type Place = 'server' | 'client' | 'all'

/** What `taskset` is told of a place. */
export function pinning(place: Place): string[] {
  return ['-c', { server: SERVER_CORE, client: CLIENT_CORE, all: allowed }[place]]
}

/** A server under test. */
export interface Contender {
  name: string
  port: number
  /** Those of other transports. */
  ports?: { dot: number; https: number }
  process: ChildProcess
}

/** Starts a program on the servers' core. */
export function pinned(
  command: readonly string[],
  stdio: StdioOptions = ['ignore', 'ignore', 'inherit'],
): ChildProcess {
  return startOn('server', command, {}, stdio)
}

/** Starts a program on the cores of a place, with these variables besides our own. */
export function startOn(
  place: Place,
  command: readonly string[],
  env: NodeJS.ProcessEnv = {},
  stdio: StdioOptions = ['ignore', 'ignore', 'inherit'],
): ChildProcess {
  return spawn('taskset', [...pinning(place), ...command], { stdio, env: { ...withSbin(), ...env } })
}

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** Our program as it is packed, made in a folder below `parent` when it is first asked for: its path. */
export function packed(parent: string): string {
  const folder = join(parent, 'package')
  const program = join(folder, 'bin', 'namestead.mjs')
  if (existsSync(program)) return program
  execFileSync(process.execPath, [join(ROOT, 'bin', 'build.mjs'), join(folder, 'dist')])
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  cpSync(join(ROOT, 'package.json'), join(folder, 'package.json'))
  cpSync(join(ROOT, 'bin'), join(folder, 'bin'), { recursive: true })
  // What it compiles is kept, as the service manager has it do: once, before anything is measured.
  execFileSync(process.execPath, [program, '--version'])
  return program
}

/** Debian keeps servers in sbin, which is not on everybody's PATH. */
export function withSbin(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` }
}

export async function end(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill(signal)
  await once(child, 'exit')
}

/** A port that nobody has at the moment. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as { port: number }
  probe.close()
  await once(probe, 'close')
  return port
}

/** Resolves once the server answers the question, an A record's, in the affirmative. */
export async function answering(contender: Contender, owner: string, { seconds = 10 } = {}): Promise<Contender> {
  for (const until = Date.now() + seconds * 1000; Date.now() < until && isAlive(contender); ) {
    await new Promise(resolve => setTimeout(resolve, 100))
    try {
      const args = ['@127.0.0.1', '-p', String(contender.port), '+time=1', '+tries=1', '+short', owner, 'A']
      if (/^\d/.test(execFileSync('dig', args, { encoding: 'utf8' })) && isAlive(contender)) return contender
    } catch {
      // Not yet.
    }
  }
  await end(contender.process)
  throw new Error(`${contender.name} did not start`)
}

/** Whether it is still running: otherwise it may be another program that answers on the port. */
function isAlive({ process }: Contender): boolean {
  return process.exitCode === null && process.signalCode === null
}

/** A server that has ended was not what was measured. Its end is known only after the event loop has had a turn. */
export async function requireAlive(contender: Contender): Promise<void> {
  await new Promise(resolve => setTimeout(resolve, 10))
  if (!isAlive(contender)) throw new Error(`${contender.name} ended while it was measured`)
}

/** User and system time of a process with its threads, and of those that it has started; `taskset` has become the server by then. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const own = (Number(fields[11]) + Number(fields[12])) / 100
  return childrenOf(pid).reduce((sum, child) => sum + cpuSeconds(child), own)
}

/** Processes that a process has started and that still run. */
export function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap(thread =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  )
}

export function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[numbers.length >> 1]!
}
