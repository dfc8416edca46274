import t from 'tap'
import type { ZoneConfig } from '../../config/schema.ts'
import { parseName, printName } from '../../dns/name.ts'
import { isSecondary } from '../../server/zones/zones.ts'
import { readCatalog } from '../../zones/catalog/read.ts'
import { type Script, servePrimary } from '../zones/peer.ts'
import { at, secondary, view, world, type Zones, zoneText } from './zones-world.ts'

const CATALOG = '192.0.2.1'
const OTHER_CATALOG = '192.0.2.2'
const ONE = '192.0.2.11'
const TWO = '192.0.2.12'

const catalogText = (origin: string, serial: number, ...lines: string[]) =>
  zoneText(origin, serial, 'version TXT "2"', ...lines)

const GROUPS = { groups: [{ name: 'two', primaries: [at(TWO)] }], primaries: [at(ONE)] }

const serials = (zones: Zones) =>
  Object.fromEntries([...zones].map(zone => [printName(zone.origin), zone.image?.latest().serial()]))
const configOf = (zones: Zones, name: string): ZoneConfig => zones.find('v', parseName(name))!.config

async function refresh(w: ReturnType<typeof world>, zones: Zones, name = 'catz.') {
  const zone = zones.find('v', parseName(name))!
  if (isSecondary(zone)) zone.refreshSoon()
  await w.run(zones)
}

t.test('members of a catalog are transferred and served, by the settings of their groups', async t => {
  const w = world()
  const script: Script = {
    zone: catalogText('catz.', 1, 'a.zones PTR one.example.', 'b.zones PTR two.example.', 'group.b.zones TXT two'),
  }
  servePrimary(w.network, w.clock, `${CATALOG}:53`, script)
  servePrimary(w.network, w.clock, `${ONE}:53`, { zone: zoneText('one.example.', 11) })
  servePrimary(w.network, w.clock, `${TWO}:53`, { zone: zoneText('two.example.', 12) })
  const config = view('v', secondary('catz.', CATALOG, { catalog: GROUPS }))
  const zones = w.start()
  await zones.configure(config)
  await w.run(zones)
  t.same(serials(zones), { 'catz.': 1, 'one.example.': 11, 'two.example.': 12 })
  t.same(
    zones.configured(config)[0]!.zones.map(({ name }) => printName(name)),
    ['catz.', 'one.example.', 'two.example.'],
  )
  t.same(zones.serving().length, 3)

  await t.test('after a restart they are served at once', async t => {
    const again = w.start()
    await again.configure(config)
    t.same(serials(again), { 'catz.': 1, 'one.example.': 11, 'two.example.': 12 })
    await again.close()
  })

  await t.test('another group, another primary', async t => {
    script.zone = catalogText('catz.', 2, 'a.zones PTR one.example.', 'b.zones PTR two.example.')
    await refresh(w, zones)
    t.same(configOf(zones, 'two.example.').primaries, [at(ONE)])
  })

  await t.test('RFC 9432 §5.1: a broken catalog is not taken over, and changes nothing', async t => {
    script.zone = zoneText('catz.', 3, 'a.zones PTR one.example.')
    await refresh(w, zones)
    t.equal(serials(zones)['catz.'], 2)
    t.same(Object.keys(serials(zones)), ['catz.', 'one.example.', 'two.example.'])
    t.match(
      w.logged.find(({ level, fields }) => level === 'warn' && /catalog is broken/.test(String(fields['reason']))),
      { fields: { zone: 'catz.', reason: /it has no version/ } },
    )
    t.equal(zones.transfersIn.refused > 0, true, 'and is counted')
  })

  await t.test('RFC 9432 §5.3: what is taken out is closed, and forgotten', async t => {
    script.zone = catalogText('catz.', 4, 'a.zones PTR one.example.')
    await refresh(w, zones)
    t.same(serials(zones), { 'catz.': 4, 'one.example.': 11 })
    t.equal(await w.store.find('v', parseName('two.example.')), undefined)
    t.same(
      (await w.store.members.of('v')).map(({ zone }) => zone),
      ['one.example.'],
    )
  })

  await t.test('RFC 9432 §5.4: with another label a zone begins anew', async t => {
    servePrimary(w.network, w.clock, `${ONE}:53`, { zone: zoneText('one.example.', 3) })
    script.zone = catalogText('catz.', 5, 'z.zones PTR one.example.')
    await refresh(w, zones)
    t.same(serials(zones), { 'catz.': 5, 'one.example.': 3 }, 'though its serial is older now')
  })

  await t.test('a member can not be promoted', async t => {
    const member = zones.find('v', parseName('one.example.'))!
    if (isSecondary(member)) await t.rejects(zones.promote(member), { message: /a catalog lists it/ })
  })

  await t.test('a zone that the configuration takes over keeps what it has', async t => {
    await zones.configure(view('v', ...config[0]!.zones, secondary('one.example.', ONE)))
    t.same(serials(zones), { 'catz.': 5, 'one.example.': 3 })
    t.same(await w.store.members.of('v'), [])
    t.match(
      w.logged.findLast(({ message }) => /its name is taken/.test(message)),
      { fields: { member: 'one.example.', owner: 'the configuration' } },
    )
  })

  await t.test('without the catalog its members are not served', async t => {
    await zones.configure(config)
    t.same(Object.keys(serials(zones)), ['catz.', 'one.example.'])
    await zones.configure(view('v'))
    t.same(Object.keys(serials(zones)), [])
  })
  await zones.close()
})

