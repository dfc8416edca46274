import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { openCaFiles } from '../../../ca/hierarchy/files.ts'

t.test('a file is made whole, for its owner alone', async t => {
  const folder = join(t.testdir(), 'ca')
  const files = await openCaFiles(folder)
  await files.create('root.key', 'secret', 0o600)
  t.equal(statSync(join(folder, 'root.key')).mode & 0o777, 0o600)
  t.equal(statSync(folder).mode & 0o777, 0o700)
  t.same(readdirSync(folder), ['root.key'], 'nothing else is left')
  t.equal(await files.read('root.key'), 'secret')
  t.equal(await files.read('other.key'), undefined)
  t.equal(await files.isExposed('root.key'), false)
  chmodSync(join(folder, 'root.key'), 0o640)
  t.equal(await files.isExposed('root.key'), true)
})

t.test('what is there is never made again', async t => {
  const folder = t.testdir({ 'root.key': 'first' })
  const files = await openCaFiles(folder)
  await t.rejects(files.create('root.key', 'second', 0o600), { code: 'EEXIST' })
  t.equal(readFileSync(join(folder, 'root.key'), 'utf8'), 'first')
  await files.replace('root.key', 'second', 0o600)
  t.equal(await files.read('root.key'), 'second')
})

t.test('what a crash left unfinished is removed', async t => {
  const folder = t.testdir()
  writeFileSync(join(folder, '.root.key.new'), 'hal')
  const files = await openCaFiles(folder)
  t.same(await files.list(), [])
})

t.test('what keeps the disk from being read is not taken for absence', async t => {
  const files = await openCaFiles(t.testdir({ 'root.key': {} }))
  await t.rejects(files.read('root.key'), { code: 'EISDIR' })
})
