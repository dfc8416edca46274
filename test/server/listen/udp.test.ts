import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { networkInterfaces } from 'node:os'
import t from 'tap'
import { printAddress } from '../../../config/address.ts'
import type { SocketAddress } from '../../../host/network.ts'
import { MAX_REQUEST } from '../../../server/listen/batch.ts'
import { type Client, LATER, type RequestHandler, SILENCE } from '../../../server/listen/client.ts'
import type { DatagramListener, DatagramOptions } from '../../../server/listen/datagrams.ts'
import { EndOfTurn } from '../../../server/listen/end-of-turn.ts'
import { LINUX, type Libc, loadLibc } from '../../../server/listen/libc.ts'
import { Poller } from '../../../server/listen/poller.ts'
import { openSockets } from '../../../server/listen/sockets.ts'
import { createBatches, listenBatched, listenPolled } from '../../../server/listen/udp.ts'
import { listenLate } from '../../../server/listen/udp-late.ts'
import { listenPlain } from '../../../server/listen/udp-plain.ts'

/** One way to serve a UDP socket; the battery below runs over each. */
interface Kind {
  name: string
  listen(address: string, options: DatagramOptions): Promise<DatagramListener>
}

const libc = loadLibc()

async function listenOpened(library: Libc, address: string, options: DatagramOptions): Promise<DatagramListener> {
  const { fd, local, close } = await openOne(library, address)
  return closing(await listenBatched(fd, local, createBatches(library, new EndOfTurn()), options), close)
}

async function listenByPoll(library: Libc, address: string, options: DatagramOptions): Promise<DatagramListener> {
  const { fd, local, close } = await openOne(library, address)
  const poller = await Poller.create(library)
  return closing(listenPolled(fd, local, createBatches(library, new EndOfTurn()), poller!, options), close)
}

async function openOne(library: Libc, address: string) {
  const sockets = await openSockets({ dns: [{ address, port: 0 }], dot: [], workers: 1, libc: library })
  const { tcp, udp } = Object.fromEntries(sockets.forWorker(0).map(socket => [socket.kind, socket]))
  library.close(tcp!.fd!)
  return { fd: udp!.fd!, local: udp!.address, close: sockets.close }
}

/** Closes the socket after its listener. */
function closing(listener: DatagramListener, close: () => void): DatagramListener {
  return { ...listener, close: () => listener.close().then(close) }
}

/** As `forWorker` opens a wildcard's late socket, but of one address, so that only this test's datagrams reach it. */
async function listenInformed(library: Libc, address: string, options: DatagramOptions): Promise<DatagramListener> {
  const { fd, local, close } = await openOne(library, address)
  const [level, option] = address.includes(':')
    ? [LINUX.IPPROTO_IPV6, LINUX.IPV6_RECVPKTINFO]
    : [LINUX.IPPROTO_IP, LINUX.IP_PKTINFO]
  library.setsockopt(fd, level, option, new Uint8Array(Int32Array.of(1).buffer), 4)
  return closing(listenLate([{ fd, local }], createBatches(library, new EndOfTurn()), options), close)
}

const KINDS: Kind[] = [
  { name: 'plain dgram', listen: (address, options) => listenPlain({ address, port: 0 }, false, options) },
]
if (libc) {
  KINDS.push({ name: 'batches', listen: (address, options) => listenOpened(libc, address, options) })
  KINDS.push({
    name: 'batches that are waited for',
    listen: (address, options) => listenByPoll(libc, address, options),
  })
  KINDS.push({
    name: 'batches that know their destination',
    listen: (address, options) => listenInformed(libc, address, options),
  })
}

const ADDRESSES = ['127.0.0.1', '::1']

const echo: RequestHandler = (request, at, end, _client, out, outAt) => {
  for (let i = at; i < end; i++) out[outAt + i - at] = request[i]!
  return end - at
}

function options(handler: RequestHandler): DatagramOptions {
  return { handler, beforeBatch() {}, onError: error => t.fail(error.message) }
}

/** Sends the messages from one socket and resolves with as many answers. */
async function exchange(to: SocketAddress, messages: Uint8Array[], expected = messages.length): Promise<Buffer[]> {
  const socket = createSocket({ type: to.address.includes(':') ? 'udp6' : 'udp4', recvBufferSize: 1 << 20 })
  const answers: Buffer[] = []
  const done = new Promise<void>(resolve => {
    socket.on('message', message => {
      answers.push(message)
      if (answers.length === expected) resolve()
    })
  })
  socket.connect(to.port, to.address)
  await once(socket, 'connect')
  for (const message of messages) socket.send(message)
  await done
  socket.close()
  return answers
}

