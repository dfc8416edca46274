import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Worker } from 'node:worker_threads'
import Sqlite from 'better-sqlite3'
import t from 'tap'
import { ConflictError, type Database, type Migration, StorageError } from '../../../host/database.ts'
import { openDatabase } from '../../../server/storage/database.ts'
import { openMemoryDatabase } from '../../../server/storage/memory-database.ts'
import { spawnStorage } from '../../../server/storage/storage-link.ts'
import { scratchFolder } from '../../scratch.ts'

const FIRST: Migration = {
  id: 'test-0001',
  statements: ['CREATE TABLE things (name TEXT PRIMARY KEY, state TEXT NOT NULL, data BLOB) STRICT'],
}
const SECOND: Migration = { id: 'test-0002', statements: ["ALTER TABLE things ADD COLUMN colour TEXT DEFAULT 'grey'"] }

const insert = (name: string, state = 'new') => ({
  sql: 'INSERT INTO things (name, state, data) VALUES (?, ?, ?)',
  parameters: [name, state, Uint8Array.of(0, 255)],
})
const move = (name: string, from: string, to: string) => ({
  sql: 'UPDATE things SET state = ? WHERE name = ? AND state = ?',
  parameters: [to, name, from],
  changes: 1,
})
const names = async (database: Database) =>
  (await database.read({ sql: 'SELECT name FROM things ORDER BY name', parameters: [] })).map(row => row.name)

const dir = scratchFolder(t)

const engines: [string, () => Promise<Database>][] = [
  ['in memory', async () => openMemoryDatabase([FIRST])],
  ['in a thread', () => openDatabase(join(dir, 'battery.db'), [FIRST])],
]

for (const [name, open] of engines)
  t.test(`a database ${name}`, async t => {
    const database = await open()
    t.teardown(() => database.close())

    await t.test('gives back octets as they were written', async t => {
      await database.commit([insert('octets')])
      const [row] = await database.read({ sql: 'SELECT data FROM things', parameters: [] })
      t.same([...(row!.data as Uint8Array)], [0, 255])
    })
    await t.test('keeps nothing of a commit whose compare-and-set fails', async t => {
      await t.rejects(database.commit([insert('half'), move('octets', 'old', 'gone')]), ConflictError)
      t.same(await names(database), ['octets'])
    })
    await t.test('calls a row that exists already a conflict', async t => {
      await t.rejects(database.commit([insert('octets')]), ConflictError)
    })
    await t.test('fails one commit of a group without harm to its neighbours', async t => {
      const group = [insert('a'), insert('a'), insert('b')].map(statement => database.commit([statement]))
      const outcomes = await Promise.allSettled(group)
      t.same(
        outcomes.map(outcome => outcome.status),
        ['fulfilled', 'rejected', 'fulfilled'],
      )
      t.same(await names(database), ['a', 'b', 'octets'])
    })
    await t.test('what fails in the middle of a group has not been there for those after it', async t => {
      const group = [
        database.commit([insert('before')]),
        names(database),
        database.commit([insert('lost'), move('before', 'old', 'gone')]),
        names(database),
        database.commit([move('lost', 'new', 'old')]),
        database.commit([move('before', 'new', 'old')]),
      ]
      const outcomes = await Promise.allSettled<unknown>(group)
      t.same(
        outcomes.map(({ status }) => status),
        ['fulfilled', 'fulfilled', 'rejected', 'fulfilled', 'rejected', 'fulfilled'],
      )
      for (const read of [outcomes[1], outcomes[3]]) t.match(read, { value: ['a', 'b', 'before', 'octets'] })
    })
    await t.test('a read sees every commit called before it', async t => {
      const commit = database.commit([insert('c')])
      t.ok((await names(database)).includes('c'))
      await commit
    })
    await t.test('RETURNING gives rows and counts them', async t => {
      const statement = { sql: "DELETE FROM things WHERE name = 'c' RETURNING name", parameters: [], changes: 1 }
      t.same((await database.commit([statement]))[0], { rows: [{ name: 'c' }], changes: 1 })
    })
    await t.test('a statement that is wrong is neither a conflict nor the disk', async t => {
      const error = await database.commit([{ sql: 'INSERT INTO nowhere VALUES (1)', parameters: [] }]).catch(e => e)
      t.notOk(error instanceof ConflictError || error instanceof StorageError)
      t.match(error.message, 'nowhere')
    })
    await t.test('true, false and undefined are bound as 1, 0 and NULL', async t => {
      t.same(await database.read({ sql: 'SELECT ? AS t, ? AS f, ? AS u', parameters: [true, false, undefined] }), [
        { t: 1, f: 0, u: null },
      ])
    })
  })

t.test('what was committed is there after it is opened again, and lacking migrations are run', async t => {
  const file = join(dir, 'again.db')
  const first = await openDatabase(file, [FIRST])
  await first.commit([insert('kept')])
  await first.close()
  const second = await openDatabase(file, [FIRST, SECOND])
  t.same(await second.read({ sql: 'SELECT name, colour FROM things', parameters: [] }), [
    { name: 'kept', colour: 'grey' },
  ])
  await second.close()
  await t.rejects(openDatabase(file, [FIRST]), { message: /written by a newer version of namestead \(test-0002\)/ })
})

t.test('a closed database refuses instead of hanging', async t => {
  const database = await openDatabase(join(dir, 'closed.db'), [FIRST])
  const last = database.commit([insert('flushed')])
  await database.close()
  await last
  await t.rejects(database.commit([insert('late')]), StorageError)
})

