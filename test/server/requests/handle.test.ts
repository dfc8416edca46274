import t from 'tap'
import { BADSIG, Class, Flag, Opcode, OptionCode, Rcode } from '../../../dns/codes.ts'
import { type Message, parseMessage, writeMessage } from '../../../dns/message.ts'
import { parseName, ROOT } from '../../../dns/name.ts'
import { signRequest } from '../../../dns/tsig.ts'
import { readTsig, tsigKey } from '../../../dns/tsig-record.ts'
import { createStreamVerifier } from '../../../dns/tsig-stream.ts'
import { parseRdataText, Type } from '../../../dns/types.ts'
import type { UpdateRequest } from '../../../server/threads/messages.ts'
import { ask, EDNS, exchangeUdp, FrameClient, queryMessage, type Served, serve } from '../serving.ts'

const SECRET = Buffer.from('0123456789abcdef0123456789abcdef')
const CONFIG = `
name: ns1.example
keys:
  - { name: writer, secret: ${SECRET.toString('base64')} }
  - { name: turning, secret: [${Buffer.alloc(32, 2).toString('base64')}, ${Buffer.alloc(32, 1).toString('base64')}] }
log: { level: info }
views:
  - name: inside
    match: { clients: [127.0.0.1], keys: [writer, turning] }
    recursion: [127.0.0.1]
    zones:
      - name: a.example
        file: a.zone
        dynamic: true
        update: [{ key: writer, names: ["**"] }]
        transfer: [{ key: writer }]
      - { name: fixed.example, file: a.zone }
      - { name: late.example, file: a.zone }
      - { name: copy.example, type: secondary, primaries: [192.0.2.1] }
`
const ZONE = '$TTL 300\n@ SOA ns h 1 2 3 4 60\n@ NS ns\nns A 127.0.0.1\nwww A 192.0.2.1\n'
const ZONES = { 'inside a.example.': ZONE, 'inside fixed.example.': ZONE }

const writerKey = tsigKey(parseName('writer.'), 'hmac-sha256', [SECRET])
const now = (): number => Math.floor(Date.now() / 1000)

async function serveHere(
  t: { teardown(task: () => unknown): void },
  main: Parameters<typeof serve>[1] = {},
): Promise<Served> {
  const served = await serve({ config: CONFIG, zones: ZONES }, main)
  t.teardown(() => served.stop())
  return served
}

/** Sends octets and gives the answer, or undefined where a query sent after them is answered first. */
async function send(served: Served, wire: Uint8Array): Promise<Message | undefined> {
  const client = new FrameClient(served.dns)
  client.send(wire, writeMessage(queryMessage({ name: 'www.a.example.', id: 9999 })))
  const answers = await client.messages(1)
  const first = parseMessage(answers[0]!)
  await client.end()
  return first.id === 9999 ? undefined : first
}

const www = (overrides: Partial<Message> = {}): Message => ({
  ...queryMessage({ name: 'www.a.example.' }),
  ...overrides,
})

