import t from 'tap'
import { Class, Flag, Opcode, OptionCode, Rcode } from '../../dns/codes.ts'
import { type Message, parseMessage, writeMessage } from '../../dns/message.ts'
import { parseName } from '../../dns/name.ts'
import { signRequest } from '../../dns/tsig.ts'
import { tsigKey } from '../../dns/tsig-record.ts'
import { Type } from '../../dns/types.ts'
import { run, without } from '../interop/tools.ts'
import { exchange, serveEveryWay, WAYS, type Way } from './exchange.ts'
import { EDNS, exchangeUdp, FrameClient, type Question, queryMessage, type Served, serve } from './serving.ts'

const SECRET = Buffer.from('0123456789abcdef0123456789abcdef')
const CONFIG = `
name: ns1.example
cookie_secret: e5e973e5a6b2a43f48e7dc849e37bfcf
keys: [{ name: writer, secret: ${SECRET.toString('base64')} }]
views:
  - name: all
    match: { clients: [127.0.0.1], keys: [writer] }
    zones: [{ name: a.example, file: a.zone }]
`
const ZONE = `$TTL 300
@ SOA ns h 1 2 3 4 60
@ NS ns
ns A 127.0.0.1
www A 192.0.2.1
big TXT ${'"0123456789012345678901234567890123456789" '.repeat(40)}
`

const FIXTURE = { config: CONFIG, zones: { 'all a.example.': ZONE } }

async function serveHere(t: { teardown(task: () => unknown): void }): Promise<Served> {
  const served = await serve(FIXTURE)
  t.teardown(() => served.stop())
  return served
}

type Options = readonly [code: number, data: Uint8Array][]
const edns = (options: Options, more: Partial<typeof EDNS> = {}): NonNullable<Message['edns']> => ({
  ...EDNS,
  ...more,
  options: options.map(([code, data]) => ({ code, data })),
})
const CLIENT = Buffer.from('0102030405060708', 'hex')
const NOTHING = Buffer.alloc(0)

/** The answer and its octets. */
async function ask(
  of: Served | { served: Served; way: Way },
  question: Partial<Question>,
  patch?: (wire: Uint8Array) => void,
) {
  const { served, way } = 'way' in of ? of : { served: of, way: 'udp' as const }
  const wire = writeMessage(queryMessage({ name: 'a.example.', type: 'SOA', ...question }))
  patch?.(wire)
  const octets = await exchange(served, way, wire)
  return { ...parseMessage(octets), octets }
}

const optionsOf = ({ edns }: Message): [number, string][] =>
  (edns?.options ?? []).map(({ code, data }) => [code, Buffer.from(data).toString('hex')])

