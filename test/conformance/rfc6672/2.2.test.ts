import t from 'tap'
import { ask, tells, zonesOf } from '../../zones/ask.ts'

/** RFC 6672 §2.2, table 1: QNAME, the DNAME's owner and target, and the name that results; undefined is "no match". */
const TABLE: [qname: string, owner: string, target: string, result: string | undefined][] = [
  ['com.', 'example.com.', 'example.net.', undefined],
  ['example.com.', 'example.com.', 'example.net.', undefined],
  ['a.example.com.', 'example.com.', 'example.net.', 'a.example.net.'],
  ['a.b.example.com.', 'example.com.', 'example.net.', 'a.b.example.net.'],
  ['ab.example.com.', 'b.example.com.', 'example.net.', undefined],
  ['foo.example.com.', 'example.com.', 'example.net.', 'foo.example.net.'],
  ['a.x.example.com.', 'x.example.com.', 'example.net.', 'a.example.net.'],
  ['a.example.com.', 'example.com.', 'y.example.net.', 'a.y.example.net.'],
  ['cyc.example.com.', 'example.com.', 'example.com.', 'cyc.example.com.'],
  ['cyc.example.com.', 'example.com.', 'c.example.com.', 'cyc.c.example.com.'],
  ['shortloop.x.x.', 'x.', '.', 'shortloop.x.'],
  ['shortloop.x.', 'x.', '.', 'shortloop.'],
]

for (const [qname, owner, target, result] of TABLE) {
  // The DNAME stands in the zone of the top level, so that it is not at the apex where the RFC's names are below one.
  const origin = owner === 'x.' ? 'x.' : 'com.'
  const zones = zonesOf({ [origin]: `@ 300 SOA . . 1 2 3 4 60\n@ 300 NS .\n${owner} 77 DNAME ${target}\n` })
  const told = ask(zones, `${qname} A`)
  const cname = told.answer.find(line => line.startsWith(`${qname} `))
  t.equal(cname, result && `${qname} 77 IN CNAME ${result}`, `${qname} by ${owner} DNAME ${target}`)
  t.equal(told.answer.filter(line => line.includes(' DNAME ')).length, result ? 1 : 0, 'and the DNAME, once')
}

const long = (labels: number, length: number) => Array.from({ length: labels }, () => 'l'.repeat(length)).join('.')

t.test('§2.2: a name that becomes too long is YXDOMAIN', async t => {
  const zones = zonesOf({
    'd.': `@ 300 SOA . . 1 2 3 4 60\n@ NS .\nx DNAME ${long(3, 60)}.d.\nfit DNAME ${long(3, 60)}.`,
  })
  const told = (name: string) => ask(zones, `${name} A`, { limit: 65535 })
  const label = long(1, 63)
  tells(t, told(`${label}.${long(1, 10)}.x.d.`), { rcode: 'YXDOMAIN', flags: ['AA'], answer: [/DNAME/], authority: [] })
  tells(t, told(`${label}.x.d.`), { rcode: 'NXDOMAIN', answer: [/DNAME/, /CNAME/] }, 'a shorter one is not')
  tells(t, told(`${label}.aaa.bb.fit.d.`), { rcode: 'NOERROR', result: 'elsewhere' }, '255 octets fit')
  tells(t, told(`${label}.aaa.bbb.fit.d.`), { rcode: 'YXDOMAIN', result: 'done' }, '256 do not')
})