t.test('signatures (RFC 8945 §5.2)', async t => {
  const served = await serveHere(t)
  const wire = writeMessage(www())

  t.test('a valid one: the answer is signed with the same key', async t => {
    const { wire: signed, context } = signRequest(wire, writerKey, now())
    const answer = await exchangeUdp(served.dns, signed)
    const message = parseMessage(answer)
    t.equal(message.answer.length, 1)
    t.doesNotThrow(() => createStreamVerifier(context).check(answer, message, now()))
  })

  const cases: [string, Uint8Array, number, number][] = [
    [
      '§5.2.1 an unknown key: BADKEY, unsigned',
      signRequest(wire, tsigKey(parseName('nobody.'), 'hmac-sha256', [SECRET]), now()).wire,
      Rcode.BADKEY,
      0,
    ],
    [
      '§5.2.1 a key of another algorithm: BADKEY, unsigned',
      signRequest(wire, tsigKey(parseName('writer.'), 'hmac-sha512', [SECRET]), now()).wire,
      Rcode.BADKEY,
      0,
    ],
    [
      '§5.2.2 a wrong secret: BADSIG, unsigned',
      signRequest(wire, tsigKey(parseName('writer.'), 'hmac-sha256', [Buffer.alloc(32)]), now()).wire,
      BADSIG,
      0,
    ],
    [
      '§5.2.3 a wrong clock: BADTIME, signed, with our time',
      signRequest(wire, writerKey, now() - 1000).wire,
      Rcode.BADTIME,
      32,
    ],
  ]
  for (const [name, signed, error, macLength] of cases)
    t.test(name, async t => {
      const answer = parseMessage(await exchangeUdp(served.dns, signed))
      t.equal(answer.rcode, Rcode.NOTAUTH)
      t.equal(answer.answer.length, 0)
      const tsig = readTsig(answer.tsig!.record.rdata)
      t.equal(tsig.error, error)
      t.equal(tsig.mac.length, macLength)
      if (error === Rcode.BADTIME) t.equal(tsig.other.length, 6)
      t.match(
        served.logged.at(-1),
        { level: 'warn', fields: { client: '127.0.0.1', rcode: 'NOTAUTH' } },
        'the log says why',
      )
    })

  t.test('§5.1 two of them: FORMERR', async t => {
    const twice = signRequest(signRequest(wire, writerKey, now()).wire, writerKey, now()).wire
    t.equal(parseMessage(await exchangeUdp(served.dns, twice)).rcode, Rcode.FORMERR)
  })

  t.test('a secret that is being rotated out still signs, and that is logged', async t => {
    const old = tsigKey(parseName('turning.'), 'hmac-sha256', [Buffer.alloc(32, 1)])
    const { wire: signed, context } = signRequest(wire, old, now())
    const answer = await exchangeUdp(served.dns, signed)
    t.doesNotThrow(() => createStreamVerifier(context).check(answer, parseMessage(answer), now()))
    t.match(served.logged.at(-1), { level: 'warn', fields: { key: 'turning.', client: '127.0.0.1' } })
  })
})

