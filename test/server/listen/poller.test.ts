import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import t from 'tap'
import { LINUX, type Libc, loadLibc } from '../../../server/listen/libc.ts'
import { type PolledSocket, Poller } from '../../../server/listen/poller.ts'
import { makeSockaddr, readSockaddr } from '../../../server/listen/sockaddr.ts'

const libc = loadLibc()

/** A bound socket that counts how often it was served. */
function countingSocket(library: Libc): PolledSocket & { served: number; port: number } {
  const fd = library.socket(LINUX.AF_INET, LINUX.SOCK_DGRAM | LINUX.SOCK_CLOEXEC | LINUX.SOCK_NONBLOCK, 0)
  const sockaddr = makeSockaddr({ address: '127.0.0.1', port: 0 })
  library.bind(fd, sockaddr, sockaddr.length)
  library.getsockname(fd, sockaddr, new Uint8Array(Int32Array.of(sockaddr.length).buffer))
  const socket = {
    fd,
    served: 0,
    port: readSockaddr(sockaddr).port,
    serve() {
      socket.served++
      return false
    },
  }
  return socket
}

t.test('a poller', { skip: libc ? false : 'the C library can not be called here' }, async t => {
  t.test('finds the event loop, and lets it work while no datagram comes', async t => {
    const poller = await Poller.create(libc!)
    const socket = countingSocket(libc!)
    poller!.add(socket)
    const server = createServer(connection => connection.end('answer')).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    const [data] = await once(connect(port, '127.0.0.1'), 'data')
    t.equal(String(data), 'answer')
    await new Promise(resolve => setTimeout(resolve, 1))
    t.equal(socket.served, 0)
    poller!.remove(socket)
    server.close()
    libc!.close(socket.fd)
  })

  t.test('wakes for the loop at once: it waits for its descriptor too', async t => {
    const waits: number[] = []
    const watching: Libc = {
      ...libc!,
      poll: (descriptors, count, milliseconds) => {
        waits.push(count)
        return libc!.poll(descriptors, count, milliseconds)
      },
    }
    const poller = await Poller.create(watching)
    const sockets = [countingSocket(libc!), countingSocket(libc!)]
    for (const socket of sockets) poller!.add(socket)
    while (waits.length === 0) await new Promise(setImmediate)
    t.equal(waits[0], 3)
    for (const socket of sockets) {
      poller!.remove(socket)
      libc!.close(socket.fd)
    }
    // Without sockets it ends its turns.
    await new Promise(setImmediate)
    const before = waits.length
    for (let i = 0; i < 3; i++) await new Promise(setImmediate)
    t.equal(waits.length, before)
  })

  t.test('waits for nothing while something else has its turn to come', async t => {
    const waits = new Set<number>()
    const watching: Libc = {
      ...libc!,
      poll(descriptors, count, milliseconds) {
        waits.add(milliseconds)
        return libc!.poll(descriptors, count, 0)
      },
    }
    let busy = true
    const poller = await Poller.create(watching, () => busy)
    const socket = countingSocket(libc!)
    poller!.add(socket)
    for (let i = 0; i < 10; i++) await new Promise(setImmediate)
    t.strictSame([...waits], [0])
    busy = false
    for (let i = 0; i < 10; i++) await new Promise(setImmediate)
    t.ok(Math.max(...waits) > 0)
    poller!.remove(socket)
    libc!.close(socket.fd)
  })

  t.test('waits for nothing after a task of which something comes in the same turn', async t => {
    const waits: number[] = []
    const watching: Libc = {
      ...libc!,
      poll(descriptors, count, milliseconds) {
        waits.push(milliseconds)
        return libc!.poll(descriptors, count, 0)
      },
    }
    const poller = await Poller.create(watching)
    let due = true
    poller!.beforeWait(() => due)
    const socket = countingSocket(libc!)
    poller!.add(socket)
    for (let i = 0; i < 5; i++) await new Promise(setImmediate)
    t.strictSame(new Set(waits), new Set([0]))
    due = false
    waits.length = 0
    for (let i = 0; i < 5; i++) await new Promise(setImmediate)
    t.ok(waits.every(one => one > 0))
    poller!.remove(socket)
    libc!.close(socket.fd)
  })

  t.test('does not serve where the event loop can not be found', async t => {
    t.equal(await Poller.create({ ...libc!, epoll_ctl: () => -1 }), undefined)
    t.equal(await Poller.create({ ...libc!, socket: () => -1 }), undefined)
  })

  t.test('the loop has its turn although datagrams never cease', async t => {
    const flooded: Libc = {
      ...libc!,
      poll(descriptors, count, milliseconds) {
        libc!.poll(descriptors, count, 0)
        return milliseconds
      },
    }
    const poller = await Poller.create(flooded)
    const socket = countingSocket(libc!)
    poller!.add(socket)
    await new Promise(resolve => setTimeout(resolve, 1))
    t.pass('a timer came')
    poller!.remove(socket)
    libc!.close(socket.fd)
  })
})
