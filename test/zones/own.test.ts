import t from 'tap'
import { compilePattern } from '../../config/pattern.ts'
import type { UpdateRule, ZoneConfig } from '../../config/schema.ts'
import { Rcode } from '../../dns/codes.ts'
import { parseName } from '../../dns/name.ts'
import { silentLog } from '../../host/log.ts'
import { openMemoryDatabase } from '../../server/storage/memory-database.ts'
import { recordsOfVersion } from '../../zones/history/baseline.ts'
import { openPrimary } from '../../zones/primary.ts'
import { createZoneStore, ZONE_MIGRATIONS } from '../../zones/store/store.ts'
import { createSimulatedClock } from '../simulation/clock.ts'
import { lines, NS, ORIGIN, record, SOA, updateMessage } from './lines.ts'

const rule = (key: string, names: string[], more: Partial<UpdateRule> = {}): UpdateRule => ({
  ...{ key: parseName(`${key}.`), names: names.map(compilePattern), own: true, wildcards: false },
  ...more,
})

/** Two clusters' ExternalDNS, cert-manager, and an administrator who may do everything. */
const RULES = [
  rule('blue', ['**']),
  rule('green', ['**']),
  rule('cert', ['_acme-challenge.**.a.example', '_acme-challenge.**']),
  rule('admin', ['**', 'a.example'], { own: false, wildcards: true }),
]

async function open(more: Partial<ZoneConfig> = {}, file: string[] = []) {
  const clock = createSimulatedClock()
  const config = {
    ...{ name: ORIGIN, type: 'primary', dynamic: true, update: RULES, transfer: [], notify: [], hide_private: false },
    ...{ file: '/z', ...more },
  } as ZoneConfig
  const zone = await openPrimary('in', config, {
    ...{ store: createZoneStore(openMemoryDatabase(ZONE_MIGRATIONS)), clock, log: silentLog },
    ...{ serverName: parseName('ns.example.'), readFile: () => [SOA, NS, ...file].join('\n') },
  })
  const who = (key: string) => ({ key: parseName(`${key}.`), address: Uint8Array.of(192, 0, 2, 7) })
  const send = (key: string, ...updates: string[]) => zone.update(updateMessage({ updates }), who(key))
  const trial = (key: string, ...updates: string[]) => zone.tryUpdate(updateMessage({ updates }), who(key))
  const shown = () => lines(recordsOfVersion(zone.contents)).filter(line => !/ (SOA|NS) /.test(line))
  return { zone, clock, send, trial, shown }
}

const A = 'app 60 IN A 192.0.2.1'
const TXT = 'app 60 IN TXT "heritage=external-dns,external-dns/owner=default"'
const none = (line: string) => line.replace(/ \d+ IN /, ' 0 NONE ')
const OK = { rcode: Rcode.NOERROR }
const REFUSED = { rcode: Rcode.REFUSED }

t.test('ExternalDNS creates, changes and deletes what it made', async t => {
  const { send, shown } = await open()
  t.match(await send('blue', A, TXT), OK)
  t.match(
    await send('blue', none(A), none(TXT), 'app 60 IN A 192.0.2.9', TXT),
    OK,
    'exact records deleted, then added, in one message',
  )
  t.same(shown(), lines(['app 60 IN A 192.0.2.9', TXT].map(record)))
  t.match(await send('blue', none('app 60 IN A 192.0.2.9'), none(TXT)), OK)
  t.same(shown(), [])
})

t.test('two ExternalDNS of the same owner id touch nothing of each other', async t => {
  const { send, shown } = await open()
  await send('blue', A, TXT)
  for (const update of [
    none(A),
    none(TXT),
    'app 0 ANY A',
    'app 0 ANY ANY',
    'app 60 IN A 192.0.2.66',
    'app 5 IN A 192.0.2.1',
  ])
    t.match(await send('green', update), REFUSED, update)
  t.match(await send('green', 'own 60 IN A 192.0.2.3', none(A)), REFUSED, 'one refused record refuses the message')
  t.same(shown(), lines([A, TXT].map(record)))
  t.match(await send('green', none('app 60 IN A 192.0.2.66')), OK, 'what is not there is nobody’s')
  t.match(await send('green', 'app 60 IN AAAA 2001:db8::1'), OK, 'another type of the name')
  await send('blue', none(A))
  t.match(await send('green', 'app 60 IN A 192.0.2.66'), OK, 'once it is free')
})

t.test('a swap from A to CNAME: the CNAME is ignored (RFC 2136 §3.4.2.2), the deletion done', async t => {
  const { send, shown } = await open()
  await send('blue', A)
  t.match(await send('blue', 'app 60 IN CNAME lb.b.example.'), OK)
  t.match(await send('blue', none(A)), OK)
  t.same(shown(), [])
  t.match(await send('blue', 'app 60 IN CNAME lb.b.example.'), OK, 'at the next sync')
})