t.test('UPDATE (RFC 2136)', async t => {
  const asked: UpdateRequest[] = []
  let decision: { rcode: Rcode; ede?: number } = { rcode: Rcode.NOERROR }
  const served = await serveHere(t, {
    main: {
      update: async request => {
        asked.push(request)
        return decision
      },
    },
  })
  const update = (zone: string, overrides: Partial<Message> = {}): Uint8Array =>
    writeMessage({
      ...www(),
      opcode: Opcode.UPDATE,
      question: [{ name: parseName(zone), type: Type.SOA, class: Class.IN }],
      authority: [
        {
          owner: parseName('new.a.example.'),
          type: Type.A,
          class: Class.IN,
          ttl: 60,
          rdata: Uint8Array.of(192, 0, 2, 9),
        },
      ],
      ...overrides,
    })
  const soa = (name: string, qclass: number = Class.IN) => ({ name: parseName(name), type: Type.SOA, class: qclass })

  t.test('main decides, with all it needs, and the answer is signed', async t => {
    const { wire, context } = signRequest(update('a.example.'), writerKey, now())
    for (const rcode of [Rcode.NOERROR, Rcode.YXDOMAIN, Rcode.REFUSED]) {
      decision = { rcode }
      const answer = await exchangeUdp(served.dns, wire)
      const message = parseMessage(answer)
      t.equal(message.rcode, rcode)
      t.equal(message.opcode, Opcode.UPDATE)
      createStreamVerifier(context).check(answer, message, now())
    }
    const { zone, from, wire: passed } = asked.at(-1)!
    t.same(zone, parseName('a.example.'))
    t.same(Buffer.from(passed), Buffer.from(wire), 'the whole message')
    t.match(from, { transport: 'udp', view: 'inside', key: parseName('writer.'), mac: context.requestMac })
    t.same(from.address, Uint8Array.of(127, 0, 0, 1))
  })

  const refused: [string, Uint8Array, number][] = [
    ['unsigned: REFUSED', update('a.example.'), Rcode.REFUSED],
    [
      'of a zone that is not dynamic: REFUSED',
      signRequest(update('fixed.example.'), writerKey, now()).wire,
      Rcode.REFUSED,
    ],
    [
      'of a zone we do not have: NOTAUTH (§3.1.2)',
      signRequest(update('b.example.'), writerKey, now()).wire,
      Rcode.NOTAUTH,
    ],
    [
      'of a name in a zone of ours that is not its apex: NOTAUTH',
      signRequest(update('www.a.example.'), writerKey, now()).wire,
      Rcode.NOTAUTH,
    ],
    [
      'of the root, where a client found no zone: NOTAUTH',
      signRequest(update('.', { authority: [] }), writerKey, now()).wire,
      Rcode.NOTAUTH,
    ],
    [
      'two zones: FORMERR (§3.1.1)',
      update('a.example.', { question: [soa('a.example.'), soa('b.example.')] }),
      Rcode.FORMERR,
    ],
    ['no zone: FORMERR', update('a.example.', { question: [] }), Rcode.FORMERR],
    [
      'a zone section of another type: FORMERR',
      update('a.example.', { question: [{ ...soa('a.example.'), type: Type.A }] }),
      Rcode.FORMERR,
    ],
    ['another class: NOTAUTH', update('a.example.', { question: [soa('a.example.', Class.CH)] }), Rcode.NOTAUTH],
  ]
  for (const [name, wire, rcode] of refused)
    t.test(name, async t => {
      const before = asked.length
      const answer = (await send(served, wire))!
      t.equal(answer.rcode, rcode)
      t.equal(answer.flags & ~Flag.QR, 0, 'RFC 2136 §2.2: reserved bits are zero')
      t.equal(asked.length, before, 'main is not troubled')
      t.match(served.logged.at(-1)!.fields, { opcode: 'UPDATE' })
    })

  t.test('over TCP, other requests overtake it (RFC 7766 §7)', async t => {
    let release = (_: { rcode: Rcode }): void => {}
    const slow = await serveHere(t, { main: { update: () => new Promise(resolve => (release = resolve)) } })
    const client = new FrameClient(slow.dns)
    client.send(signRequest(update('a.example.'), writerKey, now()).wire, writeMessage(www({ id: 7 })))
    t.equal(parseMessage((await client.messages(1))[0]!).id, 7)
    release({ rcode: Rcode.NOERROR })
    t.equal(parseMessage((await client.messages(2))[1]!).opcode, Opcode.UPDATE)
    await client.end()
  })
})

t.test('NOTIFY (RFC 1996)', async t => {
  const asked: unknown[] = []
  const served = await serveHere(t, {
    main: {
      notify: async request => {
        asked.push(request)
        return { rcode: Rcode.NOERROR }
      },
    },
  })
  const rdata = parseRdataText(Type.SOA, 'ns h 77 2 3 4 5', ROOT)
  const notify = (zone: string): Uint8Array =>
    writeMessage({
      ...www(),
      opcode: Opcode.NOTIFY,
      question: [{ name: parseName(zone), type: Type.SOA, class: Class.IN }],
      answer: [{ owner: parseName(zone), type: Type.SOA, class: Class.IN, ttl: 0, rdata }],
    })
  t.equal(parseMessage(await exchangeUdp(served.dns, notify('copy.example.'))).rcode, Rcode.NOERROR)
  t.match(asked, [{ zone: parseName('copy.example.'), serial: 77 }], '§3.7 the serial is passed on as a hint')
  t.equal((await send(served, notify('a.example.')))!.rcode, Rcode.REFUSED, 'a zone we are primary of')
  t.equal((await send(served, notify('b.example.')))!.rcode, Rcode.NOTAUTH, 'a zone we do not have')
})

t.test('a zone that has nothing to serve yet: SERVFAIL, not NXDOMAIN', async t => {
  const served = await serveHere(t)
  const answer = await ask(served.dns, { name: 'www.late.example.', edns: EDNS })
  t.equal(answer.rcode, Rcode.SERVFAIL)
  t.match(answer.edns!.options, [{ code: OptionCode.EDE, data: Buffer.from([0, 14]) }])
})

