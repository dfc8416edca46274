import t from 'tap'
import { createSocketPool } from '../../../resolver/upstreams/socket-pool.ts'
import { createSimulatedClock } from '../../simulation/clock.ts'
import { createSimulatedNetwork } from '../../simulation/network.ts'
import { createSeededRandom } from '../../simulation/random.ts'

const AT = { address: '192.0.2.1', port: 53 }

function createPool() {
  const clock = createSimulatedClock()
  const random = createSeededRandom(1)
  const network = createSimulatedNetwork(clock, random)
  let opened = 0
  const counting = {
    ...network,
    udp: (...args: Parameters<typeof network.udp>) => network.udp(...args).finally(() => opened++),
  }
  const pool = createSocketPool(counting, clock, random)
  const take = async () => {
    const socket = await pool.take(AT)
    socket.use({ received() {}, failed() {} })
    return socket
  }
  return { clock, network, pool, take, opened: () => opened }
}

t.test('a socket serves one exchange at a time, and another after it', async t => {
  const { take, opened } = createPool()
  const first = await take()
  const second = await take()
  t.equal(opened(), 2)
  first.release()
  second.release()
  await take()
  await take()
  t.equal(opened(), 2)
  await take()
  t.equal(opened(), 3)
})

t.test('a socket is closed after two seconds, whether idle or lent', async t => {
  const { clock, network, take, opened } = createPool()
  const lent = await take()
  const idle = await take()
  idle.release()
  await clock.advance(2000)
  t.equal(network.open(), 1)
  lent.release()
  t.equal(network.open(), 0)
  await take()
  t.equal(opened(), 3)
})

t.test('a socket serves thirty-two exchanges at most', async t => {
  const { take, opened } = createPool()
  for (let i = 0; i < 33; i++) (await take()).release()
  t.equal(opened(), 2)
})

t.test('a datagram at an idle socket ends it: somebody may know its port', async t => {
  const { clock, network, take } = createPool()
  network.serve('192.0.2.1:53', (message, _via, reply) => {
    reply(message)
    reply(message, 50)
  })
  const socket = await take()
  socket.send(Uint8Array.of(1))
  await clock.advance(20)
  socket.release()
  t.equal(network.open(), 1)
  await clock.advance(50)
  t.equal(network.open(), 0)
})

t.test('closing the pool closes what is idle, and what comes back', async t => {
  const { network, pool, take, clock } = createPool()
  const lent = await take()
  const idle = await take()
  idle.release()
  pool.close()
  t.equal(network.open(), 1)
  lent.release()
  t.equal(network.open(), 0)
  t.equal(clock.pending(), 0)
})