for (const way of WAYS)
  t.test(`RFC 8906 §8: the tests that servers are to pass, ${way}`, async t => {
    const served = await serveEveryWay(t, FIXTURE)
    /** Where OPT's flags lie in a query that ends in an OPT without options. */
    const ednsFlags = (wire: Uint8Array): void => {
      wire[wire.length - 3] = 0x40
    }

    t.test('§8.1.1 a type that is there', async t => {
      const { rcode, answer, flags, edns } = await ask({ served, way }, {})
      t.equal(rcode, Rcode.NOERROR)
      t.equal(answer[0]!.type, Type.SOA)
      t.ok(flags & Flag.AA)
      t.equal(edns, undefined, 'no OPT unasked')
    })
    t.test('§8.1.2 a type that is unknown', async t => {
      const { rcode, answer, flags } = await ask({ served, way }, { type: 'TYPE1000' })
      t.equal(rcode, Rcode.NOERROR)
      t.equal(answer.length, 0)
      t.ok(flags & Flag.AA)
    })
    for (const [name, flags] of [
      ['§8.1.3.1 CD', Flag.CD],
      ['§8.1.3.2 AD', Flag.AD],
      ['§8.1.3.3 the last reserved flag', 0x40],
      ['§8.1.3.4 RD', Flag.RD],
    ] as const)
      t.test(`${name} set`, async t => {
        const reply = await ask({ served, way }, { flags })
        t.equal(reply.rcode, Rcode.NOERROR)
        t.equal(reply.answer.length, 1)
        t.equal(reply.octets[3]! & 0x40, 0, 'reserved is clear')
        t.equal(reply.flags & Flag.RD, flags & Flag.RD)
        t.notOk(reply.flags & Flag.AD)
      })
    t.test('§8.1.4 an unknown opcode: NOTIMP, with a question or a header alone', async t => {
      const wire = writeMessage({ ...queryMessage({ name: 'a.example.' }), opcode: 15, question: [] })
      const reply = parseMessage(await exchange(served, way, wire))
      t.equal(reply.rcode, Rcode.NOTIMP)
      t.equal(reply.opcode, 15)
    })
    t.test('§8.2.1 EDNS version 0', async t => {
      const { rcode, answer, edns } = await ask({ served, way }, { edns: EDNS })
      t.equal(rcode, Rcode.NOERROR)
      t.equal(answer.length, 1)
      t.match(edns, { version: 0, options: [] })
    })
    t.test('§8.2.2 EDNS version 1: BADVERS, and version 0', async t => {
      const { rcode, answer, edns: opt } = await ask({ served, way }, { edns: edns([], { version: 1 }) })
      t.equal(rcode, Rcode.BADVERS)
      t.equal(answer.length, 0)
      t.equal(opt!.version, 0)
    })
    t.test('§8.2.3 an unknown option is ignored', async t => {
      const reply = await ask({ served, way }, { edns: edns([[100, NOTHING]]) })
      t.equal(reply.rcode, Rcode.NOERROR)
      t.equal(reply.answer.length, 1)
      t.same(optionsOf(reply), [])
    })
    t.test('§8.2.4 unknown flags are ignored, and clear in the answer', async t => {
      const { rcode, answer, octets } = await ask({ served, way }, { edns: EDNS }, ednsFlags)
      t.equal(rcode, Rcode.NOERROR)
      t.equal(answer.length, 1)
      t.same([...octets.subarray(-4)], [0, 0, 0, 0])
    })
    t.test('§8.2.5 EDNS version 1 with unknown flags', async t => {
      const { rcode, octets } = await ask({ served, way }, { edns: edns([], { version: 1 }) }, ednsFlags)
      t.equal(rcode, Rcode.BADVERS)
      t.same([...octets.subarray(-4)], [0, 0, 0, 0])
    })
    t.test('§8.2.6 EDNS version 1 with an unknown option', async t => {
      const reply = await ask({ served, way }, { edns: edns([[100, NOTHING]], { version: 1 }) })
      t.equal(reply.rcode, Rcode.BADVERS)
      t.same(optionsOf(reply), [])
    })
    t.test(
      '§8.2.7 a truncated answer has its OPT',
      { skip: way === 'udp' ? false : 'nothing is truncated' },
      async t => {
        const { flags, edns: opt } = await ask(
          { served, way },
          {
            name: 'big.a.example.',
            type: 'TXT',
            edns: edns([], { udpSize: 512, dnssecOk: true }),
          },
        )
        t.ok(flags & Flag.TC)
        t.match(opt, { version: 0, dnssecOk: true })
      },
    )
    t.test('§8.2.8 DO is copied', async t => {
      t.equal((await ask({ served, way }, { edns: edns([], { dnssecOk: true }) })).edns!.dnssecOk, true)
      t.equal((await ask({ served, way }, { edns: EDNS })).edns!.dnssecOk, false)
    })
    t.test('§8.2.9 EDNS version 1 with DO', async t => {
      const {
        rcode,
        answer,
        edns: opt,
      } = await ask({ served, way }, { edns: edns([], { version: 1, dnssecOk: true }) })
      t.equal(rcode, Rcode.BADVERS)
      t.equal(answer.length, 0)
      t.equal(opt!.version, 0)
    })
    t.test('§8.2.10 several defined options at once', async t => {
      const ecs = Buffer.from('00011800c00002', 'hex')
      const reply = await ask(
        { served, way },
        {
          edns: edns([
            [OptionCode.NSID, NOTHING],
            [OptionCode.COOKIE, CLIENT],
            [OptionCode.ECS, ecs],
            [OptionCode.EXPIRE, NOTHING],
          ]),
        },
      )
      t.equal(reply.rcode, Rcode.NOERROR)
      t.equal(reply.answer.length, 1)
      t.same(
        optionsOf(reply).map(([code]) => code),
        [OptionCode.NSID, OptionCode.COOKIE],
      )
    })
  })

