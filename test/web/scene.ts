import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { Agent, request as httpsRequest } from 'node:https'
import { join } from 'node:path'
import acme from 'acme-client'
import { request } from '../../cli/control.ts'
import type { Replies } from '../../cli/replies.ts'
import { loadConfig } from '../../config/load.ts'
import { parseMessage, writeMessage } from '../../dns/message.ts'
import { parseName } from '../../dns/name.ts'
import { signRequest } from '../../dns/tsig.ts'
import { tsigKey } from '../../dns/tsig-record.ts'
import { Type } from '../../dns/types.ts'
import { silentLog } from '../../host/log.ts'
import type { Network } from '../../host/network.ts'
import { systemWorld } from '../../host/world.ts'
import { startDaemon } from '../../server/daemon.ts'
import { freePorts } from '../interop/tools.ts'

/** A daemon with something on every page of the dashboard: for its tests, and for the pictures in the docs. */
export interface Scene {
  /** "https://localhost:PORT". */
  url: string
  command<C extends keyof Replies>(name: C, args?: object): Promise<Replies[C]>
  /** The text of a token for these zones. */
  token(role: 'read' | 'write' | 'admin', zones?: string[]): Promise<string>
  /** Asks so many questions of different kinds; resolves once all are answered. */
  ask(count: number): Promise<void>
  /** Asks with the secret of the key xfr that is being rotated out. */
  askSigned(): Promise<void>
  close(): Promise<void>
}

const SECRET = 'c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMzQ='
const NEW_SECRET = 'bmV3LXNlY3JldC1uZXctc2VjcmV0LW5ldy1zZWNyZXQ='
const ZONE = 'internal.example.com.'

const config = (https: number, upstream: number): string => `
name: ns1.internal.example.com
data_dir: data
workers: 1
listen: { dns: ["127.0.0.1:0"], https: ["127.0.0.1:${https}"] }
keys:
  - { name: externaldns, algorithm: hmac-sha256, secret: "${SECRET}" }
  - { name: certmanager, algorithm: hmac-sha256, secret: "${SECRET}" }
  - { name: xfr, algorithm: hmac-sha512, secret: ["${NEW_SECRET}", "${SECRET}"] }
acls: { corp: [10.0.0.0/8, 127.0.0.0/8] }
views:
  - name: inside
    match: { clients: [corp], keys: [externaldns, certmanager] }
    recursion: [corp]
    zones:
      - name: internal.example.com
        file: inside.zone
        dynamic: true
        dnssec: { sign: true }
        update:
          - { key: externaldns, names: ["**.apps.internal.example.com"], types: [A, AAAA, CNAME, TXT], own: true }
          - { key: certmanager, names: ["_acme-challenge.**"], types: [TXT], own: true }
        transfer: [{ key: xfr, from: [10.0.10.12] }]
        notify: ["127.0.0.1:9"]
      - { name: 0.10.in-addr.arpa, dynamic: true, ptr_from: [internal.example.com] }
      - { name: ad.example.com, type: secondary, primaries: ["127.0.0.1:9"] }
    forward:
      - { zone: corp.partner.example, to: ["127.0.0.1:9"] }
      - { zone: ".", to: ["127.0.0.1:${upstream}"] }
  - name: outside
    match: { clients: [any] }
    zones:
      - { name: internal.example.com, overlay_of: inside, show: [{ names: ["**.public.internal.example.com"], types: [A, AAAA, CNAME] }], hide_private: true, file: outside.zone }
      - { name: example.com, file: example.zone }
ca:
  name: Example Corp
  url: https://localhost:${https}
  issue:
    - { names: ["**.internal.example.com"], wildcards: true, profiles: [default, short] }
  reserved: [vpn.internal.example.com]
  profiles: [{ name: default, validity: 90d }, { name: short, validity: 24h }]
`
const HEAD = `$TTL 300
@ SOA ns1 hostmaster 2026112201 3600 600 604800 60
@ NS ns1
`
const FILES = {
  'inside.zone': `${HEAD}@ MX 10 mail
@ CAA 0 issue "localhost"
ns1 A 10.0.10.11
mail A 10.0.10.25
mail AAAA 2001:db8::25
www A 10.0.20.10
www A 10.0.20.11
intranet CNAME www
db A 10.0.30.5
db AAAA 2001:db8::5
_postgres._tcp SRV 0 5 5432 db
git A 10.0.20.40
shop.public A 198.51.100.20
api.public A 198.51.100.21
*.preview A 10.0.20.99
`,
  'outside.zone': 'www 300 A 198.51.100.10\n',
  'example.zone': `${HEAD}ns1 A 198.51.100.53\n`,
}

