import t from 'tap'
import { Ede, Flag, OptionCode, Rcode } from '../../dns/codes.ts'
import { type Message, parseMessage, writeMessage } from '../../dns/message.ts'
import { equalNames, isSubdomain, parseName } from '../../dns/name.ts'
import { parseRdataText, printRecord, Type } from '../../dns/types.ts'
import { systemClock } from '../../host/clock.ts'
import { systemRandom } from '../../host/random.ts'
import { createSimulatedNetwork } from '../simulation/network.ts'
import { ask, EDNS, FrameClient, keyOf, queryMessage, serve } from './serving.ts'

const CONFIG = `
name: ns1.example
views:
  - name: all
    recursion: [127.0.0.0/8]
    zones:
      - { name: first.rpz, file: first }
      - { name: second.rpz, file: second }
      - { name: off.rpz, file: off }
      - { name: own.example, file: own }
    rpz: [{ zone: off.rpz, policy: disabled }, { zone: first.rpz }, { zone: second.rpz }]
    forward: [{ zone: ".", to: [192.0.2.80] }]
`
const HEAD = `$TTL 300
@ SOA ns h 1 2 3 4 5
@ NS localhost.
`
const ZONES = {
  'all first.rpz': `${HEAD}
nx.test CNAME .
*.nx.test CNAME .
nodata.test CNAME *.
ok.nx.test CNAME rpz-passthru.
drop.test CNAME rpz-drop.
tcp.test CNAME rpz-tcp-only.
data.test A 203.0.113.9
data.test TXT "walled"
alias.test CNAME garden.own.example.
*.all.test CNAME *.garden.test.
www.own.example CNAME .
24.0.2.0.192.rpz-ip CNAME .
32.5.2.0.192.rpz-ip CNAME rpz-passthru.
128.1.zz.db8.2001.rpz-ip CNAME *.
target.test CNAME *.
32.9.0.0.127.rpz-client-ip CNAME rpz-passthru.
16.0.0.55.127.rpz-client-ip CNAME .
`,
  'all second.rpz': `${HEAD}
data.test CNAME .
second.test CNAME .
ip.test A 203.0.113.10
`,
  'all off.rpz': `${HEAD}
www.test CNAME .
`,
  'all own.example': `${HEAD}
www A 198.51.100.1
garden A 198.51.100.2
`,
}

/** "name TYPE" → "TYPE RDATA", of the upstream. */
const WORLD: Record<string, string[]> = {
  'www.test.': ['A 198.51.100.80'],
  'ok.nx.test.': ['A 198.51.100.81'],
  'tcp.test.': ['A 198.51.100.82'],
  'ip.test.': ['A 192.0.2.7'],
  'spared.test.': ['A 192.0.2.5'],
  'six.test.': ['AAAA 2001:db8::1'],
  'cname.test.': ['CNAME target.test.', 'A 198.51.100.83'],
  'a.garden.test.': ['A 198.51.100.84'],
  'a.all.test.garden.test.': ['A 198.51.100.85'],
  'drop.test.': ['A 198.51.100.86'],
  'v4.test.': ['A 198.51.100.87'],
}

async function build(t: { teardown(task: () => unknown): void }, config = CONFIG, zones = ZONES) {
  const network = createSimulatedNetwork(systemClock, systemRandom)
  const asked: Message[] = []
  network.serve('192.0.2.80:53', (octets, _via, reply) => {
    const query = parseMessage(octets)
    asked.push(query)
    const { name, type } = query.question[0]!
    const known = Object.entries(WORLD).find(([owner]) => equalNames(parseName(owner), name))?.[1]
    let owner = name
    const answer = (known ?? []).flatMap(line => {
      const [mnemonic, rdata] = line.split(' ') as ['A' | 'AAAA' | 'CNAME', string]
      const record = { owner, type: Type[mnemonic], class: 1, ttl: 60, rdata: parseRdataText(Type[mnemonic], rdata) }
      if (mnemonic === 'CNAME') owner = record.rdata
      return mnemonic === 'CNAME' || record.type === type ? [record] : []
    })
    reply(writeMessage({ ...query, flags: Flag.QR | Flag.RD | Flag.RA, rcode: known ? 0 : Rcode.NXDOMAIN, answer }))
  })
  const served = await serve({ config, zones }, { world: { network } })
  t.teardown(() => served.stop())
  return { served, asked }
}

