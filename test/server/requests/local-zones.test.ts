import t from 'tap'
import { Flag } from '../../../dns/codes.ts'
import { printName } from '../../../dns/name.ts'
import { printRdata } from '../../../dns/types.ts'
import { createSimulatedClock } from '../../simulation/clock.ts'
import { createSeededRandom } from '../../simulation/random.ts'
import { ask, EDNS, type Served, serve } from '../serving.ts'

const ZONE =
  '$TTL 300\n@ SOA ns h 1 2 3 4 60\n@ NS ns\nns A 127.0.0.1\nwww A 192.0.2.1\n5 PTR www\nout CNAME x.onion.\n'

async function serveHere(
  t: { teardown(task: () => unknown): void },
  { view = '', top = '', zones = [] }: { view?: string; top?: string; zones?: string[] } = {},
): Promise<Served> {
  const listed = ['a.example', ...zones]
  const config = `${top}
views:
  - name: all
    recursion: [127.0.0.1]
    zones: [${listed.map(name => `{ name: ${name}, file: z }`).join(', ')}]
${view}
`
  const files = Object.fromEntries(listed.map(name => [`all ${name}.`, ZONE]))
  const served = await serve({ config, zones: files })
  t.teardown(() => served.stop())
  return served
}

/** RCODE, AA and what the answer section holds; the SOA's owner where there is nothing. */
async function outcome(served: Served, name: string, type = 'A', source = '127.0.0.1', flags: number = Flag.RD) {
  const { rcode, answer, authority, flags: got } = await ask(served.dns, { name, type, flags, edns: EDNS }, source)
  const said = answer.map(record => printRdata(record.type, record.rdata))
  const soa = authority.map(({ owner }) => printName(owner))
  return `${rcode}${got & Flag.AA ? ' AA' : ''} ${[...said, ...soa].join(' ')}`.trim()
}

t.test('special-use names are answered, and never forwarded', async t => {
  const served = await serveHere(t)
  for (const [name, type, expected] of [
    ['localhost.', 'A', '0 AA 127.0.0.1'],
    ['localhost.', 'AAAA', '0 AA ::1'],
    ['a.b.LocalHost.', 'A', '0 AA 127.0.0.1'],
    ['localhost.', 'MX', '0 AA localhost.'],
    ['www.invalid.', 'A', '3 AA invalid.'],
    ['printer.local.', 'A', '3 AA local.'],
    ['x.onion.', 'A', '3 AA onion.'],
    ['router.home.arpa.', 'A', '3 AA home.arpa.'],
    ['ipv4only.arpa.', 'A', '0 AA 192.0.0.170 192.0.0.171'],
    ['ipv4only.arpa.', 'AAAA', '0 AA ipv4only.arpa.'],
    ['170.0.0.192.in-addr.arpa.', 'PTR', '0 AA ipv4only.arpa.'],
    ['_dns.resolver.arpa.', 'TYPE64', '3 AA resolver.arpa.'],
    ['x.alt.', 'A', '3 AA alt.'],
    ['example.org.', 'A', '5'],
  ] as const)
    t.test(`${name} ${type}: ${expected}`, async t => t.equal(await outcome(served, name, type), expected))

  t.test('an alias of ours into them ends there', async t =>
    t.equal(await outcome(served, 'out.a.example.'), '3 AA x.onion. onion.'),
  )
  t.test('those who may not recurse are refused', async t =>
    t.equal(await outcome(served, 'localhost.', 'A', '127.0.0.2'), '5'),
  )
  t.test('without RD too', async t =>
    t.equal(await outcome(served, 'localhost.', 'A', '127.0.0.1', 0), '0 AA 127.0.0.1'),
  )
})

