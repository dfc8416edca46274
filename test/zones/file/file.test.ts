import t from 'tap'
import { digestOfFile, readZoneFile } from '../../../zones/file/file.ts'
import { recordsOfVersion } from '../../../zones/history/baseline.ts'
import { lines, NS, ORIGIN, SOA, zoneLines } from '../lines.ts'

const GLUE = 'ns 300 IN A 192.0.2.1'

/** Reads a zone of these lines, from line 1. */
function read(zone: string[], more: Record<string, string> = {}) {
  const files = new Map(Object.entries({ '/zones/a': zone.join('\n'), ...more }))
  const { image, errors, warnings, digest } = readZoneFile('/zones/a', ORIGIN, path => {
    const text = files.get(path)
    if (text === undefined) throw new Error(`no file ${path}`)
    return text
  })
  const messages = (all: readonly Error[]) => all.map(error => error.message)
  return {
    zone: image && lines(recordsOfVersion(image.latest())),
    errors: messages(errors),
    warnings: messages(warnings),
    digest,
  }
}

t.test('a zone that is right', async t => {
  t.match(read([SOA, NS, GLUE]), { zone: zoneLines(10, [GLUE]), errors: [], warnings: [] })
})

const wrong: Record<string, [zone: string[], ...errors: RegExp[]]> = {
  'no SOA': [[NS, GLUE], /^\/zones\/a:1:1: there is no SOA for a\.example\.$/],
  'a second SOA': [[SOA, NS, GLUE, SOA.replace(' 10 ', ' 11 ')], /^\/zones\/a:4:1: a second SOA/],
  'an SOA below the apex': [[SOA, NS, GLUE, SOA.replace('@', 'sub')], /^\/zones\/a:4:1: an SOA at sub\.a\.example\./],
  'no NS at the apex': [[SOA, GLUE], /a\.example\. has no NS record at the apex/],
  'owners outside the zone, each in its line': [
    [SOA, NS, GLUE, 'www.b.example. 60 IN A 192.0.2.1', 'x 60 IN A 192.0.2.1', 'example. 60 IN A 192.0.2.1'],
    /:4:1: www\.b\.example\. is outside the zone a\.example\.$/,
    /:6:1: example\. is outside/,
  ],
  'RFC 1034 §3.6.2: CNAME and other data': [
    [SOA, NS, GLUE, 'www 60 IN A 192.0.2.1', 'www 60 IN CNAME ns'],
    /:5:1: www\.a\.example\. has a CNAME and a record of type A/,
  ],
  'RFC 2181 §10.1: two CNAMEs': [
    [SOA, NS, GLUE, 'www 60 IN CNAME ns', 'www 60 IN CNAME mail'],
    /:4:1: www\.a\.example\. has several CNAME/,
  ],
  'RFC 6672 §2.4: two DNAMEs': [[SOA, NS, GLUE, 'www 60 IN DNAME b.', 'www 60 IN DNAME c.'], /has several DNAME/],
  'RFC 6672 §2.3: a DNAME at a delegation': [
    [SOA, NS, GLUE, 'sub 60 IN NS ns', 'sub 60 IN DNAME b.'],
    /:5:1: sub\.a\.example\. has DNAME and NS/,
  ],
  'RFC 4592 §4.2: a delegation at a wildcard': [
    [SOA, NS, GLUE, '*.x 60 IN NS ns'],
    /is a wildcard, which can not be a delegation/,
  ],
  'several errors at once': [
    [SOA, NS, GLUE, 'x 60 IN A 1.2.3', 'y 60 IN', 'z.b. 60 IN A 192.0.2.1'],
    /:4:/,
    /:5:/,
    /:6:1: z\.b\. is outside/,
  ],
}
for (const [name, [zone, ...errors]] of Object.entries(wrong))
  t.test(`what is wrong: ${name}`, async t => {
    const result = read(zone)
    t.equal(result.zone, undefined)
    t.equal(result.errors.length, errors.length, result.errors.join('\n'))
    for (const [i, error] of errors.entries()) t.match(result.errors[i], error)
  })