/** Names of the scene have addresses of anybody's network: nothing of it is connected to. */
const NOTHING_BEYOND: Network = {
  udp: (...args) => systemWorld.network.udp(...args),
  connect: () => Promise.reject(Object.assign(new Error('connection refused'), { code: 'ECONNREFUSED' })),
}

/** Builds it in an empty folder. */
export async function openScene(folder: string): Promise<Scene> {
  const upstream = await openUpstream()
  const [https] = await freePorts(1)
  const configFile = join(folder, 'namestead.yaml')
  writeFileSync(configFile, config(https!, upstream.address().port))
  for (const [name, text] of Object.entries(FILES)) writeFileSync(join(folder, name), text)
  const { config: read, errors } = loadConfig(configFile)
  if (!read) throw new Error(errors.map(({ message }) => message).join())
  const owner = { configFile, reload: async () => ({}), stop() {}, fail() {} }
  const daemon = await startDaemon(read, owner, { ...systemWorld, network: NOTHING_BEYOND }, silentLog)
  const dns = Number(daemon.status().listen['dns']![0]!.split(':')[1])
  const command: Scene['command'] = (name, args = {}) =>
    request(join(folder, 'data', 'control.sock'), name, args as Record<string, unknown>)
  const url = `https://localhost:${https}`
  const token: Scene['token'] = async (role, zones = ['**']) =>
    (await command('token.create', { zones, roles: [role], name: `${role}-${Math.random().toString(36).slice(2, 7)}` }))
      .token
  return {
    url,
    command,
    token,
    ask: count => ask(dns, count),
    askSigned: () => askSigned(dns),
    async close() {
      await daemon.stop()
      upstream.close()
    },
  }
}

/** Things that happen on a weekday: changes of records, certificates, orders that are refused. `failed` resolves once an order has failed at its challenge. */
export async function liveADay(scene: Scene): Promise<{ failed: Promise<void> }> {
  const headers = { 'x-api-key': await scene.token('write'), 'content-type': 'application/json' }
  const put = async (name: string, type: string, ...contents: string[]) => {
    const records = contents.map(content => ({ content }))
    const body = { rrsets: [{ name: `${name}.${ZONE}`, type, ttl: 60, changetype: 'REPLACE', records }] }
    const response = await send('PATCH', `${scene.url}/api/v1/servers/inside/zones/${ZONE}`, headers, body)
    if (response !== 204) throw new Error(`the change of ${name} was answered ${response}`)
  }
  await put('grafana.apps', 'A', '10.0.20.31')
  await put('ci.apps', 'A', '10.0.20.32', '10.0.20.33')
  await put('ci.apps', 'TXT', '"heritage=external-dns,owner=cluster-a"')
  await put('grafana.apps', 'A', '10.0.20.34')
  await scene.command('ca.issue', { names: ['git.internal.example.com'] })
  const { serial } = await scene.command('ca.issue', { names: ['old.internal.example.com'] })
  await scene.command('ca.revoke', { serial, reason: 'superseded' })
  await scene.askSigned()
  return order(scene, put)
}

