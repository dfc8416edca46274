import t from 'tap'
import { printName } from '../../../dns/name.ts'
import { ask, type Expected, lastDelegation, lastTarget, tells, zonesOf } from '../../zones/ask.ts'

const zones = zonesOf({
  'a.example.': `
$TTL 300
@        SOA ns host 1 2 3 4 60
         NS ns
ns       A 192.0.2.1
www      CNAME web.b.example.
chain    CNAME www
gone     CNAME nothing.b.example.
out      CNAME host.elsewhere.
loop     CNAME pool
pool     CNAME loop
self     CNAME self
far      CNAME x.sub
sub      NS ns.sub
         NS ns.b.example.
         NS ns.elsewhere.
         DS 1 8 2 0000000000000000000000000000000000000000000000000000000000000000
ns.sub   A 192.0.2.2
         AAAA 2001:db8::2
deep.sub TXT "not ours to say"
kid      NS ns.kid
         DS 2 8 2 0000000000000000000000000000000000000000000000000000000000000000
ns.kid   A 192.0.2.3
mail     MX 10 ns.sub
         MX 20 web.b.example.
         MX 30 NS.sub
         MX 0 .
a.b.c    TXT "below empty non-terminals"
`,
  'b.example.': '@ 300 SOA ns host 1 2 3 4 60\n NS ns\nns A 192.0.2.11\nweb 60 A 192.0.2.10\n',
  'kid.a.example.': '@ 300 SOA ns host 9 2 3 4 60\n NS ns\nns A 192.0.2.3\n',
})

const SOA_A = 'a.example. 60 IN SOA ns.a.example. host.a.example. 1 2 3 4 60'
const SOA_B = 'b.example. 60 IN SOA ns.b.example. host.b.example. 1 2 3 4 60'
const SOA_KID = 'kid.a.example. 60 IN SOA ns.kid.a.example. host.kid.a.example. 9 2 3 4 60'
const WWW = 'www.a.example. 300 IN CNAME web.b.example.'
const WEB = 'web.b.example. 60 IN A 192.0.2.10'
const DIGEST = '00'.repeat(32)
const REFERRAL = {
  result: 'delegated' as const,
  rcode: 'NOERROR',
  flags: [],
  answer: [],
  authority: [
    'sub.a.example. 300 IN NS ns.sub.a.example.',
    'sub.a.example. 300 IN NS ns.b.example.',
    'sub.a.example. 300 IN NS ns.elsewhere.',
  ],
  additional: [
    'ns.sub.a.example. 300 IN A 192.0.2.2',
    'ns.sub.a.example. 300 IN AAAA 2001:db8::2',
    'ns.b.example. 300 IN A 192.0.2.11',
  ],
}

const CASES: [string, string, Expected][] = [
  ['step 2: a name in no zone', 'www.example. A', { result: 'notOurs', answer: [], authority: [] }],
  ['step 3a: an alias within the view', 'www.a.example. A', { result: 'done', flags: ['AA'], answer: [WWW, WEB] }],
  [
    'step 3a: two aliases',
    'CHAIN.a.example. A',
    { answer: ['CHAIN.a.example. 300 IN CNAME www.a.example.', WWW, WEB], flags: ['AA'] },
  ],
  [
    'RFC 6604 §3: the RCODE is that of the last name',
    'gone.a.example. A',
    {
      rcode: 'NXDOMAIN',
      flags: ['AA'],
      answer: ['gone.a.example. 300 IN CNAME nothing.b.example.'],
      authority: [SOA_B],
    },
  ],
  [
    'an alias to a name without that type',
    'www.a.example. MX',
    { rcode: 'NOERROR', answer: [WWW], authority: [SOA_B] },
  ],
  [
    'an alias to where we have no zone',
    'out.a.example. A',
    {
      result: 'elsewhere',
      rcode: 'NOERROR',
      flags: ['AA'],
      answer: ['out.a.example. 300 IN CNAME host.elsewhere.'],
      authority: [],
    },
  ],
  [
    'a loop of two',
    'loop.a.example. A',
    {
      rcode: 'NOERROR',
      answer: ['loop.a.example. 300 IN CNAME pool.a.example.', 'pool.a.example. 300 IN CNAME loop.a.example.'],
    },
  ],
  ['a loop of one', 'self.a.example. A', { answer: ['self.a.example. 300 IN CNAME self.a.example.'], authority: [] }],
  ['step 3b: at a cut', 'sub.a.example. A', REFERRAL],
  ['step 3b: at a cut, for its NS', 'sub.a.example. NS', REFERRAL],
  ['step 3b: below a cut', 'x.y.sub.a.example. A', REFERRAL],
  ['step 3b: glue is not an answer', 'ns.sub.a.example. A', REFERRAL],
  ['step 3b: what lies below a cut is not an answer', 'deep.sub.a.example. TXT', REFERRAL],
  [
    'an alias to below a cut: the alias is authoritative, then comes the referral',
    'far.a.example. A',
    { ...REFERRAL, flags: ['AA'], answer: ['far.a.example. 300 IN CNAME x.sub.a.example.'] },
  ],
  [
    'RFC 4035 §3.1.4.1: the DS at a cut is the parent’s',
    'sub.a.example. DS',
    { result: 'done', flags: ['AA'], answer: [`sub.a.example. 300 IN DS 1 8 2 ${DIGEST}`], authority: [] },
  ],
  ['a DS below a cut is not', 'x.sub.a.example. DS', REFERRAL],
  [
    'RFC 4035 §3.1.4.1: the parent answers for the DS of an apex that we serve too',
    'kid.a.example. DS',
    { flags: ['AA'], answer: [`kid.a.example. 300 IN DS 2 8 2 ${DIGEST}`] },
  ],
  ['the child answers for all else', 'x.kid.a.example. A', { rcode: 'NXDOMAIN', flags: ['AA'], authority: [SOA_KID] }],
  [
    'the DS of an apex whose parent we do not serve',
    'a.example. DS',
    { rcode: 'NOERROR', flags: ['AA'], authority: [SOA_A] },
  ],
  [
    'step 6: addresses of every target, once, glue included',
    'mail.a.example. MX',
    {
      additional: ['ns.sub.a.example. 300 IN A 192.0.2.2', 'ns.sub.a.example. 300 IN AAAA 2001:db8::2', WEB],
      authority: [],
    },
  ],
  [
    'a name that only has names below it',
    'b.c.a.example. A',
    { rcode: 'NOERROR', flags: ['AA'], answer: [], authority: [SOA_A] },
  ],
  ['no such name', 'x.c.a.example. A', { rcode: 'NXDOMAIN', flags: ['AA'], answer: [], authority: [SOA_A] }],
]

for (const [what, question, expected] of CASES) tells(t, ask(zones, question), expected, what)

t.test('where a resolver goes on', async t => {
  ask(zones, 'out.a.example. A')
  t.equal(printName(lastTarget()), 'host.elsewhere.', 'the target of the last alias')
  const told = ask(zones, 'far.a.example. A', { resolving: true })
  tells(t, told, {
    result: 'delegated',
    answer: ['far.a.example. 300 IN CNAME x.sub.a.example.'],
    authority: [],
    additional: [],
  })
  t.equal(printName(lastTarget()), 'x.sub.a.example.')
  const { cut, ns, glue } = lastDelegation()
  t.equal(printName(cut), 'sub.a.example.')
  t.equal(ns.rdatas.length, 3)
  t.same(
    glue.map(({ owner, type }) => `${printName(owner)} ${type}`),
    ['ns.sub.a.example. 1', 'ns.sub.a.example. 28', 'ns.b.example. 1'],
  )
})