const doubtful: Record<string, [zone: string[], warning: RegExp]> = {
  'RFC 2181 §5: a record that is there twice': [[GLUE, GLUE], /1 records are there twice/],
  'RFC 2181 §5.2: TTLs that differ': [[GLUE, 'ns 60 IN A 192.0.2.2'], /:4:1: the TTL 60 differs from the 300/],
  'an NS without an address': [[], /has the NS target ns\.a\.example\., which has no address/],
  'RFC 2181 §10.3: an MX that is an alias': [
    [GLUE, '@ 60 IN MX 1 m', 'm 60 IN CNAME ns'],
    /MX target m\.a\.example\., which is an alias/,
  ],
  'RFC 1034 §4.2.1: a delegation without glue': [
    [GLUE, 'sub 60 IN NS ns.sub'],
    /NS target ns\.sub\.a\.example\., which has no glue/,
  ],
  'RFC 1034 §4.2.1: data below a delegation': [
    [GLUE, 'sub 60 IN NS ns', 'www.sub 60 IN TXT "x"'],
    /www\.sub\.a\.example\. has a record of type TXT that sub\.a\.example\. NS hides/,
  ],
  'RFC 6672 §2.4: data below a DNAME': [
    [GLUE, 'old 60 IN DNAME b.', 'www.old 60 IN A 192.0.2.1'],
    /of type A that old\.a\.example\. DNAME hides/,
  ],
  'RFC 6672 §3.3: a DNAME at a wildcard': [[GLUE, '*.x 60 IN DNAME b.'], /is a wildcard DNAME/],
  'RFC 4035 §2.4: a DS at the apex': [
    [GLUE, `@ 60 IN DS 1 13 2 ${'00'.repeat(32)}`],
    /its DS belongs into the parent zone/,
  ],
}
for (const [name, [rest, warning]] of Object.entries(doubtful))
  t.test(`what is doubtful: ${name}`, async t => {
    const result = read([SOA, NS, ...rest])
    t.same(result.errors, [])
    t.ok(result.zone)
    t.equal(result.warnings.length, 1, result.warnings.join('\n'))
    t.match(result.warnings[0], warning)
  })

t.test('what needs no warning', async t => {
  const fine = [
    '*.w 60 IN A 192.0.2.1',
    '@ 60 IN MX 0 .',
    '@ 60 IN MX 1 a.w',
    'sub 60 IN NS ns.sub',
    'ns.sub 60 IN A 192.0.2.1',
    'x 60 IN MX 1 m.sub',
    'y 60 IN NS elsewhere.',
  ]
  t.same(read([SOA, NS, GLUE, ...fine]).warnings, [])
})

t.test('RFC 2181 §5.2: the lowest TTL counts for all', async t => {
  t.same(
    read([SOA, NS, GLUE, 'ns 60 IN A 192.0.2.2']).zone,
    zoneLines(10, ['ns 60 IN A 192.0.2.1', 'ns 60 IN A 192.0.2.2']),
  )
})

t.test('$INCLUDE is relative to the file that includes, and part of the digest', async t => {
  const zone = [SOA, NS, '$INCLUDE hosts/all']
  const first = read(zone, { '/zones/hosts/all': GLUE })
  t.same(first.zone, zoneLines(10, [GLUE]))
  t.not(read(zone, { '/zones/hosts/all': `${GLUE}\nx 60 IN A 192.0.2.1` }).digest, first.digest)
  t.match(read(zone).errors, [/^\/zones\/a:3:\d+: "hosts\/all" can't be included: no file \/zones\/hosts\/all$/])
  t.match(read(zone, { '/zones/hosts/all': 'x IN A 1' }).errors, [/^\/zones\/hosts\/all:1:/])
  t.equal(
    digestOfFile('/zones/a', () => zone.join('\n')),
    undefined,
    'can not be had without reading what is included',
  )
})

t.test('the digest of a file that includes none can be had without reading it as a zone', async t => {
  const text = [SOA, NS].join('\n')
  t.equal(
    digestOfFile('/zones/a', () => text),
    read([SOA, NS]).digest,
  )
})
