import fc from 'fast-check'
import t from 'tap'
import { silentLog } from '../../../host/log.ts'
import { openMemoryDatabase } from '../../../server/storage/memory-database.ts'
import { diffRecords } from '../../../zones/change.ts'
import { recordsOfVersion } from '../../../zones/history/baseline.ts'
import { createZoneStore, type JournalLimits, ZONE_MIGRATIONS, type ZoneStore } from '../../../zones/store/store.ts'
import { readStored } from '../../../zones/store/stored-image.ts'
import { FaultyDatabase } from '../faulty-database.ts'
import { MemoryFiles } from '../image-files.ts'
import { lines, NS, ORIGIN, record, records, SOA } from '../lines.ts'

/** A zone in a store, changed one address at a time; how often its records were read one by one is counted. */
async function storedZone(limits?: JournalLimits) {
  const files = new MemoryFiles()
  const database = new FaultyDatabase(openMemoryDatabase(ZONE_MIGRATIONS))
  const store = createZoneStore(database, limits && (() => limits), files)
  const { id } = await store.create('inside', ORIGIN, records([SOA, NS]))
  let zone = records([SOA, NS])
  let revision = 0
  const read = { records: 0 }
  const counted: ZoneStore = {
    ...store,
    records(number) {
      read.records++
      return store.records(number)
    },
  }
  return {
    ...{ files, database, store, id, read },
    zone: () => lines(zone),
    open: async () =>
      readStored(counted, (await store.find('inside', ORIGIN))!, ORIGIN, silentLog).then(({ image, kept }) => ({
        ...{ image, kept },
        lines: lines(recordsOfVersion(image.latest())),
      })),
    async change(host: string) {
      const known = zone.filter(({ type }) => type !== 6)
      const next = [record(SOA.replace(' 10 ', ` ${11 + revision} `)), ...known, record(`${host} 60 IN A 192.0.2.1`)]
      const [serialBefore, serialAfter] = [10 + revision, 11 + revision]
      const change = diffRecords(zone, next)
      await store.commit(id, revision++, { change, serialBefore, serialAfter, at: 1000, key: undefined, source: 't' })
      zone = next
    },
    async keep() {
      const { image } = await readStored(store, (await store.find('inside', ORIGIN))!, ORIGIN, silentLog)
      await store.images.keep(id, revision, image.latest())
    },
  }
}

t.test('a kept image is brought up to date by the journal, whatever came in between', async t => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom('change', 'keep'), { maxLength: 12 }), async steps => {
      const stored = await storedZone()
      for (const [i, step] of steps.entries()) await (step === 'keep' ? stored.keep() : stored.change(`h${i}`))
      const before = stored.read.records
      const opened = await stored.open()
      t.strictSame(opened.lines, stored.zone())
      t.equal(stored.read.records - before, steps.includes('keep') ? 0 : 1)
    }),
    { numRuns: 30 },
  )
})

t.test('what was read back may be changed on', async t => {
  const stored = await storedZone()
  await stored.change('a')
  await stored.keep()
  await stored.change('b')
  const { image, kept } = await stored.open()
  t.equal(kept, 1)
  const next = image.apply(image.latest(), { deleted: [], added: [record('c 60 IN A 192.0.2.1')] })!
  t.strictSame(lines(recordsOfVersion(image.latest())), stored.zone())
  t.equal(next.size(), image.latest().size() + 1)
})

t.test('an image whose row never came to be on disk counts for nothing', async t => {
  const stored = await storedZone()
  await stored.keep()
  await stored.change('a')
  stored.database.next('fails')
  await t.rejects(stored.keep())
  await stored.change('b')
  const { lines, kept } = await stored.open()
  t.strictSame(lines, stored.zone())
  t.equal(kept, undefined, 'nor does the one before it, which is gone')
  await stored.keep()
  t.equal((await stored.open()).kept, 2)
})

t.test('an image of another history is not used: of a database that was restored since', async t => {
  const stored = await storedZone()
  const other = await storedZone()
  await stored.change('a')
  await other.change('b')
  await stored.keep()
  await other.keep()
  await other.keep()
  for (const [name, file] of other.files.files) stored.files.files.set(name, file)
  const { lines, kept } = await stored.open()
  t.strictSame([lines, kept], [stored.zone(), undefined])
})

t.test('an image that the journal does not lead on from is not used', async t => {
  const stored = await storedZone({ age: Number.POSITIVE_INFINITY, changes: 100, size: Number.POSITIVE_INFINITY })
  await stored.keep()
  for (let i = 0; i < 260; i++) await stored.change(`h${i}`)
  const { lines, kept } = await stored.open()
  t.strictSame([lines, kept], [stored.zone(), undefined])
})

t.test('an image of another zone, or one that holds no zone, is not used', async t => {
  const stored = await storedZone()
  await stored.keep()
  const [file] = stored.files.files.values()
  // The last label of the origin, which stands in the head.
  file!.octets[Buffer.from(file!.octets).indexOf('example')]! ^= 1
  t.strictSame((await stored.open()).kept, undefined)
  file!.octets.fill(0)
  const { lines, kept } = await stored.open()
  t.strictSame([lines, kept], [stored.zone(), undefined])
})

t.test('a zone that is removed takes with it what is known of its image', async t => {
  const stored = await storedZone()
  await stored.keep()
  await stored.store.remove(stored.id)
  t.equal(await stored.store.images.find(stored.id), undefined)
})
