import t from 'tap'
import { Ede, Flag, Rcode } from '../../dns/codes.ts'
import { parseMessage } from '../../dns/message.ts'
import { equalNames, parseName, printName } from '../../dns/name.ts'
import { createWorld, respond, serve } from './world.ts'

const UP = '192.0.2.53:53'
const WWW = 'www.example.com. 300 IN A 192.0.2.80'
const SOA = 'example.com. 600 SOA ns.example.com. host.example.com. 1 3600 600 604800 60'

/** An upstream that knows www.example.com, an alias of it, and that nothing else exists. */
function honest(world: ReturnType<typeof createWorld>, at = UP): void {
  serve(world, at, query => {
    const name = printName(query.question[0]!.name).toLowerCase()
    if (name === 'www.example.com.') return { answer: ['www.example.com. 300 A 192.0.2.80'] }
    if (name === 'alias.example.com.')
      return { answer: ['alias.example.com. 60 CNAME www.example.com.', 'www.example.com. 300 A 192.0.2.80'] }
    return { rcode: Rcode.NXDOMAIN, authority: [SOA] }
  })
}

t.test('a name is asked upstream once, then answered from the cache with its TTL counted down', async t => {
  const world = createWorld({ '.': '192.0.2.53' })
  honest(world)
  t.match(await world.ask('www.example.com.'), { rcode: Rcode.NOERROR, answer: [WWW], from: 'upstream', additional: 0 })
  await world.clock.advance(100_000)
  t.match(await world.ask('WWW.example.com.'), {
    answer: ['WWW.example.com. 200 IN A 192.0.2.80'],
    from: 'cache',
    took: 0,
  })
  t.equal(world.network.seen.length, 1)
  await world.clock.advance(200_001)
  t.match(await world.ask('www.example.com.'), { answer: [WWW], from: 'upstream' })
  t.equal(world.network.seen.length, 2)
})

t.test("a query has a random ID and case, EDNS with 1232 octets, RD, and none of the client's options", async t => {
  const world = createWorld({ '.': '192.0.2.53' })
  honest(world)
  for (let i = 0; i < 20; i++) await world.ask(`n${i}.a-long-enough-name.example.com.`)
  const queries = world.network.seen.map(({ message }) => parseMessage(message))
  t.ok(new Set(queries.map(({ id }) => id)).size > 18, 'RFC 5452 §9.2: IDs differ')
  t.ok(
    queries.some(({ question }) => /[A-Z]/.test(printName(question[0]!.name))),
    'letters are in mixed case',
  )
  for (const query of queries) t.match(query, { flags: Flag.RD | Flag.AD, edns: { udpSize: 1232, options: [] } })
})

t.test("RFC 2308 §5: NXDOMAIN is kept for the lesser of the SOA's TTL and its MINIMUM", async t => {
  const world = createWorld({ '.': '192.0.2.53' }, { limits: { prefetch: false } })
  honest(world)
  t.match(await world.ask('nope.example.com.'), { rcode: Rcode.NXDOMAIN, from: 'upstream' })
  await world.clock.advance(59_000)
  const kept = await world.ask('nope.example.com.')
  t.match(kept, { rcode: Rcode.NXDOMAIN, from: 'cache' })
  t.match(kept.authority[0], /^example.com. 1 IN SOA/)
  await world.clock.advance(1001)
  t.match(await world.ask('nope.example.com.'), { from: 'upstream' })
})

t.test('RFC 2308 §5: a negative answer without an SOA is passed on but not kept', async t => {
  const world = createWorld({ '.': '192.0.2.53' })
  serve(world, UP, () => ({ rcode: Rcode.NXDOMAIN }))
  t.match(await world.ask('nope.example.com.'), { rcode: Rcode.NXDOMAIN, from: 'upstream' })
  t.match(await world.ask('nope.example.com.'), { rcode: Rcode.NXDOMAIN, from: 'upstream' })
  t.equal(world.network.seen.length, 2)
})

