import fc from 'fast-check'
import t from 'tap'
import { Rcode } from '../../../dns/codes.ts'
import { RcodeError } from '../../../dns/errors.ts'
import { silentLog } from '../../../host/log.ts'
import { openMemoryDatabase } from '../../../server/storage/memory-database.ts'
import { recordsOfVersion } from '../../../zones/history/baseline.ts'
import { Holders } from '../../../zones/holders.ts'
import { createZoneStore, ZONE_MIGRATIONS } from '../../../zones/store/store.ts'
import { applyUpdate } from '../../../zones/update/update.ts'
import type { Follower } from '../../../zones/write/pipeline.ts'
import { writeTogether, ZoneWriter } from '../../../zones/write/writer.ts'
import { ZoneImage } from '../../../zones/zone.ts'
import { createSimulatedClock } from '../../simulation/clock.ts'
import { type Fault, FaultyDatabase } from '../faulty-database.ts'
import { lines, NS, ORIGIN, records, SOA, updateMessage, zoneLines } from '../lines.ts'

const ACTOR = { key: 'dns.', source: '192.0.2.1' }
const A = (i: number) => `h${i} 60 IN A 192.0.2.${i}`

/** Zones of one name in several views, on one disk; `published` tells in which order. */
async function openZones<View extends string>(...views: View[]) {
  const database = new FaultyDatabase(openMemoryDatabase(ZONE_MIGRATIONS))
  const store = createZoneStore(database)
  const published: string[] = []
  const followers = new Map<string, Follower[]>()
  const zones = {} as Record<View, { writer: ZoneWriter; id: number }>
  for (const view of views) {
    const content = records([SOA, NS])
    const { id, revision } = await store.create(view, ORIGIN, content)
    const writer = new ZoneWriter({
      ...{ store, zone: id, revision, image: ZoneImage.create(ORIGIN, content), holders: new Holders() },
      ...{ clock: createSimulatedClock(), log: silentLog },
      followers: () => followers.get(view) ?? [],
      onPublished: () => published.push(views.map(one => zones[one].writer.image.latest().serial()).join(' ')),
    })
    zones[view] = { writer, id }
  }
  const part = (view: View, updates: string[]) => ({
    writer: zones[view].writer,
    decide: (tip: Parameters<typeof applyUpdate>[0]) => applyUpdate(tip, ORIGIN, updateMessage({ updates })),
  })
  const update = (updates: string[], ...which: View[]) =>
    writeTogether(
      ACTOR,
      which.map(view => part(view, updates)),
    )
  const shown = (view: View) => lines(recordsOfVersion(zones[view].writer.image.latest()))
  const stored = async (view: View) => {
    const all = []
    for await (const some of store.records(zones[view].id)) all.push(...some)
    return lines(all)
  }
  return { database, store, zones, followers, update, part, shown, stored, published }
}

t.test('several zones change in one commit, and are published before anyone is told of either', async t => {
  const { database, update, shown, published } = await openZones('in', 'out')
  const before = database.commits
  const written = await update([A(1)], 'in', 'out')
  t.equal(database.commits, before + 1)
  t.same(
    written.map(({ version }) => version.serial()),
    [11, 11],
  )
  for (const view of ['in', 'out'] as const) t.same(shown(view), zoneLines(11, [A(1)]))
  t.same(published, ['11 11', '11 11'])
})

t.test('what one zone refuses, no zone has', async t => {
  const { part, shown, stored } = await openZones('in', 'out')
  const refuse = () => {
    throw new RcodeError(Rcode.REFUSED, 'not here')
  }
  const parts = [part('in', [A(1)]), { ...part('out', []), decide: refuse }]
  await t.rejects(writeTogether(ACTOR, parts), { name: 'RcodeError', rcode: Rcode.REFUSED })
  for (const view of ['in', 'out'] as const) {
    t.same(shown(view), zoneLines(10, []))
    t.same(await stored(view), shown(view))
  }
})

