import fc from 'fast-check'
import t from 'tap'
import { Rcode } from '../../../dns/codes.ts'
import { silentLog } from '../../../host/log.ts'
import { openMemoryDatabase } from '../../../server/storage/memory-database.ts'
import { recordsOfVersion } from '../../../zones/history/baseline.ts'
import { Holders } from '../../../zones/holders.ts'
import { createZoneStore, ZONE_MIGRATIONS, type ZoneStore } from '../../../zones/store/store.ts'
import { applyUpdate } from '../../../zones/update/update.ts'
import { ZoneWriter } from '../../../zones/write/writer.ts'
import { ZoneImage } from '../../../zones/zone.ts'
import { createSimulatedClock } from '../../simulation/clock.ts'
import { type Fault, FaultyDatabase } from '../faulty-database.ts'
import { lines, NS, ORIGIN, records, SOA, updateMessage, zoneLines } from '../lines.ts'

const ACTOR = { key: 'dns.', source: '192.0.2.1' }

/** A zone with SOA and NS, its writer, and what it tells the world. */
async function openZone(rest: string[] = []) {
  const database = new FaultyDatabase(openMemoryDatabase(ZONE_MIGRATIONS))
  const store = createZoneStore(database)
  const content = records([SOA, NS, ...rest])
  const { id, revision } = await store.create('inside', ORIGIN, content)
  const image = ZoneImage.create(ORIGIN, content)
  const published: number[] = []
  const replaced: ZoneImage[] = []
  const writer = new ZoneWriter({
    store,
    zone: id,
    revision,
    image,
    holders: new Holders(),
    clock: createSimulatedClock(),
    log: silentLog,
    onPublished: ({ version }) => published.push(version.serial()),
    onReplaced: image => replaced.push(image),
  })
  const update = (...updates: string[]) =>
    writer.write(ACTOR, tip => applyUpdate(tip, ORIGIN, updateMessage({ updates })))
  return { database, store, id, writer, update, published, replaced }
}

const shown = (writer: ZoneWriter) => lines(recordsOfVersion(writer.image.latest()))
async function stored(store: ZoneStore, id: number) {
  const all = []
  for await (const some of store.records(id)) all.push(...some)
  return lines(all)
}
const A = (i: number) => `h${i} 60 IN A 192.0.2.${i}`

t.test('a change is shown only when it is on disk, and answered only then', async t => {
  const { database, writer, update, published } = await openZone()
  database.next('waits')
  const first = update(A(1))
  await new Promise(setImmediate)
  t.same(shown(writer), zoneLines(10, []))
  t.same(published, [])
  database.release()
  t.equal((await first).version.serial(), 11)
  t.same(shown(writer), zoneLines(11, [A(1)]))
  t.same(published, [11])
})

t.test('the next change is decided on what is not on disk yet', async t => {
  const { database, store, id, writer, update } = await openZone()
  database.next('waits')
  const both = [update(A(1)), update(A(2)), update('h1 0 ANY A')]
  await new Promise(setImmediate)
  t.equal(database.commits, 4, 'all three are on their way, after the one that made the zone')
  database.release()
  await Promise.all(both)
  t.same(shown(writer), zoneLines(13, [A(2)]))
  t.same(await stored(store, id), shown(writer))
})

t.test('what the disk refuses is not shown, nor what was built on it, and the zone goes on', async t => {
  const { database, store, id, writer, update } = await openZone()
  database.next('waits', 'fails', 'none')
  const outcomes = Promise.allSettled([update(A(1)), update(A(2)), update(A(3))])
  await new Promise(setImmediate)
  database.release()
  const [first, second, third] = await outcomes
  t.equal(first.status, 'fulfilled')
  for (const failed of [second, third]) t.match(failed, { status: 'rejected', reason: { rcode: Rcode.SERVFAIL } })
  t.same(shown(writer), zoneLines(11, [A(1)]))
  await update(A(4))
  t.same(shown(writer), zoneLines(12, [A(1), A(4)]))
  t.same(await stored(store, id), shown(writer))
})

t.test('what the disk took although its reply was lost is shown before anything else is decided', async t => {
  const { database, store, id, writer, update, published } = await openZone()
  database.next('reply is lost')
  await t.rejects(update(A(1)), { name: 'RcodeError', rcode: Rcode.SERVFAIL })
  await update(A(2))
  t.same(shown(writer), zoneLines(12, [A(1), A(2)]))
  t.same(published, [11, 12])
  t.same(await stored(store, id), shown(writer))
})

t.test('while the disk fails the zone is served as it was, and every change is SERVFAIL', async t => {
  const { database, writer, update } = await openZone()
  database.broken = true
  for (let i = 0; i < 3; i++) await t.rejects(update(A(i)), { name: 'RcodeError', rcode: Rcode.SERVFAIL })
  t.same(shown(writer), zoneLines(10, []))
  database.broken = false
  await update(A(1))
  t.same(shown(writer), zoneLines(11, [A(1)]))
})

