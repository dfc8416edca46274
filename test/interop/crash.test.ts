/** What was answered is there after `kill -9`; what was not is wholly there or wholly not. */
import { X509Certificate } from 'node:crypto'
import { Agent, request } from 'node:https'
import { connect, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { Class, Opcode, Rcode } from '../../dns/codes.ts'
import { parseMessage, writeMessage } from '../../dns/message.ts'
import { type Name, parseName } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { signRequest } from '../../dns/tsig.ts'
import { type TsigKey, tsigKey } from '../../dns/tsig-record.ts'
import { makeRdata, Type } from '../../dns/types.ts'
import { type Client, createClientOf, createKeys, type Reply, replyOf } from '../ca/client.ts'
import { Daemon, SECRETS } from './daemon.ts'

const ROUNDS = Number(process.env['CRASH_ROUNDS'] ?? 50)
const STREAMS = 8
/** Records of one UPDATE: all of them or none must survive. */
const RECORDS = 3
const keyOf = (name: keyof typeof SECRETS) =>
  tsigKey(parseName(`${name}.`), 'hmac-sha256', [Buffer.from(SECRETS[name], 'base64')])
const KEY = keyOf('externaldns')
const CHALLENGE_KEY = keyOf('certmanager')

/** One TCP connection that exchanges one message at a time; `exchange` rejects once the daemon is gone. */
class Stream {
  private readonly socket: Socket
  private pending = Buffer.alloc(0)
  private waiting: { resolve(wire: Buffer): void; reject(error: Error): void } | undefined

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1')
    this.socket.on('data', chunk => this.take(chunk)).on('error', () => {})
    this.socket.on('close', () => this.waiting?.reject(new Error('closed')))
  }

  private take(chunk: Buffer): void {
    this.pending = Buffer.concat([this.pending, chunk])
    if (this.pending.length < 2 || this.pending.length < 2 + this.pending.readUInt16BE(0)) return
    const end = 2 + this.pending.readUInt16BE(0)
    const message = this.pending.subarray(2, end)
    this.pending = this.pending.subarray(end)
    this.waiting?.resolve(message)
    this.waiting = undefined
  }

  exchange(wire: Uint8Array): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.socket.destroyed) return reject(new Error('closed'))
      this.waiting = { resolve, reject }
      const length = Buffer.from([wire.length >>> 8, wire.length])
      this.socket.write(Buffer.concat([length, wire]))
    })
  }

  close(): void {
    this.socket.destroy()
  }
}

const owner = (update: number, record: number) => parseName(`u${update}-${record}.apps.internal.example.com.`)

function updateMessage(update: number): Uint8Array {
  const rdata = makeRdata('A', { address: Uint8Array.of(192, 0, 2, 1) })
  const records = Array.from({ length: RECORDS }, (_, record) => added(owner(update, record), Type.A, rdata))
  return signedUpdate(update, records, KEY)
}

function added(name: Name, type: number, rdata: Uint8Array): ResourceRecord {
  return { owner: name, type, class: Class.IN, ttl: 60, rdata }
}

function signedUpdate(id: number, authority: ResourceRecord[], key: TsigKey): Uint8Array {
  const message = { id: id & 0xffff, flags: 0, opcode: Opcode.UPDATE, rcode: 0, answer: [], authority, additional: [] }
  const zone = { name: parseName('internal.example.com.'), type: Type.SOA, class: Class.IN }
  return signRequest(writeMessage({ ...message, question: [zone] }), key, Math.floor(Date.now() / 1000)).wire
}

function query(update: number, record: number): Uint8Array {
  const question = [{ name: owner(update, record), type: Type.A, class: Class.IN }]
  return writeMessage({ id: 1, flags: 0, opcode: 0, rcode: 0, question, answer: [], authority: [], additional: [] })
}

/** Sends updates until the daemon is gone; which were answered NOERROR, and which were sent at all. */
async function updateUntilKilled(daemon: Daemon, first: number, after: number) {
  const answered = new Set<number>()
  const sent = new Set<number>()
  let next = first
  const stream = async () => {
    const connection = new Stream(daemon.ports.dns)
    try {
      for (;;) {
        const update = next++
        sent.add(update)
        const response = parseMessage(await connection.exchange(updateMessage(update)))
        if (response.rcode === Rcode.NOERROR) answered.add(update)
        if (answered.size === after) await daemon.kill()
      }
    } catch {
      connection.close()
    }
  }
  await Promise.all(Array.from({ length: STREAMS }, stream))
  return { answered, sent }
}

/** How many of an update's records are there. */
async function recordsOf(connection: Stream, update: number): Promise<number> {
  let found = 0
  for (let record = 0; record < RECORDS; record++)
    found += parseMessage(await connection.exchange(query(update, record))).answer.length
  return found
}

