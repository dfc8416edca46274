import t from 'tap'
import { ask, tells, zonesOf } from '../../zones/ask.ts'

const zone = (soaTtl: number, minimum: number) =>
  zonesOf({
    'xx.': `@ ${soaTtl} IN SOA ns1 hostmaster.nic 97060400 1800 900 604800 ${minimum}
@ 3600 NS ns1
ns1 3600 A 127.0.0.2
example 300 A 127.0.0.1
alias 300 CNAME triple
`,
  })

const zones = zone(900, 1200)
const SOA = 'xx. 900 IN SOA ns1.xx. hostmaster.nic.xx. 97060400 1800 900 604800 1200'

tells(
  t,
  ask(zones, 'an.example.xx. A'),
  { rcode: 'NXDOMAIN', flags: ['AA'], answer: [], authority: [SOA], additional: [] },
  '§2.1: a name error has the SOA in authority',
)
tells(
  t,
  ask(zones, 'alias.xx. A'),
  { rcode: 'NXDOMAIN', flags: ['AA'], answer: ['alias.xx. 300 IN CNAME triple.xx.'], authority: [SOA] },
  '§2.1: a name error at the end of an alias',
)
tells(
  t,
  ask(zones, 'example.xx. MX'),
  { rcode: 'NOERROR', flags: ['AA'], answer: [], authority: [SOA], additional: [] },
  '§2.2: no data has the SOA in authority',
)

t.test('§3: the TTL of the SOA is the lesser of its own and MINIMUM', async t => {
  const cases: [number, number, number][] = [
    [900, 60, 60],
    [60, 900, 60],
    [300, 300, 300],
    [0, 300, 0],
    [300, 0, 0],
    [2 ** 31 - 1, 2 ** 32 - 1, 2 ** 31 - 1],
  ]
  for (const [ttl, minimum, expected] of cases) {
    const [record] = ask(zone(ttl, minimum), 'x.xx. A').message.authority
    t.equal(record?.ttl, expected, `TTL ${ttl}, MINIMUM ${minimum}`)
  }
  t.equal(ask(zone(900, 60), 'xx. SOA').message.answer[0]?.ttl, 900, 'as an answer it keeps its own')
})
