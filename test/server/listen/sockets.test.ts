import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import t from 'tap'
import { LINUX, type Libc, loadLibc } from '../../../server/listen/libc.ts'
import {
  describeListenError,
  ListenError,
  type ListenOptions,
  openSockets,
  reachableAt,
} from '../../../server/listen/sockets.ts'
import { listenPlain } from '../../../server/listen/udp-plain.ts'

const libc = loadLibc()
const nothing: Omit<ListenOptions, 'libc'> = { dns: [], dot: [], workers: 1 }
const any = { address: '127.0.0.1', port: 0 }

/** Either way of opening: by descriptors, and by address where the C library can't be called. */
const WAYS: [string, Libc | undefined][] = [['without the C library', undefined]]
if (libc) WAYS.push(['by descriptors', libc])

for (const [name, way] of WAYS)
  t.test(name, async t => {
    t.test('UDP and TCP get the same port where any is asked for', async t => {
      const sockets = await openSockets({ ...nothing, dns: [any], libc: way })
      t.teardown(() => sockets.close())
      const ports = new Set(sockets.forWorker(0).map(({ address }) => address.port))
      t.equal(ports.size, 1)
      t.same(ports, new Set([sockets.dns[0]!.port]))
      t.not(sockets.dns[0]!.port, 0)
    })

    t.test('a port that another program has in TCP is refused in one sentence', async t => {
      const other = createServer().listen(0, '127.0.0.1')
      await once(other, 'listening')
      const { port } = other.address() as { port: number }
      t.teardown(() => other.close())
      await t.rejects(openSockets({ ...nothing, dns: [{ address: '127.0.0.1', port }], libc: way }), {
        name: 'ListenError',
        message: new RegExp(`^127\\.0\\.0\\.1:${port} \\(tcp\\) is in use by another program: `),
      })
    })

    t.test('and one that it has in UDP, even with SO_REUSEPORT', async t => {
      const other = createSocket({ type: 'udp4', reusePort: process.platform === 'linux' })
      other.bind(0, '127.0.0.1')
      await once(other, 'listening')
      t.teardown(() => other.close())
      const { port } = other.address()
      await t.rejects(openSockets({ ...nothing, dns: [{ address: '127.0.0.1', port }], libc: way }), {
        message: /\(udp\) is in use/,
      })
    })

    t.test('an address that is not ours is refused', async t => {
      await t.rejects(openSockets({ ...nothing, dns: [{ address: '192.0.2.1', port: 0 }], libc: way }), {
        message: /is not an address of this machine/,
      })
    })

    t.test('on a failure all that was opened is closed again', async t => {
      const first = await openSockets({ ...nothing, dns: [any], libc: way })
      const { port } = first.dns[0]!
      first.close()
      const dns = [
        { address: '127.0.0.1', port },
        { address: '192.0.2.1', port: 0 },
      ]
      await t.rejects(openSockets({ ...nothing, dns, libc: way }), ListenError)
      const again = await openSockets({ ...nothing, dns: [dns[0]!], libc: way })
      again.close()
    })

    t.test('DoT is TCP alone', async t => {
      const sockets = await openSockets({ ...nothing, dot: [any], libc: way })
      t.teardown(() => sockets.close())
      t.same(
        sockets.forWorker(0).map(({ kind }) => kind),
        ['tls'],
      )
      t.same(sockets.dot.length, 1)
    })
  })

