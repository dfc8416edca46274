/** One run of h2load against a server: DNS over HTTPS, by GET. */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { Class, Opcode } from '../dns/codes.ts'
import { writeMessage } from '../dns/message.ts'
import { parseName } from '../dns/name.ts'
import { typeCode } from '../dns/types.ts'
import { type Contender, cpuSeconds, type Place, pinning } from './contender.ts'
import type { Measurement, RunOptions } from './dnsperf.ts'

/** As many questions at once as dnsperf has; of the questions the first, for each connection prepares all of them before it begins. */
const CONNECTIONS = '20'
const STREAMS = '5'
const QUESTIONS = 1000

/** Asks for so many seconds. Throws where nothing at all was answered. */
export function measureHttps(contender: Contender, options: RunOptions, place: Place): Measurement {
  const { queries, seconds } = options
  const urls = `${queries}.urls-${contender.ports!.https}`
  const questions = readFileSync(queries, 'utf8').split('\n', QUESTIONS)
  writeFileSync(urls, questions.map(line => `${urlOf(line, contender.ports!.https)}\n`).join(''))
  const args = ['-c', CONNECTIONS, '-m', STREAMS, '-D', String(seconds), '-i', urls]
  const before = cpuSeconds(contender.process.pid!)
  const { stdout } = spawnSync('taskset', [...pinning(place), 'h2load', ...args], { encoding: 'utf8' })
  const used = cpuSeconds(contender.process.pid!) - before
  const number = (pattern: RegExp): number => Number(pattern.exec(stdout)?.[1] ?? Number.NaN)
  const completed = number(/status codes: (\d+) 2xx/)
  if (!(completed > 0)) throw new Error(`${contender.name} answered nothing over HTTPS: ${stdout}`)
  return {
    rate: completed / seconds,
    completed,
    lost: number(/(\d+) failed/) + number(/(\d+) errored/),
    cpu: (used * 1e6) / completed,
    latency: microseconds(/time for request:\s+\S+\s+\S+\s+(\S+)/.exec(stdout)?.[1] ?? ''),
    share: used / seconds,
  }
}

/** RFC 8484 §4.1: with the ID 0, so that HTTP caches can hold the answer. */
function urlOf(line: string, port: number): string {
  const [name = '', type = ''] = line.split(' ')
  const question = [{ name: parseName(`${name}.`), type: typeCode(type)!, class: Class.IN }]
  const head = { id: 0, flags: 0, opcode: Opcode.QUERY, rcode: 0, question, answer: [], authority: [], additional: [] }
  return `https://127.0.0.1:${port}/dns-query?dns=${Buffer.from(writeMessage(head)).toString('base64url')}`
}

/** "5.30ms", as h2load prints times. */
function microseconds(text: string): number {
  const [, value, unit] = /^([\d.]+)(us|ms|s)$/.exec(text) ?? []
  return Number(value ?? Number.NaN) * { us: 1, ms: 1000, s: 1e6 }[unit ?? 'us']!
}