t.test('an answer that changes nothing waits for the disk as well', async t => {
  const { database, update } = await openZone()
  database.next('waits')
  const first = update(A(1))
  const same = update(A(1))
  const refused = update('h2 1 ANY A')
  const outcomes = Promise.allSettled([first, same, refused])
  await new Promise(setImmediate)
  database.release()
  const [one, two, three] = await outcomes
  t.equal(one.status, 'fulfilled')
  t.match(two, { status: 'fulfilled', value: { change: { added: [] } } })
  t.match(three, { status: 'rejected', reason: { rcode: Rcode.FORMERR } })
  database.next('fails')
  const lost = Promise.allSettled([update(A(2)), update(A(2)), update('h2 1 ANY A')])
  for (const outcome of await lost)
    t.match(outcome, { status: 'rejected', reason: { rcode: Rcode.SERVFAIL } }, 'what it rested on is gone')
})

t.test('a record that changes its TTL stays its holder’s; what another key adds is that key’s', async t => {
  const { store, id, writer, update } = await openZone()
  await update(A(1))
  await writer.write({ key: 'other.', source: '192.0.2.2' }, tip =>
    applyUpdate(tip, ORIGIN, updateMessage({ updates: ['h1 5 IN A 192.0.2.99', 'x 5 IN TXT "x"'] })),
  )
  t.same([...(await store.holders(id)).values()].sort(), ['dns.', 'other.', 'other.'])
  await update('h1 0 ANY A')
  t.same([...(await store.holders(id)).values()], ['other.'])
})

t.test('the journal says who changed what, and leads from each serial to the next', async t => {
  const { store, id, update, writer } = await openZone()
  await update(A(1))
  await update(A(2))
  const journal = await store.journal(id, 0, 10)
  t.match(journal, [
    { revision: 1, serialBefore: 10, serialAfter: 11, key: 'dns.', source: '192.0.2.1' },
    { revision: 2, serialBefore: 11, serialAfter: 12 },
  ])
  let version = ZoneImage.create(ORIGIN, records([SOA, NS])).latest()
  for (const { change } of journal) version = version.image.apply(version, change)!
  t.same(lines(recordsOfVersion(version)), shown(writer))
})

t.test('an image that is full is replaced by a larger one, without a gap', async t => {
  const { store, id, writer, update, replaced, published } = await openZone()
  const first = writer.image
  const generations = [first.generation()]
  for (let round = 0; replaced.length === 0; round++) {
    const text = `t${round % 7} 60 IN TXT "${String(round).padStart(240, 'x')}"`
    await Promise.all([update(`t${round % 7} 0 ANY TXT`, text), update(A(round % 200))])
    generations.push(writer.image.generation())
  }
  t.equal(replaced[0], writer.image)
  t.not(writer.image, first)
  t.same(await stored(store, id), shown(writer))
  t.same(
    generations,
    [...generations].sort((a, b) => a - b),
    'generations only rise',
  )
  t.equal(new Set(published).size, published.length)
})

t.test('a change larger than the room of any image is taken all the same', async t => {
  const { writer, update } = await openZone()
  await update(...Array.from({ length: 2000 }, (_, i) => `big${i} 60 IN TXT "${'x'.repeat(200)}"`))
  t.equal(writer.image.latest().size(), 2002)
})

t.test('a writer that is closed takes nothing more, and finishes what it took', async t => {
  const { writer, update } = await openZone()
  const last = update(A(1))
  await writer.close()
  await last
  await t.rejects(update(A(2)), { name: 'RcodeError', rcode: Rcode.SERVFAIL })
})

t.test(
  'whatever the disk does, memory equals the disk, what was answered is there, and what failed is wholly there or not',
  async () => {
    const faults = fc.constantFrom<Fault>('none', 'none', 'fails', 'reply is lost')
    const step = fc.record({
      host: fc.nat(3),
      value: fc.nat(3),
      remove: fc.boolean(),
      fault: faults,
      together: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async steps => {
        const { database, store, id, writer, update } = await openZone()
        let waiting: Promise<unknown>[] = []
        for (const { host, value, remove, fault, together } of steps) {
          database.next(fault)
          const change = remove ? `h${host} 0 ANY A` : `h${host} 60 IN A 192.0.2.${value}`
          // Two records in one change: never one of them alone.
          waiting.push(update(change, remove ? `h${host} 0 ANY TXT` : `h${host} 60 IN TXT "${value}"`))
          if (together) continue
          await Promise.allSettled(waiting)
          waiting = []
        }
        await Promise.allSettled(waiting)
        database.calm()
        await update('last 60 IN A 192.0.2.9')
        const zone = shown(writer)
        const disk = await stored(store, id)
        if (disk.join('\n') !== zone.join('\n')) return false
        return zone
          .filter(line => line.startsWith('h'))
          .every(line => {
            const [owner, , , type] = line.split(' ')
            return zone.some(other => other.startsWith(`${owner} `) && !other.includes(` ${type} `))
          })
      }),
      { numRuns: 60 },
    )
  },
)