t.test('RFC 5001: who asks by NSID is told our name, others are not', async t => {
  const served = await serveHere(t)
  const nsid = { ...EDNS, options: [{ code: OptionCode.NSID, data: Buffer.alloc(0) }] }
  const option = { code: OptionCode.NSID, data: Buffer.from('ns1.example') }
  t.same((await ask(served.dns, { name: 'www.a.example.', edns: nsid })).edns!.options, [option])
  t.same((await ask(served.dns, { name: 'www.a.example.', edns: EDNS })).edns!.options, [])
  const { wire } = signRequest(writeMessage(www({ edns: nsid })), writerKey, now())
  t.same(parseMessage(await exchangeUdp(served.dns, wire)).edns!.options, [option], 'signed requests as well')
})

t.test('what gets no answer', async t => {
  const served = await serveHere(t)
  t.equal(await send(served, Buffer.alloc(11)), undefined, 'less than a header')
  t.equal(await send(served, writeMessage(www({ flags: Flag.QR }))), undefined, 'a response (RFC 1035 §4.1.1)')
  t.equal(await send(served, new Uint8Array(0)), undefined, 'nothing')
})

t.test('what gets FORMERR', async t => {
  const served = await serveHere(t)
  const wire = writeMessage(www())
  const cases: [string, Uint8Array][] = [
    ['no question (RFC 9619)', writeMessage(www({ question: [] }))],
    ['two questions', writeMessage(www({ question: [...www().question, ...www().question] }))],
    ['a question that ends early', wire.subarray(0, wire.length - 1)],
    ['octets after the last record', Buffer.concat([wire, Buffer.from([0])])],
    ['a header alone, which promises more', wire.subarray(0, 12)],
  ]
  for (const [name, octets] of cases) t.equal((await send(served, octets))!.rcode, Rcode.FORMERR, name)
})

t.test('mutated requests: an answer to their ID, or silence; never more, never less', async t => {
  const served = await serveHere(t)
  const seeds = [
    writeMessage(www()),
    writeMessage(www({ edns: { ...EDNS, options: [{ code: 10, data: Buffer.alloc(8) }] } })),
    signRequest(writeMessage(www({ edns: EDNS })), writerKey, now()).wire,
    writeMessage(queryMessage({ name: 'a.example.', type: 'AXFR' })),
    writeMessage({
      ...www(),
      opcode: Opcode.UPDATE,
      question: [{ name: parseName('a.example.'), type: Type.SOA, class: Class.IN }],
    }),
  ]
  const random = seeded(20261122)
  const client = new FrameClient(served.dns)
  for (let i = 0; i < 4000; i++) {
    const octets = mutate(seeds[i % seeds.length]!, random)
    octets.set([i >>> 8, i], 0)
    if (octets.length >= 2) client.send(octets)
    if (i % 200 !== 199) continue
    const answered = client.received.length
    client.send(writeMessage(www({ id: 0xffff })))
    while (parseMessage((await client.messages(client.received.length + 1)).at(-1)!).id !== 0xffff);
    for (const answer of client.received.slice(answered)) {
      t.ok((answer[2]! & 0x80) !== 0, 'a response')
      t.doesNotThrow(() => parseMessage(answer), 'well formed')
    }
  }
  t.notOk(client.closed, 'the connection lives')
  t.notOk(
    served.logged.some(({ level }) => level === 'error'),
    'nothing unforeseen',
  )
  await client.end()
})

/** mulberry32. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

function mutate(seed: Uint8Array, random: () => number): Uint8Array {
  const below = (limit: number): number => Math.floor(random() * limit)
  const octets = Buffer.from(seed)
  for (let left = 1 + below(4); left > 0; left--)
    octets[below(octets.length)] = random() < 0.5 ? below(256) : [0, 0xff, 0xc0, 0x80, 0x3f, 41, 250][below(7)]!
  const cut = random()
  if (cut < 0.15) return octets.subarray(0, 2 + below(octets.length - 2))
  return cut < 0.3 ? Buffer.concat([octets, octets.subarray(below(octets.length))]) : octets
}
