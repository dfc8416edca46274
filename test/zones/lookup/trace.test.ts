import t from 'tap'
import { parseName, printName } from '../../../dns/name.ts'
import { Type, typeName } from '../../../dns/types.ts'
import { parseZonefile } from '../../../dns/zonefile.ts'
import { ZoneTable } from '../../../zones/lookup/table.ts'
import { type Step, traceLookup } from '../../../zones/lookup/trace.ts'
import { ZoneImage } from '../../../zones/zone.ts'

function zone(origin: string, text: string): ZoneImage {
  const name = parseName(origin)
  const { records } = parseZonefile(`$TTL 60\n@ SOA ns h 7 1 1 1 1\n@ NS ns\n${text}`, { origin: name, file: 'z' })
  return ZoneImage.create(name, records)
}

const zones = new ZoneTable([
  zone(
    'a.example',
    `www A 192.0.2.1
alias CNAME www
far CNAME www.b.example.
out CNAME www.elsewhere.example.
one CNAME two
two CNAME one
*.w TXT "w"
x.y.w A 192.0.2.2
sub NS ns.sub
d DNAME b.example.
`,
  ),
  zone('b.example', 'www A 192.0.2.3\n'),
])

const shown = ({ name, kind, at, wildcard, types, target }: Step) =>
  [
    printName(name),
    kind,
    `at ${printName(at)}`,
    ...(wildcard ? [`by ${printName(wildcard)}`] : []),
    ...(types.length > 0 ? [types.map(typeName).join(',')] : []),
    ...(target ? [`to ${printName(target)}`] : []),
  ].join(' ')

t.test('the steps to an answer are those that answer', async t => {
  const cases: [name: string, type: number, steps: string[]][] = [
    ['www.a.example', Type.A, ['www.a.example. answer at www.a.example. A']],
    ['www.a.example', Type.TXT, ['www.a.example. nodata at www.a.example. A']],
    ['none.a.example', Type.A, ['none.a.example. nxdomain at a.example.']],
    [
      'alias.a.example',
      Type.A,
      [
        'alias.a.example. cname at alias.a.example. CNAME to www.a.example.',
        'www.a.example. answer at www.a.example. A',
      ],
    ],
    [
      'far.a.example',
      Type.A,
      ['far.a.example. cname at far.a.example. CNAME to www.b.example.', 'www.b.example. answer at www.b.example. A'],
    ],
    ['out.a.example', Type.A, ['out.a.example. cname at out.a.example. CNAME to www.elsewhere.example.']],
    [
      'one.a.example',
      Type.A,
      [
        'one.a.example. cname at one.a.example. CNAME to two.a.example.',
        'two.a.example. cname at two.a.example. CNAME to one.a.example.',
      ],
    ],
    // RFC 4592 §3.3
    ['k.w.a.example', Type.TXT, ['k.w.a.example. answer at w.a.example. by *.w.a.example.']],
    ['k.w.a.example', Type.A, ['k.w.a.example. nodata at w.a.example. by *.w.a.example.']],
    // RFC 4592 §2.2.2: what is below an existing name is not synthesized from the wildcard above that.
    ['z.y.w.a.example', Type.TXT, ['z.y.w.a.example. nxdomain at y.w.a.example.']],
    ['y.w.a.example', Type.A, ['y.w.a.example. nodata at y.w.a.example.']],
    ['host.sub.a.example', Type.A, ['host.sub.a.example. referral at sub.a.example.']],
    // RFC 6672 §2.2
    [
      'www.d.a.example',
      Type.A,
      ['www.d.a.example. dname at d.a.example. to www.b.example.', 'www.b.example. answer at www.b.example. A'],
    ],
    ['www.elsewhere.example', Type.A, []],
  ]
  for (const [name, type, steps] of cases)
    t.strictSame(traceLookup(zones, parseName(name), type).map(shown), steps, `${name} ${typeName(type)}`)
})

t.test('a step names zone and serial', async t => {
  const [step] = traceLookup(zones, parseName('www.a.example'), Type.A)
  t.match(step, { zone: parseName('a.example'), serial: 7 })
})
