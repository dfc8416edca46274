/**
 * Claim: a connection that idles costs a serving thread a few KiB over TCP, and little more than OpenSSL's own over TLS and HTTPS. Opens so many connections to one
 * daemon, has each ask once, and tells what its memory has grown by for each.
 *   node bench/idle.ts [--connections N] [--smoke]
 */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { connect as connectHttp2 } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { parseArgs } from 'node:util'
import { Class, Opcode } from '../dns/codes.ts'
import { frame } from '../dns/frames.ts'
import { writeMessage } from '../dns/message.ts'
import { parseName } from '../dns/name.ts'
import { Type } from '../dns/types.ts'
import { answering, type Contender, childrenOf, end, freePort, startOn } from './contender.ts'
import { APEX, makeCertificate, writeZone } from './query-rows.ts'
import { QUERY_SERVERS } from './query-servers.ts'

const { values } = parseArgs({
  options: { connections: { type: 'string' }, smoke: { type: 'boolean', default: false } },
})
const count = Number(values.connections ?? (values.smoke ? 200 : 5000))
/** Connections that one address may have: 127.0.0.0/8 has enough of them. */
const FROM_ONE = 400
/** Those that shake hands at once. */
const AT_ONCE = 50
const QUESTION = { name: parseName(`h1.${APEX}.`), type: Type.A, class: Class.IN }
const QUERY = writeMessage({
  ...{ id: 1, flags: 0, opcode: Opcode.QUERY, rcode: 0 },
  ...{ question: [QUESTION], answer: [], authority: [], additional: [] },
})
type Transport = 'tcp' | 'tls' | 'https'

const folder = mkdtempSync(join(tmpdir(), 'bench-idle-'))
try {
  makeCertificate(folder)
  const rows: object[] = []
  for (const transport of ['tcp', 'tls', 'https'] as const) rows.push(await measure(transport))
  console.table(rows)
} finally {
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
}

async function measure(transport: Transport): Promise<object> {
  const contender = await start()
  const open: Socket[] = []
  try {
    // What the first few cost is not of theirs alone.
    await openMany(contender, transport, AT_ONCE, open)
    const before = memoryOf(contender.process.pid!)
    await openMany(contender, transport, count, open)
    const grown = memoryOf(contender.process.pid!) - before
    const lost = open.filter(socket => socket.destroyed).length
    return { transport, connections: count, 'KiB each': Number((grown / count).toFixed(1)), lost }
  } finally {
    for (const socket of open) socket.destroy()
    await end(contender.process)
  }
}

async function start(): Promise<Contender> {
  const server = QUERY_SERVERS.find(({ name }) => name === 'namestead')!
  const ports = { dns: await freePort(), dot: await freePort(), https: await freePort() }
  const { command, env } = server.command({ folder, zone: writeZone(folder, 'small'), ports, threads: 1 })
  const log = openSync(join(folder, 'log'), 'w')
  const process = startOn('all', command, env, ['ignore', log, log])
  closeSync(log)
  return answering({ name: server.name, port: ports.dns, ports, process }, `h1.${APEX}`, { seconds: 30 })
}

async function openMany(to: Contender, transport: Transport, more: number, open: Socket[]): Promise<void> {
  const { dot, https } = to.ports!
  const port = { tcp: to.port, tls: dot, https }[transport]
  for (let left = more; left > 0; left -= AT_ONCE)
    await Promise.all(
      Array.from({ length: Math.min(left, AT_ONCE) }, async () => {
        const at = { host: '127.0.0.1', port, localAddress: `127.0.1.${1 + Math.floor(open.length / FROM_ONE)}` }
        const tls = { ...at, rejectUnauthorized: false, ALPNProtocols: transport === 'https' ? ['h2'] : ['dot'] }
        const socket = transport === 'tcp' ? connect(at) : connectTls(tls)
        socket.on('error', () => {})
        open.push(socket)
        await (transport === 'https' ? askByHttp(socket) : askByStream(socket))
      }),
    )
}

/** Asks, and waits for the answer or the end. */
function askByStream(socket: Socket): Promise<void> {
  return new Promise(resolve => {
    socket.once('data', () => resolve()).once('close', () => resolve())
    socket.write(frame(QUERY))
  })
}

/** The same by a GET of RFC 8484 §4.1. */
function askByHttp(socket: Socket): Promise<void> {
  const session = connectHttp2('https://127.0.0.1', { createConnection: () => socket })
  session.on('error', () => {})
  const path = `/dns-query?dns=${Buffer.from(QUERY).toString('base64url')}`
  return new Promise(resolve => {
    session
      .request({ ':path': path })
      .on('error', () => {})
      .on('close', resolve)
      .resume()
  })
}

/** KiB, the proportional set size of a process and of those that it has started. */
function memoryOf(pid: number): number {
  const own = Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))![1])
  return childrenOf(pid).reduce((sum, child) => sum + memoryOf(child), own)
}