t.test('reverse zones of private addresses (RFC 6303)', async t => {
  const reverse = [
    '1.2.3.10.in-addr.arpa.',
    '1.0.16.172.in-addr.arpa.',
    '1.0.31.172.in-addr.arpa.',
    '1.1.168.192.in-addr.arpa.',
    '1.1.64.100.in-addr.arpa.',
    '1.1.254.169.in-addr.arpa.',
    '1.2.0.192.in-addr.arpa.',
    '1.0.d.f.ip6.arpa.',
    '1.0.8.e.f.ip6.arpa.',
    '1.0.8.b.d.0.1.0.0.2.ip6.arpa.',
  ]
  t.test('are empty', async t => {
    const served = await serveHere(t)
    for (const name of reverse) t.match(await outcome(served, name, 'PTR'), /^3 AA .*arpa\.$/, name)
    t.equal(await outcome(served, '1.0.0.127.in-addr.arpa.', 'PTR'), '0 AA localhost.')
    t.equal(await outcome(served, `1.${'0.'.repeat(31)}ip6.arpa.`, 'PTR'), '0 AA localhost.')
    t.equal(
      await outcome(served, '10.in-addr.arpa.', 'SOA'),
      '0 AA 10.in-addr.arpa. nobody.invalid. 1 3600 1200 604800 10800',
    )
    t.equal(await outcome(served, '10.in-addr.arpa.', 'NS'), '0 AA 10.in-addr.arpa.')
    for (const name of [
      '1.0.15.172.in-addr.arpa.',
      '1.0.32.172.in-addr.arpa.',
      '1.1.63.100.in-addr.arpa.',
      '1.1.128.100.in-addr.arpa.',
    ])
      t.equal(await outcome(served, name, 'PTR'), '5', `${name} is nobody's`)
  })
  for (const [name, options] of [
    ['at the top', { top: 'empty_zones: false' }],
    ['in the view', { view: '    empty_zones: false' }],
  ] as const)
    t.test(`not with empty_zones: false ${name}`, async t => {
      const served = await serveHere(t, options)
      t.equal(await outcome(served, '1.2.3.10.in-addr.arpa.', 'PTR'), '5')
      t.equal(await outcome(served, 'localhost.'), '0 AA 127.0.0.1', 'special-use names stay')
    })
  t.test('never over a zone of the operator', async t => {
    const served = await serveHere(t, { zones: ['10.in-addr.arpa', '1.168.192.in-addr.arpa', 'local'] })
    t.equal(await outcome(served, '5.10.in-addr.arpa.', 'PTR'), '0 AA www.10.in-addr.arpa.')
    t.equal(await outcome(served, '5.1.168.192.in-addr.arpa.', 'PTR'), '0 AA www.1.168.192.in-addr.arpa.')
    t.equal(await outcome(served, '5.2.168.192.in-addr.arpa.', 'PTR'), '3 AA 168.192.in-addr.arpa.')
    t.equal(await outcome(served, '1.168.192.in-addr.arpa.', 'DS'), '0 AA 168.192.in-addr.arpa.', 'an unsigned child')
    t.equal(await outcome(served, 'www.local.'), '0 AA 192.0.2.1')
  })
  t.test('nor above a zone of the operator', async t => {
    const served = await serveHere(t, { zones: ['in-addr.arpa'] })
    t.match(await outcome(served, '5.10.in-addr.arpa.', 'PTR'), '3 AA in-addr.arpa.')
  })
})

t.test('never over a rule of the operator, but for that of the root', async t => {
  const { createSimulatedNetwork } = await import('../../simulation/network.ts')
  const clock = createSimulatedClock()
  const network = createSimulatedNetwork(clock, createSeededRandom(1))
  const rules = ['.', 'local', 'up.test', '168.192.in-addr.arpa']
  const config = `views:
  - name: all
    recursion: [127.0.0.1]
    forward: [${rules.map(zone => `{ zone: "${zone}", to: [192.0.2.80] }`).join(', ')}]
`
  const served = await serve({ config }, { clock, world: { clock, network } })
  t.teardown(() => served.stop())
  const { views } = served.config
  t.equal(views.length, 1)
  for (const name of ['x.invalid.', 'x.alt.', '1.10.in-addr.arpa.']) t.match(await outcome(served, name), /^3 AA/, name)
  for (const name of ['printer.local.', 'www.up.test.', '1.1.168.192.in-addr.arpa.'])
    t.equal(await clock.until(outcome(served, name)), '2', `${name} is asked for, and nobody answers`)
})