t.test('RFC 9432 §4.4.1: a zone moves from one catalog to another', async t => {
  const w = world()
  const [from, to]: [Script, Script] = [
    { zone: catalogText('one.catz.', 1, 'a.zones PTR one.example.') },
    { zone: catalogText('two.catz.', 1) },
  ]
  servePrimary(w.network, w.clock, `${CATALOG}:53`, from)
  servePrimary(w.network, w.clock, `${OTHER_CATALOG}:53`, to)
  servePrimary(w.network, w.clock, `${ONE}:53`, { zone: zoneText('one.example.', 11) })
  const zones = w.start()
  await zones.configure(
    view(
      'v',
      secondary('one.catz.', CATALOG, { catalog: { groups: [], primaries: [at(ONE)] } }),
      secondary('two.catz.', OTHER_CATALOG, { catalog: { groups: [], primaries: [at(ONE)], notify: [at(TWO)] } }),
    ),
  )
  await w.run(zones)
  const member = () => zones.find('v', parseName('one.example.'))!
  const before = member()
  to.zone = catalogText('two.catz.', 2, 'a.zones PTR one.example.')
  await refresh(w, zones, 'two.catz.')
  t.same(member().config.notify, [], 'without coo it is a clash')
  from.zone = catalogText('one.catz.', 2, 'a.zones PTR one.example.', 'coo.a.zones PTR two.catz.')
  await refresh(w, zones, 'one.catz.')
  t.same(member().config.notify, [at(TWO)])
  t.equal(member(), before, 'under the same label with all it has')
  from.zone = catalogText('one.catz.', 3)
  await refresh(w, zones, 'one.catz.')
  t.equal(member(), before, 'and stays when the old catalog drops it')
  await zones.close()
})

t.test('a catalog of our own lists the zones of its view, over restarts and reloads', async t => {
  const w = world()
  const own = (more: object = {}) => ({
    name: parseName('catz.'),
    catalog_of: { zones: [{ text: '**', labels: ['**'], relative: true }], groups: [], moved: [], ...more },
  })
  const dynamic = (name: string) => ({ name: parseName(name), dynamic: true })
  const listed = (zones: Zones) =>
    Object.fromEntries(
      readCatalog(zones.find('v', parseName('catz.'))!.image!.latest()).map(m => [printName(m.zone), m.label]),
    )
  const zones = w.start()
  await zones.configure(view('v', own(), dynamic('a.example.'), dynamic('b.example.')))
  const before = listed(zones)
  t.same(Object.keys(before).sort(), ['a.example.', 'b.example.'])
  const serial = () => serials(zones)['catz.']!
  const was = serial()
  await zones.configure(view('v', own(), dynamic('a.example.'), dynamic('b.example.')))
  t.equal(serial(), was, 'no change, no serial')
  await zones.configure(view('v', own(), dynamic('a.example.'), dynamic('c.example.')))
  t.equal(serial(), was + 1)
  t.equal(listed(zones)['a.example.'], before['a.example.'])
  await zones.close()

  const again = w.start()
  await again.configure(view('v', own(), dynamic('a.example.'), dynamic('c.example.'), dynamic('b.example.')))
  t.equal(listed(again)['a.example.'], before['a.example.'])
  t.not(listed(again)['b.example.'], before['b.example.'], 'one that comes again is another')
  const change = await again.find('v', parseName('catz.'))!.differencesSince(was)
  t.ok(change, 'its secondaries get differences')
  await again.close()
})
