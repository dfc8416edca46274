import t, { type Test } from 'tap'
import { Class, Flag, Rcode } from '../../dns/codes.ts'
import { frame } from '../../dns/frames.ts'
import { type Message, parseMessage } from '../../dns/message.ts'
import { parseName, printName } from '../../dns/name.ts'
import { CacheMemory, createCacheBuffer } from '../../resolver/cache/cache-memory.ts'
import { createSeededRandom } from '../simulation/random.ts'
import { createWorld, type Reply, respond, serve, type World } from './world.ts'

const UP = '192.0.2.53:53'
const GOOD = 'www.example.com. 300 IN A 192.0.2.80'
const EVIL = '203.0.113.66'
const HONEST = ['www.example.com. 300 A 192.0.2.80']
const FORGED = [`www.example.com. 300 A ${EVIL}`]

/** Whether an address of the attacker's comes out for any of the names. */
async function poisoned(t: Test, world: World, names: string[], sentence: string): Promise<void> {
  serve(world, UP, () => ({ rcode: Rcode.NXDOMAIN }))
  for (const name of names) {
    const { answer, authority } = await world.ask(name)
    t.notOk(
      [...answer, ...authority].some(line => line.includes(EVIL)),
      `${sentence}: ${name}`,
    )
  }
}

t.test('RFC 5452 §9.1: datagrams that do not answer the query are as if they had not come', async t => {
  const rows: [string, (query: Message) => Uint8Array][] = [
    ['a wrong ID', query => respond({ ...query, id: query.id ^ 1 }, { answer: FORGED })],
    [
      'another name',
      query =>
        respond(
          { ...query, question: [{ ...query.question[0]!, name: parseName('www.example.org.') }] },
          { answer: FORGED },
        ),
    ],
    [
      'another type',
      query => respond({ ...query, question: [{ ...query.question[0]!, type: 28 }] }, { answer: FORGED }),
    ],
    [
      'another class',
      query => respond({ ...query, question: [{ ...query.question[0]!, class: Class.CH }] }, { answer: FORGED }),
    ],
    ['no question', query => respond({ ...query, question: [] }, { answer: FORGED })],
    [
      'two questions',
      query => respond({ ...query, question: [query.question[0]!, query.question[0]!] }, { answer: FORGED }),
    ],
    ['a query, not a response', query => respond(query, { answer: FORGED, flags: Flag.RD })],
    ['another opcode', query => respond(query, { answer: FORGED, opcode: 5 })],
    ['less than a header', () => new Uint8Array(11)],
    ['nothing', () => new Uint8Array(0)],
  ]
  for (const [sentence, forge] of rows) {
    const world = createWorld({ '.': '192.0.2.53' })
    world.network.serve(UP, (bytes, _via, reply) => {
      reply(forge(parseMessage(bytes)))
      reply(respond(parseMessage(bytes), { answer: HONEST }), 20)
    })
    t.match(await world.ask('www.example.com.'), { answer: [GOOD] }, sentence)
    t.match(await world.ask('www.example.com.'), { answer: [GOOD], from: 'cache' }, sentence)
    await poisoned(t, world, ['www.example.org.'], sentence)
  }
})

t.test('a flood of guesses makes the question go over TCP, where guessing is in vain', async t => {
  const world = createWorld({ '.': '192.0.2.53' })
  world.network.serve(UP, (bytes, via, reply) => {
    const query = parseMessage(bytes)
    if (via === 'tcp') return reply(respond(query, { answer: HONEST }))
    for (let i = 1; i <= 100; i++) reply(respond({ ...query, id: (query.id + i) & 0xffff }, { answer: FORGED }))
  })
  t.match(await world.ask('www.example.com.'), { answer: [GOOD] })
  t.same(
    world.network.seen.map(({ via }) => via),
    ['udp', 'tcp'],
  )
})

t.test('RFC 5452 §5: however many ask the same, one query is there to be guessed at', async t => {
  const world = createWorld({ '.': '192.0.2.53' })
  const open: number[] = []
  world.network.serve(UP, (bytes, _via, reply) => {
    open.push(world.network.open())
    reply(respond(parseMessage(bytes), { answer: HONEST }), 200)
  })
  const all = Array.from({ length: 500 }, () => world.begin('www.example.com.'))
  for (const told of await world.clock.until(Promise.all(all))) t.same(told.answer, [GOOD])
  t.same(open, [1])
})

t.test('the right answer in the wrong case of letters is not taken over UDP', async t => {
  const world = createWorld({ '.': '192.0.2.53' })
  world.network.serve(UP, (bytes, via, reply) => {
    const query = parseMessage(bytes)
    if (via === 'tcp') return reply(respond(query, { answer: HONEST }))
    const name = parseName(printName(query.question[0]!.name).toUpperCase())
    reply(respond({ ...query, question: [{ ...query.question[0]!, name }] }, { answer: FORGED }))
  })
  t.match(await world.ask('www.example.com.'), { answer: [GOOD] })
})

