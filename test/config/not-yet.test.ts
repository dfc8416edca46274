import t from 'tap'
import { NOT_YET } from '../../config/not-yet.ts'
import { fixture, load, SECRET, sourcesOf } from './sources.ts'

const SOURCES = sourcesOf({ '/etc/namestead/keys/externaldns.secret': SECRET }, { XFR_NEW: SECRET, XFR_OLD: SECRET })

const notServed = (text: string) =>
  load(text, SOURCES)
    .warnings.filter(({ message }) => message.includes('not served yet'))
    .map(({ line, column, message }) => `${line}:${column} ${message.split(' is accepted')[0]}`)

t.test('each key that is accepted but not served is warned of where it stands', async t => {
  const text = `rate_limit: { responses: 5 }
cache: {}
views:
  - name: v
    match: { doh_path: /dns-query/v }
    zones: [{ name: a.b, file: z, dnssec: { sign: true } }, { name: c.d, type: secondary, primaries: [192.0.2.1] }]
ca:
  name: A
  url: https://a
  issuers: { one: {} }
  challenges: [dns-01, http-01]
  staging: false
  root: { certificate: crt, key: offline }
`
  const expected = [
    '1:13 rate_limit',
    '5:24 views[0].match.doh_path',
    '6:51 views[0].zones[0].dnssec.sign',
    '6:80 views[0].zones[1].type',
    '11:24 ca.challenges[1]',
    '13:34 ca.root.key',
  ]
  t.strictSame(
    notServed(text).filter(line => expected.includes(line)),
    expected.filter(line => served(line)),
  )
})

/** A key leaves the list when its capability comes; what this test says of it ends then. */
function served(line: string): boolean {
  const path = line.split(' ')[1]!.replace(/\[\d+\]/g, '[]')
  return NOT_YET.some(one => one.path === path)
}

t.test('a key that says "off" needs no warning', async t => {
  t.strictSame(notServed('views: [{ name: v }]\nprobes: []\ntrust_anchors: []'), [])
})

t.test('every path of the list is one of the schema, so that it can be found at all', async t => {
  const { schema } = await import('../../config/schema.ts')
  for (const { path } of NOT_YET) {
    let json = schema.json as Record<string, never>
    for (const step of path.match(/[^.[\]{}]+|\[\]|\{\}/g)!) {
      const shapes: Record<string, never>[] = json['anyOf'] ?? [json]
      const next = shapes
        .map(shape =>
          step === '[]' ? shape['items'] : step === '{}' ? shape['additionalProperties'] : shape['properties']?.[step],
        )
        .find(found => found)
      t.ok(next, `${path} at ${step}`)
      json = next ?? json
    }
  }
})

t.test('the normative example warns of such keys in it, and starts nevertheless', async t => {
  t.equal(load(fixture('contract.yaml'), SOURCES).errors.length, 0)
  const known = NOT_YET.map(({ path }) => path.replace(/\[\]$/, ''))
  for (const line of notServed(fixture('contract.yaml')))
    t.ok(
      known.some(path => line.replace(/\[\d+\]/g, '[]').includes(path)),
      line,
    )
})