const numbered = (count: number, size = 32): Buffer[] =>
  Array.from({ length: count }, (_, i) => {
    const message = Buffer.alloc(size, i)
    message.writeUInt32BE(i)
    return message
  })

for (const kind of KINDS)
  for (const address of ADDRESSES)
    t.test(`${kind.name} on ${address}`, async t => {
      t.test('every datagram of a burst is answered to its sender', async t => {
        const listener = await kind.listen(address, options(echo))
        t.teardown(() => listener.close())
        const messages = numbered(500)
        const answers = await exchange(listener.address, messages)
        t.same(new Set(answers.map(answer => answer.readUInt32BE())).size, 500)
        t.ok(
          answers.every(answer => answer.equals(messages[answer.readUInt32BE()]!)),
          'octets intact',
        )
        t.equal(listener.counts.received, 500)
      })

      t.test('several senders at once get their own answers', async t => {
        const listener = await kind.listen(address, options(echo))
        t.teardown(() => listener.close())
        const all = await Promise.all(
          Array.from({ length: 10 }, (_, i) => exchange(listener.address, [Buffer.alloc(20, i)])),
        )
        for (const [i, [answer]] of all.entries()) t.ok(answer!.equals(Buffer.alloc(20, i)))
      })

      t.test('silence for some leaves the answers of the others in place', async t => {
        const odd: RequestHandler = (request, at, ...rest) =>
          (request[at + 3]! & 1) === 0 ? SILENCE : echo(request, at, ...rest)
        const listener = await kind.listen(address, options(odd))
        t.teardown(() => listener.close())
        const answers = await exchange(listener.address, numbered(100), 50)
        t.ok(answers.every(answer => (answer[3]! & 1) === 1))
      })

      t.test('the client is described, and keeps its description when retained', async t => {
        let seen: Client | undefined
        const later: RequestHandler = (_request, _at, _end, client) => {
          seen = client.retain()
          return LATER
        }
        const listener = await kind.listen(address, options(later))
        t.teardown(() => listener.close())
        const answer = exchange(listener.address, [Buffer.from('question')], 1)
        while (!seen) await new Promise(setImmediate)
        t.equal(printAddress(seen.address), address)
        t.equal(printAddress(seen.destination), address)
        t.equal(seen.destinationPort, listener.address.port)
        t.equal(seen.transport, 'udp')
        seen.send(Buffer.from('answer'))
        seen.finish()
        t.equal((await answer)[0]!.toString(), 'answer')
      })

      t.test('answers that become ready together reach their senders, each its own', async t => {
        const waiting: (() => void)[] = []
        const together: RequestHandler = (request, at, end, client) => {
          const [retained, message] = [client.retain(), request.slice(at, end)]
          const scratch = new Uint8Array(message.length)
          waiting.push(() => {
            scratch.set(message)
            retained.send(scratch)
            // Whoever sends may write over it at once.
            scratch.fill(0)
            retained.finish()
          })
          if (waiting.length === 200) for (const task of waiting) task()
          return LATER
        }
        const listener = await kind.listen(address, options(together))
        const halves = [numbered(200).slice(0, 100), numbered(200).slice(100)]
        const answers = await Promise.all(halves.map(half => exchange(listener.address, half)))
        const sorted = answers.map(half => half.map(answer => answer.readUInt32BE()).sort((a, b) => a - b))
        t.same(sorted, [Array.from({ length: 100 }, (_, i) => i), Array.from({ length: 100 }, (_, i) => 100 + i)])
        await listener.close()
      })

      t.test('an answer after the listener was closed goes nowhere', async t => {
        let seen: Client | undefined
        const later: RequestHandler = (_request, _at, _end, client) => {
          seen = client.retain()
          return LATER
        }
        const listener = await kind.listen(address, options(later))
        const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
        socket.send(Buffer.from('question'), listener.address.port, address)
        while (!seen) await new Promise(setImmediate)
        await listener.close()
        t.doesNotThrow(() => seen!.send(Buffer.from('late')))
        socket.close()
      })
    })

