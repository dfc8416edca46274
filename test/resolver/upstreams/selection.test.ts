import t from 'tap'
import { Rcode } from '../../../dns/codes.ts'
import { parseName, printName } from '../../../dns/name.ts'
import type { ResolverOptions } from '../../../resolver/resolver.ts'
import { arrange } from '../../../resolver/upstreams/selection.ts'
import { Server, type ServerAddress } from '../../../resolver/upstreams/server.ts'
import { createSeededRandom } from '../../simulation/random.ts'
import { createWorld, serve, upstream, type World } from '../world.ts'

const ADDRESSES = ['192.0.2.1', '192.0.2.2', '192.0.2.3']

function at(address: string, more: Partial<ServerAddress> = {}): Server {
  return new Server({ transport: 'udp', address, port: 53, ...more })
}

/** A world with one rule whose upstreams answer everything, after so many milliseconds. */
function worldOf(rule: Partial<ResolverOptions['rules'][number]>, delays = [0, 0, 0]): World {
  const rules = [{ zone: parseName('.'), to: ADDRESSES.map(upstream), ...rule }]
  const world = createWorld({}, { rules })
  for (const [i, address] of ADDRESSES.entries())
    world.network.serve(`${address}:53`, (bytes, _via, reply) => {
      const answered = bytes.slice()
      answered[2]! |= 0x80
      answered[3] = 3
      reply(answered, delays[i])
    })
  return world
}

const askedOf = (world: World) => world.network.seen.map(({ at }) => at.replace(':53', ''))

t.test('order is the order of the list', t => {
  const servers = ADDRESSES.map(address => at(address))
  servers[0]!.answered(500, 0)
  t.equal(arrange(servers, 'order', createSeededRandom(1)), servers)
  t.end()
})

t.test('by latency the fastest comes first, one never asked before all, and near ones in the order of the list', t => {
  const [a, b, c] = ADDRESSES.map(address => at(address)) as [Server, Server, Server]
  a.answered(42, 0)
  b.answered(10, 0)
  t.same(arrange([a, b, c], 'latency', createSeededRandom(1)), [c, b, a])
  c.answered(11, 0)
  t.same(arrange([a, c, b], 'latency', createSeededRandom(1)), [c, b, a])
  t.end()
})

t.test('by weight each comes first as often as its weight says', t => {
  const servers = [at('192.0.2.1', { weight: 6 }), at('192.0.2.2', { weight: 3 }), at('192.0.2.3')]
  const random = createSeededRandom(7)
  const first = new Map(servers.map(server => [server, 0]))
  for (let i = 0; i < 10_000; i++) {
    const arranged = arrange(servers, 'weighted', random)
    t.equal(new Set(arranged).size === 3, true) || t.fail()
    first.set(arranged[0]!, first.get(arranged[0]!)! + 1)
  }
  const [six, three, one] = servers.map(server => first.get(server)! / 1000) as [number, number, number]
  t.ok(Math.abs(six - 6) < 0.3 && Math.abs(three - 3) < 0.3 && Math.abs(one - 1) < 0.3, `${six} ${three} ${one}`)
  t.end()
})

t.test(
  'select: latency settles on the fastest, and looks at the others once a minute beside the questions',
  async t => {
    const world = worldOf({ select: 'latency' }, [80, 0, 40])
    for (let i = 0; i < 6; i++) await world.ask(`n${i}.example.`)
    await world.clock.advance(1000)
    const before = world.network.seen.length
    for (let i = 0; i < 5; i++) await world.ask(`m${i}.example.`)
    t.same(askedOf(world).slice(before), Array(5).fill('192.0.2.2'))
    await world.clock.advance(61_000)
    t.match(await world.ask('later.example.'), { took: 10 }, 'nobody waits for a measure')
    t.same(
      askedOf(world)
        .slice(before + 5)
        .sort(),
      ADDRESSES,
    )
  },
)

t.test('max_concurrent: more go to the next upstream, and where all are full, to nobody', async t => {
  const to = ADDRESSES.slice(0, 2).map(address => ({ ...upstream(address), max_concurrent: 2 }))
  const world = worldOf({ to }, [100, 100, 0])
  const told = await world.clock.until(Promise.all([0, 1, 2, 3, 4].map(i => world.begin(`n${i}.example.`))))
  t.same(askedOf(world).sort(), ['192.0.2.1', '192.0.2.1', '192.0.2.2', '192.0.2.2'])
  t.equal(told.filter(({ rcode }) => rcode === Rcode.SERVFAIL).length, 1)
  t.match(told[4]!.text, /max_concurrent/)
  t.match(await world.ask('later.example.'), { rcode: Rcode.NXDOMAIN }, 'the places are free again')
})

t.test('a server that is down is asked for nothing by health checks until it is back, and reported so', async t => {
  const world = createWorld({ '.': ['192.0.2.1', '192.0.2.2'] })
  const answer = (query: { question: { name: Uint8Array }[] }) => ({
    answer: [`${printName(query.question[0]!.name)} 60 A 192.0.2.1`],
  })
  serve(world, '192.0.2.1:53', answer)
  serve(world, '192.0.2.2:53', answer)
  t.match(world.resolver.upstreams()[0], { zone: '.', upstream: '192.0.2.1:53', state: 'not asked yet' })
  world.network.condition('192.0.2.1:53', 'silent')
  for (const name of ['a', 'b']) await world.ask(`${name}.example.`)
  t.match(world.resolver.upstreams(), [
    { state: 'down', reason: 'no answer' },
    { state: 'up', round_trip: 10 },
  ])
  world.network.condition('192.0.2.1:53', 'up')
  await world.clock.advance(20_000)
  t.match(world.resolver.upstreams()[0], { state: 'up' }, 'without a question of a client')
  world.resolver.close()
  await world.clock.advance(60_000)
  t.equal(world.clock.pending(), 0, 'no check goes on')
})