t.test('spoofed data around a right answer is neither passed on nor kept', async t => {
  const victim = 'www.bank.example.'
  const rows: [string, Reply][] = [
    ['additional addresses', { answer: HONEST, additional: [`${victim} 300 A ${EVIL}`] }],
    [
      'name servers with glue',
      {
        answer: HONEST,
        authority: ['bank.example. 300 NS ns.bank.example.'],
        additional: [`ns.bank.example. 300 A ${EVIL}`],
      },
    ],
    [
      'name servers for the root',
      { answer: HONEST, authority: ['. 300 NS ns.bank.example.'], additional: [`ns.bank.example. 300 A ${EVIL}`] },
    ],
    ['another name in the answer', { answer: [...HONEST, `${victim} 300 A ${EVIL}`] }],
    ['another name first', { answer: [`${victim} 300 A ${EVIL}`, ...HONEST] }],
    [
      'the target of an alias that nobody asked for',
      { answer: [...HONEST, `${victim} 300 CNAME evil.example.`, `evil.example. 300 A ${EVIL}`] },
    ],
    [
      'a DNAME that does not apply',
      { answer: [...HONEST, 'bank.example. 300 DNAME evil.example.', `www.evil.example. 300 A ${EVIL}`] },
    ],
    [
      'an NSID and unknown options',
      {
        answer: HONEST,
        edns: { udpSize: 65535, version: 0, dnssecOk: true, options: [{ code: 65001, data: new Uint8Array(400) }] },
      },
    ],
  ]
  for (const [sentence, reply] of rows) {
    const world = createWorld({ '.': '192.0.2.53' })
    serve(world, UP, () => reply)
    t.match(await world.ask('www.example.com.'), { answer: [GOOD], authority: [], additional: 0 }, sentence)
    await poisoned(
      t,
      world,
      [victim, 'ns.bank.example.', 'evil.example.', 'www.evil.example.', 'bank.example.'],
      sentence,
    )
  }
})

t.test("a rule's upstream can't speak for names of other rules, nor for ours", async t => {
  const own = parseName('internal.example.')
  const ownName = (name: Uint8Array) => printName(name) === printName(own)
  const world = createWorld({ '.': '192.0.2.53', 'partner.example.': '192.0.2.66' }, { ownName })
  serve(world, '192.0.2.66:53', () => ({
    answer: ['www.partner.example. 60 CNAME www.example.com.', ...FORGED],
    authority: [`example.com. 60 SOA a.example. b.example. 1 1 1 1 1`],
  }))
  serve(world, UP, () => ({ answer: HONEST }))
  t.same((await world.ask('www.partner.example.')).answer, ['www.partner.example. 60 IN CNAME www.example.com.', GOOD])
  t.match(await world.ask('www.example.com.'), { answer: [GOOD] })
})

t.test('answers that are none', async t => {
  const rows: [string, Reply | ((query: Message) => Uint8Array)][] = [
    ['another name only', { answer: [`www.bank.example. 300 A ${EVIL}`] }],
    ['an answer over TCP that is truncated again', { flags: Flag.QR | Flag.TC }],
    ['a referral instead of an answer', { authority: ['com. 300 NS ns.example.net.'] }],
    ['a loop of aliases', { answer: ['www.example.com. 60 CNAME b.example.', 'b.example. 60 CNAME www.example.com.'] }],
    [
      'two canonical names',
      {
        answer: [
          'www.example.com. 60 CNAME a.example.',
          'www.example.com. 60 CNAME b.example.',
          `a.example. 60 A ${EVIL}`,
        ],
      },
    ],
    ['an address of three octets', query => shortAddress(respond(query, { answer: HONEST }))],
    ['octets after the last record', query => Uint8Array.of(...respond(query, { answer: HONEST }), 0)],
    ['more records announced than there are', query => respond(query, { answer: HONEST }).fill(0xff, 6, 8)],
    ['a name that points to itself', query => pointing(query, at => at)],
    ['a name that points ahead', query => pointing(query, at => at + 20)],
    [
      'names that point to each other',
      query =>
        pointing(
          query,
          at => at + 2,
          at => at,
        ),
    ],
    [
      'noise behind the right header',
      query => Uint8Array.of(query.id >>> 8, query.id, 0x81, 0x80, 0, 1, 0, 9, ...createSeededRandom(3).bytes(200)),
    ],
  ]
  for (const [sentence, reply] of rows) {
    const world = createWorld({ '.': '192.0.2.53' })
    world.network.serve(UP, (bytes, _via, send) => {
      const query = parseMessage(bytes)
      send(typeof reply === 'function' ? reply(query) : respond(query, reply))
    })
    const told = await world.ask('www.example.com.')
    t.notOk(
      told.answer.some(line => line.includes(EVIL)),
      sentence,
    )
    t.ok(told.took <= 1800, `${sentence}: ${told.took} ms`)
    t.ok(world.network.seen.length <= 6, `${sentence}: ${world.network.seen.length} queries`)
    await poisoned(t, world, ['www.bank.example.', 'a.example.', 'b.example.'], sentence)
  }
})

