/** What bench/query.ts asks for: zones, and files of questions as dnsperf reads them. */
import { execFileSync } from 'node:child_process'
import { appendFileSync, existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { withSbin } from './contender.ts'

export const APEX = 'bench.test'

/** `small`: 10,000 addresses; `signed`: the same with DNSSEC; `million`: 1,000,000 addresses. */
export type ZoneKind = 'small' | 'signed' | 'million'
export type QueryTransport = 'udp' | 'tcp' | 'dot' | 'doh'

/** A row of the table. */
export interface QueryRow {
  id: string
  title: string
  zone: ZoneKind
  transport: QueryTransport
  /** More arguments for dnsperf. */
  dnsperf?: readonly string[]
  /** The least ratio to BIND that is claimed. */
  aim: number
  /** Writes the questions of a round; returns the file. */
  queries(folder: string, round: number): string
}

const NAMES: Record<ZoneKind, number> = { small: 10_000, signed: 10_000, million: 1_000_000 }
/** More than any server answers in a round. */
const FLOOD = 1_500_000
const PART = 100_000

const hot = (folder: string) => once(folder, 'hot', NAMES.small, i => `h${(i * 7919) % NAMES.small}`)
const uniform = (folder: string) => once(folder, 'uniform', PART * 10, () => `h${random(NAMES.million)}`)
const fewAbsent = (folder: string) =>
  once(folder, 'absent', PART, i => (i % 20 === 0 ? `absent${random(PART)}` : `h${random(NAMES.small)}`))
/** Other names in every round: nobody has seen any of them before. */
const flood = (folder: string, round: number) =>
  write(join(folder, 'flood'), FLOOD, i => `x${round}-${random(2 ** 30).toString(36)}-${i}`)

export const QUERY_ROWS: readonly QueryRow[] = [
  { id: 'hot', title: '10,000 names', zone: 'small', transport: 'udp', aim: 1.5, queries: hot },
  { id: 'nxdomain', title: 'the same, 5 % absent', zone: 'small', transport: 'udp', aim: 1, queries: fewAbsent },
  { id: 'flood', title: 'random names, all absent', zone: 'small', transport: 'udp', aim: 1, queries: flood },
  { id: 'tcp', title: 'TCP', zone: 'small', transport: 'tcp', aim: 1, queries: hot },
  { id: 'dot', title: 'TLS', zone: 'small', transport: 'dot', aim: 1, queries: hot },
  { id: 'doh', title: 'HTTPS', zone: 'small', transport: 'doh', aim: 1, queries: hot },
  { id: 'signed', title: 'signed, DO', zone: 'signed', transport: 'udp', dnsperf: ['-D'], aim: 1, queries: fewAbsent },
  { id: 'uniform', title: '1,000,000 names', zone: 'million', transport: 'udp', aim: 1, queries: uniform },
]

function random(below: number): number {
  return Math.floor(Math.random() * below)
}

function once(folder: string, name: string, count: number, label: (i: number) => string): string {
  const file = join(folder, `queries-${name}`)
  return existsSync(file) ? file : write(file, count, label)
}

function write(file: string, count: number, label: (i: number) => string): string {
  inParts(file, count, i => `${label(i)}.${APEX} A\n`)
  return file
}

function inParts(file: string, count: number, line: (i: number) => string, head = ''): void {
  writeFileSync(file, head)
  for (let from = 0; from < count; from += PART) {
    const length = Math.min(PART, count - from)
    appendFileSync(file, Array.from({ length }, (_, i) => line(from + i)).join(''))
  }
}

/** Writes the zone's file; returns its path. */
export function writeZone(folder: string, kind: ZoneKind): string {
  const file = join(folder, `zone-${kind}`)
  const head = [`$ORIGIN ${APEX}.`, '$TTL 300', '@ IN SOA ns1 hostmaster 1 3600 600 86400 300', '@ IN NS ns1']
  const host = (i: number) => `h${i} IN A 10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}\n`
  inParts(file, NAMES[kind], host, [...head, 'ns1 IN A 127.0.0.1', ''].join('\n'))
  return kind === 'signed' ? sign(folder, file) : file
}

/** Signed once for all, by ECDSA with NSEC: every server has the same records. */
function sign(folder: string, file: string): string {
  const options = { cwd: folder, env: withSbin(), stdio: 'ignore' as const }
  for (const flags of [[], ['-f', 'KSK']])
    execFileSync('dnssec-keygen', ['-q', '-a', 'ECDSAP256SHA256', ...flags, APEX], options)
  execFileSync('dnssec-signzone', ['-S', '-o', APEX, '-f', `${file}.signed`, file], options)
  return `${file}.signed`
}

/** A key and a certificate for TLS and HTTPS: `key.pem` and `certificate.pem`. */
export function makeCertificate(folder: string): void {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', join(folder, 'key.pem')]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  const certificate = ['-x509', '-days', '30', '-out', join(folder, 'certificate.pem')]
  execFileSync('openssl', ['req', ...certificate, ...key, ...subject], { stdio: 'ignore' })
}