function told(message: Message): string {
  const ede = message.edns?.options.find(({ code }) => code === OptionCode.EDE)?.data
  const records = message.answer.map(record => printRecord(record).replace(/ \d+ IN /, ' '))
  return [message.rcode, ...records, ...(ede ? [`EDE ${(ede[0]! << 8) | ede[1]!}`] : [])].join(', ')
}

t.test('what rules make of answers', async t => {
  const { served, asked } = await build(t)
  const at = (name: string, type = 'A', source = '127.0.0.1') =>
    ask(served.dns, { name, type, flags: Flag.RD, edns: EDNS }, source).then(told)
  const rows: [string, string, string][] = [
    ['www.test', 'A', '0, www.test. A 198.51.100.80'],
    ['nx.test', 'A', `3, EDE ${Ede.BLOCKED}`],
    ['a.b.nx.test', 'AAAA', `3, EDE ${Ede.BLOCKED}`],
    ['ok.nx.test', 'A', '0, ok.nx.test. A 198.51.100.81'],
    ['nodata.test', 'A', `0, EDE ${Ede.BLOCKED}`],
    ['data.test', 'A', `0, data.test. A 203.0.113.9, EDE ${Ede.FORGED_ANSWER}`],
    ['data.test', 'TXT', `0, data.test. TXT "walled", EDE ${Ede.FORGED_ANSWER}`],
    ['data.test', 'MX', `0, EDE ${Ede.FORGED_ANSWER}`],
    ['alias.test', 'A', '0, alias.test. CNAME garden.own.example., garden.own.example. A 198.51.100.2'],
    [
      'a.all.test',
      'A',
      `0, a.all.test. CNAME a.all.test.garden.test., a.all.test.garden.test. A 198.51.100.85, EDE ${Ede.FORGED_ANSWER}`,
    ],
    ['www.own.example', 'A', '0, www.own.example. A 198.51.100.1'],
    ['ip.test', 'A', `3, EDE ${Ede.BLOCKED}`],
    ['spared.test', 'A', '0, spared.test. A 192.0.2.5'],
    ['six.test', 'AAAA', `0, EDE ${Ede.BLOCKED}`],
    ['second.test', 'A', `3, EDE ${Ede.BLOCKED}`],
    ['cname.test', 'A', `0, cname.test. CNAME target.test., EDE ${Ede.BLOCKED}`],
  ]
  for (const [name, type, expected] of rows) t.equal(await at(name, type), expected, `${name} ${type}`)
  t.equal(await at('nx.test', 'A', '127.0.0.9'), '3', 'a client that is let through sees the world')
  t.equal(await at('www.test', 'A', '127.55.1.2'), `3, EDE ${Ede.BLOCKED}`, 'a client that is refused sees nothing')
  t.notOk(asked.some(({ question }) => equalNames(question[0]!.name, parseName('nodata.test.'))))
  t.match(
    served.logged.find(({ message }) => message === 'a response policy decided'),
    { fields: { view: 'all', action: 'nxdomain', rule: 'first.rpz.: nx.test.first.rpz.' } },
  )
})

t.test('drop is silence, tcp-only is TC over UDP and the answer over TCP', async t => {
  const { served } = await build(t)
  const truncated = await ask(served.dns, { name: 'tcp.test', flags: Flag.RD })
  t.match(truncated, { rcode: 0, answer: [] })
  t.ok(truncated.flags & Flag.TC)
  const client = new FrameClient(served.dns)
  client.send(
    writeMessage(queryMessage({ name: 'drop.test', flags: Flag.RD, id: 1 })),
    writeMessage(queryMessage({ name: 'tcp.test', flags: Flag.RD, id: 2 })),
  )
  const [only] = await client.messages(1)
  await client.end()
  t.match(parseMessage(only!), { id: 2, answer: [{ type: Type.A }] })
})

