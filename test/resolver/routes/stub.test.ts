import t from 'tap'
import { Flag, Rcode } from '../../../dns/codes.ts'
import { type Message, parseMessage } from '../../../dns/message.ts'
import { parseName, printName } from '../../../dns/name.ts'
import { Type, typeName } from '../../../dns/types.ts'
import { createWorld, type Reply, serve, type World } from '../world.ts'

const AA = Flag.QR | Flag.AA
const SOA = 'corp.example. 600 SOA ns.corp.example. h.corp.example. 1 3600 600 604800 60'
const STUB = { zone: parseName('corp.example.'), to: [{ address: '192.0.2.1', port: 53 }] }
const SOA_OF = (zone: string) => SOA.replaceAll('corp.example.', zone)

/** The corp.example servers, and those of two zones delegated below each other. */
function tree(world: World): void {
  serve(world, '192.0.2.1:53', query => {
    const name = nameOf(query)
    if (name.endsWith('a.corp.example.')) return referral('a.corp.example.', '192.0.2.2')
    if (name === 'www.corp.example.') return { flags: AA, answer: [`${name} 300 A 192.0.2.80`] }
    if (name === 'out.corp.example.') return { flags: AA, answer: [`${name} 300 CNAME www.example.net.`] }
    if (name.endsWith('ent.corp.example.')) return { flags: AA, authority: [SOA] }
    return { flags: AA, rcode: Rcode.NXDOMAIN, authority: [SOA] }
  })
  serve(world, '192.0.2.2:53', query => {
    const name = nameOf(query)
    if (name.endsWith('b.a.corp.example.') && query.question[0]!.type !== Type.DS)
      return referral('b.a.corp.example.', '192.0.2.3')
    return { flags: AA, authority: [SOA_OF('a.corp.example.')] }
  })
  serve(world, '192.0.2.3:53', query =>
    query.question[0]!.type === Type.A
      ? { flags: AA, answer: [`${nameOf(query)} 300 A 192.0.2.83`] }
      : { flags: AA, authority: [SOA_OF('b.a.corp.example.')] },
  )
  serve(world, '192.0.2.53:53', query => ({ answer: [`${nameOf(query)} 300 A 203.0.113.1`] }))
}

function referral(cut: string, address: string): Reply {
  return { flags: Flag.QR, authority: [`${cut} 300 NS ns.${cut}`], additional: [`ns.${cut} 300 A ${address}`] }
}

function nameOf(query: Message): string {
  return printName(query.question[0]!.name).toLowerCase()
}

/** What reached servers since the last time: "address name type". */
function asked(world: World): string[] {
  return world.network.seen.splice(0).map(({ at, message }) => {
    const query = parseMessage(message)
    return `${at.replace(':53', '')} ${nameOf(query)} ${typeName(query.question[0]!.type)}${query.flags & Flag.RD ? ' RD' : ''}`
  })
}

function build(): World {
  const rules = [{ zone: parseName('.'), to: [{ transport: 'udp' as const, address: '192.0.2.53', port: 53 }] }]
  const world = createWorld({}, { rules, stubs: [STUB] })
  tree(world)
  return world
}

t.test('the authoritative servers of a stub zone are asked without RD; other names go by the rules', async t => {
  const world = build()
  t.match(await world.ask('www.corp.example.'), { answer: ['www.corp.example. 300 IN A 192.0.2.80'], ad: false })
  t.match(await world.ask('nope.corp.example.'), { rcode: Rcode.NXDOMAIN })
  await world.ask('www.example.net.')
  t.same(asked(world), [
    '192.0.2.1 www.corp.example. A',
    '192.0.2.1 nope.corp.example. A',
    '192.0.2.53 www.example.net. A RD',
  ])
  t.match(world.resolver.upstreams()[1], { zone: 'corp.example.', upstream: '192.0.2.1:53', state: 'up' })
})

t.test(
  'RFC 9156: each server is told one label more than it is known to have, and what was found is remembered',
  async t => {
    const world = build()
    t.match(await world.ask('x.y.b.a.corp.example.', 'MX'), { rcode: Rcode.NOERROR })
    t.same(asked(world), [
      '192.0.2.1 a.corp.example. A',
      '192.0.2.2 b.a.corp.example. A',
      '192.0.2.3 y.b.a.corp.example. A',
      '192.0.2.3 x.y.b.a.corp.example. MX',
    ])
    await world.ask('z.y.b.a.corp.example.')
    t.same(asked(world), ['192.0.2.3 z.y.b.a.corp.example. A'], 'the cuts are known')
    await world.clock.advance(301_000)
    await world.ask('z.y.b.a.corp.example.', 'TXT')
    t.equal(asked(world).length, 4, 'and forgotten with their TTL')
  },
)

t.test('RFC 9156 §2.3: after four labels the whole name is asked; an empty non-terminal is no end', async t => {
  const world = build()
  await world.ask('1.2.3.4.5.6.7.ent.corp.example.', 'PTR')
  t.same(asked(world), [
    '192.0.2.1 ent.corp.example. A',
    '192.0.2.1 7.ent.corp.example. A',
    '192.0.2.1 6.7.ent.corp.example. A',
    '192.0.2.1 5.6.7.ent.corp.example. A',
    '192.0.2.1 1.2.3.4.5.6.7.ent.corp.example. PTR',
  ])
})

t.test('RFC 9156 §3: a server that fails on the shorter question is asked the whole one', async t => {
  const world = build()
  serve(world, '192.0.2.1:53', query =>
    query.question[0]!.type === 16
      ? { flags: AA, answer: [`${nameOf(query)} 300 TXT "x"`] }
      : { rcode: nameOf(query).startsWith('a.') ? Rcode.SERVFAIL : Rcode.NXDOMAIN },
  )
  t.match(await world.ask('x.a.corp.example.', 'TXT'), { answer: ['x.a.corp.example. 300 IN TXT "x"'] })
  t.match(await world.ask('x.c.corp.example.', 'TXT'), { answer: ['x.c.corp.example. 300 IN TXT "x"'] })
})

t.test('RFC 4035 §3.1.4.1: the DS of a zone below is asked of the zone above', async t => {
  const world = build()
  await world.ask('w.b.a.corp.example.')
  asked(world)
  await world.ask('b.a.corp.example.', 'DS')
  t.same(asked(world), ['192.0.2.2 b.a.corp.example. DS'])
})

t.test('a CNAME out of a stub zone goes on by the rule that its target has', async t => {
  const world = build()
  t.same((await world.ask('out.corp.example.')).answer, [
    'out.corp.example. 300 IN CNAME www.example.net.',
    'www.example.net. 300 IN A 203.0.113.1',
  ])
  t.same(asked(world), ['192.0.2.1 out.corp.example. A', '192.0.2.53 www.example.net. A RD'])
})