t.test('what else EDNS says, and does not', async t => {
  const served = await serveHere(t)
  t.test('RFC 6891 §6.2.3: a payload size below 512 is 512', async t => {
    const { octets, flags } = await ask(served, { edns: edns([], { udpSize: 100 }) })
    t.ok(octets.length > 50)
    t.notOk(flags & Flag.TC)
  })
  t.test('RFC 6891 §6.1.1: two OPT, or one that is not owned by the root: FORMERR', async t => {
    const wire = writeMessage(queryMessage({ name: 'a.example.', type: 'SOA', edns: EDNS }))
    const twice = Buffer.concat([wire, wire.subarray(-11)])
    twice[11] = 2
    t.equal(parseMessage(await exchangeUdp(served.dns, twice)).rcode, Rcode.FORMERR)
    const owned = Buffer.concat([wire.subarray(0, -11), Buffer.from([1, 97]), wire.subarray(-11)])
    t.equal(parseMessage(await exchangeUdp(served.dns, owned)).rcode, Rcode.FORMERR)
  })
})

t.test('DNS cookies', async t => {
  const served = await serveHere(t)
  const cookieOf = (reply: Message): Buffer =>
    Buffer.from(reply.edns!.options.find(({ code }) => code === OptionCode.COOKIE)!.data)
  const withCookie = (data: Uint8Array) => ({ edns: edns([[OptionCode.COOKIE, data]]) })

  t.test(
    'RFC 7873 §5.2.3: a client cookie alone gets an answer and a server cookie, cached answers included',
    async t => {
      for (let i = 0; i < 3; i++) {
        const reply = await ask(served, withCookie(CLIENT))
        t.equal(reply.answer.length, 1)
        const cookie = cookieOf(reply)
        t.equal(cookie.length, 24)
        t.same(cookie.subarray(0, 8), CLIENT)
      }
    },
  )
  t.test('§5.2.5: a good server cookie comes back', async t => {
    const cookie = cookieOf(await ask(served, withCookie(CLIENT)))
    t.same(cookieOf(await ask(served, withCookie(cookie))), cookie)
  })
  t.test('§5.2.4: with a bad one the query is answered, and a good one given', async t => {
    const reply = await ask(served, withCookie(Buffer.concat([CLIENT, Buffer.alloc(16, 1)])))
    t.equal(reply.rcode, Rcode.NOERROR)
    t.equal(reply.answer.length, 1)
    t.notSame(cookieOf(reply).subarray(8), Buffer.alloc(16, 1))
  })
  for (const length of [0, 1, 7, 9, 15, 41])
    t.test(`§5.2.2: a COOKIE of ${length} octets: FORMERR`, async t => {
      const reply = await ask(served, withCookie(Buffer.alloc(length)))
      t.equal(reply.rcode, Rcode.FORMERR)
      t.same(optionsOf(reply), [])
    })
  t.test('§5.2: of several the first counts', async t => {
    const both = edns([
      [OptionCode.COOKIE, CLIENT],
      [OptionCode.COOKIE, Buffer.alloc(3)],
    ])
    t.same(cookieOf(await ask(served, { edns: both })).subarray(0, 8), CLIENT)
  })
  t.test('§5.4: a query without a question asks for a cookie', async t => {
    const bare = (data: Uint8Array) =>
      writeMessage({ ...queryMessage({ name: '.' }), question: [], ...withCookie(data) })
    const first = parseMessage(await exchangeUdp(served.dns, bare(CLIENT)))
    t.equal(first.rcode, Rcode.NOERROR)
    t.equal(first.question.length, 0)
    const again = parseMessage(await exchangeUdp(served.dns, bare(cookieOf(first))))
    t.equal(again.rcode, Rcode.NOERROR)
    const bad = parseMessage(await exchangeUdp(served.dns, bare(Buffer.concat([CLIENT, Buffer.alloc(16)]))))
    t.equal(bad.rcode, Rcode.BADCOOKIE)
    t.equal(cookieOf(bad).length, 24)
  })
  t.test('answers to signed requests and to refused ones have it too', async t => {
    const wire = writeMessage(queryMessage({ name: 'a.example.', ...withCookie(CLIENT) }))
    const key = tsigKey(parseName('writer.'), 'hmac-sha256', [SECRET])
    const signed = signRequest(wire, key, Math.floor(Date.now() / 1000))
    t.equal(cookieOf(parseMessage(await exchangeUdp(served.dns, signed.wire))).length, 24)
    t.equal(cookieOf(await ask(served, { name: 'other.example.', ...withCookie(CLIENT) })).length, 24)
    const update = writeMessage({
      ...queryMessage({ name: 'a.example.', type: 'SOA', ...withCookie(CLIENT) }),
      opcode: Opcode.UPDATE,
    })
    const refused = parseMessage(await exchangeUdp(served.dns, update))
    t.equal(refused.rcode, Rcode.REFUSED)
    t.equal(cookieOf(refused).length, 24)
  })
  t.test('an answer that fills the limit leaves room for it, or is truncated', async t => {
    for (let udpSize = 512; udpSize <= 1232; udpSize += 24) {
      const question = { name: 'big.a.example.', type: 'TXT', edns: edns([[OptionCode.COOKIE, CLIENT]], { udpSize }) }
      for (const turn of ['first', 'again']) {
        const { octets } = await ask(served, question)
        t.ok(octets.length <= udpSize, `${turn}, ${udpSize}`)
      }
    }
  })
})