t.test('an answer with TTL 0 is for those who wait for it, and for nobody after', async t => {
  const world = createWorld({ '.': '192.0.2.53' })
  serve(world, UP, () => ({ answer: ['www.example.com. 0 A 192.0.2.80'] }))
  const both = Promise.all([world.begin('www.example.com.'), world.begin('www.example.com.')])
  for (const told of await world.clock.until(both)) t.match(told, { answer: ['www.example.com. 0 IN A 192.0.2.80'] })
  t.equal(world.network.seen.length, 1)
  await world.ask('www.example.com.')
  t.equal(world.network.seen.length, 2)
})

t.test('identical questions in flight are asked once; different flags are different questions', async t => {
  const world = createWorld({ '.': '192.0.2.53' })
  honest(world)
  const asked = Array.from({ length: 50 }, (_, i) => world.begin('www.example.com.', 'A', { client: `client ${i}` }))
  asked.push(world.begin('www.example.com.', 'A', { dnssecOk: true }))
  await world.clock.until(Promise.all(asked))
  t.equal(world.network.seen.length, 2)
})

t.test('the longest suffix decides which upstream is asked', async t => {
  const world = createWorld({ '.': '192.0.2.53', 'corp.example.': '192.0.2.54', 'deep.corp.example.': '192.0.2.55' })
  const rows = [
    ['www.example.com.', '192.0.2.53:53'],
    ['corp.example.', '192.0.2.54:53'],
    ['xcorp.example.', '192.0.2.53:53'],
    ['a.b.CORP.example.', '192.0.2.54:53'],
    ['a.deep.corp.example.', '192.0.2.55:53'],
  ] as const
  for (const [, at] of rows)
    serve(world, at, query => ({ answer: [`${printName(query.question[0]!.name)} 60 A 192.0.2.1`] }))
  for (const [name, at] of rows) {
    t.match(await world.ask(name), { rcode: Rcode.NOERROR })
    t.equal(world.network.seen.at(-1)!.at, at, name)
  }
})

t.test('a name that no rule covers is refused, and nothing is asked', async t => {
  const world = createWorld({ 'corp.example.': '192.0.2.53' })
  t.match(await world.ask('www.example.com.'), { rcode: Rcode.REFUSED, ede: Ede.NOT_AUTHORITATIVE })
  t.notOk(world.resolver.covers(parseName('www.example.com.')))
  t.ok(world.resolver.covers(parseName('www.corp.example.')))
  t.equal(world.network.seen.length, 0)
})

t.test('`. NS` is answered locally and at once, upstreams dead or alive', async t => {
  const world = createWorld({ '.': '192.0.2.53' })
  const told = await world.ask('.', 'NS')
  t.match(told, { rcode: Rcode.NOERROR, from: 'local', took: 0 })
  t.equal(told.answer.length, 13)
  t.equal(world.network.seen.length, 0)
})

t.test("questions that can't be forwarded are not", async t => {
  const world = createWorld({ '.': '192.0.2.53' })
  for (const type of ['AXFR', 'IXFR', 'OPT', 'TSIG'])
    t.match(await world.ask('example.com.', type), { rcode: Rcode.NOTIMP, ede: Ede.NOT_SUPPORTED }, type)
  t.equal(world.network.seen.length, 0)
})

t.test('a truncated answer is asked for again over TCP (RFC 7766 §5)', async t => {
  const world = createWorld({ '.': '192.0.2.53' })
  serve(world, UP, (_, via) =>
    via === 'udp' ? { flags: Flag.QR | Flag.TC } : { answer: ['www.example.com. 300 A 192.0.2.80'] },
  )
  t.match(await world.ask('www.example.com.'), { answer: [WWW] })
  t.same(
    world.network.seen.map(({ via }) => via),
    ['udp', 'tcp'],
  )
})

t.test('RFC 6891 §7: a server without EDNS is asked again without, and from then on', async t => {
  const rows = [
    ['FORMERR with the question', (bytes: Uint8Array) => bytes],
    ['FORMERR as a bare header', (bytes: Uint8Array) => Uint8Array.of(...bytes.subarray(0, 4), 0, 0, 0, 0, 0, 0, 0, 0)],
  ] as const
  for (const [sentence, dress] of rows) {
    const world = createWorld({ '.': '192.0.2.53' })
    world.network.serve(UP, (bytes, _via, reply) => {
      const { edns, ...query } = parseMessage(bytes)
      if (edns) reply(dress(respond(query, { rcode: Rcode.FORMERR })))
      else reply(respond(query, { answer: [`${printName(query.question[0]!.name)} 300 A 192.0.2.80`] }))
    })
    t.match(await world.ask('www.example.com.'), { rcode: Rcode.NOERROR }, sentence)
    t.match(await world.ask('web.example.com.'), { rcode: Rcode.NOERROR }, sentence)
    t.equal(world.network.seen.length, 3, sentence)
  }
})

