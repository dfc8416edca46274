import t from 'tap'
import type { ZoneConfig } from '../../../config/schema.ts'
import { parseName, printName } from '../../../dns/name.ts'
import type { Member } from '../../../zones/catalog/read.ts'
import { type Catalog, memberConfig, settleCatalogs } from '../../../zones/catalog/settle.ts'

const AT = { address: { address: '192.0.2.1', port: 53 } }

const catalog = (name: string, ...members: string[]): Catalog => ({
  config: { name: parseName(name), primaries: [AT], catalog: { groups: [] } } as unknown as Catalog['config'],
  members: members.map(member),
})
/** "zone/label>coo" */
const member = (text: string): Member => {
  const [, zone, label, coo] = /^(.*)\/(.*?)(?:>(.*))?$/.exec(text)!
  return { zone: parseName(zone!), label: label!, groups: [], ...(coo && { coo: parseName(coo) }) }
}
const owned = (...texts: string[]) =>
  texts.map(text => {
    const [zone, label, of] = text.split(/[/@]/)
    return { zone: zone!, label: label!, catalog: of! }
  })
const settled = (configured: string[], catalogs: Catalog[], before: string[]) => {
  const { owned: now, forgotten, released, clashes } = settleCatalogs(new Set(configured), catalogs, owned(...before))
  return {
    owned: now.map(({ owner, member }) => `${printName(member.zone)}/${member.label}@${printName(owner.config.name)}`),
    forgotten,
    released,
    clashes: clashes.map(({ catalog: of, zone }) => `${printName(zone)}@${printName(of)}`),
  }
}

for (const [sentence, configured, catalogs, before, expected] of [
  ['a zone that is listed is its catalog’s', [], [catalog('a.', 'x./1')], [], { owned: ['x./1@a.'] }],
  [
    'of two that list a new zone the first has it',
    [],
    [catalog('a.', 'x./1'), catalog('b.', 'x./1')],
    [],
    { owned: ['x./1@a.'], clashes: ['x.@b.'] },
  ],
  [
    'RFC 9432 §5.2: a configured zone is nobody’s',
    ['x.'],
    [catalog('a.', 'x./1')],
    [],
    { owned: [], clashes: ['x.@a.'] },
  ],
  [
    'a zone that comes into the configuration is let go with what it has',
    ['x.'],
    [catalog('a.', 'x./1')],
    ['x./1@a.'],
    { owned: [], released: ['x.'], forgotten: [], clashes: ['x.@a.'] },
  ],
  [
    'RFC 9432 §5.3: what is taken out goes with all it has',
    [],
    [catalog('a.')],
    ['x./1@a.'],
    { owned: [], forgotten: ['x.'] },
  ],
  [
    'RFC 9432 §5.3: but not what another catalog brought',
    [],
    [catalog('a.'), catalog('b.', 'x./1')],
    ['x./1@b.'],
    { owned: ['x./1@b.'], forgotten: [] },
  ],
  [
    'of a catalog that is not there nothing is forgotten',
    [],
    [],
    ['x./1@a.'],
    { owned: [], forgotten: [], released: [] },
  ],
  [
    'RFC 9432 §5.4: with another label it begins anew',
    [],
    [catalog('a.', 'x./2')],
    ['x./1@a.'],
    { owned: ['x./2@a.'], forgotten: ['x.'] },
  ],
  [
    'RFC 9432 §4.4.1: without coo a zone stays where it is',
    [],
    [catalog('a.', 'x./2'), catalog('b.', 'x./1')],
    ['x./1@b.'],
    { owned: ['x./1@b.'], clashes: ['x.@a.'], forgotten: [] },
  ],
  [
    'RFC 9432 §4.4.1: coo alone moves nothing',
    [],
    [catalog('a.', 'x./1>b.'), catalog('b.')],
    ['x./1@a.'],
    { owned: ['x./1@a.'], forgotten: [], clashes: [] },
  ],
  [
    'RFC 9432 §4.4.1: with coo it goes to the other that lists it, and keeps what it has under the same label',
    [],
    [catalog('a.', 'x./1>b.'), catalog('b.', 'x./1')],
    ['x./1@a.'],
    { owned: ['x./1@b.'], forgotten: [], clashes: [] },
  ],
  [
    'RFC 9432 §4.4.1: under another label it begins anew',
    [],
    [catalog('a.', 'x./1>b.'), catalog('b.', 'x./2')],
    ['x./1@a.'],
    { owned: ['x./2@b.'], forgotten: ['x.'] },
  ],
  [
    'once it has moved the old catalog’s coo is no claim',
    [],
    [catalog('a.', 'x./1>b.'), catalog('b.', 'x./1')],
    ['x./1@b.'],
    { owned: ['x./1@b.'], forgotten: [], clashes: [] },
  ],
  [
    'a zone that its catalog drops is the other’s then, anew',
    [],
    [catalog('a.'), catalog('b.', 'x./2')],
    ['x./1@a.'],
    { owned: ['x./2@b.'], forgotten: ['x.'] },
  ],
] as const)
  t.test(sentence, t => {
    t.match(settled([...configured], [...catalogs], [...before]), expected)
    t.end()
  })

t.test('RFC 9432 §4.4.2: of a member’s groups the first that is configured gives the settings', t => {
  const OTHER = { address: { address: '192.0.2.2', port: 53 } }
  const settings = {
    transfer: [{ tls: true }],
    groups: [
      { name: 'far', primaries: [OTHER] },
      { name: 'near', notify: [OTHER] },
    ],
  }
  const of = (...groups: string[]) => {
    const config = { name: parseName('a.'), primaries: [AT], catalog: settings } as unknown as Catalog['config']
    const { primaries, transfer, notify, type }: ZoneConfig = memberConfig(
      { config, members: [] },
      { ...member('x./1'), groups },
    )
    return { primaries, transfer, notify, type }
  }
  const transfer = [{ tls: true }]
  t.same(of(), { primaries: [AT], transfer, notify: [], type: 'secondary' })
  t.same(of('unheard'), of())
  t.same(of('near', 'far'), { primaries: [OTHER], transfer, notify: [], type: 'secondary' })
  t.same(of('near'), { primaries: [AT], transfer, notify: [OTHER], type: 'secondary' })
  t.end()
})