t.test('edns-tcp-keepalive (RFC 7828)', async t => {
  const served = await serveHere(t)
  const wire = (data: Uint8Array) =>
    writeMessage(queryMessage({ name: 'a.example.', edns: edns([[OptionCode.KEEPALIVE, data]]) }))
  const client = new FrameClient(served.dns)
  client.send(wire(NOTHING))
  t.same(optionsOf(parseMessage((await client.messages(1))[0]!)), [[OptionCode.KEEPALIVE, '012c']], '§3.3.2: 30 s')
  client.send(wire(Buffer.from([1, 44])))
  t.equal(parseMessage((await client.messages(2))[1]!).rcode, Rcode.FORMERR, '§3.1: clients send no timeout')
  await client.end()
  const overUdp = parseMessage(await exchangeUdp(served.dns, wire(NOTHING)))
  t.same(optionsOf(overUdp), [], '§3.2.1: ignored over UDP')
})

t.test('Padding (RFC 7830, RFC 8467)', async t => {
  const served = await serveHere(t)
  const origin = {
    address: Uint8Array.of(127, 0, 0, 1),
    port: 1,
    destination: Uint8Array.of(127, 0, 0, 1),
    destinationPort: 443,
    dohPath: '/dns-query',
  }
  const https = async (question: Question, sign = false): Promise<Uint8Array> => {
    const wire = writeMessage(queryMessage(question))
    const key = tsigKey(parseName('writer.'), 'hmac-sha256', [SECRET])
    const signed = sign ? signRequest(wire, key, Math.floor(Date.now() / 1000)).wire : wire
    return (await served.workers.request({ wire: signed, ...origin }))!
  }
  const padded = edns([
    [OptionCode.PADDING, NOTHING],
    [OptionCode.COOKIE, CLIENT],
  ])
  for (const [name, question, sign] of [
    ['an answer', { name: 'www.a.example.', edns: padded }, false],
    ['the same from the cache', { name: 'www.a.example.', edns: padded }, false],
    ['a long one', { name: 'big.a.example.', type: 'TXT', edns: padded }, false],
    ['a refusal', { name: 'b.example.', edns: padded }, false],
    ['a signed one, its signature included', { name: 'www.a.example.', edns: padded }, true],
  ] as const)
    t.test(`over HTTPS, ${name}: to a multiple of 468 octets`, async t => {
      const octets = await https(question, sign)
      t.equal(octets.length % 468, 0)
      const last = optionsOf(parseMessage(octets)).at(-1)!
      t.equal(last[0], OptionCode.PADDING, 'last')
      t.match(last[1], /^0*$/)
    })
  t.test('unasked: not at all', async t =>
    t.same(optionsOf(parseMessage(await https({ name: 'www.a.example.', edns: EDNS }))), []),
  )
  t.test('over UDP: not at all', async t =>
    t.same(optionsOf(await ask(served, { edns: edns([[OptionCode.PADDING, NOTHING]]) })), []),
  )
})

