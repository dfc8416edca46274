import t from 'tap'
import { OptionCode, Rcode } from '../../../dns/codes.ts'
import { type Message, parseMessage } from '../../../dns/message.ts'
import { addHop, isLoop } from '../../../resolver/upstreams/hops.ts'
import { createWorld, respond, serve, type World } from '../world.ts'

const ID = (octet: number) => new Uint8Array(8).fill(octet)

function optionsOf({ edns }: Message, code: number): Uint8Array[] {
  return (edns?.options ?? []).filter(option => option.code === code).map(({ data }) => data)
}

t.test('hops name each daemon once, and too many are a loop', t => {
  const two = addHop(addHop(undefined, ID(1)), ID(2))
  t.same(two, [...ID(2), ...ID(1)])
  t.ok(isLoop(two, ID(1)))
  t.notOk(isLoop(two, ID(3)))
  t.notOk(isLoop(two.subarray(0, 7), ID(2)))
  t.ok(isLoop(new Uint8Array(128), ID(3)))
  t.end()
})

t.test('two daemons that forward to each other notice at once', async t => {
  const worlds = [ID(1), ID(2)].map(id => createWorld({ '.': '10.0.0.53' }, { id })) as [World, World]
  const [first, second] = worlds
  // Each is the other's upstream.
  for (const [here, there] of [
    [first, second],
    [second, first],
  ] as const)
    here.network.serve('10.0.0.53:53', (bytes, _via, reply) => {
      const query = parseMessage(bytes)
      const [hops] = optionsOf(query, OptionCode.HOPS)
      void there.resolver
        .resolve(query.question[0]!, { ...(hops && { hops }) })
        .then(({ rcode }) => reply(respond(query, { rcode })))
      void there.clock.advance(100)
    })
  const told = await first.ask('www.example.')
  t.match(told, { rcode: Rcode.SERVFAIL })
  t.ok(told.took < 500, `${told.took} ms`)
  t.equal(first.resolver.counters.loops, 1)
  t.equal(second.network.seen.length, 1)
})

t.test('servers of the world are not told who we are', async t => {
  const world = createWorld({ '.': '198.51.100.53', 'corp.example.': '10.0.0.53' }, { id: ID(1) })
  for (const at of ['198.51.100.53:53', '10.0.0.53:53']) serve(world, at, () => ({ rcode: Rcode.NXDOMAIN }))
  await world.ask('www.example.')
  await world.ask('www.corp.example.', 'A', { hops: ID(9) })
  const [outside, inside] = world.network.seen.map(({ message }) => parseMessage(message))
  t.same(optionsOf(outside!, OptionCode.HOPS), [])
  t.same(optionsOf(inside!, OptionCode.HOPS), [addHop(ID(9), ID(1))])
})

t.test(
  "RFC 7871: a client's subnet is passed on where the rule says so, and its answer is for that subnet",
  async t => {
    const subnet = (third: number) => Uint8Array.of(0, 1, 24, 0, 192, 0, third)
    const to = [{ transport: 'udp' as const, address: '198.51.100.53', port: 53 }]
    for (const passes of [true, false]) {
      const world = createWorld({}, { rules: [{ zone: Uint8Array.of(0), to, client_subnet: passes }] })
      serve(world, '198.51.100.53:53', query => ({
        answer: [`www.example. 60 A 192.0.2.${optionsOf(query, OptionCode.ECS)[0]?.[6] ?? 0}`],
      }))
      for (const third of [2, 3, 2]) {
        const { answer } = await world.ask('www.example.', 'A', { subnet: subnet(third) })
        t.same(answer, [`www.example. 60 IN A 192.0.2.${passes ? third : 0}`])
      }
      t.match(await world.ask('www.example.'), { answer: ['www.example. 60 IN A 192.0.2.0'] }, 'and who sends none')
      t.equal(world.network.seen.length, passes ? 3 : 1)
    }
  },
)