t.test(
  'an upstream that does not keep the case of letters is asked over TCP once, then without mixed case',
  async t => {
    const world = createWorld({ '.': '192.0.2.53' })
    world.network.serve(UP, (bytes, _via, reply) => {
      const query = parseMessage(bytes)
      const name = parseName(printName(query.question[0]!.name).toLowerCase())
      reply(
        respond(
          { ...query, question: [{ ...query.question[0]!, name }] },
          { answer: [`${printName(name)} 300 A 192.0.2.80`] },
        ),
      )
    })
    t.match(await world.ask('www.example.com.'), { answer: [WWW] })
    t.match(await world.ask('another.example.com.'), { rcode: Rcode.NOERROR })
    t.same(
      world.network.seen.map(({ via }) => via),
      ['udp', 'tcp', 'udp'],
    )
  },
)

t.test('the random case of a query reaches no client', async t => {
  const world = createWorld({ '.': '192.0.2.53' })
  serve(world, UP, query => {
    const asked = printName(query.question[0]!.name)
    const zone = asked.slice(asked.indexOf('.') + 1)
    return { answer: [`${asked} 60 CNAME target.${zone}`, `target.${zone} 60 A 192.0.2.1`] }
  })
  t.same((await world.ask('Alias.Example.COM.')).answer, [
    'Alias.Example.COM. 60 IN CNAME target.example.com.',
    'target.example.com. 60 IN A 192.0.2.1',
  ])
})

t.test('chains of CNAMEs', async t => {
  t.test('come whole from one upstream', async t => {
    const world = createWorld({ '.': '192.0.2.53' })
    honest(world)
    t.same((await world.ask('alias.example.com.')).answer, ['alias.example.com. 60 IN CNAME www.example.com.', WWW])
    t.equal(world.network.seen.length, 1)
  })

  t.test('are followed where the upstream does not', async t => {
    const world = createWorld({ '.': '192.0.2.53' })
    serve(world, UP, query =>
      equalNames(query.question[0]!.name, parseName('www.example.com.'))
        ? { answer: ['www.example.com. 300 A 192.0.2.80'] }
        : { answer: ['alias.example.org. 60 CNAME www.example.com.'] },
    )
    t.same((await world.ask('alias.example.org.')).answer, ['alias.example.org. 60 IN CNAME www.example.com.', WWW])
  })

  t.test("into another rule's zone are followed by that rule, whatever the first upstream says", async t => {
    const world = createWorld({ '.': '192.0.2.53', 'corp.example.': '192.0.2.54' })
    serve(world, UP, () => ({
      answer: ['www.example.com. 60 CNAME web.corp.example.', 'web.corp.example. 60 A 203.0.113.66'],
    }))
    serve(world, '192.0.2.54:53', () => ({ answer: ['web.corp.example. 60 A 10.0.0.1'] }))
    t.same((await world.ask('www.example.com.')).answer, [
      'www.example.com. 60 IN CNAME web.corp.example.',
      'web.corp.example. 60 IN A 10.0.0.1',
    ])
    t.same((await world.ask('web.corp.example.')).answer, ['web.corp.example. 60 IN A 10.0.0.1'])
  })

  t.test('into a name of our own end there, and say so', async t => {
    const own = parseName('internal.example.')
    const world = createWorld({ '.': '192.0.2.53' }, { ownName: name => equalNames(name, own) })
    serve(world, UP, () => ({
      answer: ['www.example.com. 60 CNAME internal.example.', 'internal.example. 60 A 203.0.113.66'],
    }))
    const told = await world.ask('www.example.com.')
    t.same(told.answer, ['www.example.com. 60 IN CNAME internal.example.'])
    t.ok(equalNames(told.next!, own))
  })

  t.test('that lead to a name no rule covers end there', async t => {
    const world = createWorld({ 'corp.example.': '192.0.2.53' })
    serve(world, UP, () => ({
      answer: ['www.corp.example. 60 CNAME www.example.com.', 'www.example.com. 60 A 203.0.113.66'],
    }))
    const told = await world.ask('www.corp.example.')
    t.match(told, { rcode: Rcode.NOERROR, answer: ['www.corp.example. 60 IN CNAME www.example.com.'] })
    t.equal(printName(told.next!), 'www.example.com.')
  })

  t.test('that are endless end in SERVFAIL', async t => {
    const world = createWorld({ '.': '192.0.2.53' })
    serve(world, UP, query => {
      const name = printName(query.question[0]!.name).toLowerCase()
      return { answer: [`${name} 60 CNAME ${name === 'a.example.' ? 'b' : 'a'}.example.`] }
    })
    t.match(await world.ask('a.example.'), { rcode: Rcode.SERVFAIL })
    const longer = createWorld({ '.': '192.0.2.53' })
    serve(longer, UP, query => ({
      answer: [`${printName(query.question[0]!.name)} 60 CNAME x.${printName(query.question[0]!.name)}`],
    }))
    t.match(await longer.ask('a.example.'), { rcode: Rcode.SERVFAIL })
    t.ok(longer.network.seen.length <= 20)
  })

  t.test('by a DNAME carry the DNAME and the CNAME made from it (RFC 6672 §3.4)', async t => {
    const world = createWorld({ '.': '192.0.2.53' })
    serve(world, UP, () => ({
      answer: [
        'old.example. 60 DNAME new.example.',
        'a.old.example. 60 CNAME wrong.example.',
        'a.new.example. 60 A 192.0.2.1',
      ],
    }))
    t.same((await world.ask('a.old.example.')).answer, [
      'old.example. 60 IN DNAME new.example.',
      'a.old.example. 60 IN CNAME a.new.example.',
      'a.new.example. 60 IN A 192.0.2.1',
    ])
  })
})