/** Opens a database whose thread can be made to crash. */
async function fragile(file: string) {
  const threads: Worker[] = []
  const told: string[] = []
  const lost = Promise.withResolvers<StorageError>()
  const database = await openDatabase(join(dir, file), [FIRST], {
    spawn(data) {
      threads.push(spawnStorage(data))
      return threads.at(-1)!
    },
    onRestart: reason => told.push(reason),
    onLost: lost.resolve,
  })
  return { database, threads, told, lost: lost.promise, crash: () => threads.at(-1)!.terminate() }
}

t.test('a storage thread that crashes is replaced: what was in flight fails, what comes later is done', async t => {
  const { database, threads, told, crash } = await fragile('crashed.db')
  await database.commit([insert('before')])
  const inFlight = Array.from({ length: 2000 }, (_, i) => database.commit([insert(`x${i}`)]))
  // By then it has the next batch.
  await inFlight[0]
  const crashed = crash()
  const outcomes = await Promise.allSettled(inFlight)
  await crashed
  const failures = outcomes.flatMap(outcome => (outcome.status === 'rejected' ? [outcome.reason] : []))
  t.match(failures[0], { name: 'StorageError', message: /the storage thread failed/ })
  await database.commit([insert('after')])
  const kept = new Set(await names(database))
  t.ok(kept.has('before') && kept.has('after'))
  t.ok(
    outcomes.every(({ status }, i) => status === 'rejected' || kept.has(`x${i}`)),
    'what was answered is there',
  )
  t.equal(threads.length, 2)
  t.equal(told.length, 1)
  await database.close()
})

t.test('one that crashes before it has done anything is not replaced again', async t => {
  const { database, threads, lost, crash } = await fragile('lost.db')
  await crash()
  t.match(await lost, { name: 'StorageError', message: /the storage thread failed/ })
  await t.rejects(database.commit([insert('late')]), StorageError)
  t.equal(threads.length, 1)
  await database.close()
})

t.test('a file that is not ours is refused with one plain sentence', async t => {
  const foreign = join(dir, 'foreign.db')
  const other = new Sqlite(foreign)
  other.exec('CREATE TABLE bookmarks (url TEXT)')
  other.close()
  const garbage = join(dir, 'garbage.db')
  writeFileSync(garbage, 'no database at all, but long enough to have a header of a hundred octets'.repeat(20))
  const cases: [string, string, RegExp][] = [
    ['another program’s database', foreign, /is a database of another program; name another file/],
    ['no database', garbage, /is not a database; restore a backup/],
    ['a folder that does not exist', join(dir, 'nowhere', 'x.db'), /its folder must exist and be writable/],
  ]
  for (const [name, file, message] of cases)
    await t.rejects(openDatabase(file, [FIRST]), { name: 'StorageError', message }, name)
})

t.test('a file that another daemon holds is refused', async t => {
  const file = join(dir, 'held.db')
  const holder = await openDatabase(file, [FIRST])
  await t.rejects(openDatabase(file, [FIRST]), { message: /in use by another daemon/ })
  await holder.close()
})

t.test('a disk that is full fails the commit and keeps what was there', async t => {
  const database = openMemoryDatabase([FIRST])
  await database.commit([insert('before')])
  await database.read({ sql: 'PRAGMA max_page_count = 8', parameters: [] })
  const big = {
    sql: 'INSERT INTO things (name, state, data) VALUES (?, ?, zeroblob(1000000))',
    parameters: ['big', 'new'],
  }
  await t.rejects(database.commit([big]), StorageError)
  t.same(await names(database), ['before'])
  await database.close()
})

t.test('the files are for their owner alone', async t => {
  const file = join(dir, 'private.db')
  const database = await openDatabase(file, [FIRST])
  t.teardown(() => database.close())
  await database.commit([insert('one')])
  for (const path of [file, `${file}-wal`]) t.equal(statSync(path).mode & 0o777, 0o600, path)
})

t.test('a copy is made while commits go on, and holds what was committed before it', async t => {
  const folder = scratchFolder(t)
  const database = await openDatabase(join(folder, 'a.db'), [
    { id: 'a-1', statements: ['CREATE TABLE lines (n INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT'] },
  ])
  const insert = (n: number) =>
    database.commit([{ sql: 'INSERT INTO lines VALUES (?, ?)', parameters: [n, 'x'.repeat(2000)] }])
  await Promise.all(Array.from({ length: 2000 }, (_, n) => insert(n)))
  const shares: number[] = []
  const copied = database.copy(join(folder, 'b.db'), share => shares.push(share))
  const during = Array.from({ length: 50 }, (_, n) => insert(10_000 + n))
  await Promise.all([copied, ...during])
  t.ok(shares.length > 2 && shares.every((share, i) => share >= (shares[i - 1] ?? 0) - 0.5))
  t.equal(statSync(join(folder, 'b.db')).mode & 0o077, 0)
  await t.rejects(database.copy(join(folder, 'none', 'c.db')), { code: 'storage' })
  await database.close()
  await t.rejects(database.copy(join(folder, 'd.db')), { code: 'storage' })
  const copy = await openDatabase(join(folder, 'b.db'), [{ id: 'a-1', statements: [] }])
  const [row] = await copy.read({ sql: 'SELECT count(*) AS n FROM lines WHERE n < 10000', parameters: [] })
  t.equal(row!['n'], 2000)
  await copy.close()
})
