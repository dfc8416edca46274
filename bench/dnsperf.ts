/** One run of dnsperf against a server. */
import { spawnSync } from 'node:child_process'
import { type Contender, cpuSeconds, type Place, pinning } from './contender.ts'
import type { QueryTransport } from './query-rows.ts'

export interface RunOptions {
  /** The file of questions. */
  queries: string
  seconds: number
  transport: QueryTransport
  /** More arguments. */
  more: readonly string[]
}

export interface Measurement {
  /** Queries a second. */
  rate: number
  completed: number
  lost: number
  /** Microseconds: of server CPU for a query, and from a question to its answer on average. */
  cpu: number
  latency: number
  /** Of the time that the run took, how much the server was at work; more than 1 on several cores. */
  share: number
}

/**
 * Queries that are outstanding: few enough for the receive buffer that the system gives a socket. With 400 BIND, which asks for no
 * larger one, loses some; each of those then holds a place for a second, and its rate says more about the buffer than about BIND.
 */
const OUTSTANDING = '100'
const CLIENTS = '20'
/** Seconds that an answer is waited for. */
const PATIENCE = '1'

/** Asks for so many seconds. Throws where dnsperf fails, or nothing at all was answered. Not by HTTPS: dnsperf ends there where two answers come in one piece. */
export function measure(contender: Contender, options: RunOptions, place: Place): Measurement {
  const before = cpuSeconds(contender.process.pid!)
  const { stdout, stderr } = dnsperf(contender, options, place)
  const used = cpuSeconds(contender.process.pid!) - before
  const measurement = read(stdout, used)
  if (measurement.completed > 0) return measurement
  throw new Error(`${contender.name} answered nothing over ${options.transport}: ${stderr}`)
}

function dnsperf({ port, ports }: Contender, options: RunOptions, place: Place) {
  const { transport, queries, seconds, more } = options
  const args = [
    ...['-m', transport, '-s', '127.0.0.1', '-p', String(transport === 'dot' ? ports?.dot : port), '-d', queries],
    ...['-l', String(seconds), '-t', PATIENCE, '-c', CLIENTS, '-q', OUTSTANDING, ...more],
  ]
  return spawnSync('taskset', [...pinning(place), 'dnsperf', ...args], { encoding: 'utf8' })
}

/** What dnsperf has printed, with the seconds of CPU that the server has used meanwhile. */
function read(text: string, used: number): Measurement {
  const number = (pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? Number.NaN)
  const completed = number(/Queries completed:\s+(\d+)/)
  return {
    rate: number(/Queries per second:\s+([\d.]+)/),
    completed,
    lost: number(/Queries lost:\s+(\d+)/),
    cpu: (used * 1e6) / completed,
    latency: number(/Average Latency \(s\):\s+([\d.]+)/) * 1e6,
    share: used / number(/Run time \(s\):\s+([\d.]+)/),
  }
}
