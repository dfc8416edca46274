import { once } from 'node:events'
import { request } from 'node:https'
import { connect } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { loadConfig } from '../../config/load.ts'
import type { Config } from '../../config/schema.ts'
import { silentLog } from '../../host/log.ts'
import { systemWorld } from '../../host/world.ts'
import { type Daemon, startDaemon } from '../../server/daemon.ts'
import { put, scratch } from '../cli/session.ts'

const CONFIG = `
name: ns.test
data_dir: data
workers: 1
listen: { dns: ["127.0.0.1:0"], https: ["127.0.0.1:0"] }
views: [{ name: v, zones: [] }]
ca: { name: Test, url: "https://localhost", http_url: "http://localhost", issue: [], profiles: [{ name: default, validity: 1d }] }
`

interface Running {
  daemon: Daemon
  read: (text: string) => Config
}

async function start(t: Test): Promise<Running> {
  const cwd = scratch(t, { 'namestead.yaml': CONFIG })
  const configFile = join(cwd, 'namestead.yaml')
  const read = (text: string) => {
    put(cwd, 'namestead.yaml', text)
    const { config, errors } = loadConfig(configFile)
    if (!config) throw new Error(errors.map(({ message }) => message).join())
    return config
  }
  const owner = { configFile, reload: async () => ({}), stop() {}, fail() {} }
  return { daemon: await startDaemon(read(CONFIG), owner, systemWorld, silentLog), read }
}

t.test('reloads that come at once take their turns', async t => {
  const { daemon, read } = await start(t)
  t.teardown(() => daemon.stop())
  const next = read(CONFIG.replace('zones: []', 'zones: [{ name: a.example, dynamic: true }]'))
  const [first, second] = await Promise.all([daemon.reload(next), daemon.reload(next)])
  t.strictSame(first.changed, ['views'])
  t.strictSame(second.changed, [], 'the second finds what the first has left')
  t.equal(daemon.status().zones, 1)
})

t.test('a stop lets a request over HTTP end that still needs the database', async t => {
  const { daemon } = await start(t)
  const port = Number(daemon.status().listen.https![0]!.split(':')[1])
  const url = 'https://localhost/acme/acme/new-order'
  const header = { alg: 'ES256', url, nonce: 'x', kid: 'https://localhost/acme/acme/account/unknown' }
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const body = JSON.stringify({ protected: part(header), payload: part({}), signature: 'x' })
  const headers = {
    'content-type': 'application/jose+json',
    'content-length': body.length,
    expect: '100-continue',
    host: 'localhost',
  }
  const outgoing = request({
    host: '127.0.0.1',
    port,
    path: '/acme/acme/new-order',
    method: 'POST',
    headers,
    rejectUnauthorized: false,
    agent: false,
  })
  const response = once(outgoing, 'response')
  outgoing.flushHeaders()
  await once(outgoing, 'continue')
  const stopped = daemon.stop()
  while (await isOpen(port));
  outgoing.end(body)
  const [answer] = await response
  t.equal(answer.statusCode, 400)
  answer.resume()
  await stopped
})

function isOpen(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
