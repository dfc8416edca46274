/** What was answered is there after `kill -9`; what was not is wholly there or wholly not. */
import { connect, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { Class, Opcode, Rcode } from '../../dns/codes.ts'
import { parseMessage, writeMessage } from '../../dns/message.ts'
import { parseName } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { signRequest, tsigKey } from '../../dns/tsig.ts'
import { makeRdata, Type } from '../../dns/types.ts'
import { Daemon, SECRETS } from './daemon.ts'

const ROUNDS = Number(process.env['CRASH_ROUNDS'] ?? 50)
const STREAMS = 8
/** Records of one UPDATE: all of them or none must survive. */
const RECORDS = 3
const KEY = tsigKey(parseName('externaldns.'), 'hmac-sha256', [Buffer.from(SECRETS.externaldns, 'base64')])

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
  const authority = Array.from(
    { length: RECORDS },
    (_, record): ResourceRecord => ({
      owner: owner(update, record),
      type: Type.A,
      class: Class.IN,
      ttl: 60,
      rdata: makeRdata('A', { address: Uint8Array.of(192, 0, 2, 1) }),
    }),
  )
  const message = {
    id: update & 0xffff,
    flags: 0,
    opcode: Opcode.UPDATE,
    rcode: 0,
    answer: [],
    authority,
    additional: [],
  }
  const zone = { name: parseName('internal.example.com.'), type: Type.SOA, class: Class.IN }
  return signRequest(writeMessage({ ...message, question: [zone] }), KEY, Math.floor(Date.now() / 1000)).wire
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