/** An answer whose record begins with these pointers (RFC 1035 §4.1.4), each made from where the first of them stands. */
function pointing(query: Message, ...pointers: ((at: number) => number)[]): Uint8Array {
  const bare = respond({ ...query, edns: undefined } as unknown as Message, { answer: [] })
  const targets = pointers.map(target => target(bare.length))
  const record = [
    ...targets.flatMap(to => [0xc0 | (to >> 8), to & 255]),
    0,
    1,
    0,
    1,
    0,
    0,
    1,
    44,
    0,
    4,
    203,
    0,
    113,
    66,
  ]
  return Uint8Array.of(...bare, ...record).fill(1, 7, 8)
}

/** Takes an octet from the last RDATA, and leaves the message otherwise well-formed. */
function shortAddress(message: Uint8Array): Uint8Array {
  const opt = 11
  const cut = Uint8Array.of(...message.subarray(0, -opt - 1), ...message.subarray(-opt))
  cut[message.length - opt - 5] = 3
  return cut
}

t.test('streams', async t => {
  const viaTcp = (world: World, accept: Parameters<World['network']['serveStreams']>[1]) => {
    serve(world, UP, () => ({ flags: Flag.QR | Flag.TC }))
    world.network.serveStreams(UP, accept)
  }
  const told = async (accept: Parameters<World['network']['serveStreams']>[1]) => {
    const world = createWorld({ '.': '192.0.2.53' })
    viaTcp(world, accept)
    const answer = await world.ask('www.example.com.')
    await world.clock.advance(60_000)
    t.ok(world.network.open() <= 1, 'every socket is closed in the end, but that of a health check')
    return answer
  }
  const queryOf = (bytes: Uint8Array) => parseMessage(bytes.slice(2))

  t.test('an answer octet by octet is put together', async t => {
    t.match(
      await told(stream =>
        stream.onData(bytes => {
          const framed = frame(respond(queryOf(bytes), { answer: HONEST }))
          for (let i = 0; i < framed.length; i++) stream.write(framed.subarray(i, i + 1), i)
        }),
      ),
      { answer: [GOOD] },
    )
  })

  t.test('a drip that never ends costs the client no more than its patience', async t => {
    t.match(
      await told(stream =>
        stream.onData(() => {
          for (let i = 0; i < 300; i++) stream.write(Uint8Array.of(1), i * 100)
        }),
      ),
      { rcode: Rcode.SERVFAIL, took: 1800 },
    )
  })

  t.test('a connection that is closed at once, or in the middle of an answer, is a failure', async t => {
    t.match(await told(stream => stream.close()), { rcode: Rcode.SERVFAIL })
    t.match(
      await told(stream =>
        stream.onData(() => {
          stream.write(Uint8Array.of(0xff, 0xff, 1, 2, 3))
          stream.close()
        }),
      ),
      { rcode: Rcode.SERVFAIL },
    )
  })

  t.test('an answer to what was not asked is passed over', async t => {
    t.match(
      await told(stream =>
        stream.onData(bytes => {
          const query = queryOf(bytes)
          stream.write(frame(respond({ ...query, id: query.id ^ 1 }, { answer: FORGED })))
          stream.write(
            frame(
              respond({ ...query, question: [{ ...query.question[0]!, name: parseName('x.') }] }, { answer: FORGED }),
            ),
          )
          stream.write(frame(new Uint8Array(0)))
          stream.write(frame(respond(query, { answer: HONEST })))
        }),
      ),
      { answer: [GOOD] },
    )
  })

  t.test('a huge answer is passed on whole, and does not push the rest out of the cache', async t => {
    const huge = Array.from({ length: 3500 }, (_, i) => `www.example.com. 300 A 10.1.${i >> 8}.${i & 255}`)
    const world = createWorld({ '.': '192.0.2.53' }, { memory: new CacheMemory(createCacheBuffer(2 ** 20, 1), 1) })
    serve(world, UP, () => ({ answer: ['kept.example.com. 300 A 192.0.2.1'] }))
    await world.ask('kept.example.com.')
    viaTcp(world, stream => stream.onData(bytes => stream.write(frame(respond(queryOf(bytes), { answer: huge })))))
    t.equal((await world.ask('www.example.com.')).answer.length, 3500)
    t.match(await world.ask('kept.example.com.'), { from: 'cache' })
  })
})

t.test('whatever octets an upstream sends, there is an answer in time and nothing of it is kept', async t => {
  const random = createSeededRandom(11)
  const world = createWorld({ '.': '192.0.2.53' })
  world.network.serve(UP, (bytes, _via, reply) => {
    const honest = respond(parseMessage(bytes), {
      answer: FORGED.map(line => line.replace('www.example.com.', 'x.example.')),
      authority: [`y.example. 300 A ${EVIL}`],
    })
    // The header's ID stays right; anything else may change.
    for (let i = 0; i < 1 + random.below(8); i++) honest[2 + random.below(honest.length - 2)] = random.below(256)
    reply(honest)
  })
  for (let i = 0; i < 300; i++) {
    const told = await world.ask(`n${i}.example.com.`)
    t.ok(told.took <= 1800 && !told.answer.some(line => line.includes(EVIL)))
    await world.clock.advance(5000)
  }
  await poisoned(t, world, ['x.example.', 'y.example.'], 'noise')
})
