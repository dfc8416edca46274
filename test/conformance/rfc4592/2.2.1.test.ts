import t from 'tap'
import { ask, type Expected, tells, zonesOf } from '../../zones/ask.ts'

/** The zone of RFC 4592 §2.2.1. */
const zones = zonesOf({
  'example.': `
$ORIGIN example.
example.                 3600 IN  SOA   ns.example.com. host.example.com. 1 2 3 4 3600
example.                 3600     NS    ns.example.com.
example.                 3600     NS    ns.example.net.
*.example.               3600     TXT   "this is a wildcard"
*.example.               3600     MX    10 host1.example.
sub.*.example.           3600     TXT   "this is not a wildcard"
host1.example.           3600     A     192.0.2.1
_ssh._tcp.host1.example. 3600     SRV   0 0 22 host1.example.
_ssh._tcp.host2.example. 3600     SRV   0 0 22 host2.example.
subdel.example.          3600     NS    ns.example.com.
subdel.example.          3600     NS    ns.example.net.
`,
})

const NODATA = { rcode: 'NOERROR', flags: ['AA'], answer: [], authority: [/^example\. 3600 IN SOA/] }
const NXDOMAIN = { ...NODATA, rcode: 'NXDOMAIN' }

const CASES: [string, string, Expected][] = [
  [
    'QNAME=host3.example. QTYPE=MX: synthesized',
    'host3.example. MX',
    { rcode: 'NOERROR', flags: ['AA'], answer: ['host3.example. 3600 IN MX 10 host1.example.'] },
  ],
  ['QNAME=host3.example. QTYPE=A: no data, for the wildcard has no A', 'host3.example. A', NODATA],
  [
    'QNAME=foo.bar.example. QTYPE=TXT: bar.example does not exist, but the wildcard does',
    'foo.bar.example. TXT',
    { rcode: 'NOERROR', flags: ['AA'], answer: ['foo.bar.example. 3600 IN TXT "this is a wildcard"'] },
  ],
  ['QNAME=host1.example. QTYPE=MX: host1.example exists', 'host1.example. MX', NODATA],
  ['QNAME=sub.*.example. QTYPE=MX: sub.*.example exists', 'sub.*.example. MX', NODATA],
  [
    'QNAME=_telnet._tcp.host1.example. QTYPE=SRV: _tcp.host1.example exists',
    '_telnet._tcp.host1.example. SRV',
    NXDOMAIN,
  ],
  [
    'QNAME=host.subdel.example. QTYPE=A: subdel.example is a zone cut',
    'host.subdel.example. A',
    { result: 'delegated', flags: [], authority: [/^subdel\.example\. 3600 IN NS/, /^subdel\.example\. 3600 IN NS/] },
  ],
  ['QNAME=ghost.*.example. QTYPE=MX: *.example exists', 'ghost.*.example. MX', NXDOMAIN],
]

for (const [what, question, expected] of CASES) tells(t, ask(zones, question), expected, what)

t.test('§2.2.2 and §2.2.3: empty non-terminals exist', async t => {
  tells(t, ask(zones, '_tcp.host1.example. A'), NODATA, '_tcp.host1.example')
  tells(t, ask(zones, 'host2.example. TXT'), NODATA, 'host2.example exists only for its service, and is no wildcard’s')
  tells(t, ask(zones, '*.example. A'), NODATA, 'the wildcard itself')
})

t.test('§3.3.2: the source of synthesis', async t => {
  const sources: [string, string, RegExp | undefined][] = [
    ['closest encloser example.', 'host3.example. TXT', /wildcard/],
    ['closest encloser _tcp.host1.example., which has no *', '_telnet._tcp.host1.example. TXT', undefined],
    ['closest encloser _tcp.host2.example.', '_dns._tcp.host2.example. TXT', undefined],
    ['closest encloser host1.example.', '_chat._udp.host1.example. TXT', undefined],
    ['closest encloser *.example.: *.*.example. is not there', 'a.*.example. TXT', undefined],
  ]
  for (const [what, question, answer] of sources)
    tells(t, ask(zones, question), answer ? { answer: [answer] } : NXDOMAIN, what)
})