t.test('Extended DNS Errors say why (RFC 8914)', async t => {
  const served = await serveHere(t)
  const cases: [string, Partial<Question> & { opcode?: number }, number, number][] = [
    ['a name that is not ours: Not Authoritative', { name: 'b.example.' }, Rcode.REFUSED, 20],
    ['recursion for nobody: Prohibited', { name: 'b.example.', flags: Flag.RD }, Rcode.REFUSED, 18],
    ['another class: Not Supported', { class: Class.CH }, Rcode.REFUSED, 21],
    ['MAILB: Not Supported', { type: 'TYPE253' }, Rcode.NOTIMP, 21],
  ]
  for (const [name, question, rcode, code] of cases) {
    const reply = await ask(served, { ...question, edns: EDNS })
    t.equal(reply.rcode, rcode, name)
    t.match(optionsOf(reply)[0]?.[1], new RegExp(`^00${code.toString(16)}`), name)
  }
  const stranger = writeMessage(queryMessage({ name: 'a.example.', edns: EDNS }))
  const refused = parseMessage(await exchangeUdp(served.dns, stranger, '127.0.0.9'))
  t.equal(refused.rcode, Rcode.REFUSED)
  t.same(optionsOf(refused), [[OptionCode.EDE, '0012']], 'no view: Prohibited')
})

t.test('dig and kdig understand it', { skip: without('dig', 'kdig') }, async t => {
  const { dns } = await serveHere(t)
  const at = ['@127.0.0.1', '-p', String(dns.port), 'a.example', 'SOA', '+norec']
  const dig = async (...args: string[]) => (await run('dig', [...at, ...args])).stdout
  const kdig = async (...args: string[]) => (await run('kdig', [...at, ...args])).stdout
  t.match(await dig('+cookie'), /COOKIE: [0-9a-f]{48} \(good\)/)
  t.match(await dig('+nsid'), /NSID: .*"ns1\.example"/)
  t.match(await dig('+tcp', '+keepalive'), /TCP[- ]KEEPALIVE: 30\.0 sec/i)
  t.match(await kdig('+cookie'), /COOKIE/)
  t.match(await kdig('+nsid'), /NSID/)
  t.match(await dig('+edns=1', '+noednsnegotiation'), /BADVERS/)
  t.match(await dig('+ednsflags=0x40'), /NOERROR/)
  t.match(await dig('+header-only', '+opcode=15'), /NOTIMP/)
})