/** One order that succeeds, one that fails at its challenge, and one that no rule allows. */
async function order(
  scene: Scene,
  put: (name: string, type: string, ...contents: string[]) => Promise<void>,
): Promise<{ failed: Promise<void> }> {
  acme.axios.defaults.httpsAgent = new Agent({ rejectUnauthorized: false })
  const directoryUrl = `${scene.url}/acme/directory`
  const client = new acme.Client({ directoryUrl, accountKey: await acme.crypto.createPrivateEcdsaKey() })
  await client.createAccount({ termsOfServiceAgreed: true })
  const begin = async (name: string) => {
    const made = await client.createOrder({ identifiers: [{ type: 'dns', value: name }] })
    const [authorization] = await client.getAuthorizations(made)
    const challenge = authorization!.challenges.find(({ type }) => type === 'dns-01')!
    return { made, authorization: authorization!, challenge }
  }
  const until = async (status: () => Promise<string>, wanted: string) => {
    while ((await status()) !== wanted) await new Promise(resolve => setTimeout(resolve, 50))
  }
  const good = await begin('www.internal.example.com')
  await put('_acme-challenge.www', 'TXT', `"${await client.getChallengeKeyAuthorization(good.challenge)}"`)
  await client.completeChallenge(good.challenge)
  await until(async () => (await client.getOrder(good.made)).status, 'ready')
  const [, csr] = await acme.crypto.createCsr({ commonName: 'www.internal.example.com' })
  await client.finalizeOrder(good.made, csr)
  await until(async () => (await client.getOrder(good.made)).status, 'valid')
  const bad = await begin('db.internal.example.com')
  await client.completeChallenge(bad.challenge)
  for (const value of ['www.elsewhere.example', 'vpn.internal.example.com'])
    await client.createOrder({ identifiers: [{ type: 'dns', value }] }).catch(() => {})
  // In an object: a promise that is returned as such would be waited for.
  return { failed: until(async () => (await client.getOrder(bad.made)).status, 'invalid') }
}

/** Answers every name below "test." with an address, and says of others that they do not exist. */
async function openUpstream() {
  const socket = createSocket('udp4')
  socket.on('message', (wire, { address, port }) => {
    const { edns: _, ...query } = parseMessage(wire)
    const { name, type } = query.question[0]!
    const found = Buffer.from(name).includes('test')
    const answer = found ? [{ owner: name, type: Type.A, class: 1, ttl: 60, rdata: Uint8Array.of(192, 0, 2, 1) }] : []
    const reply = { ...query, flags: 0x8180, rcode: found ? 0 : 3, answer: type === Type.A ? answer : [] }
    socket.send(writeMessage(reply), port, address)
  })
  await new Promise<void>(resolve => socket.bind(0, '127.0.0.1', resolve))
  return socket
}

const QUESTIONS = ['www', 'www', 'www', 'intranet', 'db', 'git', 'mail', 'nothing', 'x.preview', 'grafana.apps'].map(
  name => `${name}.${ZONE}`,
)
const ELSEWHERE = [
  'packages.test.',
  'registry.test.',
  'time.test.',
  'gone.invalid-name.org.',
  'x.corp.partner.example.',
]

async function ask(port: number, count: number): Promise<void> {
  const socket = createSocket('udp4').unref()
  let answered = 0
  const done = Promise.withResolvers<void>()
  socket.on('message', () => ++answered === count && done.resolve())
  for (let id = 0; id < count; id++) {
    const names = id % 9 === 8 ? ELSEWHERE : QUESTIONS
    const question = [{ name: parseName(names[id % names.length]!), type: Type.A, class: 1 }]
    const query = { id, flags: 0x0100, opcode: 0, rcode: 0, question, answer: [], authority: [], additional: [] }
    // From an address of another view now and then.
    socket.send(writeMessage(query), port, '127.0.0.1')
  }
  await done.promise
  socket.close()
}

async function askSigned(port: number): Promise<void> {
  const socket = createSocket('udp4')
  const question = [{ name: parseName(ZONE), type: Type.SOA, class: 1 }]
  const query = { id: 7, flags: 0, opcode: 0, rcode: 0, question, answer: [], authority: [], additional: [] }
  const key = tsigKey(parseName('xfr.'), 'hmac-sha512', [Buffer.from(SECRET, 'base64')])
  socket.send(signRequest(writeMessage(query), key, Math.floor(Date.now() / 1000)).wire, port, '127.0.0.1')
  await once(socket, 'message')
  socket.close()
}

async function send(method: string, url: string, headers: Record<string, string>, body: object): Promise<number> {
  const outgoing = httpsRequest(url, { method, headers, rejectUnauthorized: false, agent: false })
  outgoing.end(JSON.stringify(body))
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
  response.resume()
  return response.statusCode!
}
