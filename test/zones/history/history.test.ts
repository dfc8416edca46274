import fc from 'fast-check'
import t from 'tap'
import { openMemoryDatabase } from '../../../server/storage/memory-database.ts'
import { diffRecords } from '../../../zones/change.ts'
import { compareZones } from '../../../zones/history/compare.ts'
import { additionOf, historyOf, revertTo, zoneAt, zoneAtTime } from '../../../zones/history/history.ts'
import { createZoneStore, type JournalLimits, ZONE_MIGRATIONS } from '../../../zones/store/store.ts'
import { lines, NS, ORIGIN, record, records, SOA } from '../lines.ts'
import { content, machine } from '../split.ts'

async function open() {
  const daemon = machine()
  await daemon.configure({ in: [{ name: 'a.example.', dynamic: true }] })
  const zone = daemon.zone('in')
  const revert = async (serial: number) => {
    const past = await zoneAt(zone.pipeline!, serial)
    return zone.write({ key: undefined, source: `revert to ${serial}` }, (tip, holders) =>
      revertTo(past!, tip, holders),
    )
  }
  return { ...daemon, pipeline: zone.pipeline!, update: (...updates: string[]) => daemon.update('in', updates), revert }
}

t.test('who changed what, when, and between which serials, the newest first', async t => {
  const { update, pipeline } = await open()
  await update('www 60 IN A 192.0.2.1')
  await update('www 0 ANY A', 'x 60 IN A 192.0.2.2')
  const [last, first] = await historyOf(pipeline, 10)
  t.match(last, { serialBefore: 2, serialAfter: 3, key: 'dns.', source: '192.0.2.7' })
  t.match(lines(last!.change.deleted), [/SOA/, /^www/])
  t.match(first, { serialBefore: 1, serialAfter: 2 })
  t.equal((await historyOf(pipeline, 1)).length, 1)
})

t.test('a revert has a new serial, is in the history, and gives records back to who held them', async t => {
  const { update, pipeline, revert, shown, zone } = await open()
  await update('www 60 IN A 192.0.2.1')
  const before = content(shown('in'))
  await update('www 0 ANY ANY', 'x 60 IN A 192.0.2.2')
  t.equal((await revert(2)).version.serial(), 4)
  t.same(content(shown('in')), before)
  t.equal(zone('in').holderOf(record('www 60 IN A 192.0.2.1')), 'dns.')
  t.equal((await historyOf(pipeline, 1))[0]!.source, 'revert to 2')
  t.equal((await revert(2)).version.serial(), 4, 'it is so already')
  t.equal(await zoneAt(pipeline, 99), undefined)
})

t.test(
  'by which change a record came: of those remembered, and of those in the journal after a restart or a failed write',
  async t => {
    const daemon = await open()
    const { update, configure, restart, zone, database } = daemon
    const serialOf = async (text: string) => (await additionOf(zone('in').pipeline!, record(text), 100))?.serialAfter
    const first = 'www 60 IN A 192.0.2.1'
    const second = 'www 60 IN A 192.0.2.2'
    const known = async () => [await serialOf(first), await serialOf(second), await serialOf('x 60 IN A 192.0.2.9')]
    await update(first)
    await update(second)
    t.same(await known(), [2, 3, undefined])
    await update('www 0 NONE A 192.0.2.1', 'y 60 IN A 192.0.2.1')
    await update(first)
    t.same(await known(), [5, 3, undefined], 'the last one counts')
    restart()
    await configure({ in: [{ name: 'a.example.', dynamic: true }] })
    t.same(await known(), [5, 3, undefined])
    await update('www 0 NONE A 192.0.2.1')
    database.next('reply is lost')
    await update(first)
    await update('x 60 IN A 192.0.2.9')
    t.same(await known(), [7, 3, 8], 'what nobody was told of is on disk all the same')
  },
)

t.test('a change that is too large to be remembered is found in the journal', async t => {
  const { update, pipeline } = await open()
  await update('www 60 IN A 192.0.2.1')
  await update('www 0 NONE A 192.0.2.1')
  const many = Array.from({ length: 1001 }, (_, i) => `h${i} 60 IN A 192.0.2.1`)
  await update('www 60 IN A 192.0.2.1', ...many)
  t.equal((await additionOf(pipeline, record('www 60 IN A 192.0.2.1'), 100))?.serialAfter, 4)
  t.equal(pipeline.additions.of(record('www 60 IN A 192.0.2.1')), undefined)
})

t.test('a zone as it was at a time: before its first change, between two, and now', async t => {
  const { update, pipeline, clock } = await open()
  await clock.advance(1000)
  await update('www 60 IN A 192.0.2.1')
  await clock.advance(1000)
  await update('www 60 IN A 192.0.2.2')
  const [second, first] = await historyOf(pipeline, 10)
  const serialAt = async (time: number) => (await zoneAtTime(pipeline, time))?.serial
  t.equal(await serialAt(second!.at), 3)
  t.equal(await serialAt(second!.at + 1e9), 3)
  t.equal(await serialAt(first!.at - 1), 1)
  t.equal(await serialAt(second!.at - 1), 2)
})

