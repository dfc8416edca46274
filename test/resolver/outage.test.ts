import t from 'tap'
import { Ede, Flag, Rcode } from '../../dns/codes.ts'
import { parseMessage } from '../../dns/message.ts'
import { equalNames, parseName, printName } from '../../dns/name.ts'
import { createWorld, serve } from './world.ts'

const FIRST = '192.0.2.53:53'
const SECOND = '192.0.2.54:53'
const A = { answer: ['www.example.com. 300 A 192.0.2.80'] }
const WWW = 'www.example.com. 300 IN A 192.0.2.80'
const STALE = 'www.example.com. 30 IN A 192.0.2.80'
const SOA = 'example.com. 600 SOA ns.example.com. host.example.com. 1 3600 600 604800 60'

t.test('a fresh name with every upstream dead is SERVFAIL in under two seconds, with the reason', async t => {
  const rows = [
    ['silent', Ede.NO_REACHABLE_AUTHORITY, 1800],
    ['refusing', Ede.NETWORK_ERROR, 50],
  ] as const
  for (const [condition, ede, within] of rows)
    for (const upstreams of [['192.0.2.53'], ['192.0.2.53', '192.0.2.54', '192.0.2.55', '192.0.2.56']]) {
      const world = createWorld({ '.': upstreams })
      for (const address of upstreams) world.network.condition(`${address}:53`, condition)
      const told = await world.ask('fresh.example.com.')
      t.match(told, { rcode: Rcode.SERVFAIL, ede, answer: [] }, `${condition}, ${upstreams.length} upstreams`)
      t.ok(told.took <= within, `${told.took} ms`)
    }
})

t.test('RFC 9520 §3.1: no server is sent the same question more than three times', async t => {
  const world = createWorld({ '.': ['192.0.2.53', '192.0.2.54'] })
  let asked = 0
  serve(world, FIRST, query => {
    if (query.question[0]!.name.length > 1) asked++
    return undefined
  })
  world.network.condition(SECOND, 'silent')
  await world.ask('www.example.com.')
  await world.clock.advance(10_000)
  t.equal(asked, 3)
})

t.test('RFC 9520 §3.2: a failure is remembered for a second, and twice as long each time it repeats', async t => {
  const world = createWorld({ '.': '192.0.2.53' })
  let asked = 0
  serve(world, FIRST, () => {
    asked++
    return { rcode: Rcode.SERVFAIL }
  })
  for (const wait of [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]) {
    asked = 0
    t.match(await world.ask('www.example.com.'), { rcode: Rcode.SERVFAIL, ede: Ede.NO_REACHABLE_AUTHORITY })
    t.equal(asked, 1)
    await world.clock.advance(wait - 100)
    t.match(await world.ask('www.example.com.'), { rcode: Rcode.SERVFAIL, took: 0 }, `within ${wait} ms`)
    t.equal(asked, 1)
    await world.clock.advance(100)
  }
})

