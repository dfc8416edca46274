import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import t from 'tap'
import { type Random, systemRandom } from '../../../host/random.ts'
import { createSystemNetwork } from '../../../host/system-network.ts'
import { type Libc, loadLibc } from '../../../server/listen/libc.ts'
import { Poller } from '../../../server/listen/poller.ts'
import { createPolledNetwork } from '../../../server/resolver/polled-network.ts'
import { createDescriptorBuffer, Descriptors } from '../../../server/threads/descriptors.ts'
import { testUdp } from '../../host/udp-battery.ts'

const libc = loadLibc()
const fail = (error: Error) => void t.fail(error.message)

async function networkMaker(library: Libc, descriptors = new Descriptors(createDescriptorBuffer())) {
  const poller = (await Poller.create(library))!
  return (random: Random) =>
    createPolledNetwork({ libc: library, poller, descriptors, random, plain: createSystemNetwork(random) })
}

t.test('a network whose datagrams a poller waits for', { skip: libc ? false : 'no C library' }, async t => {
  await testUdp(t, await networkMaker(libc!), systemRandom)

  await t.test('a datagram of the longest kind arrives whole, over IPv6 as well', async t => {
    const create = await networkMaker(libc!)
    const server = createSocket('udp6').bind(0, '::1')
    await once(server, 'listening')
    t.teardown(() => server.close())
    server.on('message', (_, { port, address }) => server.send(new Uint8Array(60_000).fill(7), port, address))
    const answer = Promise.withResolvers<number>()
    const remote = { address: '::1', port: server.address().port }
    const socket = await create(systemRandom).udp(remote, message => answer.resolve(message.length), fail)
    socket.send(Uint8Array.of(1))
    t.equal(await answer.promise, 60_000)
    socket.close()
  })

  await t.test('a socket closed by what another has received hears nothing any more', async t => {
    const create = await networkMaker(libc!)
    const network = create(systemRandom)
    const server = createSocket('udp4').bind(0, '127.0.0.1')
    await once(server, 'listening')
    t.teardown(() => server.close())
    const remote = { address: '127.0.0.1', port: server.address().port }
    const heard: number[] = []
    const done = Promise.withResolvers<void>()
    const sockets = await Promise.all(
      [0, 1].map(i =>
        network.udp(
          remote,
          () => {
            heard.push(i)
            for (const socket of sockets) socket.close()
            done.resolve()
          },
          fail,
        ),
      ),
    )
    const senders: number[] = []
    server.on('message', (_, { port }) => {
      senders.push(port)
      // Both answers are there before either is read.
      if (senders.length === 2) for (const to of senders) server.send('x', to, '127.0.0.1')
    })
    for (const socket of sockets) socket.send(Uint8Array.of(1))
    await done.promise
    await new Promise(setImmediate)
    t.equal(heard.length, 1)
  })

  await t.test('where no descriptor can be noted any more, sockets are plain ones', async t => {
    let sockets = 0
    const counting: Libc = {
      ...libc!,
      socket(...args) {
        sockets++
        return libc!.socket(...args)
      },
    }
    const descriptors = new Descriptors(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT))
    const create = await networkMaker(counting, descriptors)
    const network = create(systemRandom)
    const before = sockets
    const remote = { address: '127.0.0.1', port: 9 }
    const opened = await Promise.all([1, 2, 3].map(() => network.udp(remote, () => {}, fail)))
    t.equal(sockets - before, 1)
    for (const socket of opened) socket.close()
  })
})
