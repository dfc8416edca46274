import t from 'tap'
import { Ede, Rcode } from '../../../dns/codes.ts'
import { parseName, printName } from '../../../dns/name.ts'
import { createLeakGuard } from '../../../resolver/routes/leak-guard.ts'
import { createWorld, serve, upstream } from '../world.ts'

const PUBLIC = '198.51.100.53'
const SITE = '10.0.0.53'

t.test('which names are kept, and by which rules they may go', t => {
  const guard = createLeakGuard([parseName('internal.example.com'), parseName('b.example')])
  const rows: [string, string, boolean][] = [
    ['www.example.com', '.', true],
    ['printer.local', '.', false],
    ['local', '.', false],
    ['nas.internal', '.', false],
    ['nas.internal', 'internal', true],
    ['nas.internal', 'nas.internal', true],
    ['x.internal', 'nas.internal', true],
    ['api.default.svc.cluster.local', '.', false],
    ['api.default.svc.cluster.local', 'cluster.local', true],
    ['api.default.svc.cluster.local', 'local', false],
    ['api.default.svc.CLUSTER.local.corp.example.net', '.', false],
    ['api.default.svc.cluster.local.corp.example.net', 'corp.example.net', true],
    ['cluster.local.example.net', '.', false],
    ['mycluster.local.example.net', '.', true],
    ['www.internal.example.com', '.', false],
    ['www.internal.example.com', 'example.com', false],
    ['internal.example.com.example.net', '.', false],
    ['www.example.com.example.net', '.', true],
    ['b.example', '.', false],
    ['ab.example', '.', true],
    ['.', '.', true],
  ]
  for (const [name, zone, may] of rows)
    t.equal(guard.reason(parseName(name), parseName(zone)) === undefined, may, `${name} by ${zone}`)
  t.end()
})

t.test('a name of home is NXDOMAIN with the reason, and no public upstream hears of it', async t => {
  const world = createWorld({ '.': PUBLIC, 'internal.': SITE }, { internal: [] })
  for (const at of [PUBLIC, SITE])
    serve(world, `${at}:53`, query => ({ answer: [`${printName(query.question[0]!.name)} 60 A 192.0.2.1`] }))
  t.match(await world.ask('printer.local.'), { rcode: Rcode.NXDOMAIN, ede: Ede.BLOCKED, answer: [] })
  t.equal(world.network.seen.length, 0)
  t.equal(world.resolver.counters.guarded, 1)
  t.match(await world.ask('nas.internal.'), { rcode: Rcode.NOERROR })
  t.match(await world.ask('www.example.'), { rcode: Rcode.NOERROR })
  t.same(
    world.network.seen.map(({ at }) => at),
    [`${SITE}:53`, `${PUBLIC}:53`],
  )
})

t.test('an upstream of the site may be asked anything, and so may a public one without the guard', async t => {
  for (const [at, options] of [
    [SITE, { internal: [] }],
    [PUBLIC, {}],
  ] as const) {
    const world = createWorld({ '.': at }, options)
    serve(world, `${at}:53`, () => ({ answer: ['printer.local. 60 A 192.0.2.1'] }))
    t.match(await world.ask('printer.local.'), { rcode: Rcode.NOERROR })
  }
})

t.test('a CNAME to such a name is answered without its target', async t => {
  const world = createWorld({ '.': PUBLIC, 'a.example.': SITE }, { internal: [] })
  serve(world, `${SITE}:53`, () => ({ answer: ['w.a.example. 60 CNAME x.internal.'] }))
  t.match(await world.ask('w.a.example.'), {
    rcode: Rcode.NXDOMAIN,
    answer: ['w.a.example. 60 IN CNAME x.internal.'],
    ede: Ede.BLOCKED,
  })
})

t.test('rebinding protection', async t => {
  const except = [parseName('split.example')]
  const build = (rules: Record<string, string>) => {
    const world = createWorld(rules, { mayBePrivate: except })
    for (const at of Object.values(rules))
      serve(world, `${upstream(at).address}:53`, query => {
        const name = printName(query.question[0]!.name).toLowerCase()
        return query.question[0]!.type === 65
          ? { answer: [`${name} 60 HTTPS 1 . ipv4hint=10.0.0.1`] }
          : { answer: [`${name} 60 A 10.0.0.1`, `${name} 60 A 192.0.2.80`] }
      })
    return world
  }
  const world = build({ '.': PUBLIC, 'partner.example.': '198.51.100.54', 'corp.example.': SITE })
  const both = (name: string) => [`${name} 60 IN A 10.0.0.1`, `${name} 60 IN A 192.0.2.80`]
  t.match(await world.ask('evil.example.'), {
    answer: ['evil.example. 60 IN A 192.0.2.80'],
    ede: Ede.BLOCKED,
    text: 'a private address from outside',
  })
  t.match(await world.ask('evil.example.'), { from: 'cache', ede: Ede.BLOCKED }, 'from the cache as well')
  t.match(await world.ask('evil.example.', 'HTTPS'), { answer: [], ede: Ede.BLOCKED })
  t.equal(world.resolver.counters.rebinding, 3)
  for (const name of ['w.split.example.', 'w.partner.example.', 'w.corp.example.'])
    t.match(await world.ask(name), { answer: both(name), ede: undefined }, name)
})
