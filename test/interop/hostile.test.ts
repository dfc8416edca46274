/** A live daemon under a flood of mutated packets: it answers what is whole, stays up and does not grow. */
import { createSocket } from 'node:dgram'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { writeMessage } from '../../dns/message.ts'
import { parseName } from '../../dns/name.ts'
import { signRequest } from '../../dns/tsig.ts'
import { tsigKey } from '../../dns/tsig-record.ts'
import { Daemon, SECRETS } from './daemon.ts'
import { dig } from './tools.ts'

const PACKETS = Number(process.env['HOSTILE_PACKETS'] ?? 100_000)
const MAX_GROWTH = 96 * 1024 * 1024

/** xorshift32: a seeded stream, so that a failure can be run again. */
function seeded(seed: number): (limit: number) => number {
  let state = seed
  return limit => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % limit
  }
}

function seeds(): Uint8Array[] {
  const names = [
    'www.internal.example.com.',
    'a.b.wild.internal.example.com.',
    'x.sub.internal.example.com.',
    '.',
    'example.org.',
  ]
  const key = tsigKey(parseName('externaldns.'), 'hmac-sha256', [Buffer.from(SECRETS.externaldns, 'base64')])
  return names.flatMap(text => {
    const question = [{ name: parseName(text), type: 1, class: 1 }]
    const base = { id: 7, flags: 0x0100, opcode: 0, rcode: 0, question, answer: [], authority: [], additional: [] }
    const edns = { udpSize: 1232, version: 0, dnssecOk: true, options: [{ code: 10, data: new Uint8Array(8) }] }
    const plain = writeMessage(base)
    return [
      plain,
      writeMessage({ ...base, edns }),
      writeMessage({ ...base, opcode: 5 }),
      signRequest(plain, key, 1_700_000_000).wire,
    ]
  })
}

/** One to eight changes: octets set, cut, doubled or appended. */
function mutate(packet: Uint8Array, below: (limit: number) => number): Uint8Array {
  let octets = Buffer.from(packet)
  for (let i = below(8); i >= 0; i--) {
    const at = below(octets.length)
    const choice = below(8)
    if (choice < 4) octets[at] = below(256)
    else if (choice === 4) octets = octets.subarray(0, at + 1)
    else if (choice === 5) octets = Buffer.concat([octets.subarray(0, at), octets.subarray(at >> 1)])
    else if (choice === 6) octets = Buffer.concat([octets, Buffer.from([0xc0, below(64)])])
    else octets[4 + (at % 8)] = below(4)
    if (octets.length > 1400) octets = octets.subarray(0, 1400)
  }
  return octets
}

const rss = (pid: number) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024

t.setTimeout(300_000)
t.test(`${PACKETS} mutated packets`, { skip: process.platform !== 'linux' && 'reads /proc' }, async t => {
  const daemon = await Daemon.start(t)
  const below = seeded(20_240_229)
  const originals = seeds()
  const socket = createSocket('udp4')
  let answers = 0
  socket.on('message', () => answers++)
  const flood = async (count: number) => {
    for (let i = 0; i < count; i++) {
      const packet = mutate(originals[below(originals.length)]!, below)
      socket.send(packet, daemon.ports.dns, '127.0.0.1')
      // A turn of the event loop now and then: answers are read, and the daemon keeps up.
      if (i % 64 === 63) await new Promise(resolve => setImmediate(resolve))
    }
  }
  await flood(PACKETS / 10)
  const before = rss(daemon.pid)
  await flood((PACKETS * 9) / 10)
  t.strictSame(await dig(daemon.ports.dns, 'www.internal.example.com'), ['192.0.2.10'], 'it still answers')
  t.ok(answers > 0, `${answers} answers`)
  const growth = rss(daemon.pid) - before
  t.ok(growth < MAX_GROWTH, `it grew by ${Math.round(growth / 1048576)} MiB`)
  t.strictSame(
    daemon.lines.filter(line => line['level'] === 'error'),
    [],
    'no packet was an error of ours',
  )
  socket.close()
})
