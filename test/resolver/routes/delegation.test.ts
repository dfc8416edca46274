import t from 'tap'
import { Ede, Flag, Rcode } from '../../../dns/codes.ts'
import { parseMessage } from '../../../dns/message.ts'
import { isSubdomain, parseName, printName } from '../../../dns/name.ts'
import type { Delegation } from '../../../resolver/routes/delegation.ts'
import { createWorld, type Reply, record, serve } from '../world.ts'

const NS1 = '192.0.2.1:53'
const NS2 = '192.0.2.2:53'
const AA = Flag.QR | Flag.AA
const SOA = 'sub.example. 600 SOA ns.sub.example. host.sub.example. 1 3600 600 604800 60'

/** The cut sub.example with one server, ns.sub.example, whose address is known. */
const SUB: Delegation = cut('sub.example.', ['ns.sub.example.'], ['ns.sub.example. 300 A 192.0.2.1'])

function cut(owner: string, servers: string[], glue: string[]): Delegation {
  return {
    cut: parseName(owner),
    servers: servers.map(server => record(`${owner} 300 NS ${server}`)),
    glue: glue.map(record),
  }
}

t.test("the delegation's servers are asked without RD, whatever the rules say", async t => {
  const world = createWorld({ '.': '192.0.2.53' })
  serve(world, NS1, () => ({ flags: AA, answer: ['www.sub.example. 300 A 192.0.2.80'] }))
  t.match(await world.ask('www.sub.example.', 'A', { delegation: SUB }), {
    answer: ['www.sub.example. 300 IN A 192.0.2.80'],
  })
  t.same(
    world.network.seen.map(({ at }) => at),
    [NS1],
  )
  t.notOk(parseMessage(world.network.seen[0]!.message).flags & Flag.RD)
  t.match(await world.ask('www.sub.example.', 'A', { delegation: SUB }), { from: 'cache' })
})

t.test('what came by a delegation is not mixed with what a rule brings', async t => {
  const world = createWorld({ '.': '192.0.2.53' })
  serve(world, NS1, () => ({ flags: AA, answer: ['www.sub.example. 300 A 192.0.2.80'] }))
  serve(world, '192.0.2.53:53', () => ({ answer: ['www.sub.example. 300 A 203.0.113.1'] }))
  await world.ask('www.sub.example.', 'A', { delegation: SUB })
  t.match(await world.ask('www.sub.example.'), { answer: ['www.sub.example. 300 IN A 203.0.113.1'] })
})

t.test('referrals further down are followed (RFC 1034 §5.3.3)', async t => {
  const world = createWorld({})
  serve(world, NS1, () => ({
    flags: Flag.QR,
    authority: ['deep.sub.example. 300 NS ns.deep.sub.example.'],
    additional: ['ns.deep.sub.example. 300 A 192.0.2.2'],
  }))
  serve(world, NS2, () => ({
    flags: AA,
    rcode: Rcode.NXDOMAIN,
    authority: [SOA.replace('sub.example.', 'deep.sub.example.')],
  }))
  const told = await world.ask('www.deep.sub.example.', 'A', { delegation: SUB })
  t.match(told, { rcode: Rcode.NXDOMAIN })
  t.match(told.authority[0], /^deep.sub.example/)
  t.same(
    world.network.seen.map(({ at }) => at),
    [NS1, NS2],
  )
})

t.test('a name server without glue is looked up by the rules first', async t => {
  const world = createWorld({ '.': '192.0.2.53' })
  serve(world, '192.0.2.53:53', query =>
    query.question[0]!.type === 1 ? { answer: ['ns.elsewhere.example. 300 A 192.0.2.2'] } : { rcode: Rcode.NOERROR },
  )
  serve(world, NS2, () => ({ flags: AA, answer: ['www.sub.example. 300 A 192.0.2.80'] }))
  const delegation = cut('sub.example.', ['ns.elsewhere.example.'], [])
  t.match(await world.ask('www.sub.example.', 'A', { delegation }), {
    answer: ['www.sub.example. 300 IN A 192.0.2.80'],
  })
})

