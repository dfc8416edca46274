import { once } from 'node:events'
import { request as httpsRequest } from 'node:https'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Test } from 'tap'
import { request } from '../../../cli/control.ts'
import type { Replies } from '../../../cli/replies.ts'
import { loadConfig } from '../../../config/load.ts'
import type { Log } from '../../../host/log.ts'
import { systemWorld, type World } from '../../../host/world.ts'
import { startDaemon } from '../../../server/daemon.ts'
import { scratch } from '../../cli/session.ts'

const CONFIG = `
name: ns.a.example
data_dir: data
workers: 1
listen: { dns: ["127.0.0.1:0"], https: ["127.0.0.1:0"] }
keys: [{ name: dhcp, algorithm: hmac-sha256, secret: "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMzQ=" }]
views:
  - name: inside
    match: { clients: ["127.0.0.1"], keys: [dhcp] }
    zones:
      - { name: a.example, file: a.zone, dynamic: true, update: [{ key: dhcp, names: ["**"] }], transfer: [{ key: dhcp }] }
      - { name: signed.example, dynamic: true, dnssec: { sign: true } }
      - { name: fixed.example, file: fixed.zone }
  - name: outside
    match: { clients: [any] }
    zones: [{ name: a.example, dynamic: true }]
ca: { name: Test, url: "https://localhost", issue: [], profiles: [{ name: default, validity: 1d, usages: [server, client] }] }
`
const ZONE = `$TTL 300
@ SOA ns hostmaster 7 3600 600 604800 60
@ NS ns
ns A 192.0.2.1
www A 192.0.2.2
www A 192.0.2.3
text TXT "one; two" "three"
`

/** What an API answered. */
export interface Answer {
  status: number
  headers: Record<string, unknown>
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever came
  body: any
}

/** A daemon in this process, with the lines that it logged. */
export interface Running {
  lines: Record<string, unknown>[]
  token(options?: object): Promise<string>
  call(method: string, path: string, options?: CallOptions): Promise<Answer>
  command<C extends keyof Replies>(name: C, args?: object): Promise<Replies[C]>
}

export interface CallOptions {
  token?: string
  headers?: Record<string, string>
  /** Shown in the handshake; PEM. */
  certificate?: { cert: string; key: string }
  body?: unknown
}

/** Starts it; ends with the test. `more` is configuration beside its own, `https` the port in place of any. */
export async function startApi(
  t: Test,
  world: World = systemWorld,
  { more = '', https = 0 }: { more?: string; https?: number } = {},
): Promise<Running> {
  const written = CONFIG.replace('https: ["127.0.0.1:0"]', `https: ["127.0.0.1:${https}"]`) + more
  const cwd = scratch(t, { 'namestead.yaml': written, 'a.zone': ZONE, 'fixed.zone': ZONE })
  const configFile = join(cwd, 'namestead.yaml')
  const lines: Record<string, unknown>[] = []
  const { config, errors } = loadConfig(configFile)
  if (!config) throw new Error(errors.map(({ message }) => message).join())
  const owner = { configFile, reload: async () => ({}), stop() {}, fail() {} }
  const daemon = await startDaemon(config, owner, world, recordingLog(lines))
  t.teardown(() => daemon.stop())
  const port = Number(daemon.status().listen['https']![0]!.split(':')[1])
  const command: Running['command'] = (name, args = {}) =>
    request(join(cwd, 'data', 'control.sock'), name, args as Record<string, unknown>)
  return {
    lines,
    command,
    token: async (options = {}) => (await command('token.create', { zones: ['**'], ...options })).token,
    call: (method, path, options = {}) => call(port, method, path, options),
  }
}

async function call(
  port: number,
  method: string,
  path: string,
  { token, headers, certificate, body }: CallOptions,
): Promise<Answer> {
  const sent = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body)
  const outgoing = httpsRequest({
    ...{ host: '127.0.0.1', port, method, path, rejectUnauthorized: false, agent: false, ...certificate },
    headers: {
      ...(token !== undefined && { 'x-api-key': token }),
      ...(sent !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(sent) }),
      ...headers,
    },
  })
  outgoing.end(sent)
  const [response] = await once(outgoing, 'response')
  const received = await text(response)
  const isJson = String(response.headers['content-type'] ?? '').includes('json')
  return { status: response.statusCode, headers: response.headers, body: isJson ? JSON.parse(received) : received }
}

function recordingLog(lines: Record<string, unknown>[], fixed: object = {}): Log {
  const write = (level: string) => (fields: object, msg: string) => void lines.push({ level, ...fixed, ...fields, msg })
  const [debug, info, warn, error] = ['debug', 'info', 'warn', 'error'].map(write) as [
    Log['info'],
    Log['info'],
    Log['info'],
    Log['info'],
  ]
  return { debug, info, warn, error, child: fields => recordingLog(lines, { ...fixed, ...fields }) }
}
