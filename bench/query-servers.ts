/** The servers of bench/query.ts, each with its defaults, and with what ours does beside answering left on. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bindCommand } from './bind.ts'
import { withSbin } from './contender.ts'
import { nsdCommand } from './nsd.ts'
import { APEX, type QueryTransport } from './query-rows.ts'

export interface ServerOptions {
  folder: string
  /** The zone's file. */
  zone: string
  ports: { dns: number; dot: number; https: number }
  threads: number
}

/** A server that is measured. */
export interface QueryServer {
  name: string
  transports: readonly QueryTransport[]
  installed(): boolean
  /** Writes its configuration; returns how it is started. */
  command(options: ServerOptions): { command: string[]; env?: NodeJS.ProcessEnv }
}

const inTree = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url))
const COREDNS = inTree('.cache/coredns')

export const QUERY_SERVERS: readonly QueryServer[] = [
  {
    name: 'namestead',
    transports: ['udp', 'tcp', 'dot', 'doh'],
    installed: () => true,
    command: options => ({ command: ours(options, 'namestead', []) }),
  },
  {
    name: 'dgram',
    transports: ['udp'],
    installed: () => true,
    command: options => ({ command: ours(options, 'dgram', ['--import', inTree('scripts/without-koffi.ts')]) }),
  },
  {
    // What `dgram` costs by itself.
    name: 'echo',
    transports: ['udp'],
    installed: () => true,
    command: ({ ports }) => ({ command: [process.execPath, inTree('bench/echo.ts'), String(ports.dns)] }),
  },
  {
    name: 'BIND',
    transports: ['udp', 'tcp', 'dot', 'doh'],
    installed: () => isInstalled('named', '-v'),
    command: options => ({ command: bind(options) }),
  },
  {
    name: 'Knot',
    transports: ['udp', 'tcp'],
    installed: () => isInstalled('knotd', '-V'),
    command: options => ({ command: knot(options) }),
  },
  {
    name: 'NSD',
    transports: ['udp', 'tcp', 'dot'],
    installed: () => isInstalled('nsd', '-v'),
    command: options => ({ command: nsd(options) }),
  },
  {
    name: 'CoreDNS',
    transports: ['udp', 'tcp'],
    // The one that the interoperability tests build, where it has the plugin for zone files.
    installed: () => existsSync(COREDNS) && /\bfile\b/.test(String(spawnSync(COREDNS, ['-plugins']).stdout)),
    command: options => ({ command: coredns(options), env: { GOMAXPROCS: String(options.threads) } }),
  },
]

function isInstalled(program: string, argument: string): boolean {
  return spawnSync(program, [argument], { env: withSbin() }).error === undefined
}

function subfolder(parent: string, name: string): string {
  const folder = join(parent, name)
  mkdirSync(folder, { recursive: true })
  return folder
}

/** The rate limit counts every answer, and is so high that none is stopped; cookies and metrics are on by default. */
function ours({ folder: parent, zone, ports, threads }: ServerOptions, name: string, flags: string[]): string[] {
  const folder = subfolder(parent, name)
  const config = {
    name: `ns1.${APEX}`,
    data_dir: join(folder, 'data'),
    workers: threads,
    listen: {
      dns: [`127.0.0.1:${ports.dns}`],
      dot: [`127.0.0.1:${ports.dot}`],
      https: [`127.0.0.1:${ports.https}`],
      metrics: ['127.0.0.1:0'],
    },
    tls: { certificate: join(parent, 'certificate.pem'), key: { file: join(parent, 'key.pem') } },
    rate_limit: { responses: 32_000, nxdomains: 0, errors: 0 },
    views: [
      { name: 'inside', match: { clients: ['10.0.0.0/8'] }, zones: [{ name: APEX, file: zone }] },
      { name: 'outside', match: { clients: ['any'] }, zones: [{ name: APEX, file: zone }] },
    ],
  }
  // JSON is YAML.
  writeFileSync(join(folder, 'namestead.yaml'), JSON.stringify(config))
  return [process.execPath, ...flags, inTree('bin/namestead.mjs'), 'serve', '--config', join(folder, 'namestead.yaml')]
}

function bind({ folder: parent, zone, ports, threads }: ServerOptions): string[] {
  const files = `cert-file "${join(parent, 'certificate.pem')}"; key-file "${join(parent, 'key.pem')}"`
  return bindCommand({
    folder: subfolder(parent, 'bind'),
    port: ports.dns,
    threads,
    statements: [`tls bench { ${files}; }`, `zone "${APEX}" { type primary; file "${zone}"; }`],
    options: [
      `listen-on port ${ports.dot} tls bench { 127.0.0.1; }`,
      `listen-on port ${ports.https} tls bench http default { 127.0.0.1; }`,
      // As ours: nothing beyond the answer.
      'minimal-responses yes',
    ],
  })
}

function knot({ folder: parent, zone, ports, threads }: ServerOptions): string[] {
  const folder = subfolder(parent, 'knot')
  const lines = [
    'server:',
    `  rundir: "${folder}"`,
    `  listen: "127.0.0.1@${ports.dns}"`,
    `  udp-workers: ${threads}`,
    `  tcp-workers: ${threads}`,
    'database:',
    `  storage: "${folder}"`,
    'zone:',
    `  - domain: ${APEX}`,
    `    file: "${zone}"`,
    '    journal-content: none',
    '    zonefile-sync: -1',
  ]
  writeFileSync(join(folder, 'knot.conf'), `${lines.join('\n')}\n`)
  return ['knotd', '-c', join(folder, 'knot.conf')]
}

function nsd({ folder: parent, zone, ports, threads }: ServerOptions): string[] {
  const tls = { port: ports.dot, certificate: join(parent, 'certificate.pem'), key: join(parent, 'key.pem') }
  return nsdCommand({ folder: subfolder(parent, 'nsd'), apex: APEX, zone, port: ports.dns, threads, tls })
}

function coredns({ folder: parent, zone, ports }: ServerOptions): string[] {
  const folder = subfolder(parent, 'coredns')
  writeFileSync(join(folder, 'Corefile'), `${APEX}:${ports.dns} {\n  bind 127.0.0.1\n  file ${zone}\n}\n`)
  return [COREDNS, '-conf', join(folder, 'Corefile')]
}
