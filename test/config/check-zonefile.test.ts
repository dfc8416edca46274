import t from 'tap'
import { readZonefile } from '../../config/check-zonefile.ts'
import { parseName } from '../../dns/name.ts'

const HEAD = '$TTL 60\n@ SOA ns1 h 1 1 1 1 1\n@ NS ns1\nns1 A 192.0.2.1\n'

const check = (text: string, files: Record<string, string> = {}, overlay = false) => {
  const { errors, warnings, records } = readZonefile(text, {
    origin: parseName('a.example'),
    file: '/z/a.zone',
    readFile(path) {
      if (files[path] === undefined) throw new Error('there is no such file')
      return files[path]
    },
    overlay,
  })
  return { errors: errors.map(one => one.message), warnings: warnings.map(one => one.message), records: records.length }
}

t.test('what makes no zone', async t => {
  const cases: [what: string, text: string, errors: string[]][] = [
    ['an empty file', '', ['/z/a.zone:1:1: a.example. has no SOA', '/z/a.zone:1:1: a.example. has no NS']],
    [
      'a record of another zone',
      `${HEAD}www.b.example. A 192.0.2.1`,
      ['/z/a.zone:5:1: www.b.example. is outside the zone a.example.'],
    ],
    [
      'a second SOA (RFC 1035 §5.2)',
      `${HEAD}@ SOA ns1 h 2 1 1 1 1`,
      ['/z/a.zone:5:1: a.example. has a second SOA, the first is in line 2'],
    ],
    [
      'an SOA elsewhere',
      `${HEAD}x SOA ns1 h 2 1 1 1 1`,
      ['/z/a.zone:5:1: an SOA belongs to the apex a.example., not to x.a.example.'],
    ],
    [
      'two CNAMEs (RFC 2181 §10.1)',
      `${HEAD}x CNAME a\nx CNAME b`,
      ['/z/a.zone:6:1: x.a.example. has a second CNAME, the first is in line 5'],
    ],
    ['one CNAME twice', `${HEAD}x CNAME a\nX CNAME a`, []],
    [
      'two DNAMEs (RFC 6672 §2.4)',
      `${HEAD}x DNAME a\nx DNAME b`,
      ['/z/a.zone:6:1: x.a.example. has a second DNAME, the first is in line 5'],
    ],
    [
      'a CNAME and other data (RFC 1034 §3.6.2)',
      `${HEAD}x CNAME a\nx TXT b`,
      ['/z/a.zone:6:1: x.a.example. has a CNAME and other records'],
    ],
    [
      'other data and a CNAME',
      `${HEAD}x TXT b\nx CNAME a`,
      ['/z/a.zone:6:1: x.a.example. has a CNAME and other records'],
    ],
    ['what does not parse, all of it', `${HEAD}x A 1.2.3\ny MX mail`, ['/z/a.zone:5:5:', '/z/a.zone:6:6:']],
    ['an included file that is not there', `${HEAD}$INCLUDE sub/b`, ['/z/a.zone:5:']],
  ]
  for (const [what, text, expected] of cases) {
    const { errors } = check(text)
    t.equal(errors.length, expected.length, what)
    for (const [i, message] of expected.entries()) t.ok(errors[i]?.startsWith(message), `${what}: ${errors[i]}`)
  }
})

t.test('an included file is found beside the one that includes it, and errors in it say so', async t => {
  t.equal(
    check(`${HEAD}$INCLUDE sub/b`, { '/z/sub/b': 'b A 192.0.2.2\n$INCLUDE c', '/z/sub/c': 'c A 192.0.2.3' }).records,
    5,
  )
  t.match(check(`${HEAD}$INCLUDE sub/b`, { '/z/sub/b': '\nx.org. A 192.0.2.1' }).errors, [
    '/z/sub/b:2:1: x.org. is outside',
  ])
})

t.test('an overlay holds only what differs', async t => {
  t.strictSame(check('www 60 A 192.0.2.1', {}, true), { errors: [], warnings: [], records: 1 })
})

t.test("legal, but it won't work", async t => {
  const cases: [what: string, text: string, warnings: string[]][] = [
    [
      'a name server without an address',
      `${HEAD}@ NS ns2`,
      ['/z/a.zone:5:1: ns2.a.example., a name server of a.example., has no address'],
    ],
    ['a name server elsewhere', `${HEAD}@ NS ns.b.example.`, []],
    ['a name server with an IPv6 address', `${HEAD}@ NS ns2\nns2 AAAA ::1`, []],
    ['a name server under a wildcard (RFC 4592)', `${HEAD}@ NS ns2\n* A 192.0.2.1`, []],
    [
      'a name server that exists, beside a wildcard',
      `${HEAD}@ NS ns2\n* A 192.0.2.1\nns2 TXT x`,
      ['/z/a.zone:5:1: ns2.a.example., a name server of a.example., has no address'],
    ],
    [
      'a name server that is an alias (RFC 2181 §10.3)',
      `${HEAD}@ NS ns2\nns2 CNAME ns1`,
      ['/z/a.zone:5:1: ns2.a.example., a name server, is an alias (CNAME)'],
    ],
    [
      'a delegation without glue',
      `${HEAD}sub NS ns.sub`,
      ['/z/a.zone:5:1: ns.sub.a.example., a name server of sub.a.example., has no address'],
    ],
    ['a delegation with glue', `${HEAD}sub NS ns.sub\nns.sub A 192.0.2.1`, []],
    ['a delegation to a server in another', `${HEAD}sub NS ns.other\nother NS ns1`, []],
    [
      'two TTLs in one RRset (RFC 2181 §5.2)',
      `${HEAD}x 1 A 192.0.2.1\nx 2 A 192.0.2.2`,
      ['/z/a.zone:6:1: x.a.example. A has another TTL than the others of its RRset'],
    ],
  ]
  for (const [what, text, warnings] of cases) t.strictSame(check(text), { ...check(text), errors: [], warnings }, what)
})
