import { createSocket, type Socket as DatagramSocket } from 'node:dgram'
import { once } from 'node:events'
import type { Test } from 'tap'
import type { Network } from '../../host/network.ts'
import type { Random } from '../../host/random.ts'

/** An echo server over UDP that tells which ports it was asked from. */
async function startEcho(t: Test): Promise<{ port: number; clients: Set<number>; socket: DatagramSocket }> {
  const socket = createSocket('udp4')
  const clients = new Set<number>()
  socket.on('message', (message, { port, address }) => {
    clients.add(port)
    socket.send(message, port, address)
  })
  await new Promise<void>(resolve => socket.bind(0, '127.0.0.1', resolve))
  t.teardown(() => socket.close())
  return { port: socket.address().port, clients, socket }
}

/** What every `Network`'s UDP sockets do; `create` makes a network with this randomness. */
export async function testUdp(t: Test, create: (random: Random) => Network, random: Random): Promise<void> {
  const fail = (error: Error) => void t.fail(error.message)

  await t.test('RFC 5452 §9.2: every UDP socket has a port of its own choosing', async t => {
    const network = create(random)
    const { port, clients } = await startEcho(t)
    for (let i = 0; i < 20; i++) {
      const answer = Promise.withResolvers<Uint8Array>()
      const keep = (message: Uint8Array) => answer.resolve(Uint8Array.from(message))
      const socket = await network.udp({ address: '127.0.0.1', port }, keep, fail)
      socket.send(Uint8Array.of(1, 2, 3))
      t.same(await answer.promise, Uint8Array.of(1, 2, 3))
      socket.close()
      socket.close()
      socket.send(Uint8Array.of(4))
    }
    t.ok(clients.size >= 19, `${clients.size} ports`)
    t.ok(Math.max(...clients) - Math.min(...clients) > 20_000, 'far apart')
    for (const client of clients) t.ok(client >= 1024)
  })

  await t.test('a port that is taken is passed over', async t => {
    const { port } = await startEcho(t)
    const taken = createSocket('udp4')
    await new Promise<void>(resolve => taken.bind(0, resolve))
    t.teardown(() => taken.close())
    let tries = 0
    const ports = [taken.address().port - 1024]
    const chosen = { bytes: (size: number) => new Uint8Array(size), below: () => ports[tries++] ?? 40_000 + tries }
    const opened = await create(chosen).udp({ address: '127.0.0.1', port }, () => {}, fail)
    t.ok(tries > 1)
    opened.close()
  })

  await t.test('only datagrams of the remote arrive', async t => {
    const { port } = await startEcho(t)
    const received: string[] = []
    const answer = Promise.withResolvers<void>()
    let local = 0
    const forger = createSocket('udp4')
    const noted = {
      bytes: (size: number) => new Uint8Array(size),
      below: () => (local = 20_000 + Math.floor(Math.random() * 20_000)),
    }
    const keep = (message: Uint8Array) => {
      received.push(Buffer.from(message).toString())
      answer.resolve()
    }
    const socket = await create(noted).udp({ address: '127.0.0.1', port }, keep, fail)
    await new Promise(resolve => forger.send('forged', local + 1024, '127.0.0.1', resolve))
    socket.send(Buffer.from('true'))
    await answer.promise
    t.same(received, ['true'])
    socket.close()
    forger.close()
  })

  await t.test('where no datagram may go there is no socket, as on a machine without a route', async t => {
    // Nobody may send to all without asking the system for it: connect(2) refuses at once, whatever routes there are.
    const nowhere = { address: '255.255.255.255', port: 53 }
    const opened = Promise.resolve().then(() => create(random).udp(nowhere, () => {}, fail))
    await t.rejects(opened, { code: 'EACCES' })
  })

  await t.test('a refused datagram is an error', async t => {
    const unused = createSocket('udp4')
    await new Promise<void>(resolve => unused.bind(0, '127.0.0.1', resolve))
    const { port } = unused.address()
    await new Promise<void>(resolve => unused.close(resolve))
    const refused = Promise.withResolvers<Error>()
    const socket = await create(random).udp({ address: '127.0.0.1', port }, () => {}, refused.resolve)
    socket.send(Uint8Array.of(1))
    t.match(await refused.promise, { code: 'ECONNREFUSED' })
    socket.close()
  })

  await t.test('a source address is what the peer sees, and one that is not ours can not be had', async t => {
    const server = createSocket('udp4').bind(0, '127.0.0.1')
    await once(server, 'listening')
    t.teardown(() => server.close())
    const network = create(random)
    const seen = once(server, 'message')
    const remote = { address: '127.0.0.1', port: server.address().port }
    const socket = await network.udp(remote, () => {}, fail, { source: '127.0.0.3' })
    socket.send(Uint8Array.of(1))
    t.match((await seen)[1], { address: '127.0.0.3' })
    socket.close()
    await t.rejects(
      network.udp(remote, () => {}, fail, { source: '192.0.2.1' }),
      { code: 'EADDRNOTAVAIL' },
    )
  })
}
