import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import t from 'tap'
import { claim, takeInherited } from '../../../server/listen/inherited.ts'
import { LINUX, type Libc, loadLibc } from '../../../server/listen/libc.ts'
import { makeSockaddr } from '../../../server/listen/sockaddr.ts'
import { openSockets } from '../../../server/listen/sockets.ts'

const libc = loadLibc()
if (!libc) {
  t.pass('only where the C library can be called')
} else {
  /** Bound sockets with neighbouring descriptors, as systemd passes them on. */
  const passOn = (libc: Libc, types: number[], port = 0) => {
    const first = libc.fcntl(0, LINUX.F_DUPFD_CLOEXEC, 500)
    libc.close(first)
    for (const [i, type] of types.entries()) {
      const fd = libc.socket(LINUX.AF_INET, type, 0)
      const address = makeSockaddr({ address: '127.0.0.1', port })
      t.equal(libc.bind(fd, address, address.length), 0)
      t.equal(libc.fcntl(fd, LINUX.F_DUPFD_CLOEXEC, first + i), first + i)
      libc.close(fd)
    }
    return { first, env: { LISTEN_PID: '42', LISTEN_FDS: String(types.length), LISTEN_FDNAMES: 'a:b' } }
  }

  /** A port that was free a moment ago. */
  const freePort = async (): Promise<number> => {
    const socket = createSocket('udp4').bind(0, '127.0.0.1')
    await once(socket, 'listening')
    const { port } = socket.address()
    await new Promise<void>(resolve => socket.close(() => resolve()))
    return port
  }

  t.test('sockets of the service manager serve in place of ones of our own', async t => {
    const port = await freePort()
    const { first, env } = passOn(libc, [LINUX.SOCK_STREAM, LINUX.SOCK_DGRAM], port)
    const inherited = takeInherited(libc, env, 42, first)
    t.same(env, {}, 'no child takes them for its own')
    t.same(
      inherited.map(({ type, address }) => [type, address]),
      [
        ['tcp', { address: '127.0.0.1', port }],
        ['udp', { address: '127.0.0.1', port }],
      ],
    )
    const sockets = await openSockets({
      dns: [{ address: '127.0.0.1', port }],
      dot: [],
      workers: 2,
      libc,
      inherited,
    })
    t.teardown(() => sockets.close())
    t.same(inherited, [], 'both are used')
    for (const worker of [0, 1]) {
      const own = sockets.forWorker(worker)
      t.same(
        own.map(({ kind }) => kind),
        ['tcp', 'udp'],
        'and shared by all threads',
      )
      for (const { fd } of own) libc.close(fd!)
    }
  })

  t.test('sockets meant for another process are left alone', async t => {
    t.same(takeInherited(libc, { LISTEN_PID: '41', LISTEN_FDS: '2' }, 42), [])
    t.same(takeInherited(libc, {}, 42), [])
  })

  t.test('what is no socket of ours is named', async t => {
    const fd = libc.fcntl(0, LINUX.F_DUPFD_CLOEXEC, 600)
    t.teardown(() => libc.close(fd))
    t.throws(() => takeInherited(libc, { LISTEN_PID: '42', LISTEN_FDS: '1' }, 42, fd), {
      message: `descriptor ${fd}, which the service manager passed on, is no UDP or TCP socket`,
    })
    t.throws(() => takeInherited(libc, { LISTEN_PID: '42', LISTEN_FDS: 'x' }, 42, fd), { message: /is no number/ })
  })

  t.test('a socket is claimed once, by type and address', async t => {
    const udp = { type: 'udp' as const, address: { address: '127.0.0.1', port: 53 }, fd: 9 }
    const list = [udp]
    t.equal(claim(list, 'tcp', udp.address), undefined)
    t.equal(claim(list, 'udp', { ...udp.address, port: 54 }), undefined)
    t.equal(claim(list, 'udp', udp.address), udp)
    t.equal(claim(list, 'udp', udp.address), undefined)
  })
}