t.test('a rule that is published holds from the next query on, for what was answered before too', async t => {
  const zones = { ...ZONES, 'all first.rpz': `${HEAD}x.test CNAME .\n` }
  const { served } = await build(t, CONFIG, zones)
  const at = () => ask(served.dns, { name: 'www.test', flags: Flag.RD }).then(told)
  t.equal(await at(), '0, www.test. A 198.51.100.80')
  t.equal(await at(), '0, www.test. A 198.51.100.80', 'from the answer cache')
  const image = served.images.get(keyOf('all', parseName('first.rpz')))!
  const rule = { owner: parseName('www.test.first.rpz'), type: Type.CNAME, class: 1, ttl: 300, rdata: parseName('.') }
  image.publish(image.apply(image.latest(), { deleted: [], added: [rule] })!)
  t.equal(await at(), '3')
})

t.test('what a rule makes of a name is kept, and each answer counts and is logged', async t => {
  const zones = { ...ZONES, 'all first.rpz': `${HEAD}nx.test CNAME .\nnodata.test CNAME *.\ndata.test A 203.0.113.9\n` }
  const { served } = await build(t, CONFIG, zones)
  const at = (name: string, withEdns = true) =>
    ask(served.dns, { name, flags: Flag.RD, ...(withEdns && { edns: EDNS }) }).then(told)
  const decided = () => served.logged.filter(({ message }) => message === 'a response policy decided')
  const count = (line: string) =>
    Number(new RegExp(`${line}(?:\\{result="hit"\\})? (\\d+)\\n`).exec(served.workers.metrics())?.[1] ?? 0)
  const hits = () => count('answer_cache_total')
  const decisions = () => count('policy_decisions_total')
  for (const [name, said] of [
    ['nx.test', `3, EDE ${Ede.BLOCKED}`],
    ['nodata.test', `0, EDE ${Ede.BLOCKED}`],
    ['data.test', `0, data.test. A 203.0.113.9, EDE ${Ede.FORGED_ANSWER}`],
  ] as const) {
    const [before, logged, counted] = [hits(), decided().length, decisions()]
    for (let i = 0; i < 3; i++) t.equal(await at(name), said)
    t.equal(await at(name, false), said.replace(/, EDE \d+/, ''), 'RFC 6891 §6.1.1: no OPT without one')
    t.equal(hits() - before, 3, 'all but the first from the answer cache')
    t.equal(decided().length - logged, 4)
    t.match(decided().at(-1), { fields: { rule: `first.rpz.: ${name}.first.rpz.`, client: '127.0.0.1' } })
    t.equal(decisions() - counted, 4)
  }
  const image = served.images.get(keyOf('all', parseName('first.rpz')))!
  const gone = image.latest().rrset(parseName('nx.test.first.rpz'), Type.CNAME)!
  const rule = { owner: gone.owner, type: Type.CNAME, class: 1, ttl: gone.ttl, rdata: gone.rdatas[0]! }
  image.publish(image.apply(image.latest(), { deleted: [rule], added: [] })!)
  t.equal(await at('nx.test'), '3', 'a rule that is gone holds no more: what the world says')
  t.equal(await at('data.test'), `0, data.test. A 203.0.113.9, EDE ${Ede.FORGED_ANSWER}`)
})

t.test('a flood of blocked names does not become one of the log', async t => {
  const zones = { ...ZONES, 'all first.rpz': `${HEAD}nx.test CNAME .\n` }
  const { served } = await build(t, CONFIG, zones)
  for (let i = 0; i < 150; i++) await ask(served.dns, { name: 'nx.test', flags: Flag.RD })
  const lines = served.logged.filter(({ message }) => message === 'a response policy decided')
  const skipped = lines.reduce((sum, { fields }) => sum + Number(fields['unlogged'] ?? 0), 0)
  t.ok(lines.length <= 150 && lines.length + skipped <= 150)
})

