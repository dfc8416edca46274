import t from 'tap'
import { ConflictError } from '../../../host/database.ts'
import { openMemoryDatabase } from '../../../server/storage/memory-database.ts'
import { applyToRecords, type Changeset, diffRecords } from '../../../zones/change.ts'
import { differencesSince } from '../../../zones/history/differences.ts'
import { createZoneStore, type NewEntry, ZONE_MIGRATIONS, type ZoneStore } from '../../../zones/store/store.ts'
import { lines, NS, ORIGIN, record, records, SOA } from '../lines.ts'

const open = () => createZoneStore(openMemoryDatabase(ZONE_MIGRATIONS))
const soa = (serial: number) => SOA.replace(' 10 ', ` ${serial} `)
const entry = (change: Changeset, serialBefore: number, more: Partial<NewEntry> = {}): NewEntry => ({
  ...{ change, serialBefore, serialAfter: serialBefore + 1, at: 1000, key: 'dns.', source: '192.0.2.1' },
  ...more,
})

async function all(store: ZoneStore, zone: number) {
  const found = []
  for await (const some of store.records(zone)) found.push(...some)
  return lines(found)
}

/** A zone whose serial has gone from 10 to 10 + count, an address added each time. */
async function withHistory(count: number) {
  const store = open()
  let zone = records([SOA, NS])
  const { id } = await store.create('inside', ORIGIN, zone)
  for (let i = 0; i < count; i++) {
    const next = [...zone.filter(({ type }) => type !== 6), record(soa(11 + i)), record(`h${i} 60 IN A 192.0.2.1`)]
    await store.commit(id, i, entry(diffRecords(zone, next), 10 + i))
    zone = next
  }
  return { store, id, zone }
}

t.test('a zone comes back as it was stored, octet for octet', async t => {
  const store = open()
  const zone = [
    SOA,
    NS,
    'WWW 0 IN A 192.0.2.1',
    'www 60 IN TXT "a" "b" ""',
    '\\000\\255.x 60 IN TYPE65280 \\# 3 00ff20',
    '*.y 60 IN MX 1 Mail',
  ]
  const { id } = await store.create('inside', ORIGIN, records(zone))
  t.same(await all(store, id), lines(records(zone)))
  t.same(await store.find('inside', ORIGIN), { id, revision: 0, baseline: undefined })
})

t.test('more records than are read at once', async t => {
  const store = open()
  const zone = records([SOA, NS, ...Array.from({ length: 45_000 }, (_, i) => `h${i} 60 IN A 192.0.2.${i % 256}`)])
  const { id } = await store.create('inside', ORIGIN, zone)
  t.equal((await all(store, id)).length, zone.length)
})

t.test('zones of the same name in two views are two, and one is stored once', async t => {
  const store = open()
  const inside = await store.create('inside', ORIGIN, records([SOA, NS]))
  const outside = await store.create('outside', ORIGIN, records([soa(99), NS]))
  t.not(inside.id, outside.id)
  await t.rejects(store.create('inside', ORIGIN, records([SOA, NS])), ConflictError)
  await store.remove(inside.id)
  t.equal(await store.find('inside', ORIGIN), undefined)
  t.same(await all(store, inside.id), [])
  t.same(await all(store, outside.id), lines(records([soa(99), NS])))
})

t.test('a change is stored on the revision it was made for, or not at all', async t => {
  const { store, id, zone } = await withHistory(2)
  t.same(await all(store, id), lines(zone))
  const change = diffRecords(zone, [...zone, record('late 60 IN A 192.0.2.9')])
  await t.rejects(store.commit(id, 1, entry(change, 12)), ConflictError)
  t.same(await all(store, id), lines(zone))
  const twice = { deleted: [], added: [zone.at(-1)!] }
  await t.rejects(store.commit(id, 2, entry(twice, 12)), ConflictError, 'a record that is there already')
  const missing = { deleted: [record('nobody 60 IN A 192.0.2.9')], added: [] }
  await t.rejects(store.commit(id, 2, entry(missing, 12)), ConflictError, 'a record that is not there')
  t.equal((await store.find('inside', ORIGIN))!.revision, 2)
})