t.test('what the disk refuses, no zone has, nor what was built on any of them', async t => {
  const { database, update, shown, stored } = await openZones('in', 'out')
  database.next('waits', 'fails', 'none')
  const outcomes = Promise.allSettled([update([A(1)], 'in'), update([A(2)], 'in', 'out'), update([A(3)], 'out')])
  await new Promise(setImmediate)
  database.release()
  t.match(await outcomes, [
    { status: 'fulfilled' },
    { status: 'rejected', reason: { rcode: Rcode.SERVFAIL } },
    { status: 'rejected', reason: { rcode: Rcode.SERVFAIL } },
  ])
  await update([A(4)], 'out')
  t.same(shown('in'), zoneLines(11, [A(1)]))
  t.same(shown('out'), zoneLines(11, [A(4)]))
  for (const view of ['in', 'out'] as const) t.same(await stored(view), shown(view))
})

t.test(
  'what the disk took although its reply was lost is shown of all zones at once, whichever is written next',
  async t => {
    const { database, update, shown, published } = await openZones('in', 'out')
    database.next('reply is lost')
    await t.rejects(update([A(1)], 'in', 'out'), { name: 'RcodeError', rcode: Rcode.SERVFAIL })
    await update([A(2)], 'out')
    t.same(shown('in'), zoneLines(11, [A(1)]))
    t.same(shown('out'), zoneLines(12, [A(1), A(2)]))
    t.same(published, ['11 11', '11 11', '11 12'])
  },
)

t.test('a follower changes in the commit of the zone that it follows, and can refuse it', async t => {
  const { database, zones, followers, update, shown } = await openZones('in', 'out')
  const follow: Follower['follow'] = ({ change }, own) => {
    if (change.added.some(({ ttl }) => ttl === 7)) throw new RcodeError(Rcode.REFUSED, 'not seven')
    const updates = change.added.filter(({ type }) => type === 1)
    return applyUpdate(own.tip, ORIGIN, { ...updateMessage({}), authority: updates })
  }
  followers.set('in', [{ pipeline: zones.out.writer.pipeline, follow }])
  const before = database.commits
  await update([A(1)], 'in')
  t.equal(database.commits, before + 1)
  t.same(shown('out'), zoneLines(11, [A(1)]))
  await t.rejects(update(['h2 7 IN A 192.0.2.2'], 'in'), { name: 'RcodeError', rcode: Rcode.REFUSED })
  t.same(shown('in'), zoneLines(11, [A(1)]))
  // Both change of themselves and one follows: one commit still, the serial raised in each step.
  await update([A(3)], 'in', 'out')
  t.same(shown('in'), zoneLines(12, [A(1), A(3)]))
  t.same(shown('out'), zoneLines(12, [A(1), A(3)]))
})

t.test('who held what was deleted is in the journal', async t => {
  const { store, zones, update } = await openZones('in')
  await update([A(1), A(2)], 'in')
  await update(['h1 0 ANY A'], 'in')
  const [first, second] = await store.journal(zones.in.id, 0, 10)
  t.equal(first!.released, undefined)
  t.same(second!.released, [undefined, 'dns.'], 'the SOA is nobody’s')
})

t.test('whatever the disk does, zones that change together are equal, in memory and on disk', async () => {
  const step = fc.record({
    host: fc.nat(3),
    value: fc.nat(3),
    fault: fc.constantFrom<Fault>('none', 'none', 'fails', 'reply is lost'),
    wait: fc.boolean(),
    alone: fc.constantFrom('none', 'in', 'out'),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async steps => {
      const { database, update, shown, stored } = await openZones('in', 'out')
      let waiting: Promise<unknown>[] = []
      for (const { host, value, fault, wait, alone } of steps) {
        database.next(fault)
        // What changes in one zone alone is called otherwise.
        if (alone === 'none') waiting.push(update([`h${host} 60 IN A 192.0.2.${value}`], 'in', 'out'))
        else waiting.push(update([`alone${host} 60 IN A 192.0.2.${value}`], alone as 'in' | 'out'))
        if (!wait) continue
        await Promise.allSettled(waiting)
        waiting = []
      }
      await Promise.allSettled(waiting)
      database.calm()
      await update(['last 60 IN A 192.0.2.9'], 'in', 'out')
      const together = (zone: string[]) => zone.filter(line => /^(h\d|last)/.test(line)).join('\n')
      const same = (one: string[], other: string[]) => one.join('\n') === other.join('\n')
      return (
        together(shown('in')) === together(shown('out')) &&
        same(await stored('in'), shown('in')) &&
        same(await stored('out'), shown('out'))
      )
    }),
    { numRuns: 60 },
  )
})
