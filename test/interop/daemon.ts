import { type ChildProcess, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { freePorts, PLAIN_NODE, type Ran, run, scratch } from './tools.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const BIN = join(ROOT, 'bin', 'namestead.mjs')

export const SECRETS = {
  externaldns: Buffer.from('0123456789abcdef0123456789abcdef').toString('base64'),
  certmanager: Buffer.from('c'.repeat(32)).toString('base64'),
  xfr: Buffer.from('x'.repeat(32)).toString('base64'),
}
export const KEY = (name: keyof typeof SECRETS) => `hmac-sha256:${name}:${SECRETS[name]}`

export const ZONE = `$TTL 300
@ IN SOA ns1 hostmaster 1 3600 600 604800 60
@ NS ns1
ns1 A 127.0.0.1
www A 192.0.2.10
www AAAA 2001:db8::10
alias CNAME www
*.wild TXT "any"
sub NS ns.sub
ns.sub A 192.0.2.53
`

export interface Ports {
  dns: number
  dot: number
  https: number
  http: number
  metrics: number
  upstream: number
}

/** The contract's shape of a configuration on loopback ports; `more` goes under the first view's zones. */
export function configText(ports: Ports, more = '', view = ''): string {
  return `data_dir: data
name: ns1.internal.example.com
listen: { dns: ["127.0.0.1:${ports.dns}"], dot: ["127.0.0.1:${ports.dot}"], https: ["127.0.0.1:${ports.https}"], http: ["127.0.0.1:${ports.http}"], metrics: ["127.0.0.1:${ports.metrics}"] }
workers: 2
keys:
  - { name: externaldns, algorithm: hmac-sha256, secret: "${SECRETS.externaldns}" }
  - { name: certmanager, algorithm: hmac-sha256, secret: "${SECRETS.certmanager}" }
  - { name: xfr, algorithm: hmac-sha256, secret: "${SECRETS.xfr}" }
acls:
  corp: [127.0.0.0/8]
views:
  - name: inside
    match: { clients: ["127.0.0.1"], keys: [externaldns, certmanager, xfr] }
    recursion: [corp]
    zones:
      - name: internal.example.com
        type: primary
        file: internal.zone
        dynamic: true
        update:
          - { key: externaldns, names: ["**.apps.internal.example.com"], types: [A, AAAA, CNAME, TXT] }
          - { key: certmanager, names: ["_acme-challenge.**"], types: [TXT] }
        transfer: [{ key: externaldns }, { key: xfr }]
${more}
    forward:
      - { zone: ".", to: ["127.0.0.1:${ports.upstream}"] }
${view}
  - name: outside
    match: { clients: [any] }
    zones:
      - { name: internal.example.com, type: primary, file: outside.zone }
ca:
  name: Interop
  url: https://localhost:${ports.https}
  http_url: http://localhost:${ports.http}
  root: { generate: ecdsa-p384, validity: 3650d }
  intermediate: { generate: ecdsa-p256, validity: 365d }
  validate_in: inside
  issue:
    - { names: ["**.internal.example.com"], wildcards: true, profiles: [default] }
  profiles:
    - { name: default, validity: 90d }
`
}

/** A line of its log; one that is something else, or that a killed daemon had only begun, is text. */
function parseLine(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return { text }
  }
}

/** A daemon of this tree as a process of its own. */
export class Daemon {
  readonly folder: string
  readonly ports: Ports
  readonly file: string
  /** Every line it logged, over all its starts. */
  readonly lines: Record<string, unknown>[] = []
  stderr = ''
  private child: ChildProcess | undefined
  /** For the runtime. */
  private readonly flags: readonly string[]
  /** The command that runs it, as in a network of its own. */
  private readonly within: readonly string[]

  private constructor(folder: string, ports: Ports, flags: readonly string[] = [], within: readonly string[] = []) {
    this.flags = flags
    this.within = within
    this.folder = folder
    this.ports = ports
    this.file = join(folder, 'namestead.yaml')
  }

  /** Writes configuration and zone files, and starts. Ends with the test. */
  static async start(
    t: Test,
    options: {
      zone?: string
      more?: string
      view?: string
      config?: (ports: Ports) => string
      flags?: readonly string[]
      within?: readonly string[]
    } = {},
  ): Promise<Daemon> {
    const [dns, dot, https, http, metrics, upstream] = (await freePorts(6)) as [
      number,
      number,
      number,
      number,
      number,
      number,
    ]
    const ports = { dns, dot, https, http, metrics, upstream }
    const daemon = new Daemon(scratch(t), ports, options.flags, options.within)
    const zone = options.zone ?? ZONE
    writeFileSync(join(daemon.folder, 'internal.zone'), zone)
    writeFileSync(join(daemon.folder, 'outside.zone'), zone.replace('192.0.2.10', '198.51.100.10'))
    writeFileSync(daemon.file, options.config?.(ports) ?? configText(ports, options.more, options.view))
    t.teardown(() => daemon.kill())
    await daemon.restart()
    return daemon
  }

  /** Starts it on the data it has; resolves with its "ready" line. */
  async restart(): Promise<Record<string, unknown>> {
    const [program, ...args] = [...this.within, ...PLAIN_NODE, ...this.flags, BIN, 'serve', '--config', this.file]
    const child = spawn(program!, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.child = child
    child.stderr!.setEncoding('utf8').on('data', text => (this.stderr += text))
    return await new Promise((resolve, reject) => {
      createInterface({ input: child.stdout! }).on('line', text => {
        const line = parseLine(text)
        this.lines.push(line)
        if (line['msg'] === 'ready') resolve(line)
      })
      child.once('error', reject)
      child.once('exit', code => reject(new Error(`the daemon ended with ${code}: ${this.stderr.slice(-2000)}`)))
    })
  }

  get pid(): number {
    return this.child!.pid!
  }

  /** Sends a signal and waits for the end; the exit code. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.child
    if (!child || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null
    const ended = new Promise<number | null>(resolve => child.once('exit', code => resolve(code)))
    child.kill(signal)
    return await ended
  }

  kill(): Promise<number | null> {
    return this.end('SIGKILL')
  }

  /** Runs `namestead …args --config` on it. */
  cli(...args: string[]): Promise<Ran> {
    return run(process.execPath, [BIN, ...args, '--config', this.file])
  }

  url(path: string): string {
    return `https://localhost:${this.ports.https}${path}`
  }

  /** The published root, written to a file. */
  async rootFile(): Promise<string> {
    const { stdout, stderr, status } = await run('curl', ['-sSfk', this.url('/roots.pem')])
    if (status !== 0) throw new Error(`/roots.pem: ${stderr}`)
    const path = join(this.folder, 'root.pem')
    writeFileSync(path, stdout)
    return path
  }
}