t.test('a cleaner that runs early deletes no live challenge; cert-manager cleans up twice', async t => {
  const { send, shown } = await open()
  const one = '_acme-challenge.app 60 IN TXT "one"'
  const two = '_acme-challenge.app 60 IN TXT "two"'
  t.match(await send('cert', one), OK)
  t.match(await send('cert', two), OK, 'of the wildcard, beside the first')
  for (const update of [none(one), '_acme-challenge.app 0 ANY TXT', '_acme-challenge.app 0 ANY ANY'])
    t.match(await send('blue', update), REFUSED, update)
  t.match(await send('cert', none(one)), OK)
  t.match(await send('cert', none(one)), OK, 'when it is already gone')
  t.same(shown(), lines([record(two)]))
})

t.test('what the file has is nobody’s to take, and an administrator’s rule goes over all', async t => {
  const { send } = await open({}, ['www 60 IN A 192.0.2.5'])
  t.match(await send('blue', 'www 60 IN A 192.0.2.6'), { ...REFUSED, reason: /the zone's file holds www/ })
  t.match(await send('blue', none('www 60 IN A 192.0.2.5')), REFUSED)
  await send('blue', A)
  t.match(await send('admin', none(A), 'app 60 IN A 192.0.2.8'), OK)
  t.match(await send('blue', none('app 60 IN A 192.0.2.8')), { ...REFUSED, reason: /another key holds app/ })
})

t.test('a reserved name is touched by nobody', async t => {
  const { send } = await open({
    reserved: ['wpad', '**.infra.a.example', '*.lab'].map(name =>
      compilePattern(name === 'wpad' ? 'wpad.a.example' : name),
    ),
  })
  for (const update of ['wpad 60 IN A 192.0.2.1', 'x.infra 60 IN A 192.0.2.1', 'infra 0 ANY ANY', 'WPAD 0 ANY A'])
    t.match(await send('admin', update), { ...REFUSED, reason: /reserved/ }, update)
  t.match(await send('admin', A), OK)
})

t.test('deletions are bounded in a message and in a minute; replacing is none', async t => {
  const rules = [rule('blue', ['**'], { deletes: { per_message: 2, per_minute: 3 } })]
  const { send, clock, shown } = await open({ update: rules })
  const host = (i: number) => `h${i} 60 IN A 192.0.2.${i}`
  await send('blue', ...Array.from({ length: 9 }, (_, i) => host(i)))
  const gone = (...which: number[]) => send('blue', ...which.map(i => none(host(i))))
  t.match(await gone(0, 1, 2), { ...REFUSED, reason: /rule 1 lets 2 records be deleted in a message, not 3/ })
  t.equal(shown().length, 9)
  t.match(await send('blue', ...[0, 1, 2].flatMap(i => [none(host(i)), `h${i} 60 IN A 192.0.3.${i}`])), OK, 'replaced')
  t.match(await gone(3, 4), OK)
  t.match(await gone(5, 6), { ...REFUSED, reason: /in a minute/ })
  t.match(await gone(5), OK)
  t.match(await gone(6), REFUSED)
  await clock.advance(60_001)
  t.match(await gone(6), OK)
})

t.test('a dry run says what an update would be answered, and changes nothing', async t => {
  const { trial, send, shown, zone } = await open()
  await send('blue', A)
  const before = zone.contents.serial()
  const cases: [key: string, updates: string[]][] = [
    ['blue', [none(A), TXT]],
    ['green', [none(A)]],
    ['cert', ['_acme-challenge.x 60 IN TXT "t"']],
    ['cert', ['x 60 IN TXT "t"']],
    ['nobody', [A]],
    ['blue', ['*.w 60 IN A 192.0.2.1']],
    ['admin', ['*.w 60 IN A 192.0.2.1']],
    ['blue', ['app 60 IN CNAME x']],
  ]
  const trials = cases.map(([key, updates]) => trial(key, ...updates))
  t.equal(zone.contents.serial(), before)
  t.same(shown(), lines([record(A)]))
  t.same(
    trials.map(({ permitted }) => permitted),
    [[0, 0], [], [2], [], [], [], [3], [0]],
  )
  t.match(trials[1]!.reason, /rule 2 has own: true, and another key holds app/)
  t.match(trials[3]!.reason, /rule 3 does not cover the name/)
  for (const [i, [key, updates]] of cases.entries()) {
    const { rcode, reason } = trials[i]!
    const fresh = await open()
    await fresh.send('blue', A)
    t.match(await fresh.send(key, ...updates), { rcode, reason }, `${key}: ${updates}`)
  }
})