async function checkRound(t: Test, daemon: Daemon, round: { answered: Set<number>; sent: Set<number> }) {
  const connection = new Stream(daemon.ports.dns)
  const lost: number[] = []
  const torn: number[] = []
  for (const update of round.sent) {
    const found = await recordsOf(connection, update)
    if (round.answered.has(update) && found !== RECORDS) lost.push(update)
    if (found !== 0 && found !== RECORDS) torn.push(update)
  }
  connection.close()
  t.strictSame({ lost, torn }, { lost: [], torn: [] }, `${round.answered.size} answered of ${round.sent.size} sent`)
}

t.setTimeout(600_000)
t.test(`kill -9 during a stream of updates, ${ROUNDS} times`, async t => {
  const daemon = await Daemon.start(t)
  let first = 0
  for (let round = 0; round < ROUNDS; round++) {
    // Where in the stream the kill falls differs from round to round.
    const result = await updateUntilKilled(daemon, first, 1 + ((round * 7) % 60))
    await daemon.restart()
    await checkRound(t, daemon, result)
    first = Math.max(...result.sent) + 1
  }
})

/** The daemon's CA over HTTPS; challenges are published by UPDATE. Rejects once the daemon is gone. */
async function acmeClient(daemon: Daemon): Promise<Client> {
  const agent = new Agent({ keepAlive: true, rejectUnauthorized: false })
  const dns = new Stream(daemon.ports.dns)
  const client = await createClientOf(
    {
      origin: daemon.url(''),
      request: (method, url, body, type = 'application/jose+json') => exchangeHttp(agent, method, url, body, type),
      async publish(name, text) {
        const record = added(parseName(`${name}.`), Type.TXT, makeRdata('TXT', { strings: [Buffer.from(text)] }))
        const reply = parseMessage(await dns.exchange(signedUpdate(1, [record], CHALLENGE_KEY)))
        if (reply.rcode !== Rcode.NOERROR) throw new Error(`RCODE ${reply.rcode}`)
      },
    },
    await createKeys(),
  )
  await client.register()
  return client
}

function exchangeHttp(
  agent: Agent,
  method: string,
  url: string,
  body: string | undefined,
  type: string,
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': type }
    const sent = request(url, { method, agent, headers }, response => {
      let text = ''
      response
        .setEncoding('utf8')
        .on('data', chunk => (text += chunk))
        .on('error', reject)
      response.on('end', () => resolve(replyOf(response.statusCode!, response.headers, text)))
    })
    sent.on('error', reject).end(body)
  })
}

/** Orders certificates until the daemon is gone; the chains that were handed out. */
async function issueUntilKilled(daemon: Daemon, round: number, after: number): Promise<string[]> {
  const chains: string[] = []
  const stream = async (number: number) => {
    try {
      const client = await acmeClient(daemon)
      for (let i = 0; ; i++) {
        chains.push((await client.certificate([`c${round}-${number}-${i}.internal.example.com`])).chain)
        if (chains.length === after) await daemon.kill()
      }
    } catch {
      // The daemon was killed.
    }
  }
  // However far the orders have come, it ends.
  const kill = setTimeout(() => daemon.kill(), 2000)
  await Promise.all([0, 1, 2].map(stream))
  clearTimeout(kill)
  await daemon.kill()
  return chains
}

const serialOf = (chain: string) => new X509Certificate(chain).serialNumber.toLowerCase().replace(/^0+/, '')

t.test(`kill -9 during a stream of issuances, ${ROUNDS} times`, async t => {
  const daemon = await Daemon.start(t)
  const handedOut: string[] = []
  for (let round = 0; round < ROUNDS; round++) {
    handedOut.push(...(await issueUntilKilled(daemon, round, 1 + ((round * 5) % 12))).map(serialOf))
    await daemon.restart()
  }
  const listed = await daemon.cli('ca', 'list', '--json')
  const kept = (JSON.parse(listed.stdout) as { serial: string; names: string[] }[]).map(({ serial }) =>
    serial.replace(/^0+/, ''),
  )
  t.ok(handedOut.length > 0, `${handedOut.length} certificates were handed out, ${kept.length} are on record`)
  t.strictSame(
    handedOut.filter(serial => !kept.includes(serial)),
    [],
    'every one that was handed out is on record',
  )
  t.equal(new Set(handedOut).size, handedOut.length, 'no serial twice')
  const client = await acmeClient(daemon)
  t.match((await client.certificate(['after.internal.example.com'])).chain, /BEGIN CERTIFICATE/, 'and it still issues')
})