t.test('failover', async t => {
  t.test('a silent upstream costs one time-out, then it is asked last', async t => {
    const world = createWorld({ '.': ['192.0.2.53', '192.0.2.54'] })
    world.network.condition(FIRST, 'silent')
    serve(world, SECOND, query => ({ answer: [`${printName(query.question[0]!.name)} 60 A 192.0.2.1`] }))
    t.match(await world.ask('a.example.com.'), { rcode: Rcode.NOERROR, took: 410 })
    t.match(await world.ask('b.example.com.'), { rcode: Rcode.NOERROR, took: 410 })
    t.match(await world.ask('c.example.com.'), { rcode: Rcode.NOERROR, took: 10 }, 'two failures in a row make it down')
  })

  t.test('an upstream that refuses connections costs nothing', async t => {
    const world = createWorld({ '.': ['192.0.2.53', '192.0.2.54'] })
    world.network.condition(FIRST, 'refusing')
    serve(world, SECOND, () => A)
    t.match(await world.ask('www.example.com.'), { answer: [WWW], took: 20 })
  })

  for (const rcode of ['SERVFAIL', 'REFUSED', 'NOTIMP', 'FORMERR'] as const)
    t.test(`an upstream that answers ${rcode} hands over to the next`, async t => {
      const world = createWorld({ '.': ['192.0.2.53', '192.0.2.54'] })
      serve(world, FIRST, () => ({ rcode: Rcode[rcode] }))
      serve(world, SECOND, () => A)
      t.match(await world.ask('www.example.com.'), { answer: [WWW] })
    })

  t.test('NXDOMAIN is an answer, and no reason to ask another', async t => {
    const world = createWorld({ '.': ['192.0.2.53', '192.0.2.54'] })
    serve(world, FIRST, () => ({ rcode: Rcode.NXDOMAIN, authority: [SOA] }))
    serve(world, SECOND, () => A)
    t.match(await world.ask('www.example.com.'), { rcode: Rcode.NXDOMAIN })
    t.equal(world.network.seen.length, 1)
  })

  t.test('an upstream that was down is probed beside the questions, and preferred again once it answers', async t => {
    const world = createWorld({ '.': ['192.0.2.53', '192.0.2.54'] })
    const answer = (query: { question: { name: Uint8Array }[] }) => ({
      answer: [`${printName(query.question[0]!.name)} 60 A 192.0.2.1`],
    })
    serve(world, FIRST, answer)
    serve(world, SECOND, answer)
    world.network.condition(FIRST, 'silent')
    for (const name of ['a', 'b', 'c']) await world.ask(`${name}.example.com.`)
    world.network.condition(FIRST, 'up')
    await world.clock.advance(2000)
    t.match(await world.ask('d.example.com.'), { rcode: Rcode.NOERROR, took: 10 }, 'nobody waits for the probe')
    await world.clock.advance(100)
    const before = world.network.seen.length
    await world.ask('e.example.com.')
    t.same(
      world.network.seen.slice(before).map(({ at }) => at),
      [FIRST],
    )
  })

  t.test('an answer later than any time-out still counts, and enters the cache after the client has gone', async t => {
    const world = createWorld({ '.': '192.0.2.53' })
    world.network.weather.latency = 1250
    serve(world, FIRST, () => A)
    t.match(await world.ask('www.example.com.'), { rcode: Rcode.SERVFAIL, took: 1800 })
    await world.clock.advance(1000)
    t.match(await world.ask('www.example.com.'), { answer: [WWW], from: 'cache' })
  })

  t.test('half of all packets lost: every question is answered in the end', async t => {
    const world = createWorld({ '.': ['192.0.2.53', '192.0.2.54', '192.0.2.55'] }, {}, 7)
    world.network.weather.loss = 0.5
    for (const at of [FIRST, SECOND, '192.0.2.55:53'])
      serve(world, at, query => ({ answer: [`${printName(query.question[0]!.name)} 60 A 192.0.2.1`] }))
    let answered = 0
    for (let i = 0; i < 50; i++) {
      await world.ask(`n${i}.example.com.`)
      await world.clock.advance(10_000)
      if ((await world.ask(`n${i}.example.com.`)).rcode === Rcode.NOERROR) answered++
    }
    t.ok(answered >= 48, `${answered} of 50`)
  })
})

t.test('RFC 8767: stale answers', async t => {
  const expired = async (condition: 'silent' | 'refusing') => {
    const world = createWorld({ '.': '192.0.2.53' })
    serve(world, FIRST, query =>
      equalNames(query.question[0]!.name, parseName('www.example.com.'))
        ? A
        : { rcode: Rcode.NXDOMAIN, authority: [SOA] },
    )
    await world.ask('www.example.com.')
    await world.ask('nope.example.com.')
    await world.clock.advance(301_000)
    world.network.condition(FIRST, condition)
    return world
  }

  t.test('come at once where upstreams refuse, with a TTL of 30 s and EDE 3', async t => {
    const world = await expired('refusing')
    t.match(await world.ask('www.example.com.'), {
      rcode: Rcode.NOERROR,
      answer: [STALE],
      from: 'stale',
      ede: Ede.STALE_ANSWER,
      took: 10,
    })
  })

  t.test('come after 1.8 s where upstreams are silent, and at once when that is known', async t => {
    const world = await expired('silent')
    t.match(await world.ask('www.example.com.'), { answer: [STALE], from: 'stale', took: 1800 })
    t.match(await world.ask('www.example.com.'), { answer: [STALE], from: 'stale', took: 0 })
  })

  t.test('of NXDOMAIN carry EDE 19', async t => {
    const world = await expired('refusing')
    t.match(await world.ask('nope.example.com.'), { rcode: Rcode.NXDOMAIN, ede: Ede.STALE_NXDOMAIN, from: 'stale' })
  })

  t.test('also stand in for SERVFAIL and REFUSED', async t => {
    for (const rcode of [Rcode.SERVFAIL, Rcode.REFUSED]) {
      const world = await expired('silent')
      world.network.condition(FIRST, 'up')
      serve(world, FIRST, () => ({ rcode }))
      t.match(await world.ask('www.example.com.'), { answer: [STALE], from: 'stale' })
    }
  })

  t.test('give way to NXDOMAIN: a name that is gone is gone', async t => {
    const world = await expired('silent')
    world.network.condition(FIRST, 'up')
    serve(world, FIRST, () => ({ rcode: Rcode.NXDOMAIN, authority: [SOA] }))
    t.match(await world.ask('www.example.com.'), { rcode: Rcode.NXDOMAIN, from: 'upstream' })
  })

  t.test('§5: upstreams that failed are asked again after 30 seconds, not before', async t => {
    const world = await expired('refusing')
    await world.ask('www.example.com.')
    const asked = world.resolver.counters.asked
    await world.clock.advance(29_000)
    await world.ask('www.example.com.')
    t.equal(world.resolver.counters.asked, asked)
    await world.clock.advance(1001)
    await world.ask('www.example.com.')
    t.ok(world.resolver.counters.asked > asked)
  })

  t.test('end as soon as an upstream is seen to be back', async t => {
    const world = await expired('refusing')
    await world.ask('www.example.com.')
    await world.ask('www2.example.com.')
    world.network.condition(FIRST, 'up')
    t.match(await world.ask('other.example.com.'), { rcode: Rcode.NXDOMAIN, from: 'upstream' })
    t.match(await world.ask('www.example.com.'), { answer: [WWW], from: 'upstream' })
  })

  t.test('are not given once they are older than allowed', async t => {
    const world = createWorld({ '.': '192.0.2.53' }, { limits: { maxStale: 3600 } })
    serve(world, FIRST, () => A)
    await world.ask('www.example.com.')
    world.network.condition(FIRST, 'refusing')
    await world.clock.advance(3_800_000)
    t.match(await world.ask('www.example.com.'), { answer: [STALE] })
    await world.clock.advance(200_000)
    t.match(await world.ask('www.example.com.'), { rcode: Rcode.SERVFAIL })
  })
})