t.test('a chain out of the delegated zone goes on by the rules, with RD', async t => {
  const world = createWorld({ '.': '192.0.2.53' })
  serve(world, NS1, () => ({
    flags: AA,
    answer: ['www.sub.example. 300 CNAME www.example.com.', 'www.example.com. 300 A 203.0.113.66'],
  }))
  serve(world, '192.0.2.53:53', () => ({ answer: ['www.example.com. 300 A 192.0.2.80'] }))
  t.same((await world.ask('www.sub.example.', 'A', { delegation: SUB })).answer, [
    'www.sub.example. 300 IN CNAME www.example.com.',
    'www.example.com. 300 IN A 192.0.2.80',
  ])
  t.ok(parseMessage(world.network.seen.at(-1)!.message).flags & Flag.RD)
})

t.test('a chain back into a zone of our own ends there, and says so', async t => {
  const own = parseName('example.')
  const world = createWorld({ '.': '192.0.2.53' }, { ownName: name => isSubdomain(name, own) })
  serve(world, NS1, () => ({ flags: AA, answer: ['www.sub.example. 300 CNAME www.example.'] }))
  const told = await world.ask('www.sub.example.', 'A', { delegation: SUB })
  t.match(told, { rcode: Rcode.NOERROR, answer: ['www.sub.example. 300 IN CNAME www.example.'] })
  t.equal(printName(told.next!), 'www.example.')
})

t.test('delegations that lead nowhere', async t => {
  const rows: [string, Delegation, Reply | undefined][] = [
    ['a referral back to the cut itself', SUB, { flags: Flag.QR, authority: ['sub.example. 300 NS ns.sub.example.'] }],
    [
      'a referral upwards',
      SUB,
      { flags: Flag.QR, authority: ['. 300 NS ns.sub.example.'], additional: ['ns.sub.example. 300 A 192.0.2.1'] },
    ],
    ['a referral aside', SUB, { flags: Flag.QR, authority: ['other.example. 300 NS ns.sub.example.'] }],
    ['a server that refuses', SUB, { rcode: Rcode.REFUSED }],
    ['a server without an address below the cut', cut('sub.example.', ['ns.sub.example.'], []), { flags: AA }],
    ['silence', SUB, undefined],
  ]
  for (const [sentence, delegation, reply] of rows) {
    const world = createWorld({})
    serve(world, NS1, () => reply)
    const told = await world.ask('www.sub.example.', 'A', { delegation })
    t.match(told, { rcode: Rcode.SERVFAIL, ede: Ede.NO_REACHABLE_AUTHORITY }, sentence)
    t.ok(told.took <= 1800, sentence)
    t.ok(world.network.seen.length <= 3, sentence)
  }
})

t.test('RFC 5452 §6: glue for a name outside the referring zone is not used', async t => {
  const world = createWorld({ '.': '192.0.2.53' })
  serve(world, NS1, () => ({
    flags: Flag.QR,
    authority: ['deep.sub.example. 300 NS ns.elsewhere.example.'],
    additional: ['ns.elsewhere.example. 300 A 203.0.113.66'],
  }))
  serve(world, '192.0.2.53:53', query =>
    query.question[0]!.type === 1 ? { answer: ['ns.elsewhere.example. 300 A 192.0.2.2'] } : { rcode: Rcode.NOERROR },
  )
  serve(world, NS2, () => ({ flags: AA, answer: ['www.deep.sub.example. 300 A 192.0.2.80'] }))
  t.match(await world.ask('www.deep.sub.example.', 'A', { delegation: SUB }), {
    answer: ['www.deep.sub.example. 300 IN A 192.0.2.80'],
  })
  t.notOk(world.network.seen.some(({ at }) => at.startsWith('203.')))
})

t.test('endless referrals end', async t => {
  const world = createWorld({})
  let depth = 0
  serve(world, NS1, query => {
    const labels = printName(query.question[0]!.name).split('.')
    const owner = labels.slice(-4 - depth++).join('.')
    return {
      flags: Flag.QR,
      authority: [`${owner} 300 NS ns.${owner}`],
      additional: [`ns.${owner} 300 A 192.0.2.1`],
    }
  })
  const name = `${'a.'.repeat(20)}sub.example.`
  t.match(await world.ask(name, 'A', { delegation: SUB }), { rcode: Rcode.SERVFAIL, text: 'too many delegations' })
  t.equal(world.network.seen.length, 12)
})