t.test('the baseline is kept with what is made of it', async t => {
  const store = open()
  const zone = records([SOA, NS])
  const { id } = await store.create('inside', ORIGIN, zone, { digest: 'one', records: zone })
  t.same(lines(await store.baseline(id)), lines(zone))
  const next = applyToRecords(zone, { deleted: [], added: [record('www 60 IN A 192.0.2.1')] })
  await store.commit(id, 0, entry(diffRecords(zone, next), 10, { baseline: { digest: 'two', records: next } }))
  t.same(lines(await store.baseline(id)), lines(next))
  t.match(await store.find('inside', ORIGIN), { revision: 1, baseline: 'two' })
})

t.test('RFC 1995: the changes since a serial lead from it to the newest', async t => {
  const { store, id, zone } = await withHistory(5)
  t.equal(await store.revisionOf(id, 12), 2)
  t.equal(await store.revisionOf(id, 9), undefined, 'a serial that is not kept')
  const change = await differencesSince(store, id, 12, 100)
  const from = records([soa(12), NS, 'h0 60 IN A 192.0.2.1', 'h1 60 IN A 192.0.2.1'])
  t.same(lines(applyToRecords(from, change!)), lines(zone))
  t.equal(await differencesSince(store, id, 9, 100), undefined)
  t.equal(await differencesSince(store, id, 10, 4), undefined, 'more than are worth it')
})

t.test('RFC 1995 §5: what came and went again is not among the differences', async t => {
  const { store, id } = await withHistory(1)
  const [brief] = records(['brief 60 IN TXT "x"'])
  const step = (serial: number, more: Partial<Changeset>) => ({
    deleted: [record(soa(serial)), ...(more.deleted ?? [])],
    added: [record(soa(serial + 1)), ...(more.added ?? [])],
  })
  await store.commit(id, 1, entry(step(11, { added: [brief!] }), 11))
  await store.commit(id, 2, entry(step(12, { deleted: [brief!] }), 12))
  const change = await differencesSince(store, id, 11, 100)
  t.same([lines(change!.deleted), lines(change!.added)], [lines([record(soa(11))]), lines([record(soa(13))])])
})

t.test('RFC 1982: a serial that came round again counts where it was last', async t => {
  const { store, id } = await withHistory(3)
  const back: Changeset = { deleted: [record(soa(13))], added: [record(soa(10))] }
  await store.commit(id, 3, entry(back, 13, { serialAfter: 10 }))
  await store.commit(id, 4, entry({ deleted: [record(soa(10))], added: [record(soa(11))] }, 10))
  t.equal(await store.revisionOf(id, 10), 4)
})

t.test('RFC 8945 §5.2.3: requests are kept with what they did until they could not be accepted any more', async t => {
  const { store, id, zone } = await withHistory(1)
  const mac = (n: number) => Uint8Array.of(n >> 8, n & 255)
  let current = zone
  for (let i = 1; i < 600; i++) {
    const next = [...current.filter(({ type }) => type !== 6), record(soa(11 + i))]
    const change = entry(diffRecords(current, next), 10 + i, { at: i })
    const request = { zone: id, mac: mac(i), rcode: 0, until: i + 100 }
    await store.commitTogether([{ zone: id, revision: i, entry: change }], [], request)
    current = next
  }
  t.equal((await store.requests(id, 600)).length, 100)
  t.same((await store.requests(id, 600))[0], { zone: id, mac: Buffer.from(mac(500)), rcode: 0, until: 600 })
  t.ok((await store.requests(id, 0)).length < 300, 'those that ended are forgotten a few at a time')
  const failed = store.commitTogether([], [{ zone: id, revision: 7 }], {
    zone: id,
    mac: mac(1000),
    rcode: 0,
    until: 9999,
  })
  await t.rejects(failed, ConflictError)
  t.equal((await store.requests(id, 9000)).length, 0, 'and none of what was not done')
})
