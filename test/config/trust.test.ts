import t from 'tap'
import { printName } from '../../dns/name.ts'
import { Type } from '../../dns/types.ts'
import { load, shown, sourcesOf } from './sources.ts'

const DS = '20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D'

t.test('trust anchors are records, in the config or in a file', async t => {
  const files = {
    '/etc/namestead/anchors': `; two of them\nlab. 3600 IN DS ${DS}\nother.lab. DNSKEY 257 3 8 AwEAAQ==\n`,
  }
  const { config, errors } = load(`trust_anchors: [". IN DS ${DS}", { file: anchors }]`, sourcesOf(files))
  t.same(errors, [])
  const told = config!.trust_anchors.map(({ zone, type }) => [printName(zone), type])
  t.same(told, [
    ['.', Type.DS],
    ['lab.', Type.DS],
    ['other.lab.', Type.DNSKEY],
  ])
})

t.test('what is no trust anchor is told of where it stands', async t => {
  const cases: [sentence: string, written: string, message: RegExp][] = [
    ['another type', '". A 192.0.2.1"', /^1:17: expected a DS or DNSKEY record/],
    ['no record', '"example"', /^1:17: /],
    ['an empty text', '""', /^1:17: /],
    ['a digest that is cut off', `". DS 20326 8 2 E0"`, /^1:17: |^$/],
    ['a file that is not there', '{ file: nowhere }', /nowhere can't be read: there is no such file/],
    ['an unknown key', '{ path: anchors }', /path/],
  ]
  for (const [sentence, written, message] of cases)
    t.match(shown(load(`trust_anchors: [${written}]`).errors).join('\n'), message, sentence)
})

t.test('negative trust anchors have an end', async t => {
  const { config, errors } = load(
    'negative_trust_anchors: [{ name: a.example, until: 2030-01-31 }, { name: b.example, until: "2030-01-31T12:00:00Z", why: they know }]',
  )
  t.same(errors, [])
  t.match(config!.negative_trust_anchors, [
    { until: Date.UTC(2030, 0, 31) },
    { until: Date.UTC(2030, 0, 31, 12), why: 'they know' },
  ])
  const wrong = (text: string) => shown(load(`negative_trust_anchors: [${text}]`).errors).join('\n')
  t.match(wrong('{ name: a.example }'), /until/)
  t.match(wrong('{ name: a.example, until: tomorrow }'), /expected time such as/)
  t.match(wrong('{ name: a.example, until: 2030-13-31 }'), /expected time such as/)
  t.match(wrong('{ name: a.example, until: 2030-01-31 }, { name: A.example., until: 2030-01-31 }'), /given twice/)
})