t.test('limits on what is outstanding', async t => {
  t.test("one client can't take all", async t => {
    const world = createWorld({ '.': '192.0.2.53' }, { limits: { outstandingPerClient: 2 } })
    honest(world)
    const asked = [1, 2, 3].map(i => world.begin(`n${i}.example.com.`, 'A', { client: 'greedy' }))
    asked.push(world.begin('www.example.com.', 'A', { client: 'modest' }))
    const rcodes = (await world.clock.until(Promise.all(asked))).map(({ rcode }) => rcode)
    t.same(rcodes, [Rcode.NXDOMAIN, Rcode.NXDOMAIN, Rcode.SERVFAIL, Rcode.NOERROR])
    t.match(
      await world.ask('www.example.com.', 'A', { client: 'greedy' }),
      { rcode: Rcode.NOERROR },
      'places are given back',
    )
  })

  t.test("a dead zone can't take all", async t => {
    const world = createWorld(
      { '.': '192.0.2.53', 'dead.example.': '192.0.2.99' },
      { limits: { outstanding: 10, outstandingPerRule: 8 } },
    )
    honest(world)
    world.network.condition('192.0.2.99:53', 'silent')
    const flood = Array.from({ length: 100 }, (_, i) => world.begin(`n${i}.dead.example.`))
    t.match(await world.ask('www.example.com.'), { answer: [WWW] })
    for (const told of await world.clock.until(Promise.all(flood))) t.equal(told.rcode, Rcode.SERVFAIL)
  })
})

t.test('closing ends all that is outstanding, and closes every socket', async t => {
  const world = createWorld({ '.': ['192.0.2.53', 'tls://192.0.2.54#dns.example'] })
  world.network.condition(UP, 'silent')
  const asked = world.begin('www.example.com.')
  await world.clock.advance(600)
  world.resolver.close()
  t.match(await world.clock.until(asked), { rcode: Rcode.SERVFAIL })
  await world.clock.advance(20_000)
  t.equal(world.network.open(), 0)
  t.equal(world.clock.pending(), 0)
})
