import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { Test } from 'tap'

export { scratchFolder as scratch } from '../scratch.ts'

/** What `skip` of a test must be for programs that nobody here wrote: false where all are installed, or where INTEROP=required. */
export function without(...programs: string[]): string | false {
  if (process.env['INTEROP'] === 'required') return false
  const missing = programs.filter(
    program => spawnSync('sh', ['-c', `command -v ${program}`], { env: pathEnv() }).status !== 0,
  )
  return missing.length > 0 && `needs ${missing.join(', ')}`
}

/** Debian keeps servers in sbin, which is not on everybody's PATH. */
export function pathEnv(more: Record<string, string> = {}): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin`, ...more }
}

/**
 * The command that runs a daemon, or a script, as operators do: the test runner gives every Node that is started here its own hooks, by which it
 * would start slower and write files of the runner's.
 */
export const PLAIN_NODE: readonly string[] = ['env', '-u', 'NODE_OPTIONS', process.execPath]

export interface Ran {
  status: number
  stdout: string
  stderr: string
}

/** Runs a program to its end, at most a minute unless said. Never rejects: the status tells. */
export function run(
  program: string,
  args: readonly string[],
  options: { env?: Record<string, string>; cwd?: string; input?: string; timeout?: number } = {},
): Promise<Ran> {
  return new Promise(resolve => {
    const child = execFile(
      program,
      args,
      { env: pathEnv(options.env), cwd: options.cwd, timeout: options.timeout ?? 60_000, maxBuffer: 1 << 26 },
      (error, stdout, stderr) => {
        const status = error ? (typeof error.code === 'number' ? error.code : 255) : 0
        resolve({ status, stdout, stderr: error && !stderr ? error.message : stderr })
      },
    )
    // A program that ends without reading its input is no failure of ours.
    child.stdin?.on('error', () => {})
    child.stdin?.end(options.input ?? '')
  })
}

/** Starts a peer that ends with the test; its output goes to `log`. */
export function startPeer(t: Test, program: string, args: readonly string[], log: string, cwd?: string): ChildProcess {
  const out = openSync(log, 'a')
  const child = spawn(program, args, { env: pathEnv(), stdio: ['ignore', out, out], cwd })
  closeSync(out)
  child.on('error', error => t.fail(`${program}: ${error.message}`))
  t.teardown(() => stopPeer(child))
  return child
}

export async function stopPeer(child: ChildProcess): Promise<void> {
  // One that could not be started has no end either.
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise(resolve => child.once('exit', resolve))
  child.kill('SIGTERM')
  const cut = setTimeout(() => child.kill('SIGKILL'), 5000)
  await ended
  clearTimeout(cut)
}

/** Below the range from which systems take clients' ports, so that no client of a test running beside holds one of ours. */
const PORTS = { first: 12_000, count: 20_000 }

/** Loopback ports that were free a moment ago, in TCP and in UDP. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>()
  while (ports.size < count) {
    const port = PORTS.first + randomInt(PORTS.count)
    if (!ports.has(port) && (await isFree(port))) ports.add(port)
  }
  return [...ports]
}

async function isFree(port: number): Promise<boolean> {
  const listening = createServer().listen(port, '127.0.0.1')
  const bound = createSocket('udp4').bind(port, '127.0.0.1')
  const states = await Promise.allSettled([once(listening, 'listening'), once(bound, 'listening')])
  await Promise.all([
    states[0].status === 'fulfilled' && new Promise(resolve => listening.close(resolve)),
    states[1].status === 'fulfilled' && new Promise<void>(resolve => bound.close(resolve)),
  ])
  return states.every(({ status }) => status === 'fulfilled')
}

/** Asks `probe` again and again until it says true; false once `seconds` have passed. For other programs' states only. */
export async function eventually(probe: () => boolean | Promise<boolean>, seconds = 20): Promise<boolean> {
  const end = Date.now() + seconds * 1000
  while (Date.now() < end) {
    if (await probe()) return true
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  return false
}

/** `dig +short`-like answers, sorted. */
export async function dig(port: number, ...args: string[]): Promise<string[]> {
  const { stdout } = await run('dig', ['@127.0.0.1', '-p', String(port), '+short', '+tries=1', '+time=3', ...args])
  return stdout
    .split('\n')
    .filter(line => line !== '' && !line.startsWith(';'))
    .sort()
}

/** The RCODE that dig prints. */
export async function digStatus(port: number, ...args: string[]): Promise<string> {
  const { stdout } = await run('dig', ['@127.0.0.1', '-p', String(port), '+tries=1', '+time=3', ...args])
  return /status: (\w+)/.exec(stdout)?.[1] ?? stdout.trim()
}

/** The text of a log file written so far. */
export function logText(path: string): string {
  return readFileSync(path, 'utf8')
}

/** A self-signed certificate and its key in `folder`, for these subject alternative names; the certificate in PEM. */
export async function selfSigned(folder: string, ...names: string[]): Promise<string> {
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const { status, stderr } = await run('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
    ...['-subj', '/CN=test', '-addext', `subjectAltName=${names.join(',')}`, '-keyout', key, '-out', certificate],
  ])
  if (status !== 0) throw new Error(stderr)
  return readFileSync(certificate, 'utf8')
}
