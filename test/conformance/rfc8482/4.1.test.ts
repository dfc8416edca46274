import t from 'tap'
import { ask, type Expected, tells, zonesOf } from '../../zones/ask.ts'

const zones = zonesOf({
  'example.': `
$TTL 300
@      SOA ns host 1 2 3 4 60
       NS ns
       MX 10 ns
ns     A 192.0.2.1
       A 192.0.2.2
       AAAA 2001:db8::1
       TXT "text"
alias  CNAME ns
signed RRSIG A 8 2 300 20300101000000 20200101000000 1 example. AAAA
       NSEC ns.example. TXT RRSIG NSEC
       TXT "after the signatures in number order? no: before"
only   NSEC ns.example. NSEC
*.w    TXT "wild"
a.b    TXT "below"
sub    NS ns.sub
ns.sub A 192.0.2.9
`,
})

const CASES: [string, string, Expected][] = [
  [
    'one RRset, whole',
    'ns.example. ANY',
    { rcode: 'NOERROR', flags: ['AA'], answer: ['ns.example. 300 IN A 192.0.2.1', 'ns.example. 300 IN A 192.0.2.2'] },
  ],
  ['the same one every time', 'ns.example. ANY', { answer: [/192\.0\.2\.1/, /192\.0\.2\.2/] }],
  [
    'at the apex',
    'example. ANY',
    { answer: ['example. 300 IN NS ns.example.'], additional: [/A 192/, /A 192/, /AAAA/] },
  ],
  ['an alias is not followed', 'alias.example. ANY', { answer: ['alias.example. 300 IN CNAME ns.example.'] }],
  ['not the signatures where there is something else', 'signed.example. ANY', { answer: [/TXT/] }],
  ['but them where there is not', 'only.example. ANY', { answer: [/NSEC/] }],
  ['synthesized', 'x.w.example. ANY', { answer: ['x.w.example. 300 IN TXT "wild"'] }],
  ['no data', 'b.example. ANY', { rcode: 'NOERROR', answer: [], authority: [/SOA/] }],
  ['no such name', 'x.b.example. ANY', { rcode: 'NXDOMAIN', answer: [], authority: [/SOA/] }],
  ['below a cut', 'x.sub.example. ANY', { result: 'delegated', answer: [], authority: [/NS/] }],
]

for (const [what, question, expected] of CASES) {
  const told = ask(zones, question)
  tells(t, told, expected, what)
  t.ok(new Set(told.message.answer.map(({ type }) => type)).size <= 1, 'of one type')
}

tells(
  t,
  ask(zones, 'signed.example. RRSIG'),
  { flags: ['AA'], answer: [/RRSIG A/] },
  'QTYPE=RRSIG is a type like others',
)
