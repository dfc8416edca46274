import t from 'tap'
import { ask, tells, zonesOf } from '../../zones/ask.ts'

const zones = zonesOf({
  'example.': `
$TTL 300
@          SOA ns host 1 2 3 4 60
           NS ns
ns         A 192.0.2.1
old     30 DNAME new
old        TXT "data of the owner itself"
host.new   A 192.0.2.2
alias.new  CNAME host.old
away       DNAME elsewhere.
tocut      DNAME sub
sub        NS ns.sub
ns.sub     A 192.0.2.9
grow       DNAME x.grow
`,
  'apex.': '$TTL 300\n@ SOA . . 1 2 3 4 60\n@ NS ns.example.\n@ MX 10 ns.example.\n@ DNAME new.example.\n',
})

const OLD = 'old.example. 30 IN DNAME new.example.'

t.test('§3.1: the CNAME has the TTL of the DNAME', async t => {
  tells(t, ask(zones, 'host.old.example. A'), {
    rcode: 'NOERROR',
    flags: ['AA'],
    answer: [OLD, 'host.old.example. 30 IN CNAME host.new.example.', 'host.new.example. 300 IN A 192.0.2.2'],
  })
})

t.test('§3.2: in the server’s algorithm', async t => {
  tells(t, ask(zones, 'old.example. TXT'), { answer: [/TXT/] }, 'the owner itself is not redirected')
  tells(t, ask(zones, 'old.example. DNAME'), { answer: [OLD] })
  tells(t, ask(zones, 'old.example. A'), { rcode: 'NOERROR', answer: [], authority: [/SOA/] })
  tells(
    t,
    ask(zones, 'host.old.example. CNAME'),
    { answer: [OLD, /CNAME host\.new/], authority: [] },
    'QTYPE=CNAME has its answer',
  )
  tells(
    t,
    ask(zones, 'alias.old.example. A'),
    {
      answer: [
        OLD,
        /^alias\.old.*CNAME alias\.new/,
        /^alias\.new.*CNAME host\.old/,
        /^host\.old.*CNAME host\.new/,
        /192\.0\.2\.2/,
      ],
    },
    'aliases and redirections take turns; the DNAME is there once',
  )
  tells(t, ask(zones, 'no.old.example. A'), { rcode: 'NXDOMAIN', answer: [OLD, /CNAME no\.new/], authority: [/SOA/] })
  tells(t, ask(zones, 'a.b.away.example. A'), { result: 'elsewhere', answer: [/DNAME/, /CNAME a\.b\.elsewhere\.$/] })
  tells(
    t,
    ask(zones, 'x.tocut.example. A'),
    {
      result: 'delegated',
      flags: ['AA'],
      answer: [/DNAME/, /CNAME x\.sub/],
      authority: [/NS ns\.sub/],
      additional: [/192\.0\.2\.9/],
    },
    'a redirection to below a cut',
  )
  const { answer } = ask(zones, 'x.grow.example. A', { limit: 65535 })
  t.ok(answer.length > 3 && answer.length < 40, 'one that never ends is cut off')
  t.equal(answer.filter(line => line.includes(' DNAME ')).length, 1)
})

t.test('§2.3: at an apex', async t => {
  tells(t, ask(zones, 'apex. MX'), { answer: [/MX/] }, 'the apex keeps its own data')
  tells(
    t,
    ask(zones, 'host.apex. A'),
    { answer: [/^apex\. 300 IN DNAME/, /CNAME host\.new/, /192\.0\.2\.2/] },
    'and all below is redirected',
  )
})