t.test('every serial that is kept is as it was, and can be had back', async () => {
  const change = fc.tuple(fc.nat(3), fc.nat(3), fc.boolean())
  const input = fc.tuple(fc.array(change, { minLength: 1, maxLength: 12 }), fc.nat())
  await fc.assert(
    fc.asyncProperty(input, async ([changes, pick]) => {
      const { update, pipeline, revert, shown, serial } = await open()
      const known = new Map([[serial('in'), shown('in').join('\n')]])
      for (const [host, address, remove] of changes) {
        await update(remove ? `h${host} 0 ANY A` : `h${host} 6${address} IN A 192.0.2.${address}`)
        known.set(serial('in'), shown('in').join('\n'))
      }
      for (const [serial, text] of known)
        if (lines((await zoneAt(pipeline, serial))!.records).join('\n') !== text) return false
      const to = [...known.keys()][pick % known.size]!
      await revert(to)
      return content(shown('in')).join('\n') === content(known.get(to)!.split('\n')).join('\n')
    }),
    { numRuns: 40 },
  )
})

/** How many of 512 changes are left, each a second and about 200 octets, when the last is made. */
async function kept(limits: Partial<JournalLimits>, database = openMemoryDatabase(ZONE_MIGRATIONS)): Promise<number> {
  const all = { age: Number.POSITIVE_INFINITY, changes: 1000, size: Number.POSITIVE_INFINITY, ...limits }
  const store = createZoneStore(database, () => all)
  let zone = records([SOA, NS])
  const { id } = await store.create('in', ORIGIN, zone)
  for (let i = 0; i < 512; i++) {
    const soa = record(SOA.replace(' 10 ', ` ${11 + i} `))
    const next = [...zone.filter(({ type }) => type !== 6), soa]
    const change = diffRecords(zone, next)
    await store.commit(id, i, {
      change,
      serialBefore: 10 + i,
      serialAfter: 11 + i,
      at: i * 1000,
      key: 'dns.',
      source: 'x',
    })
    zone = next
  }
  return (await store.journal(id, 0, 1000)).length
}

t.test('what is too old, too much or too large is dropped', async t => {
  t.equal(await kept({}), 512)
  t.equal(await kept({ changes: 100 }), 101)
  t.equal(await kept({ age: 50_000 }), 51)
  const left = await kept({ size: 10_000 })
  t.ok(left > 10 && left < 100, `${left} are left of those that are too large together`)
})

t.test('the octets of a journal are counted as entries come and go', async t => {
  const database = openMemoryDatabase(ZONE_MIGRATIONS)
  const sizes = async () => {
    const counted = 'SELECT journal_size AS counted, (SELECT sum(length(changes)) FROM zone_journal) AS real FROM zones'
    return (await database.read({ sql: counted, parameters: [] }))[0]!
  }
  await kept({ size: 10_000 }, database)
  const { counted, real } = await sizes()
  t.equal(counted, real)
  t.ok(Number(counted) <= 10_000)
})

t.test('what two views see, and why', async t => {
  const daemon = machine()
  daemon.files.set('/over', 'www 300 IN A 198.51.100.1\nonly 300 IN A 198.51.100.2\n')
  const show = [{ names: ['**'], types: ['A', 'CNAME', 'TXT'] }]
  const overlay = { name: 'a.example.', overlay_of: 'in', show, hide_private: true, file: '/over' }
  await daemon.configure({ in: [{ name: 'a.example.', dynamic: true }], out: [overlay] })
  await daemon.update('in', [
    ...[
      'www 60 IN A 192.0.2.1',
      'priv 60 IN A 10.0.0.1',
      'alias 60 IN CNAME priv',
      'm 60 IN MX 1 www',
      'same 60 IN TXT "t"',
    ],
  ])
  const compared = (view: string) => {
    const zone = daemon.zone(view)
    const base = zone.overlay && 'in'
    return { view, version: zone.contents, overlay: zone.overlay, base, holderOf: zone.holderOf.bind(zone) }
  }
  const found = compareZones(ORIGIN, compared('in'), compared('out')).filter(({ record }) => !/ SOA /.test(record))
  t.same(found, [
    {
      ...{ view: 'in', record: 'alias.a.example. 60 IN CNAME priv.a.example.', from: 'the key dns.' },
      absent: 'priv.a.example., to which it points, is not shown',
    },
    {
      view: 'in',
      record: 'm.a.example. 60 IN MX 1 www.a.example.',
      from: 'the key dns.',
      absent: 'no show rule covers it',
    },
    {
      ...{ view: 'out', record: 'only.a.example. 300 IN A 198.51.100.2', from: 'the file of the overlay' },
      absent: 'only the overlay has it',
    },
    {
      ...{ view: 'in', record: 'priv.a.example. 60 IN A 10.0.0.1', from: 'the key dns.' },
      absent: 'it tells of a private address',
    },
    {
      ...{ view: 'out', record: 'www.a.example. 300 IN A 198.51.100.1', from: 'the file of the overlay' },
      absent: 'only the overlay has it',
    },
    {
      ...{ view: 'in', record: 'www.a.example. 60 IN A 192.0.2.1', from: 'the key dns.' },
      absent: "the overlay's file has its own A",
    },
  ])
})
