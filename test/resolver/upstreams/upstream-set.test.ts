import t from 'tap'
import { Rcode } from '../../../dns/codes.ts'
import { equalNames, parseName } from '../../../dns/name.ts'
import { Type } from '../../../dns/types.ts'
import { createWorld, serve } from '../world.ts'

const BOOTSTRAP = '192.0.2.1:53'
const RULE = {
  zone: parseName('.'),
  to: [{ transport: 'udp' as const, name: 'dns.example', port: 53 }],
  bootstrap: [{ address: '192.0.2.1', port: 53 }],
}

t.test('an upstream given by name is asked at the addresses that the bootstrap servers know', async t => {
  const world = createWorld({}, { rules: [RULE] })
  let address = '192.0.2.7'
  serve(world, BOOTSTRAP, ({ question: [asked] }) => {
    t.ok(equalNames(asked!.name, parseName('dns.example')))
    return asked!.type === Type.A ? { answer: [`dns.example. 60 A ${address}`] } : {}
  })
  for (const at of ['192.0.2.7:53', '192.0.2.8:53'])
    serve(world, at, () => ({ answer: ['www.example. 1 A 192.0.2.80'] }))
  t.match(world.resolver.upstreams(), [{ upstream: 'dns.example', state: 'no address' }])
  t.match(await world.ask('www.example.'), { rcode: Rcode.NOERROR })
  t.match(world.resolver.upstreams(), [{ upstream: '192.0.2.7:53', state: 'up' }])
  address = '192.0.2.8'
  await world.clock.advance(61_000)
  t.match(await world.ask('www.example.'), { took: 10 }, 'the old address serves while the name is looked up again')
  await world.clock.advance(2000)
  await world.ask('www.example.')
  t.equal(world.network.seen.at(-1)!.at, '192.0.2.8:53')
  world.network.condition(BOOTSTRAP, 'silent')
  await world.clock.advance(100_000)
  t.match(await world.ask('www.example.'), { rcode: Rcode.NOERROR }, 'and where the bootstrap servers are gone')
})

t.test('a name that can not be resolved is SERVFAIL with the reason', async t => {
  const world = createWorld({}, { rules: [RULE] })
  serve(world, BOOTSTRAP, () => ({ rcode: Rcode.NXDOMAIN }))
  t.match(await world.ask('www.example.'), {
    rcode: Rcode.SERVFAIL,
    text: 'the bootstrap servers know no address of dns.example',
  })
})
