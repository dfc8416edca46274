import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import type { DatagramCounts } from '../../../server/listen/datagrams.ts'
import { PlainSender } from '../../../server/listen/plain-sender.ts'

const BURST = Array.from({ length: 300 }, (_, i) => `datagram ${i * 7919}`)
const TO = { address: '127.0.0.1', port: 53 }

/** Takes nothing while `full`: what is sent then waits, by reference. */
class FakeSocket {
  full = false
  readonly taken: string[] = []
  readonly waiting: Uint8Array[] = []

  send(message: Uint8Array): void {
    if (this.full) this.waiting.push(message)
    else this.taken.push(Buffer.from(message).toString())
  }

  getSendQueueCount(): number {
    return this.waiting.length
  }

  drain(): void {
    this.full = false
    for (const message of this.waiting.splice(0)) this.send(message)
  }
}

function senderOf(socket: FakeSocket) {
  const counts: DatagramCounts = { batches: 0, received: 0, dropped: 0 }
  const sender = new PlainSender(socket as unknown as Socket, counts)
  const answer = (text: string): void => {
    sender.out.set(Buffer.from(text))
    sender.sendOut(text.length, TO)
  }
  return { sender, counts, answer }
}

t.test('what is taken at once leaves its octets to the next answer', async t => {
  const socket = new FakeSocket()
  const { sender, answer } = senderOf(socket)
  const { out } = sender
  for (const text of ['first', 'other', 'longer']) answer(text)
  t.same(socket.taken, ['first', 'other', 'longer'])
  t.equal(sender.out, out)
})

t.test('what waits keeps its octets, whatever is answered meanwhile', async t => {
  const socket = new FakeSocket()
  const { answer } = senderOf(socket)
  answer('taken')
  socket.full = true
  for (const text of ['one', 'two', 'six']) answer(text)
  socket.drain()
  answer('ten')
  t.same(socket.taken, ['taken', 'one', 'two', 'six', 'ten'])
})

t.test('more than may wait is dropped and counted; once there is room all goes on', async t => {
  const socket = new FakeSocket()
  const { answer, counts } = senderOf(socket)
  socket.full = true
  for (let i = 0; i < 1030; i++) answer(`${i}`)
  t.equal(socket.waiting.length, 1024)
  t.equal(counts.dropped, 6)
  socket.drain()
  answer('again')
  t.equal(socket.taken.at(-1), 'again')
  t.equal(counts.dropped, 6)
})

t.test('a message may be changed once it was handed over', async t => {
  const socket = new FakeSocket()
  const { sender } = senderOf(socket)
  socket.full = true
  const message = Buffer.from('first')
  sender.sendCopy(message, TO)
  message.set(Buffer.from('other'))
  sender.sendCopy(message, TO)
  const long = Buffer.alloc(2000, 'a')
  sender.sendCopy(long, TO)
  long.fill('b')
  socket.drain()
  t.same(socket.taken, ['first', 'other', 'a'.repeat(2000)])
})

t.test('a closed socket sends nothing', async t => {
  const socket = new FakeSocket()
  const { sender, answer } = senderOf(socket)
  sender.open = false
  answer('late')
  t.same(socket.taken, [])
})

for (const [what, execArgv] of [
  ['as a rule', []],
  ['where the system takes none at once', ['--test-udp-no-try-send']],
] as const)
  t.test(`${what}, a burst is answered with its own octets`, async t => {
    const thread = new Worker(new URL('./plain-echo.ts', import.meta.url), { execArgv: [...execArgv] })
    t.teardown(() => thread.terminate())
    const [port] = (await once(thread, 'message')) as [number]
    const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 })
    t.teardown(() => socket.close())
    socket.connect(port, '127.0.0.1')
    await once(socket, 'connect')
    const answered = new Set<string>()
    const done = new Promise<void>(resolve => {
      socket.on('message', message => {
        answered.add(message.toString())
        if (answered.size === BURST.length) resolve()
      })
    })
    for (const text of BURST) socket.send(text)
    await done
    t.same([...answered].sort(), [...BURST].sort())
  })
