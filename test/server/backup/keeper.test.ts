import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { loadConfig } from '../../../config/load.ts'
import { silentLog } from '../../../host/log.ts'
import { openBackupKeeper } from '../../../server/backup/keeper.ts'
import { openDataDir } from '../../../server/storage/data-dir.ts'
import { openDatabase } from '../../../server/storage/database.ts'
import { scratchFolder } from '../../scratch.ts'
import { createSimulatedClock } from '../../simulation/clock.ts'

const HALF_A_DAY = 43_200_000

t.test('backups are taken by themselves, so often, and so many are kept', async t => {
  const folder = scratchFolder(t)
  const configFile = join(folder, 'namestead.yaml')
  writeFileSync(configFile, 'name: ns.example\ndata_dir: data\nbackup: { directory: backups, every: 12h, keep: 2 }\n')
  const { config } = loadConfig(configFile)
  openDataDir(config!.data_dir)
  const database = await openDatabase(config!.database.sqlite, [])
  t.teardown(() => database.close())
  const time = createSimulatedClock()
  let planned = Promise.withResolvers<number>()
  const after: typeof time.after = (ms, task) => {
    planned.resolve(ms)
    return time.after(ms, task)
  }
  const clock = { ...time, after }
  const source = { config: () => config!, configFile, database, clock }
  const keeper = await openBackupKeeper(source, silentLog)
  t.equal(keeper.last, undefined)
  keeper.plan()
  t.equal(await planned.promise, 0, 'where there was none yet, at once')
  for (const ms of [0, HALF_A_DAY, HALF_A_DAY]) {
    planned = Promise.withResolvers()
    await time.advance(ms)
    t.equal(await planned.promise, HALF_A_DAY)
  }
  t.strictSame(readdirSync(config!.backup!.directory!).sort(), [
    'namestead-20260101T120000Z.backup',
    'namestead-20260102T000000Z.backup',
  ])
  t.equal(keeper.last, Date.UTC(2026, 0, 2))
  await keeper.close()
  t.equal((await openBackupKeeper(source, silentLog)).last, Date.UTC(2026, 0, 2), 'known also after a restart')
})

t.test('a backup that fails is tried again soon, and only one is taken at a time', async t => {
  const folder = scratchFolder(t)
  const configFile = join(folder, 'namestead.yaml')
  writeFileSync(join(folder, 'file'), '')
  writeFileSync(configFile, `name: ns.example\ndata_dir: data\nbackup: { directory: ${join(folder, 'file', 'x')} }\n`)
  const { config } = loadConfig(configFile)
  openDataDir(config!.data_dir)
  const database = await openDatabase(config!.database.sqlite, [])
  t.teardown(() => database.close())
  const waits: number[] = []
  const failed = Promise.withResolvers<object>()
  const time = createSimulatedClock()
  const after: typeof time.after = (ms, task) => {
    waits.push(ms)
    return time.after(ms, task)
  }
  const log = { ...silentLog, error: (fields: object) => failed.resolve(fields) }
  const keeper = await openBackupKeeper({ config: () => config!, configFile, database, clock: { ...time, after } }, log)
  keeper.plan()
  await time.advance(0)
  t.match(await failed.promise, { reason: /ENOTDIR/ })
  t.strictSame(waits, [0, 900_000])
  const first = keeper.take(join(folder, 'b'), undefined)
  await t.rejects(keeper.take(join(folder, 'c'), undefined), { message: /is being taken already/ })
  t.match(await first, { file: join(folder, 'b') })
  await keeper.close()
})