t.test('loops', async t => {
  t.test('an upstream that is this daemon itself is left out', async t => {
    const own = [
      { address: '192.0.2.53', port: 53 },
      { address: '0.0.0.0', port: 53 },
    ]
    const world = createWorld(
      { '.': ['192.0.2.53', '127.0.0.1', '192.0.2.54'], 'loop.example.': '192.0.2.53' },
      { own },
    )
    serve(world, SECOND, () => A)
    t.match(await world.ask('www.example.com.'), { answer: [WWW] })
    t.same(
      world.network.seen.map(({ at }) => at),
      [SECOND],
    )
    t.match(await world.ask('www.loop.example.'), {
      rcode: Rcode.SERVFAIL,
      text: 'loop.example. is forwarded to this server itself',
    })
  })

  t.test(
    'a question that comes back to us by another way is joined to the one outstanding, not sent again',
    async t => {
      const world = createWorld({ '.': '192.0.2.53' })
      serve(world, FIRST, query => {
        void world.resolver.resolve(query.question[0]!)
        return undefined
      })
      t.match(await world.ask('www.example.com.'), { rcode: Rcode.SERVFAIL, took: 1800 })
      await world.clock.advance(10_000)
      const asked = world.network.seen.filter(({ message }) => parseMessage(message).question[0]!.name.length > 1)
      t.equal(asked.length, 3)
    },
  )
})

t.test("RFC 8914: the upstream's own reason for SERVFAIL is passed on", async t => {
  const world = createWorld({ '.': '192.0.2.53' })
  const data = Uint8Array.of(0, Ede.DNSSEC_BOGUS, ...Buffer.from('bad signature'))
  serve(world, FIRST, () => ({
    rcode: Rcode.SERVFAIL,
    edns: { udpSize: 1232, version: 0, dnssecOk: false, options: [{ code: 15, data }] },
  }))
  t.match(await world.ask('www.example.com.'), { rcode: Rcode.SERVFAIL, ede: Ede.DNSSEC_BOGUS, text: 'bad signature' })
})

t.test('RFC 4035 §4.9.3: AD is believed over an authenticated channel only', async t => {
  const flags = Flag.QR | Flag.RD | Flag.RA | Flag.AD
  for (const [upstream, at, ad] of [
    ['192.0.2.53', FIRST, false],
    ['tls://192.0.2.53#dns.example', '192.0.2.53:853', true],
  ] as const) {
    const world = createWorld({ '.': upstream })
    serve(world, at, () => ({ ...A, flags }))
    t.match(await world.ask('www.example.com.'), { answer: [WWW], ad }, upstream)
    t.match(await world.ask('www.example.com.'), { from: 'cache', ad }, upstream)
  }
})