t.test('NSDNAME and NSIP: who answered, where authoritative servers are asked', async t => {
  const config = `
name: ns1.example
views:
  - name: all
    recursion: [127.0.0.0/8]
    zones: [{ name: policy.rpz, file: policy }]
    rpz: [{ zone: policy.rpz }]
    stub: [{ zone: corp, to: [192.0.2.10] }]
    forward: [{ zone: ".", to: [192.0.2.80] }]
`
  const rules = `
ns.evil.rpz-nsdname CNAME .
*.worse.rpz-nsdname CNAME *.
32.66.2.0.192.rpz-nsip A 203.0.113.9
spared.sub3.corp CNAME rpz-passthru.
`
  const network = createSimulatedNetwork(systemClock, systemRandom)
  const cuts: Record<string, [server: string, address: string]> = {
    'sub1.corp.': ['ns.evil.', '192.0.2.61'],
    'sub2.corp.': ['a.b.worse.', '192.0.2.62'],
    'sub3.corp.': ['ns.sub3.corp.', '192.0.2.66'],
    'sub4.corp.': ['ns.sub4.corp.', '192.0.2.64'],
  }
  let asked = 0
  for (const address of ['192.0.2.10', '192.0.2.80', ...Object.values(cuts).map(([, at]) => at)])
    network.serve(`${address}:53`, (octets, _via, reply) => {
      asked++
      const query = parseMessage(octets)
      const { name, type } = query.question[0]!
      const record = (owner: Uint8Array, type: number, text: string) => ({
        ...{ owner, type, class: 1, ttl: 60, rdata: parseRdataText(type, text) },
      })
      const within = Object.keys(cuts).find(cut => isSubdomain(name, parseName(cut)))
      const glue = Object.values(cuts).find(([server]) => equalNames(parseName(server), name))
      const base = { ...query, flags: Flag.QR | Flag.AA, answer: [], authority: [], additional: [] }
      if (address === '192.0.2.10' && within)
        reply(
          writeMessage({
            ...{ ...base, flags: Flag.QR },
            authority: [record(parseName(within), Type.NS, cuts[within]![0])],
            ...(within.includes('3') || within.includes('4')
              ? { additional: [record(parseName(cuts[within]![0]), Type.A, cuts[within]![1])] }
              : {}),
          }),
        )
      else if (type === Type.A)
        reply(writeMessage({ ...base, answer: [record(name, type, glue?.[1] ?? '198.51.100.1')] }))
      else reply(writeMessage({ ...base, authority: [record(name, Type.SOA, 'a. b. 1 1 1 1 1')] }))
    })
  const served = await serve({ config, zones: { 'all policy.rpz': `${HEAD}${rules}` } }, { world: { network } })
  t.teardown(() => served.stop())
  const at = (name: string) => ask(served.dns, { name, flags: Flag.RD, edns: EDNS }).then(told)
  for (const round of ['first', 'again, from the cache']) {
    const before = asked
    t.equal(await at('www.sub1.corp'), `3, EDE ${Ede.BLOCKED}`, `the name of a server, ${round}`)
    t.equal(await at('www.sub2.corp'), `0, EDE ${Ede.BLOCKED}`, `a wildcard above the name of a server, ${round}`)
    t.equal(
      await at('www.sub3.corp'),
      `0, www.sub3.corp. A 203.0.113.9, EDE ${Ede.FORGED_ANSWER}`,
      `its address, ${round}`,
    )
    t.equal(
      await at('spared.sub3.corp'),
      '0, spared.sub3.corp. A 198.51.100.1',
      `a rule for the name goes before, ${round}`,
    )
    t.equal(await at('www.sub4.corp'), '0, www.sub4.corp. A 198.51.100.1', `another server, ${round}`)
    t.equal(await at('www.example'), '0, www.example. A 198.51.100.1', `forwarded: nobody knows who answered, ${round}`)
    t.equal(asked === before, round !== 'first')
  }
})

t.test('RFC 6147: a view with DNS64', async t => {
  const config = `
name: ns1.example
views:
  - name: all
    recursion: [127.0.0.0/8]
    dns64: { clients: [127.0.0.1] }
    forward: [{ zone: ".", to: [192.0.2.80] }]
`
  const { served } = await build(t, config, {} as typeof ZONES)
  const at = (name: string, type: string, source = '127.0.0.1') =>
    ask(served.dns, { name, type, flags: Flag.RD }, source).then(told)
  t.equal(await at('v4.test', 'AAAA'), '0, v4.test. AAAA 64:ff9b::c633:6457')
  t.equal(await at('v4.test', 'AAAA', '127.0.0.2'), '0', 'not for others')
  t.equal(await at('six.test', 'AAAA'), '0, six.test. AAAA 2001:db8::1')
  t.equal(
    await at('ipv4only.arpa', 'AAAA'),
    '0, ipv4only.arpa. AAAA 64:ff9b::c000:aa, ipv4only.arpa. AAAA 64:ff9b::c000:ab',
    'RFC 7050 §3',
  )
})
