import t from 'tap'
import { Flag, OptionCode, Rcode } from '../../../dns/codes.ts'
import { type Message, parseMessage, writeMessage } from '../../../dns/message.ts'
import { equalNames, parseName } from '../../../dns/name.ts'
import { parseRdataText, printRecord, Type } from '../../../dns/types.ts'
import { systemClock } from '../../../host/clock.ts'
import { systemRandom } from '../../../host/random.ts'
import { createSimulatedNetwork, type SimulatedNetwork } from '../../simulation/network.ts'
import { ask, EDNS, type Served, serve, servingConfig } from '../serving.ts'

const CONFIG = `
name: ns1.example
views:
  - name: all
    recursion: [127.0.0.1]
    zones: [{ name: a.example, file: a.zone }]
    forward:
      - { zone: up.test, to: [192.0.2.80] }
      - { zone: ruled.a.example, to: [192.0.2.81] }
      - { zone: ".", to: [192.0.2.82] }
`
const ZONE = `$TTL 300
@ SOA ns h 1 2 3 4 5
@ NS ns
ns A 127.0.0.1
sub NS ns.sub
ns.sub A 192.0.2.53
ruled NS ns.sub
into CNAME www.sub
back CNAME loop.up.test.
`

type Answers = Record<string, string[]>

/** A server that answers names with records, "TYPE TTL RDATA"; others with NXDOMAIN. */
function server(network: SimulatedNetwork, at: string, answers: Answers, flags: number): { asked: Message[] } {
  const asked: Message[] = []
  network.serve(at, (octets, _via, reply) => {
    const query = parseMessage(octets)
    asked.push(query)
    const { name, type } = query.question[0]!
    const known = Object.entries(answers).find(([owner]) => equalNames(parseName(owner), name))?.[1]
    const records = (known ?? []).map(line => {
      const [mnemonic, ttl, ...rdata] = line.split(' ')
      const code = Type[mnemonic as keyof typeof Type]
      return { owner: name, type: code, class: 1, ttl: Number(ttl), rdata: parseRdataText(code, rdata.join(' ')) }
    })
    const answer = records.filter(record => record.type === type || record.type === Type.CNAME)
    reply(
      writeMessage({
        ...query,
        flags: Flag.QR | (query.flags & Flag.RD) | flags,
        rcode: known ? 0 : Rcode.NXDOMAIN,
        answer,
      }),
    )
  })
  return { asked }
}

interface World {
  served: Served
  upstream: { asked: Message[] }
  ruled: { asked: Message[] }
  root: { asked: Message[] }
  child: { asked: Message[] }
  network: SimulatedNetwork
}

async function build(t: { teardown(task: () => unknown): void }): Promise<World> {
  const network = createSimulatedNetwork(systemClock, systemRandom)
  const upstream = server(
    network,
    '192.0.2.80:53',
    {
      'www.up.test.': ['A 100 203.0.113.1'],
      'zero.up.test.': ['A 0 203.0.113.2'],
      'loop.up.test.': ['CNAME 100 back.a.example.'],
      'out.up.test.': ['CNAME 100 www.sub.a.example.'],
    },
    Flag.RA,
  )
  const ruled = server(network, '192.0.2.81:53', { 'x.ruled.a.example.': ['A 100 203.0.113.81'] }, Flag.RA)
  const root = server(network, '192.0.2.82:53', {}, Flag.RA)
  const child = server(network, '192.0.2.53:53', { 'www.sub.a.example.': ['A 100 203.0.113.53'] }, Flag.AA)
  const served = await serve({ config: CONFIG, zones: { 'all a.example.': ZONE } }, { world: { network } })
  t.teardown(() => served.stop())
  return { served, upstream, ruled, root, child, network }
}

const resolve = (served: Served, name: string, more: object = {}) => ask(served.dns, { name, flags: Flag.RD, ...more })
const lines = ({ answer }: Message): string[] => answer.map(printRecord)