t.test('batches', { skip: libc ? false : 'the C library can not be called here' }, async t => {
  t.test('a datagram longer than a slot is dropped, and what follows is answered', async t => {
    const listener = await listenOpened(libc!, '127.0.0.1', options(echo))
    t.teardown(() => listener.close())
    const answers = await exchange(
      listener.address,
      [Buffer.alloc(MAX_REQUEST + 1), Buffer.from('fits'), Buffer.alloc(MAX_REQUEST + 1), Buffer.from('fits too')],
      2,
    )
    t.same(answers.map(String).sort(), ['fits', 'fits too'])
    t.equal(listener.counts.dropped, 2)
  })

  t.test('partial sends are continued, and a refused datagram is skipped', async t => {
    let calls = 0
    const partial: Libc = {
      ...libc!,
      sendmmsg: (fd, headers, count, flags) =>
        ++calls % 5 === 0 ? -1 : libc!.sendmmsg(fd, headers, Math.min(count, 3), flags),
      errno: () => 1,
    }
    const listener = await listenOpened(partial, '127.0.0.1', options(echo))
    t.teardown(() => listener.close())
    await exchange(listener.address, numbered(40), 30)
    t.ok(calls > 10)
  })

  t.test('a full send buffer is waited for', async t => {
    let full = 2
    let waits = 0
    const slow: Libc = {
      ...libc!,
      sendmmsg: (fd, headers, count, flags) => (full-- > 0 ? -1 : libc!.sendmmsg(fd, headers, count, flags)),
      errno: () => LINUX.EAGAIN,
      poll: () => ++waits,
    }
    const listener = await listenOpened(slow, '127.0.0.1', options(echo))
    t.teardown(() => listener.close())
    const answers = await exchange(listener.address, [Buffer.from('patient')])
    t.equal(answers.length, 1)
    t.equal(waits, 2)
  })

  t.test('what a send buffer that stays full can not take is dropped and counted', async t => {
    const stuck: Libc = { ...libc!, sendmmsg: () => -1, errno: () => LINUX.EAGAIN, poll: () => 0 }
    const listener = await listenOpened(stuck, '127.0.0.1', options(echo))
    t.teardown(() => listener.close())
    const socket = createSocket('udp4')
    socket.send(Buffer.from('lost'), listener.address.port, '127.0.0.1')
    while (listener.counts.dropped === 0) await new Promise(setImmediate)
    t.equal(listener.counts.dropped, 1)
    socket.close()
  })

  t.test('answers that become ready in one turn go out with one call', async t => {
    let calls = 0
    const counting: Libc = {
      ...libc!,
      sendmmsg(...args) {
        calls++
        return libc!.sendmmsg(...args)
      },
    }
    const ready: Client[] = []
    const later: RequestHandler = (_request, _at, _end, client) => {
      ready.push(client.retain())
      if (ready.length === 40) setImmediate(() => ready.map(one => one.send(Buffer.from('ready'))))
      return LATER
    }
    const listener = await listenByPoll(counting, '127.0.0.1', options(later))
    const answers = await exchange(listener.address, numbered(40))
    t.equal(answers.length, 40)
    t.equal(calls, 1)
    await listener.close()
  })

  t.test('a wildcard answers from the address that was asked', async t => {
    const loopback = () => ({ lo: networkInterfaces()['lo']!.filter(({ family }) => family === 'IPv4') })
    const sockets = await openSockets({
      dns: [{ address: '0.0.0.0', port: 0 }],
      dot: [],
      workers: 1,
      libc,
      interfaces: loopback,
    })
    const [port] = sockets.dns.map(({ port }) => port)
    const library = createBatches(libc!, new EndOfTurn())
    const listeners: DatagramListener[] = []
    for (const { kind, fd, address } of sockets.forWorker(0)) {
      if (kind === 'udp') listeners.push(await listenBatched(fd!, address, library, options(echo)))
      if (kind === 'late') listeners.push(listenLate([{ fd: fd!, local: address }], library, options(echo)))
    }
    t.teardown(async () => {
      await Promise.all(listeners.map(listener => listener.close()))
      sockets.close()
    })
    // A connected socket takes answers from the address it is connected to alone. 127.0.0.53 is none of the interface's addresses.
    for (const address of ['127.0.0.1', '127.0.0.53'])
      t.same((await exchange({ address, port: port! }, [Buffer.from(address)])).map(String), [address])
    t.equal(
      listeners.find(({ address }) => address.address === '0.0.0.0')!.counts.received,
      1,
      'only the late one by the wildcard',
    )
  })
})
