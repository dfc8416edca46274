import t from 'tap'
import { ask, tells, zonesOf } from '../../zones/ask.ts'

const zones = zonesOf({
  'example.': `
$TTL 300
@             SOA ns host 1 2 3 4 60
              NS ns
ns            A 192.0.2.1
*.alias       CNAME target.alias
target.alias  A 192.0.2.2
*.back        CNAME www.back
*.out         CNAME host.elsewhere.
x.*.empty     TXT "makes *.empty an empty non-terminal"
*.redirect    DNAME ns
*.cut         NS ns
*             TXT "top"
*.Case        TXT "Case"
*.two.labels  TXT "two"
`,
})

const NODATA = { rcode: 'NOERROR', flags: ['AA'], answer: [], authority: [/SOA/] }

t.test('§4.3: a CNAME at a wildcard', async t => {
  tells(
    t,
    ask(zones, 'any.alias.example. A'),
    { answer: ['any.alias.example. 300 IN CNAME target.alias.example.', 'target.alias.example. 300 IN A 192.0.2.2'] },
    'is synthesized and followed',
  )
  tells(t, ask(zones, 'any.alias.example. CNAME'), { answer: [/CNAME/], authority: [] }, 'is the answer to QTYPE=CNAME')
  tells(
    t,
    ask(zones, 'a.back.example. A'),
    { rcode: 'NOERROR', answer: [/^a\.back/, /^www\.back\.example\. 300 IN CNAME www\.back\.example\.$/] },
    'may come back to itself, once',
  )
  tells(
    t,
    ask(zones, 'a.out.example. A'),
    { result: 'elsewhere', answer: [/CNAME host\.elsewhere\.$/] },
    'may lead outside',
  )
})

t.test('§4.4: a DNAME at a wildcard', async t => {
  tells(t, ask(zones, 'a.redirect.example. A'), NODATA, 'redirects nothing at the name it stands for')
  tells(
    t,
    ask(zones, 'a.redirect.example. DNAME'),
    { answer: ['a.redirect.example. 300 IN DNAME ns.example.'] },
    'is data like any other',
  )
})

t.test('§4.2: an NS at a wildcard', async t => {
  tells(t, ask(zones, 'a.cut.example. A'), NODATA, 'delegates nothing: it is data of the name it stands for')
  tells(t, ask(zones, 'a.cut.example. NS'), { flags: ['AA'], answer: ['a.cut.example. 300 IN NS ns.example.'] })
})

t.test('§2.2.2: a wildcard that is an empty non-terminal', async t => {
  tells(t, ask(zones, 'a.empty.example. TXT'), NODATA, 'is a source of synthesis without data, and hides the one above')
})

t.test('RFC 1034 §4.3.2 step 3c: the synthesized owner is QNAME', async t => {
  tells(
    t,
    ask(zones, 'A.cASE.example. TXT'),
    { answer: ['A.cASE.example. 300 IN TXT "Case"'] },
    'in the case of the query',
  )
  tells(
    t,
    ask(zones, 'a.b.two.labels.example. TXT'),
    { answer: [/^a\.b\.two\.labels\.example\. 300 IN TXT "two"/] },
    'of several labels',
  )
  tells(
    t,
    ask(zones, 'a.labels.example. TXT'),
    { rcode: 'NXDOMAIN' },
    'RFC 4592 §3.3.1: only "*" below the closest encloser counts',
  )
})