t.test('a name below a delegation of ours', async t => {
  t.test('is asked of the servers of the delegation, RD clear, though a rule is for everything', async t => {
    const { served, child, root } = await build(t)
    const answer = await resolve(served, 'www.sub.a.example.')
    t.same(lines(answer), ['www.sub.a.example. 100 IN A 203.0.113.53'])
    t.equal(answer.flags & Flag.AA, 0)
    t.equal(child.asked[0]!.flags & Flag.RD, 0)
    t.equal(root.asked.length, 0)
  })
  t.test('is asked by a rule that is for it in particular', async t => {
    const { served, ruled, child } = await build(t)
    t.same(lines(await resolve(served, 'x.ruled.a.example.')), ['x.ruled.a.example. 100 IN A 203.0.113.81'])
    t.equal(ruled.asked.length, 1)
    t.equal(child.asked.length, 0)
  })
  t.test('is reached by a CNAME of ours', async t => {
    const { served } = await build(t)
    const answer = await resolve(served, 'into.a.example.')
    t.same(lines(answer), [
      'into.a.example. 300 IN CNAME www.sub.a.example.',
      'www.sub.a.example. 100 IN A 203.0.113.53',
    ])
    t.equal(answer.flags & Flag.AA, Flag.AA, 'AA speaks of the first owner (RFC 1035 §4.1.1)')
  })
  t.test('is reached by a chain that came in from elsewhere', async t => {
    const { served } = await build(t)
    const answer = await resolve(served, 'out.up.test.')
    t.same(lines(answer), ['out.up.test. 100 IN CNAME www.sub.a.example.', 'www.sub.a.example. 100 IN A 203.0.113.53'])
    t.equal(answer.flags & Flag.AA, 0)
  })
  t.test('is a referral with RD clear', async t => {
    const { served, child } = await build(t)
    const answer = await ask(served.dns, { name: 'www.sub.a.example.' })
    t.same(answer.authority.map(printRecord), ['sub.a.example. 300 IN NS ns.sub.a.example.'])
    t.equal(child.asked.length, 0)
  })
})

t.test('a chain that goes round between our zones and elsewhere ends', async t => {
  const { served, upstream } = await build(t)
  const answer = await resolve(served, 'back.a.example.')
  t.ok(answer.answer.length <= 20)
  t.ok(upstream.asked.length <= 2, 'and was asked for once')
})

t.test('the answer cache', async t => {
  t.test('keeps what others said as long as its TTL, and not what has none', async t => {
    const { served, upstream } = await build(t)
    for (let i = 0; i < 3; i++) await resolve(served, 'www.up.test.')
    t.match(served.workers.metrics(), /answer_cache_total\{result="hit"\} 2\n/)
    t.equal(upstream.asked.length, 1)
    for (let i = 0; i < 3; i++) await resolve(served, 'zero.up.test.')
    t.match(served.workers.metrics(), /answer_cache_total\{result="hit"\} 2\n/)
  })
  t.test('does not give a client what only another may have', async t => {
    const { served } = await build(t)
    t.equal((await resolve(served, 'www.up.test.')).rcode, Rcode.NOERROR)
    const refused = await ask(served.dns, { name: 'www.up.test.', edns: EDNS })
    t.equal(refused.rcode, Rcode.REFUSED, 'RD clear: cached or not')
    const stranger = await ask(served.dns, { name: 'www.up.test.', flags: Flag.RD, edns: EDNS }, '127.0.0.7')
    t.equal(stranger.rcode, Rcode.REFUSED)
    t.same(stranger.edns!.options, [{ code: OptionCode.EDE, data: Buffer.from([0, 18]) }])
  })
})

t.test('an answer that was asked for under another configuration is given, and not kept', async t => {
  const { served, network, upstream } = await build(t)
  network.weather.latency = 50
  const answer = resolve(served, 'www.up.test.')
  while (network.seen.length === 0) await new Promise(setImmediate)
  const views = served.config.views.map(view => ({ ...view, forward: [] }))
  served.workers.configure(servingConfig({ ...served.config, views }), served.zones)
  t.equal((await answer).rcode, Rcode.NOERROR)
  t.equal((await resolve(served, 'www.up.test.')).rcode, Rcode.REFUSED)
  t.equal(upstream.asked.length, 1)
})

t.test('an upstream that fails', async t => {
  const { served, network } = await build(t)
  network.condition('192.0.2.80:53', 'refusing')
  const answer = await resolve(served, 'fails.up.test.', { edns: EDNS })
  t.equal(answer.rcode, Rcode.SERVFAIL)
  t.ok(
    answer.edns!.options.some(({ code }) => code === OptionCode.EDE),
    'says why (RFC 8914)',
  )
  t.equal((await ask(served.dns, { name: 'ns.a.example.' })).rcode, Rcode.NOERROR, 'our own names do not care')
  t.match(served.workers.metrics(), /forwarded_total\{result="failed"\} 1\n/)
})