t.test('descriptors', { skip: libc ? false : 'the C library can not be called here' }, async t => {
  t.test('every thread has its own UDP socket, and a duplicate of the TCP one', async t => {
    const sockets = await openSockets({ ...nothing, dns: [any], workers: 3, libc })
    t.teardown(() => sockets.close())
    const fds = [0, 1, 2].map(index => sockets.forWorker(index))
    t.same(
      fds.map(list => list.map(({ kind }) => kind)),
      Array(3).fill(['tcp', 'udp']),
    )
    const numbers = fds.flat().map(({ fd }) => fd!)
    t.equal(new Set(numbers).size, 6)
    const [tcp, udp] = sockets.forWorker(1)
    t.notOk(numbers.includes(tcp!.fd!), 'a replacement gets another duplicate')
    t.equal(udp!.fd, fds[1]![1]!.fd, 'and the UDP socket with all that is queued on it')
    for (const [tcp] of fds) libc!.close(tcp!.fd!)
    libc!.close(tcp!.fd!)
  })

  t.test('a wildcard is one socket for each address of the machine, and one for those that come later', async t => {
    const info = (address: string, family: 'IPv4' | 'IPv6') =>
      ({ address, family, netmask: '', mac: '', internal: true, cidr: null, scopeid: 0 }) as never
    const interfaces = () => ({ lo: [info('127.0.0.1', 'IPv4'), info('127.0.0.2', 'IPv4'), info('::1', 'IPv6')] })
    const sockets = await openSockets({
      ...nothing,
      dns: [{ address: '0.0.0.0', port: 0 }],
      workers: 2,
      libc,
      interfaces,
    })
    t.teardown(() => sockets.close())
    const [first, second] = [sockets.forWorker(0), sockets.forWorker(1)]
    t.same(
      first!.map(({ kind, address }) => `${kind} ${address.address}`),
      ['tcp 0.0.0.0', 'udp 127.0.0.1', 'udp 127.0.0.2', 'late 0.0.0.0'],
    )
    t.same(
      second!.map(({ kind }) => kind),
      ['tcp', 'udp', 'udp'],
      'the late ones are for one thread',
    )
    for (const { kind, fd } of [...first!, ...second!]) if (kind === 'tcp') libc!.close(fd!)
  })

  t.test('an address that has just gone is left to the wildcard socket', async t => {
    const interfaces = () => ({ eth0: [{ address: '192.0.2.99', family: 'IPv4' } as never] })
    const dns = [{ address: '0.0.0.0', port: 0 }]
    const sockets = await openSockets({ ...nothing, dns, libc, interfaces })
    t.teardown(() => sockets.close())
    const mine = sockets.forWorker(0)
    t.same(
      mine.map(({ kind }) => kind),
      ['tcp', 'late'],
    )
    libc!.close(mine[0]!.fd!)
  })

  t.test('an address that a wildcard takes in is not opened twice', async t => {
    const interfaces = () => ({ lo: [{ address: '127.0.0.1', family: 'IPv4' } as never] })
    const free = await openSockets({ ...nothing, dns: [any], libc })
    const { port } = free.dns[0]!
    free.close()
    const dns = [
      { address: '127.0.0.1', port },
      { address: '0.0.0.0', port },
    ]
    const sockets = await openSockets({ ...nothing, dns, libc, interfaces })
    t.teardown(() => sockets.close())
    t.same(sockets.dns, [{ address: '0.0.0.0', port }])
  })

  t.test('what the system refuses is said in words', async t => {
    const refusing = (errno: number): Libc => ({ ...libc!, bind: () => -1, errno: () => errno })
    const at53 = { address: '127.0.0.1', port: 53 }
    await t.rejects(openSockets({ ...nothing, dns: [at53], libc: refusing(LINUX.EACCES) }), {
      message: /^127\.0\.0\.1:53 \(tcp\) needs privilege: start as root with `user` set/,
    })
    await t.rejects(openSockets({ ...nothing, dns: [at53], libc: refusing(9) }), {
      message: /can't be listened on: error 9/,
    })
    const exhausted: Libc = { ...libc!, fcntl: () => -1 }
    const sockets = await openSockets({ ...nothing, dns: [any], libc: exhausted })
    t.teardown(() => sockets.close())
    t.throws(() => sockets.forWorker(0), { message: /ulimit -n/ })
  })
})

t.test('a missing address family is named', async t => {
  t.match(
    describeListenError('EAFNOSUPPORT', 'udp', { address: '::', port: 53 }),
    /^\[::\]:53 \(udp\) can't be had, for this system has no IPv6/,
  )
})

t.test('an address of a link is bound on that link, with the C library and without (RFC 4007 §11)', async t => {
  const link = { address: 'fe80::1', family: 'IPv6', scopeid: 4 } as never
  const dns = [{ address: '::', port: 5353 }]
  t.same(reachableAt(dns, () => ({ eth0: [link] })).at(-1), { address: 'fe80::1%eth0', port: 5353 })
  // The machine's own, where it has one; `dgram` knows interfaces by their names alone.
  const own = reachableAt([{ address: '::', port: 0 }]).filter(({ address }) => address.includes('%'))
  for (const local of own) {
    const listener = await listenPlain(local, false, {
      handler: () => 0,
      beforeBatch() {},
      onError: error => t.fail(error.message),
    })
    t.ok(listener.address.port > 0, local.address)
    await listener.close()
  }
})

t.test('by which addresses we are reached: a wildcard stands for those of its family', async t => {
  const interfaces = () => ({
    eth0: [{ address: '192.0.2.99', family: 'IPv4' } as never, { address: '2001:db8::9', family: 'IPv6' } as never],
  })
  const bound = [
    { address: '0.0.0.0', port: 53 },
    { address: '::1', port: 54 },
  ]
  t.strictSame(reachableAt(bound, interfaces), [bound[0], { address: '192.0.2.99', port: 53 }, bound[1]])
})
