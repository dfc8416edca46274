/** The forwarders of bench/forward.ts: one thread, a cache, renewal before expiry where they have it, one upstream. */

import { spawnSync } from 'node:child_process'
import { createHash, X509Certificate } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execPath } from 'node:process'
import { fileURLToPath } from 'node:url'
import { withSbin } from './contender.ts'

export interface ForwarderOptions {
  folder: string
  port: number
  /** On loopback. */
  upstream: { port: number; tls: boolean }
  /** The file of a response policy zone, `policy.rpz`; or where it is transferred from. */
  policy?: string | { primary: number }
}

/** A forwarder that is measured. */
export interface Forwarder {
  name: string
  /** What its log says once nothing of its start is left to do; left out where it answers no earlier than that. */
  ready?: string
  installed(): boolean
  /** Writes its configuration; returns how it is started. */
  command(options: ForwarderOptions): { command: string[]; env?: NodeJS.ProcessEnv }
}

const inTree = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url))
const COREDNS = inTree('.cache/coredns')

export const FORWARDERS: readonly Forwarder[] = [
  {
    name: 'namestead',
    ready: '"msg":"ready"',
    installed: () => true,
    command: options => ({ command: ours(options) }),
  },
  {
    name: 'unbound',
    installed: () => isInstalled('unbound', '-V'),
    command: options => ({ command: unbound(options) }),
  },
  {
    name: 'CoreDNS',
    installed: () => existsSync(COREDNS),
    command: options => ({ command: coredns(options), env: { GOMAXPROCS: '1' } }),
  },
  {
    name: 'dnsdist',
    installed: () => isInstalled('dnsdist', '-V'),
    command: options => ({ command: dnsdist(options) }),
  },
]

function isInstalled(program: string, flag: string): boolean {
  return spawnSync(program, [flag], { env: withSbin(), stdio: 'ignore' }).error === undefined
}

const LOOPBACK = '127.0.0.1'

function socketOf({ port }: ForwarderOptions['upstream']): string {
  return `${LOOPBACK}:${port}`
}

function write({ folder, port }: ForwarderOptions, name: string, text: string): string {
  mkdirSync(join(folder, String(port)), { recursive: true })
  const path = join(folder, String(port), name)
  writeFileSync(path, text)
  return path
}

function ours(options: ForwarderOptions): string[] {
  const { folder, port, upstream } = options
  const { publicKey } = new X509Certificate(readFileSync(join(folder, 'certificate.pem')))
  const pin = createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64')
  const at = socketOf(upstream)
  const to = upstream.tls ? `{ address: "tls://${at}", pins: ["${pin}"] }` : `"${at}"`
  const config = `data_dir: ./data
listen: { dns: ["127.0.0.1:${port}"] }
workers: 1
cache: { save: false }
log: { level: info }
views: [{ name: all, recursion: [any], forward: [{ zone: ".", to: [${to}] }]${ourPolicy(options.policy)} }]
`
  return [execPath, inTree('bin/namestead.mjs'), 'serve', '--config', write(options, 'namestead.yaml', config)]
}

function ourPolicy(policy: ForwarderOptions['policy']): string {
  if (policy === undefined) return ''
  const from =
    typeof policy === 'string' ? `file: ${policy}` : `type: secondary, primaries: ["127.0.0.1:${policy.primary}"]`
  return `, rpz: [{ zone: policy.rpz, log: false }], zones: [{ name: policy.rpz, ${from} }]`
}

function unbound(options: ForwarderOptions): string[] {
  const { folder, port, upstream } = options
  const tls = upstream.tls ? '#localhost' : ''
  const policy = options.policy ? `rpz:\n  name: "policy.rpz"\n  zonefile: "${options.policy}"\n` : ''
  const config = `server:
  interface: 127.0.0.1@${port}
  do-daemonize: no
  username: ""
  chroot: ""
  pidfile: ""
  use-syslog: no
  num-threads: 1
  module-config: "${policy ? 'respip ' : ''}iterator"
  do-not-query-localhost: no
  prefetch: yes
  serve-expired: yes
  serve-expired-client-timeout: 1800
  so-rcvbuf: 4m
  so-sndbuf: 4m
  msg-cache-size: 32m
  rrset-cache-size: 64m
  outgoing-range: 8192
  num-queries-per-thread: 4096
  tls-cert-bundle: ${join(folder, 'certificate.pem')}
forward-zone:
  name: "."
  forward-addr: ${LOOPBACK}@${upstream.port}${tls}
  forward-tls-upstream: ${upstream.tls ? 'yes' : 'no'}
${policy}`
  return ['unbound', '-d', '-c', write(options, 'unbound.conf', config)]
}

function coredns(options: ForwarderOptions): string[] {
  const { folder, port, upstream } = options
  const tls = upstream.tls ? `{\n    tls ${join(folder, 'certificate.pem')}\n    tls_servername localhost\n  }` : ''
  const config = `.:${port} {
  bind 127.0.0.1
  cache {
    success 200000
    prefetch 1
  }
  forward . ${upstream.tls ? 'tls://' : ''}${socketOf(upstream)} ${tls}
}
`
  return [COREDNS, '-quiet', '-conf', write(options, 'Corefile', config)]
}

function dnsdist(options: ForwarderOptions): string[] {
  const { folder, port, upstream } = options
  const tls = `tls="openssl", subjectName="localhost", caStore="${join(folder, 'certificate.pem')}", `
  const config = `setLocal("127.0.0.1:${port}")
addACL("127.0.0.0/8")
newServer({address="${socketOf(upstream)}", ${upstream.tls ? tls : ''}checkInterval=1})
setStaleCacheEntriesTTL(86400)
getPool(""):setCache(newPacketCache(200000, {maxTTL=86400}))
`
  return ['dnsdist', '--supervised', '--disable-syslog', '-C', write(options, 'dnsdist.conf', config)]
}
