/** What is packed: the files that bin/build.mjs makes, with the libraries and without our sources. */
import { spawn, spawnSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { cpSync, readdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { parseMessage, writeMessage } from '../../dns/message.ts'
import { put } from '../cli/session.ts'
import { PLAIN_NODE } from '../interop/tools.ts'
import { scratchFolder } from '../scratch.ts'
import { queryMessage } from '../server/serving.ts'

const [COMMAND, ...PLAIN] = PLAIN_NODE as readonly [string, ...string[]]
const ROOT = fileURLToPath(new URL('../..', import.meta.url))

const CONFIG = `
name: ns.test
data_dir: data
workers: 1
listen: { dns: ["127.0.0.1:0"], https: ["127.0.0.1:0"], metrics: ["127.0.0.1:0"] }
views: [{ name: all, zones: [{ name: a.example, file: a.zone, dynamic: true }] }]
ca: { name: Test, url: "https://localhost", http_url: "http://localhost", issue: [], profiles: [{ name: default, validity: 1d }] }
`

/** A folder as an installed package has it. */
function installed(t: Test): string {
  const folder = scratchFolder(t)
  const built = spawnSync(COMMAND, [...PLAIN, join(ROOT, 'bin', 'build.mjs'), join(folder, 'dist')], {
    encoding: 'utf8',
  })
  t.equal(built.status, 0, built.stderr)
  for (const part of ['bin', 'package.json', 'package-lock.json'])
    cpSync(join(ROOT, part), join(folder, part), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  return folder
}

t.test('the package serves names, and all threads are of it', async t => {
  const folder = installed(t)
  t.ok(readdirSync(join(folder, 'dist', 'server')).includes('serving-thread.js'))
  put(folder, 'namestead.yaml', CONFIG)
  put(folder, 'a.zone', '$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 127.0.0.1\n')
  const daemon = spawn(
    process.execPath,
    [join(folder, 'bin', 'namestead.mjs'), 'serve', '--config', 'namestead.yaml'],
    {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  t.teardown(() => daemon.kill('SIGKILL'))
  const ended = once(daemon, 'exit')
  const { listen } = await readiness(daemon.stdout)
  t.equal(await addressesOf('ns.a.example.', Number(listen.dns[0]!.split(':')[1])), 1)
  const metrics = await (await fetch(`http://${listen.metrics[0]}/metrics`)).text()
  t.ok(metrics.includes('namestead_dns_requests_total{transport="udp",opcode="QUERY"} 1'))
  daemon.stdout.resume()
  daemon.kill('SIGTERM')
  t.strictSame(await ended, [0, null])
})

/** What the daemon says once it is ready. */
async function readiness(log: Readable): Promise<{ listen: { dns: string[]; metrics: string[] } }> {
  for await (const line of createInterface(log)) {
    const said = JSON.parse(line)
    if (said.msg === 'ready') return said
  }
  throw new Error('it ended before it was ready')
}

async function addressesOf(name: string, port: number): Promise<number> {
  const socket = createSocket('udp4')
  socket.send(writeMessage(queryMessage({ name })), port, '127.0.0.1')
  const [wire] = (await once(socket, 'message')) as [Buffer]
  socket.close()
  return parseMessage(wire).answer.length
}
