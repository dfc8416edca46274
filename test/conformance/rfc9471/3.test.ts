import t from 'tap'
import { ask, tells, zonesOf } from '../../zones/ask.ts'

const servers = Array.from({ length: 12 }, (_, i) => `ns${i + 10}`)

const zones = zonesOf({
  'test.': `
$TTL 300
@ SOA . . 1 2 3 4 60
@ NS .
foo NS ns1.foo
foo NS ns2.foo
ns1.foo A 192.0.2.1
ns2.foo AAAA 2001:db8::2
bar NS ns1.bar
bar NS ns1.foo
ns1.bar A 192.0.2.3
sib NS ns1.foo
${servers.map(name => `wide NS ${name}.wide\n${name}.wide A 192.0.2.1\n${name}.wide AAAA 2001:db8::1`).join('\n')}
${servers.map(name => `sibs NS ${name}.wide`).join('\n')}
`,
})

tells(
  t,
  ask(zones, 'www.foo.test. A'),
  { flags: [], additional: ['ns1.foo.test. 300 IN A 192.0.2.1', 'ns2.foo.test. 300 IN AAAA 2001:db8::2'] },
  '§2.1: glue for in-domain name servers',
)
tells(
  t,
  ask(zones, 'www.bar.test. A'),
  { additional: ['ns1.bar.test. 300 IN A 192.0.2.3', 'ns1.foo.test. 300 IN A 192.0.2.1'] },
  '§2.2: and for sibling name servers, after those',
)
tells(
  t,
  ask(zones, 'www.sib.test. A'),
  { additional: ['ns1.foo.test. 300 IN A 192.0.2.1'] },
  '§2.2: sibling glue alone',
)

t.test('§3.1: a referral that has not all in-domain glue is truncated', async t => {
  const narrow = ask(zones, 'www.wide.test. A')
  t.same(narrow.flags, ['TC'])
  t.equal(narrow.authority.length, 12, 'all servers are named')
  t.ok(narrow.additional.length > 0 && narrow.additional.length < 24, 'what fits is there')
  t.same(ask(zones, 'www.wide.test. A', { udpSize: 1232 }).flags, [], 'with room it is not')
  t.equal(ask(zones, 'www.wide.test. A', { limit: 65535 }).additional.length, 24)
})

t.test('§3.2: sibling glue that does not fit is not missed', async t => {
  const told = ask(zones, 'www.sibs.test. A')
  t.same(told.flags, [])
  t.equal(told.authority.length, 12)
  t.ok(told.additional.length < 24)
})
