import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { Class, Opcode, Rcode } from '../../dns/codes.ts'
import { type Message, parseMessage, writeMessage } from '../../dns/message.ts'
import { parseName } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { signRequest } from '../../dns/tsig.ts'
import { tsigKey } from '../../dns/tsig-record.ts'
import { parseRdataText, printRdata, Type } from '../../dns/types.ts'
import { Daemon, SECRETS } from './daemon.ts'

const UPDATES = 80
const CLIENTS = 8
const ZONE = parseName('internal.example.com.')
const ALIAS = parseName('alias.apps.internal.example.com.')
/** Records of the RRset that every update replaces whole. */
const RECORDS = 6

const key = tsigKey(parseName('externaldns.'), 'hmac-sha256', [Buffer.from(SECRETS.externaldns, 'base64')])

function record(owner: Uint8Array, type: number, text: string): ResourceRecord {
  return { owner, type, class: Class.IN, ttl: 60, rdata: parseRdataText(type, text) }
}

/** A name of this version, and what the alias then leads to: texts that all say the version. */
function target(version: number): string {
  return `v${version}.apps.internal.example.com.`
}

/** RFC 2136 §2.5.2: the alias and its target go, others come, all in one message. */
function update(version: number): Uint8Array {
  const gone = { class: Class.ANY, ttl: 0, rdata: new Uint8Array() }
  const before = parseName(target(version - 1))
  const message: Message = {
    id: version,
    flags: 0,
    opcode: Opcode.UPDATE,
    rcode: 0,
    question: [{ name: ZONE, type: Type.SOA, class: Class.IN }],
    answer: [],
    authority: [
      { owner: ALIAS, type: Type.CNAME, ...gone },
      { owner: before, type: Type.TXT, ...gone },
      record(ALIAS, Type.CNAME, target(version)),
      ...Array.from({ length: RECORDS }, (_, i) => record(parseName(target(version)), Type.TXT, `"${version}" "${i}"`)),
    ],
    additional: [],
  }
  return signRequest(writeMessage(message), key, Math.floor(Date.now() / 1000)).wire
}

function query(id: number): Uint8Array {
  const question = [{ name: ALIAS, type: Type.TXT, class: Class.IN }]
  return writeMessage({ id, flags: 0, opcode: 0, rcode: 0, question, answer: [], authority: [], additional: [] })
}

/** The version that the answer is of; NaN where it is of more than one, or not whole. */
function versionOf(wire: Uint8Array): number {
  const { answer } = parseMessage(wire)
  const texts = answer.filter(({ type }) => type === Type.TXT).map(({ type, rdata }) => printRdata(type, rdata))
  const alias = answer.find(({ type }) => type === Type.CNAME)
  const versions = new Set(texts.map(text => Number(text.split('"')[1])))
  const [version] = versions
  if (versions.size !== 1 || texts.length !== RECORDS || !alias) return Number.NaN
  return printRdata(Type.CNAME, alias.rdata) === target(version!) ? version! : Number.NaN
}

type Exchange = (wire: Uint8Array) => Promise<Uint8Array>

async function overUdp(t: Test, port: number): Promise<Exchange> {
  const socket: Socket = createSocket('udp4')
  socket.connect(port, '127.0.0.1')
  await once(socket, 'connect')
  t.teardown(() => socket.close())
  return async wire => {
    const reply = once(socket, 'message')
    socket.send(wire)
    return (await reply)[0]
  }
}

async function overTcp(t: Test, port: number): Promise<Exchange> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  t.teardown(() => socket.destroy())
  return async wire => {
    const reply = once(socket, 'data')
    socket.write(Buffer.from([wire.length >> 8, wire.length & 255, ...wire]))
    return (await reply)[0].subarray(2)
  }
}

for (const [way, flags] of [
  ['in batches', []],
  ['by dgram alone', ['--import', new URL('../../scripts/without-koffi.ts', import.meta.url).pathname]],
] as const)
  t.test(`eight clients ask ${way} while a zone is updated as fast as it can be`, async t => {
    const daemon = await Daemon.start(t, { flags })
    const updater = await overUdp(t, daemon.ports.dns)
    let acknowledged = 0
    let sent = 0
    const apply = async (version: number): Promise<void> => {
      sent = version
      const reply = await updater(update(version))
      if ((reply[3]! & 15) !== Rcode.NOERROR) throw new Error(`update ${version}: RCODE ${reply[3]! & 15}`)
      acknowledged = version
    }
    await apply(1)
    const asked = { answers: 0, mixed: 0, stale: 0, early: 0 }
    const client = async (number: number): Promise<void> => {
      const exchange = await (number % 4 === 3 ? overTcp : overUdp)(t, daemon.ports.dns)
      for (let id = 1; acknowledged < UPDATES; id = (id % 0xffff) + 1) {
        const known = acknowledged
        const version = versionOf(await exchange(query(id)))
        asked.answers++
        if (Number.isNaN(version)) asked.mixed++
        if (version < known) asked.stale++
        if (version > sent) asked.early++
      }
    }
    const clients = Array.from({ length: CLIENTS }, (_, i) => client(i))
    for (let version = 2; version <= UPDATES; version++) await apply(version)
    await Promise.all(clients)
    t.comment(`${asked.answers} answers`)
    t.match(asked, { mixed: 0, stale: 0, early: 0 })
    t.ok(asked.answers > UPDATES)
  })
